// Channels of the embedding program: `recv memory("in")` reads what the program pushed, `sink memory("out")`
// passes the output to it. A sink and a recv of the same name connect two pipelines of one process.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/error.h"
#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

struct MemoryRecord {
  std::string payload = {};
  runtime::Metadata metadata = {};
  runtime::Format format = runtime::Format::json;  // of the payload
};

// A queue of records, numbered from 0. A record is kept until it is committed, so that a restarted pipeline
// receives it again after a failure. Thread-safe.
//
// It is bounded: push() waits while records of limit() bytes or more are kept, until the reader has committed
// some of them or take() has taken them. A program that pushes more than that before a reader starts would
// block forever: push from a separate thread, use try_push(), or set a larger limit.
//
// take() loses a record if the program dies right after it. In an `acknowledged` channel the program
// acknowledges each record instead, and pipelines that write to the channel commit only after that. Use
// next() there, not take().
class MemoryChannel {
 public:
  static constexpr std::size_t kLimit = std::size_t{16} << 20;

  explicit MemoryChannel(bool acknowledged = false) : acknowledged_(acknowledged) {}

  // False: the channel is closed or was interrupted meanwhile, and the record is not in it.
  bool push(MemoryRecord record) { return push_numbered(std::move(record)).has_value(); }
  // As above, but waits no longer than `wait`. Returns the record's number, from 0; without one the record is
  // unchanged.
  std::optional<std::uint64_t> push_numbered(MemoryRecord&& record,
                                             std::optional<std::chrono::milliseconds> wait = {});
  // False: the channel is full or closed.
  bool try_push(MemoryRecord&& record);
  // Calls of push() that wait return false. Later ones wait again.
  void interrupt();
  // Marks the end: readers finish after reading the remaining records, and push() does nothing.
  void close();
  void set_limit(std::size_t bytes);
  std::size_t limit() const;
  // Bytes of the kept records, including the overhead of each.
  std::size_t held_bytes() const;

  // Reads and commits all unread records at once, for programs that read a sink's output.
  std::vector<MemoryRecord> take();
  // As above, but waits until there is a record or no more will arrive (the result may then be empty): the
  // channel is closed, or every pipeline that wrote to it has ended.
  std::vector<MemoryRecord> wait_and_take();

  // Reads the next record. It stays in the channel, at its address, until it is acknowledged.
  struct Next {
    enum class What : std::uint8_t { record, timeout, end };
    What what = What::timeout;
    std::uint64_t number = 0;
    const MemoryRecord* record = nullptr;
  };
  Next next(std::optional<std::chrono::milliseconds> wait);  // nullopt: no limit
  // In any order. False: the record was not read yet, or is already acknowledged.
  bool acknowledge(std::uint64_t number);
  // Waits until all records below `end` are acknowledged. False: the channel was closed first, or
  // `interrupted` was set and interrupt() called.
  bool wait_for_acknowledgement(std::uint64_t end, const std::atomic<bool>& interrupted);
  bool acknowledged() const { return acknowledged_; }

  // Passes each record of a `sink memory` to `consumer` instead of keeping it, one call at a time for each
  // sink. A record is done when the call returns without an error. Set it before the pipeline runs.
  using Consumer = std::function<runtime::Status(std::uint64_t number, const MemoryRecord& record)>;
  void hand_to(Consumer consumer) { consumer_ = std::move(consumer); }

  std::uint64_t pushed() const;     // records in all
  std::uint64_t committed() const;  // all below are safely out
  bool closed() const;

 private:
  friend class MemoryReceiver;
  friend class MemorySink;
  static std::size_t bytes_of(const MemoryRecord& record);
  bool has_room() const { return records_.empty() || held_bytes_ < limit_; }
  void add_locked(MemoryRecord&& record);
  void drop_first_locked();
  std::vector<MemoryRecord> take_locked();
  std::uint64_t unread_locked() const { return committed_ + records_.size() - next_; }
  bool ended_locked() const { return closed_ || (written_ && writers_ == 0); }
  void writer_opens();
  void writer_closes();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<MemoryRecord> records_;  // the first one's number is committed_
  std::uint64_t committed_ = 0;
  std::uint64_t next_ = 0;  // the next record to read
  std::size_t held_bytes_ = 0;
  std::size_t limit_ = kLimit;
  std::uint64_t interrupts_ = 0;
  std::size_t waiting_ = 0;  // calls of push()
  std::size_t writers_ = 0;  // sinks of running pipelines
  bool written_ = false;     // by one of them that has ended
  bool closed_ = false;
  const bool acknowledged_;
  std::set<std::uint64_t> ahead_;  // acknowledged before an earlier record was
  Consumer consumer_;
};

class MemoryChannels {
 public:
  explicit MemoryChannels(bool acknowledged = false) : acknowledged_(acknowledged) {}
  // The channel of that name; made where it is new.
  std::shared_ptr<MemoryChannel> channel(std::string_view name);

 private:
  const bool acknowledged_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<MemoryChannel>, std::less<>> channels_;
};

// `recv memory` and `sink memory` over these channels. Call it before register_connectors (or register_all),
// which otherwise registers channels that the caller cannot reach.
void register_memory(runtime::Registry& registry, const std::shared_ptr<MemoryChannels>& channels);

}  // namespace pipec::stdlib
