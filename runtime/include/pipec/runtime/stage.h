// A stage changes the records of a batch: it filters, parses, transforms. The engine owns everything else:
// positions, dead letters, ordering. A stage cannot lose any of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/batch.h"
#include "pipec/runtime/error.h"
#include "pipec/runtime/place.h"

namespace pipec::runtime {

// A batch that a sink took in write() and vouches for later (StageContext::defer).
class Completion {
 public:
  virtual ~Completion() = default;
  // Before done(): this record of the batch (Record::origin) did not get through and is a dead letter.
  virtual void dead_letter(std::uint32_t origin, std::string reason) = 0;
  // Any thread, once: every other record was written durably, or the batch failed. The error is terminal even
  // if it is marked retriable: later batches may have been sent already, so only the sink can retry without
  // reordering. A completion that is destroyed without it fails the batch.
  virtual void done(Status status) = 0;
};

// Lets a stage or a sink report to the engine while it processes one batch. Used by one thread at a time.
class StageContext {
 public:
  virtual ~StageContext() = default;
  // This record goes to the dead letters with its original bytes; take it out of the batch. `reason` is
  // copied. `place` must outlive the run (such as a program's); null: the stage's.
  virtual void dead_letter(const Record& record, std::string_view reason, const Place* place = nullptr) = 0;
  virtual void count_filtered(std::uint64_t records) = 0;
  // Bad records that leave no dead letter (`on_error: skip`).
  virtual void count_errors(std::uint64_t records) = 0;
  // The most bytes that a stage should write in one process(). A stage that can stop between two records
  // passes its unprocessed records to leave_rest() and returns. The engine sends on the finished part, and
  // calls the stage again with the rest once that part has left memory. Each call must process at least one
  // record. If output_allowance() is SIZE_MAX, the stage must process the whole batch.
  virtual std::size_t output_allowance() const { return SIZE_MAX; }
  virtual void leave_rest(std::span<const Record> rest) { (void)rest; }
  // Memory that the evaluation of one record may take; a record that needs more is a dead letter.
  virtual ArenaBounds evaluation_bounds() const { return {}; }
  // The next stage asks where the members of records are (Stage::reads_outline): one that has found them
  // anyway leaves them in Batch::outline.
  virtual bool outline_wanted() const { return false; }
  // For a sink that learns only later whether its records arrived: the batch is done when the completion is,
  // not when write() returns, and the next batch may be written in the meantime. A write() that returns an
  // error must not use it. Null if the caller waits (a dead letter route, `commit sink`, `unordered`).
  virtual std::shared_ptr<Completion> defer() { return nullptr; }
};

// The action for a record that a stage cannot read: P4, P5, P6 of docs/contract.md.
enum class OnError : std::uint8_t {
  dead_letter,  // its original bytes go to the dead letters, the others continue
  skip,         // it is dropped and counted as an error
  fail,         // the batch fails, and with it the run
};

// Performs that action, for stages that parse records themselves. The stage removes the record from the
// batch. If an error is returned (OnError::fail; it names the record's position), the stage must return it.
// `reason`: "parse error: ...".
Status reject(OnError on_error, const Batch& batch, const Record& record, std::string_view reason,
              StageContext& context);

// A stage's data per worker thread: indexes, arenas. Created once per worker and stage.
class Scratch {
 public:
  virtual ~Scratch() = default;
};

// process() runs on many threads at once, each with its own batch and scratch: a stage itself is immutable.
class Stage {
 public:
  virtual ~Stage() = default;
  virtual std::unique_ptr<Scratch> make_scratch() const { return nullptr; }
  // `scratch`: created by make_scratch(). An error is terminal for the run (`on_error: fail`). Exceptions are
  // caught by the engine and are terminal too.
  virtual Status process(Batch& batch, Scratch* scratch, StageContext& context) const = 0;
  // The stage uses Batch::outline. A stage that returns true leaves the records' bytes in place, or removes
  // the outline from the batch.
  virtual bool reads_outline() const { return false; }
};

// Sends every record of a batch into exactly one of its arms, or nowhere (dead-lettered).
class Router {
 public:
  virtual ~Router() = default;
  virtual std::unique_ptr<Scratch> make_scratch() const { return nullptr; }
  // arms[i] is passed in as an empty view of the same block and buffers; records keep their order in each.
  virtual Status route(Batch& batch, std::span<Batch> arms, Scratch* scratch,
                       StageContext& context) const = 0;
  virtual bool reads_outline() const { return false; }  // as Stage's
};

// A dead letter that has not reached the route point yet.
struct DeadLetter {
  std::uint32_t origin = 0;  // of the batch's block
  std::string reason = {};
  std::string stage = {};  // the node's name: "parse json"
  Place place = {};
};

// One line of JSON without the newline, with all that is known of the record (fields as the language
// reference lists them: original, encoding, reason, stage, place, source, partition, position, key, headers,
// time).
void write_dead_letter(const Block& block, const DeadLetter& letter, std::int64_t unix_nanoseconds,
                       Buffer& out);

}  // namespace pipec::runtime
