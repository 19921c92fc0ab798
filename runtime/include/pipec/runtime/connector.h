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
  std::size_t max_records = 0;  // 0: no limit
  std::size_t max_bytes = 0;    // at most this much plus one record
  std::size_t largest_record =
      0;  // a longer one is rejected (Block::rejected) rather than held in memory; 0: no limit
  std::chrono::milliseconds wait{100};  // how long a receive may block when nothing comes

  // The block holds what one receive should give: time to return.
  bool reached_by(const Block& block) const {
    return block.bytes() >= max_bytes || (max_records != 0 && block.origins.size() >= max_records);
  }
};

// A figure of a connector's own that is worth watching, for Pipeline::metrics(). The name says what and in
// which unit ("lag_records") and never changes its meaning.
struct Gauge {
  std::string name;
  double value = 0;
};

// What of earlier runs a sink begins with.
struct Beginning {
  // The sources begin again: nothing relies on what is in the files any more.
  bool anew = false;
  // What earlier runs wrote is emptied in begin(): --truncate, of this run or of one that was stopped before
  // it had done so.
  bool empty = false;
  // An earlier run has done so and has not come to its end yet. With `empty` too: what is there, and neither
  // this run nor such a one has written it, is emptied when it is first written.
  bool emptied = false;
  // The own keys of what was finished (see Sink::kept_entry), from disk: call it only where they are needed.
  // With `emptied`: since then. May be empty.
  std::function<Status(const std::function<void(std::string_view key)>& each)> finished;
};

enum class Received : std::uint8_t {
  records,  // the block holds at least one range to commit (it may hold no record: a stretch of empty lines)
  idle,     // nothing came within `wait`
  end,      // nothing will come any more
};

inline constexpr const char* kRewound = "rewound";

// Threads. open(), commit(), describe() and close() come from one thread, receive() from the source's own, so
// what both use needs a lock. close() comes when both are through, also after a failed open(). interrupt()
// comes from any thread, also while open() runs; pause(), resume() and total_bytes() do between open() and
// close(). The receiver is destroyed with the pipeline.
//
// Blocks are checked: records beyond the data, positions that are missing or reversed, or records in a block
// that is called idle or the end are errors of the receiver.
//
// Errors. An error of receive() or open() ends the run: what was received before it goes on. One of commit()
// that says it is retriable is tried again (RetryLimits), any other ends the run (D4). An exception is an
// error like any other.
class Receiver {
 public:
  virtual ~Receiver() = default;
  // `saved`: this receiver's entries of the last run (none: a first run). With `commit sink`: what the sink's
  // saved_positions() gave.
  virtual Status open(const StateEntries& saved) = 0;
  // Fills `block`, which comes cleared, with pooled room in block.data (append to it; it grows).
  // Block::origins say where its records lie, Block::ranges what a commit of it covers. What cannot be given
  // as a record goes into Block::rejected. A block may be left to be read by a worker (Block::reader). It is
  // the engine's from then on.
  virtual Result<Received> receive(const ReceiveLimits& limits, Block& block) = 0;
  // Everything below range.end is safely out; cumulative per partition. Never goes back. An error with the
  // code kRewound says that nothing was committed and that the receiver delivers all of it again: the run
  // goes on. Only a transactional pipeline may return it, since nothing else is in flight there.
  virtual Status commit(std::span<const PositionRange> ranges) = 0;
  // Given before open(): asks, from any thread, for a commit of what was received so far (a partition is to
  // be handed over).
  virtual void keep_commit_trigger(const std::function<void()>& trigger) { (void)trigger; }
  // Given before open(): bytes that it should hold at most besides what it hands out (queued_bytes()), its
  // share of the memory limit. Not given where nothing limits memory.
  virtual void keep_queue_limit(std::size_t bytes) { (void)bytes; }
  // What to keep across runs for these ranges, for receivers whose positions live in the state directory.
  virtual void describe(std::span<const PositionRange> ranges, StateEntries& out) const {
    (void)ranges;
    (void)out;
  }
  // The gate. Each fires once per edge. A paused receiver takes in nothing more; receive() is not called.
  virtual void pause() {}
  virtual void resume() {}
  // Any thread: bytes that it holds besides what it handed out (a client library's queues). They count as
  // memory in use. Where they are what presses, receive() of a paused receiver is called to hand them out.
  virtual std::size_t queued_bytes() const { return 0; }
  // Any thread, between open() and close().
  virtual std::vector<Gauge> gauges() const { return {}; }
  // Any thread: a receive() that blocks returns soon, an open() that waits for somebody fails soon.
  virtual void interrupt() {}
  virtual Status close() { return {}; }

