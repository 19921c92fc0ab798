// Sources and destinations of records. An embedding program implements these two interfaces for its own;
// stdlib/connectors has those for files, stdin, ...
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
  std::string key = {};
  std::string value = {};
};
using StateEntries = std::vector<StateEntry>;

struct ReceiveLimits {
  std::size_t max_records = 0;  // 0: no limit
  std::size_t max_bytes = 0;    // at most this much plus one record
  std::size_t largest_record =
      0;  // a longer one is rejected (Block::rejected) rather than held in memory; 0: no limit
  std::chrono::milliseconds wait{100};  // how long a receive may block if no input arrives

  // The block holds what one receive should give: time to return.
  bool reached_by(const Block& block) const {
    return block.bytes() >= max_bytes || (max_records != 0 && block.origins.size() >= max_records);
  }
};

// A connector-specific metric for Pipeline::metrics(). The name states the quantity and its unit
// ("lag_records") and never changes its meaning.
struct Gauge {
  std::string name = {};
  double value = 0;
};

// How a sink treats the output of earlier runs.
struct Beginning {
  // The sources start over: nothing relies on the files' content any more.
  bool anew = false;
  // begin() empties the output of earlier runs: --truncate, of this run or of one that was stopped before it
  // did so.
  bool empty = false;
  // An earlier run has already done so and did not finish. With `empty` too, a file that neither this run nor
  // that one has written is emptied on its first write.
  bool emptied = false;
  // Reads the own keys of finished files (see Sink::kept_entry) from disk: call it only if they are needed.
  // With `emptied`: those since then. May be empty.
  std::function<Status(const std::function<void(std::string_view key)>& each)> finished;
};

enum class Received : std::uint8_t {
  records,  // the block holds at least one range to commit (it may hold no record: only empty lines)
  idle,     // no input arrived within `wait`
  end,      // no more input will arrive
};

inline constexpr const char* kRewound = "rewound";

// Threads. open(), commit(), describe() and close() are called from one thread, receive() from the source's
// own thread, so data that both use needs a lock. close() is called when both have finished, also after a
// failed open(). interrupt() may be called from any thread, also while open() runs; so may pause(), resume()
// and total_bytes(), between open() and close(). The receiver is destroyed with the pipeline.
//
// The engine checks blocks: records beyond the data, missing or reversed positions, and records in a block
// that is reported as idle or as the end are receiver errors.
//
// Errors. An error from receive() or open() ends the run; records received before it are still processed. A
// retriable error from commit() is retried (RetryLimits); any other ends the run (D4). An exception counts as
// an error.
class Receiver {
 public:
  virtual ~Receiver() = default;
  // `saved`: this receiver's entries of the last run (none: a first run). With `commit sink`: what the sink's
  // saved_positions() gave.
  virtual Status open(const StateEntries& saved) = 0;
  // Fills `block`, which is passed in cleared, with a pooled buffer in block.data (append to it; it grows).
  // Block::origins locate its records; Block::ranges are the positions that committing it covers. Input that
  // cannot become a record goes into Block::rejected. Reading may be left to a worker (Block::reader). The
  // engine owns the block after the call.
  virtual Result<Received> receive(const ReceiveLimits& limits, Block& block) = 0;
  // Everything below range.end has been written durably; cumulative per partition. Never moves backwards. An
  // error with the code kRewound means that nothing was committed and that the receiver will deliver all of
  // it again: the run continues. Only the receiver of a transactional pipeline may return it, since nothing
  // else is in flight there.
  virtual Status commit(std::span<const PositionRange> ranges) = 0;
  // Called before open(). From any thread, `trigger` requests a commit of everything received so far (a
  // partition is about to be revoked).
  virtual void keep_commit_trigger(const std::function<void()>& trigger) { (void)trigger; }
  // Called before open(), if memory is limited: the most bytes that it should hold in addition to returned
  // blocks (queued_bytes()), its share of the memory limit.
  virtual void keep_queue_limit(std::size_t bytes) { (void)bytes; }
  // The state to save for these ranges, for receivers whose positions are in the state directory.
  virtual void describe(std::span<const PositionRange> ranges, StateEntries& out) const {
    (void)ranges;
    (void)out;
  }
  // The gate. Each fires once per edge. A paused receiver takes in nothing more; receive() is not called.
  virtual void pause() {}
  virtual void resume() {}
  // Any thread. Bytes held in addition to returned blocks (a client library's queues). They count as memory
  // in use. If they cause the memory pressure, receive() of a paused receiver is called to drain them.
  virtual std::size_t queued_bytes() const { return 0; }
  // Any thread, between open() and close().
  virtual std::vector<Gauge> gauges() const { return {}; }
  // Any thread. A blocked receive() returns soon; an open() that waits for a peer fails soon.
  virtual void interrupt() {}
  virtual Status close() { return {}; }

