// Where records come from and where they go. An embedding program implements these two for its own sources
// and destinations; stdlib/connectors does for files, stdin, ...
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/error.h"
#include "pipec/runtime/stage.h"

namespace pipec::runtime {

// State that is kept across runs, as text: a receiver's watermarks, a sink's committed lengths. A later entry
// with the same key replaces an earlier one; an empty value removes it.
struct StateEntry {
  std::string key;
  std::string value;
};
using StateEntries = std::vector<StateEntry>;

struct ReceiveLimits {
  std::size_t max_records = 0;          // 0: no limit
  std::size_t max_bytes = 0;            // at most this much plus one record
  std::chrono::milliseconds wait{100};  // how long a receive may block when nothing comes
};

enum class Received : std::uint8_t {
  records,  // the block holds at least one range to commit (it may hold no record: a stretch of empty lines)
  idle,     // nothing came within `wait`
  end,      // nothing will come any more
};

// All calls but interrupt(), pause() and resume() come from the source's own thread, commit() and describe()
// from the committing thread, both alive between open() and close().
class Receiver {
 public:
  virtual ~Receiver() = default;
  // `saved`: this receiver's entries of the last run (none: a first run).
  virtual Status open(const StateEntries& saved) = 0;
  // Fills `block`, which comes cleared, with pooled room in block.data (grow it as needed). Block::ranges say
  // what a commit of it covers.
  virtual Result<Received> receive(const ReceiveLimits& limits, Block& block) = 0;
  // Everything below range.end is safely out; cumulative per partition. Never goes back.
  virtual Status commit(std::span<const PositionRange> ranges) = 0;
  // What to keep across runs for these ranges, for receivers whose positions live in the state directory.
  virtual void describe(std::span<const PositionRange> ranges, StateEntries& out) const {
    (void)ranges;
    (void)out;
  }
  // The gate. Each fires once per edge. A paused receiver's receive() is not called.
  virtual void pause() {}
  virtual void resume() {}
  // Any thread: bytes that it holds besides what it handed out (a client library's queues). They count as
  // memory in use.
  virtual std::size_t queued_bytes() const { return 0; }
  // Any thread: a receive that blocks returns soon.
  virtual void interrupt() {}
  virtual Status close() { return {}; }

  // Bytes of a finite input that this run is going to read, for the progress bar; nullopt where nobody knows.
  virtual std::optional<std::uint64_t> total_bytes() const { return std::nullopt; }
  // Said to the user when the run starts: "3 files, 2 of them done, going on at byte 1234 of access.ndjson".
  // May be "".
  virtual std::string resume_note() const { return {}; }
};

// write() calls come one at a time, in source order (unless `unordered`), from changing threads.
class Sink {
 public:
  virtual ~Sink() = default;
  // `saved`: this sink's entries of the last run. A file sink cuts its files back to the committed lengths
  // here.
  virtual Status open(const StateEntries& saved) {
    (void)saved;
    return {};
  }
  // Given before open() where state is kept: `save` makes entries durable at once, ahead of the next commit.
  // A sink that makes something which a restart must be able to undo (a new file) first says so through it.
  // `save` may be called from write() and sync(), not from open() or snapshot().
  virtual void keep_ahead(const std::function<Status(const StateEntries&)>& save) { (void)save; }
  // Takes all records of the batch, or fails: then the run stops and the batch is not committed. A record
  // that cannot be written whatever happens (a bad path, an encoding) is a dead letter: tell the context.
  virtual Status write(const Batch& batch, StageContext& context) = 0;
  // State as of the last write(), to be kept by the checkpoint that covers that batch: entries that changed
  // since the last snapshot. Called between writes.
  virtual void snapshot(StateEntries& out) { (void)out; }
  // Makes durable what was written before the last snapshot(). Called from the committing thread, possibly
  // while write() runs. Before every commit.
  virtual Status sync() { return {}; }
  // Hands on what is buffered, at the end of the run.
  virtual Status close() { return {}; }
  // Any thread: a write that blocks fails soon. For shutdown past the deadline.
  virtual void interrupt() {}
  // Any thread: bytes that it holds of batches whose write() has returned. They count as memory in use.
  virtual std::size_t queued_bytes() const { return 0; }
};

}  // namespace pipec::runtime