  // Bytes of a finite input that this run is going to read, for the progress bar; nullopt where nobody knows.
  virtual std::optional<std::uint64_t> total_bytes() const { return std::nullopt; }
  // Said to the user when the run starts: "3 files, 2 of them done, going on at byte 1234 of access.ndjson".
  // May be "".
  virtual std::string resume_note() const { return {}; }
};

// Threads. open(), begin(), sync(), kept_entry(), finish() and close() come from one thread, sync() and
// kept_entry() perhaps while write() runs; finish() when nothing is written any more; close() at the very
// end, also after an error. write() calls come one at a time, in source order (unless `unordered`), from
// changing workers, with snapshot() between them. interrupt() comes from any thread, also while open() runs.
//
// Opening has two steps. In open() a sink checks all that can be checked and changes nothing that is there;
// when every sink and source of the pipeline is open, begin() cuts back, empties and makes what has to be.
//
// With `commit sink` the sink keeps its own accounts: write() comes for every batch, with records or without,
// and snapshot() and sync() do not come at all. What is buffered is the sink's to flush and commit, in
// write() or close().
//
// Errors. An error of write() that says it is retriable is tried again with the same batch, of which it has
// taken nothing (RetryLimits); any other ends the run (D3). An exception is an error like any other.
class Sink {
 public:
  virtual ~Sink() = default;
  // Given before open().
  virtual void keep_beginning(const Beginning& beginning) { (void)beginning; }
  // `saved`: this sink's entries of the last run, and those of the sinks that share its state key.
  virtual Status open(const StateEntries& saved) {
    (void)saved;
    return {};
  }
  // With `commit sink`, after open(), for each receiver by the name of its node: where this sink's last
  // transaction ended, in entries that the receiver's open() understands. The run resumes there.
  virtual Status saved_positions(std::string_view receiver, StateEntries& out) {
    (void)receiver, (void)out;
    return {};
  }
  // A file sink cuts its files back to the committed lengths here. `changes`: of its entries, made durable
  // before anything is received.
  virtual Status begin(StateEntries& changes) {
    (void)changes;
    return {};
  }
  // Said to the user when begin() is through: "out.ndjson: cut back by 120 bytes to what is committed". May
  // be
  // "".
  virtual std::string resume_note() const { return {}; }
  // Given before open() where state is kept: `save` makes entries durable at once, ahead of the next commit.
  // A sink that makes something which a restart must be able to undo (a new file) first says so through it.
  // `save` may be called from write() and sync(), not from open(), begin() or snapshot().
  virtual void keep_ahead(const std::function<Status(const StateEntries&)>& save) { (void)save; }
  // Given before open(): bytes that it should hold at most of batches that it was given (queued_bytes()), its
  // share of the memory limit. What does not fit waits in write(). Not given where nothing limits memory.
  virtual void keep_queue_limit(std::size_t bytes) { (void)bytes; }
  // Takes all records of the batch, or fails: then the run stops and the batch is not committed. A record
  // that cannot be written whatever happens (a bad path, an encoding) is a dead letter: tell the context. The
  // positions of the batch are batch.block().ranges, in case they are wanted. The batch ends with the call.
  virtual Status write(const Batch& batch, StageContext& context) = 0;
  // State as of the last write(), to be kept by the checkpoint that covers that batch: entries that changed
  // since the last snapshot. Called between writes.
  virtual void snapshot(StateEntries& out) { (void)out; }
  // An entry that a snapshot removed is about to leave the checkpoint, what it is of being finished: null.
  // Else it is in use again, and this is its value as of that snapshot. Must not wait for what keep_ahead()
  // gave.
  virtual std::optional<std::string> kept_entry(const std::string& key) {
    (void)key;
    return std::nullopt;
  }
  // Any thread: what it keeps for the next commit is so much that every batch should be a commit point.
  virtual bool wants_commit() const { return false; }
  // Any thread: what it keeps of each batch until its commit is so much that batches should be small.
  virtual bool wants_small_batches() const { return false; }
  // Everything that was received is written and committed, and nothing more comes: changes of the entries
  // that the next run begins with. Not after an error.
  virtual void finish(StateEntries& changes) { (void)changes; }
  // Makes durable what was written before the last snapshot(). Called from the committing thread, possibly
  // while write() runs. Before every commit.
  virtual Status sync() { return {}; }
  // Hands on what is buffered, at the end of the run.
  virtual Status close() { return {}; }
  // Any thread: a write that blocks fails soon, past the deadline of a shutdown; an open() that waits for
  // somebody does at once.
  virtual void interrupt() {}
  // Any thread: bytes that it holds of batches whose write() has returned. They count as memory in use.
  virtual std::size_t queued_bytes() const { return 0; }
};

}  // namespace pipec::runtime