  // Bytes of a finite input that this run will read, for the progress bar; nullopt if unknown.
  virtual std::optional<std::uint64_t> total_bytes() const { return std::nullopt; }
  // Shown to the user when the run starts: "3 files, 2 of them done, resuming at byte 1234 of access.ndjson".
  // May be "".
  virtual std::string resume_note() const { return {}; }
};

// Threads. open(), begin(), sync(), kept_entry(), finish() and close() are called from one thread; sync() and
// kept_entry() possibly while write() runs; finish() after the last write; close() at the very end, also
// after an error. write() calls are serialized, in source order (unless `unordered`), from changing workers,
// with snapshot() between them. interrupt() may be called from any thread, also while open() runs.
//
// Opening has two steps. open() checks everything that can be checked and changes no existing data. Once
// every sink and source of the pipeline is open, begin() truncates and creates files as needed.
//
// With `commit sink` the sink tracks positions itself: write() is called for every batch, with or without
// records, and snapshot() and sync() are never called. The sink flushes and commits its buffered data in
// write() or close().
//
// Errors. After a retriable error from write(), of which the sink must have written nothing, the same batch
// is retried (RetryLimits); any other error ends the run (D3). An exception counts as an error.
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
  // Shown to the user after begin(): "out.ndjson: cut back by 120 bytes to what is committed". May be "".
  virtual std::string resume_note() const { return {}; }
  // Called before open() if state is kept. `save` makes entries durable immediately, ahead of the next
  // commit. Before a sink creates something that a restart must be able to undo (a new file), it records that
  // with `save`. `save` may be called from write() and sync(), not from open(), begin() or snapshot().
  virtual void keep_ahead(const std::function<Status(const StateEntries&)>& save) { (void)save; }
  // Called before open(), if memory is limited: the most bytes of batches that the sink should queue
  // (queued_bytes()), its share of the memory limit. write() blocks while a batch does not fit.
  virtual void keep_queue_limit(std::size_t bytes) { (void)bytes; }
  // Takes all records of the batch, or fails: then the run stops and the batch is not committed. Report a
  // record that can never be written (a bad path, an encoding) to the context as a dead letter. The positions
  // of the batch are batch.block().ranges. The batch is valid only during the call.
  virtual Status write(const Batch& batch, StageContext& context) = 0;
  // State as of the last write(), to be kept by the checkpoint that covers that batch: entries that changed
  // since the last snapshot. Called between writes.
  virtual void snapshot(StateEntries& out) { (void)out; }
  // Called when an entry that a snapshot removed is about to leave the checkpoint. Returns nullopt if its
  // file is finished; otherwise the file is in use again, and the result is the entry's value as of that
  // snapshot. Must not wait for the function passed to keep_ahead().
  virtual std::optional<std::string> kept_entry(const std::string& key) {
    (void)key;
    return std::nullopt;
  }
  // Any thread. True if it keeps so much data for the next commit that every batch should be a commit point.
  virtual bool wants_commit() const { return false; }
  // Any thread. True if it keeps so much data of each batch until its commit that batches should be small.
  virtual bool wants_small_batches() const { return false; }
  // Called when everything received is written and committed and no more will arrive, but not after an error:
  // may change the entries with which the next run begins.
  virtual void finish(StateEntries& changes) { (void)changes; }
  // Makes everything written before the last snapshot() durable. Called before every commit, from the
  // committing thread, possibly while write() runs.
  virtual Status sync() { return {}; }
  // Flushes buffered data at the end of the run.
  virtual Status close() { return {}; }
  // Any thread. A blocked write() fails soon once the shutdown deadline has passed; an open() that waits for
  // a peer fails immediately.
  virtual void interrupt() {}
  // Any thread. Bytes held for batches whose write() has returned. They count as memory in use.
  virtual std::size_t queued_bytes() const { return 0; }
};

}  // namespace pipec::runtime
