// The data that travels through the graph. A Block is the result of one receive: the bytes, and each record's
// location and origin. It does not change once its bytes are read. A Batch is one branch's view of a block:
// the records that are live on that branch, each a range of some buffer. Positions and dead letters belong to
// the engine (see stage.h): no stage can lose them, whatever it does to a batch.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/buffer.h"
#include "pipec/runtime/error.h"

namespace pipec::runtime {

struct Slice {
  std::uint32_t begin = 0;
  std::uint32_t size = 0;
};

// A range of source positions. Committing it means that everything below `end` is done. The unit depends on
// the source: byte offsets (file), message offsets (Kafka), sequence numbers.
struct PositionRange {
  std::uint32_t partition = 0;  // the receiver's own number of it
  std::uint32_t epoch = 0;      // changes when the partition is reassigned
  std::uint64_t first = 0;      // of the first record
  std::uint64_t end = 0;        // one past the last: where a restart resumes
};

struct Header {
  std::string name = {};
  std::optional<std::string> value = {};
};

// Data that accompanies a record's payload, if its source provides it.
struct Metadata {
  std::optional<std::string> key = {};         // any bytes
  std::optional<std::int64_t> timestamp = {};  // nanoseconds since the epoch
  std::vector<Header> headers = {};
  // The source had no payload at all (a Kafka tombstone), which differs from an empty one. The record is the
  // JSON `null`; a Kafka sink writes it without a payload again.
  bool null_payload = false;
};

// The payload's encoding. `json`: the text of one JSON value, possibly not yet validated.
enum class Format : std::uint8_t { json, msgpack };

// Input that the source cannot deliver as a record: truncated, too long, not decodable.
struct Rejected {
  std::uint32_t origin = 0;  // its bytes, as far as there are any
  std::string reason = {};
};

struct Block;

// Reads bytes that a receive() left in place. A source that can find record boundaries without reading every
// byte lets the workers do the reading: in parallel, and into the cache of the core that processes the
// records next.
class Reader {
 public:
  virtual ~Reader() = default;
  // Fills `data`, which is passed in empty with capacity for Block::unread_bytes, and `origins`. Runs on any
  // worker, for several blocks at once. An error ends the run at this batch.
  virtual Status read(Block& block) const = 0;
};

// The first record of an input (a file, standard input). A format whose first row names the fields needs it
// for every block, also in a run that resumes further on.
struct SourceHead {
  std::string text = {};       // as received
  std::uint64_t position = 0;  // the record's own
  bool skip_bad = false;       // if it is unusable, the other inputs are still read (`on_bad_file: skip`)
};

// Origin of all records of one receive; shared by every batch created from it.
struct Block {
  BufferRef data = {};
  std::vector<Slice> origins = {};              // each record's bytes as received
  std::string source = {};                      // @source: the file's path; empty where there is none
  std::string topic = {};                       // @topic; empty where there is none
  std::shared_ptr<const SourceHead> head = {};  // null where the source has none
  std::uint32_t partition = 0;                  // @partition
  // The position of record i: positions[i] if given, else first_position + (byte_positions ? origins[i].begin
  // : i).
  std::uint64_t first_position = 0;
  bool byte_positions = false;
  std::vector<std::uint64_t> positions = {};
  std::vector<Metadata> metadata = {};     // one per record, or empty
  std::vector<PositionRange> ranges = {};  // the positions to commit when the block is done
  std::vector<Rejected> rejected = {};     // dead letters from the start, by origin: no stage sees them
  Format format = Format::json;
  bool single_lines = false;     // no record holds a raw newline: line sinks need not look
  bool empty_is_record = false;  // false: empty and white lines were left out of origins
  // Set by a receive: a worker reads `data` and `origins` before the first stage sees the block.
  std::shared_ptr<const Reader> reader = {};
  std::size_t unread_bytes = 0;

  // Appends one record of the receiver, with its position in the source. Positions ascend; a commit covers
  // all records that were added. For a receiver whose block holds one partition and no unread bytes. Throws
  // std::length_error where the block would exceed 4 GiB.
  void add_record(std::string_view bytes, std::uint64_t position);
  // The same with a key, headers or a timestamp of its own.
  void add_record(std::string_view bytes, std::uint64_t position, Metadata own);

  std::string_view original(std::uint32_t origin) const {
    return {data->data() + origins[origin].begin, origins[origin].size};
  }
  std::uint64_t position(std::uint32_t origin) const {
    if (!positions.empty()) return positions[origin];
    return first_position + (byte_positions ? origins[origin].begin : origin);
  }
  std::size_t bytes() const { return reader ? unread_bytes : data ? data->size() : 0; }
  void clear();  // for reuse; keeps the vectors' capacity
};

// One live record of a batch.
struct Record {
  std::uint32_t begin = 0;  // its payload: a range of Batch::buffers[buffer]
  std::uint32_t size = 0;
  std::uint32_t origin = 0;    // the record of the block that it was created from
  std::uint32_t metadata = 0;  // 0: the origin's; else Batch::metadata[metadata - 1]
  std::uint16_t buffer = 0;
  Format format = Format::json;
  bool validated = false;  // a parse stage has checked the whole payload
};

// The structural index of the records' members, passed from one stage to the next: see
// StageContext::outline_wanted. Custom stages do not need it.
struct Outline {
  BufferRef text = {};  // the buffer that it is about
  BufferRef data = {};
  std::uint32_t rows = 0;
  std::uint32_t used = 0;  // bytes of `data`

  explicit operator bool() const { return static_cast<bool>(text); }
  std::size_t bytes() const { return used; }
};

class Batch {
 public:
  Batch() = default;
  Batch(std::shared_ptr<const Block> block, BufferPool& pool);
  // The same as a new Batch(block, pool), but keeps the vectors' capacity.
  void assign(std::shared_ptr<const Block> block, BufferPool& pool);
  // Releases block and buffers; keeps the vectors' capacity.
  void release();

  // The live records, in source order. Filters compact it in place.
  std::vector<Record> records;
  // [0] is the block's data. Each record is followed by at least Buffer::kPadding readable bytes.
  std::vector<BufferRef> buffers;
  // Metadata that a stage assigned.
  std::vector<Metadata> metadata;
  // Empty if no stage left one.
  Outline outline;

  const Block& block() const { return *block_; }
  bool has_block() const { return block_ != nullptr; }
  BufferPool& pool() const { return *pool_; }

  std::string_view payload(const Record& record) const {
    return {buffers[record.buffer]->data() + record.begin, record.size};
  }
  // The record's metadata, or null if its source has none and no stage assigned any.
  const Metadata* metadata_of(const Record& record) const {
    if (record.metadata != 0) return &metadata[record.metadata - 1];
    return block_->metadata.empty() ? nullptr : &block_->metadata[record.origin];
  }
  // A new output buffer of this batch; its number for Record::buffer.
  std::uint16_t add_buffer(std::size_t bytes);
  // The bytes of all live records.
  std::size_t live_bytes() const;

 private:
  std::shared_ptr<const Block> block_;
  BufferPool* pool_ = nullptr;
};

}  // namespace pipec::runtime
