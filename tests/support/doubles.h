// Receivers and sinks for tests of the engine. They record all calls in a log that outlives the
// pipeline. All of them wait on conditions, never on time.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "pipec/runtime/checkpoint.h"
#include "pipec/runtime/clock.h"
#include "pipec/runtime/connector.h"

namespace pipec::test {

using runtime::Batch;
using runtime::Block;
using runtime::Error;
using runtime::PositionRange;
using runtime::Received;
using runtime::ReceiveLimits;
using runtime::Result;
using runtime::StageContext;
using runtime::StateEntries;
using runtime::Status;

// What happened in which order, over all doubles of a test: "write out", "sync out", "commit in 12".
class Journal {
 public:
  void note(const std::string& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
    changed_.notify_all();
  }
  std::vector<std::string> events() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  std::size_t count(const std::string& event) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(std::count(events_.begin(), events_.end(), event));
  }
  void wait_for(const std::string& event, std::size_t times = 1) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
      return static_cast<std::size_t>(std::count(events_.begin(), events_.end(), event)) >= times;
    });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> events_;
};

inline Error injected(const std::string& what, bool retriable = false) {
  return {"injected", what, {}, {}, retriable};
}

// An ordered source of given records with cumulative commits. Positions of partition p: 0, 1, ... in its own
// order.
struct SourceScript {
  std::vector<std::string> records;
  std::size_t per_batch = 10;    // at most; the engine's byte limit also applies
  std::uint32_t partitions = 1;  // batch i belongs to partition i % partitions
  std::uint32_t id = 0;          // shows in block.partition
  bool endless = false;          // after the last record: idle forever instead of the end
  bool blocks_at_end = false;    // after the last record: receive blocks until it is interrupted, then idle
  bool hangs_at_end =
      false;  // after the last record: receive blocks, interrupted or not, until this is false
  std::function<bool(std::string_view)> rejects;  // these come as Block::rejected
  std::size_t fail_receive = 0;                   // the n-th receive (from 1) is an error
  std::size_t throw_receive = 0;
  bool leaves_unread = false;         // a worker reads each batch
  std::size_t fail_read = 0;          // of the n-th batch (from 1) is an error
  std::size_t fail_commit = 0;        // the n-th commit (from 1) is an error
  std::size_t retriable_commits = 0;  // this many commits fail retriably before one succeeds
  std::shared_ptr<Journal> journal;
  std::string name = "in";

  // What happened.
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::size_t receives = 0, idles = 0, commits = 0, interrupts = 0, biggest_request = 0, delivered = 0;
  std::size_t open_calls = 0, close_calls = 0;
  bool interrupted = false;
  std::map<std::uint32_t, std::uint64_t> watermark;                 // per partition
  std::vector<std::pair<std::uint32_t, std::uint64_t>> commit_log;  // partition, end
  StateEntries saved_at_open;

  std::uint64_t committed() const {
    const std::lock_guard lock(mutex);
    std::uint64_t sum = 0;
    for (const auto& [partition, end] : watermark) sum += end;
    return sum;
  }
};

// Passes a block from a receive to the worker that reads it.
class LateReader final : public runtime::Reader {
 public:
  LateReader(const Block& block, bool fails)
      : data_(block.data->view()), origins_(block.origins), fails_(fails) {}
  Status read(Block& block) const override {
    if (fails_) return injected("read failed");
    block.data->append(data_);
    block.origins = origins_;
    return {};
  }

 private:
  const std::string data_;
  const std::vector<runtime::Slice> origins_;
  const bool fails_;
};

class ScriptedReceiver final : public runtime::Receiver {
 public:
  explicit ScriptedReceiver(std::shared_ptr<SourceScript> script) : script_(std::move(script)) {}

  Status open(const StateEntries& saved) override {
    const std::lock_guard lock(script_->mutex);
    ++script_->open_calls;
    script_->saved_at_open = saved;
    return {};
  }
  Result<Received> receive(const ReceiveLimits& limits, Block& block) override {
    SourceScript& s = *script_;
    std::unique_lock lock(s.mutex);
    ++s.receives;
    s.changed.notify_all();
    s.biggest_request = std::max(s.biggest_request, limits.max_bytes);
    if (s.receives == s.fail_receive) return injected("receive failed");
    if (s.receives == s.throw_receive) throw std::runtime_error("receive threw");
    if (next_ == s.records.size()) {
      if (s.hangs_at_end) {
        s.changed.wait(lock, [&] { return !s.hangs_at_end; });
        return Received::idle;
      }
      if (s.blocks_at_end) {
        s.changed.wait(lock, [&] { return s.interrupted; });
        return Received::idle;
      }
      if (!s.endless) return Received::end;
      ++s.idles;
      return Received::idle;
    }
    const std::uint32_t partition = static_cast<std::uint32_t>(batches_++ % s.partitions);
    std::uint64_t& position = positions_[partition];
    block.first_position = position;
    block.partition = s.id;
    while (next_ < s.records.size() && block.origins.size() < s.per_batch) {
      const std::string& record = s.records[next_];
      if (!block.origins.empty() && block.data->size() + record.size() > limits.max_bytes) break;
      block.origins.push_back(
          {static_cast<std::uint32_t>(block.data->size()), static_cast<std::uint32_t>(record.size())});
      block.data->append(record);
      if (s.rejects && s.rejects(record)) {
        block.rejected.push_back({static_cast<std::uint32_t>(block.origins.size() - 1), "cannot be read"});
      }
      ++next_;
      ++position;
    }
    s.delivered += block.origins.size();
    block.ranges.push_back({partition, 0, block.first_position, position});
    if (s.leaves_unread) {
      block.reader = std::make_shared<LateReader>(block, batches_ == s.fail_read);
      block.unread_bytes = block.data->size();
      block.origins.clear();
    }
    return Received::records;
  }
  Status commit(std::span<const PositionRange> ranges) override {
    SourceScript& s = *script_;
    const std::lock_guard lock(s.mutex);
    ++s.commits;
    if (s.retriable_commits > 0) {
      --s.retriable_commits;
      return injected("commit refused for now", true);
    }
    if (s.commits == s.fail_commit) return injected("commit refused");
    for (const PositionRange& range : ranges) {
      s.watermark[range.partition] = range.end;
      s.commit_log.emplace_back(range.partition, range.end);
    }
    if (s.journal) s.journal->note("commit " + s.name);
    return {};
  }
  void describe(std::span<const PositionRange> ranges, StateEntries& out) const override {
    for (const PositionRange& range : ranges)
      out.push_back({std::to_string(range.partition), std::to_string(range.end)});
  }
  void interrupt() override {
    const std::lock_guard lock(script_->mutex);
    ++script_->interrupts;
    script_->interrupted = true;
    script_->changed.notify_all();
  }
  Status close() override {
    const std::lock_guard lock(script_->mutex);
    ++script_->close_calls;
    return {};
  }

 private:
  std::shared_ptr<SourceScript> script_;
  std::size_t next_ = 0;
  std::size_t batches_ = 0;
  std::map<std::uint32_t, std::uint64_t> positions_;
};

// A sink that keeps what it was given.
struct SinkScript {
  std::size_t fail_write = 0;  // the n-th write (from 1) is an error
  std::size_t throw_write = 0;
  std::size_t retriable_writes = 0;  // this many writes fail retriably before one succeeds
  std::function<void()> on_retriable;
  std::size_t block_write = 0;  // the n-th write blocks until it is interrupted, and fails then
  bool never_returns = false;   // ... or, interrupted or not, until let_go
  std::size_t fail_sync = 0;
  std::size_t fail_close = 0;
  bool fail_open = false;
  std::function<bool(std::string_view)> refuses;  // these records are dead letters
  std::shared_ptr<Journal> journal;
  std::string name = "out";

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> records;
  std::vector<std::uint32_t> sources;              // of each record: block.partition
  std::vector<std::vector<PositionRange>> ranges;  // of each write
  std::size_t writes = 0, syncs = 0, closes = 0, interrupts = 0;
  std::size_t synced = 0;  // records that the last sync() covered
  std::size_t snapshot_size = 0;
  std::size_t writing = 0, most_writing = 0;  // at once
  bool corked = false;                        // writes wait
  bool interrupted = false;
  bool let_go = false;
  StateEntries saved_at_open;

  void cork() {
    const std::lock_guard lock(mutex);
    corked = true;
  }
  void uncork() {
    const std::lock_guard lock(mutex);
    corked = false;
    changed.notify_all();
  }
  void release() {
    const std::lock_guard lock(mutex);
    let_go = true;
    changed.notify_all();
  }
  std::vector<std::string> written() const {
    const std::lock_guard lock(mutex);
    return records;
  }
};

class ScriptedSink final : public runtime::Sink {
 public:
  explicit ScriptedSink(std::shared_ptr<SinkScript> script) : script_(std::move(script)) {}

  Status open(const StateEntries& saved) override {
    script_->saved_at_open = saved;
    if (script_->fail_open) return injected("open failed");
    return {};
  }
  Status write(const Batch& batch, StageContext& context) override {
    SinkScript& s = *script_;
    std::unique_lock lock(s.mutex);
    s.most_writing = std::max(s.most_writing, ++s.writing);
    const Status status = write_locked(batch, context, lock);
    --s.writing;
    return status;
  }
  void snapshot(StateEntries& out) override {
    const std::lock_guard lock(script_->mutex);
    script_->snapshot_size = script_->records.size();
    out.push_back({"records", std::to_string(script_->records.size())});
  }
  Status sync() override {
    const std::lock_guard lock(script_->mutex);
    if (++script_->syncs == script_->fail_sync) return injected("sync failed");
    script_->synced = script_->snapshot_size;
    if (script_->journal) script_->journal->note("sync " + script_->name);
    return {};
  }
  Status close() override {
    const std::lock_guard lock(script_->mutex);
    if (++script_->closes == script_->fail_close) return injected("close failed");
    return {};
  }
  void interrupt() override {
    const std::lock_guard lock(script_->mutex);
    ++script_->interrupts;
    script_->interrupted = true;
    script_->changed.notify_all();
  }

 private:
  Status write_locked(const Batch& batch, StageContext& context, std::unique_lock<std::mutex>& lock) {
    SinkScript& s = *script_;
    if (s.retriable_writes > 0) {
      --s.retriable_writes;
      if (s.on_retriable) s.on_retriable();
      return injected("busy", true);
    }
    ++s.writes;
    if (s.journal) s.journal->note("begin " + s.name);
    s.changed.wait(lock, [&] { return !s.corked || s.interrupted; });
    if (s.writes == s.block_write) {
      s.changed.wait(lock, [&] { return s.never_returns ? s.let_go : s.interrupted; });
      return injected("interrupted");
    }
    if (s.writes == s.fail_write) return injected("write failed");
    if (s.writes == s.throw_write) throw std::runtime_error("write threw");
    for (const runtime::Record& record : batch.records) {
      const std::string_view payload = batch.payload(record);
      if (s.refuses && s.refuses(payload)) {
        context.dead_letter(record, "refused");
        continue;
      }
      s.records.emplace_back(payload);
      s.sources.push_back(batch.block().partition);
    }
    if (batch.has_block()) s.ranges.push_back(batch.block().ranges);
    if (s.journal) s.journal->note("write " + s.name);
    s.changed.notify_all();
    return {};
  }

  std::shared_ptr<SinkScript> script_;
};

class MemoryCheckpoint final : public runtime::CheckpointStore {
 public:
  const StateEntries& entries() const override { return entries_; }
  Status save(const StateEntries& changes) override {
    ++saves;
    if (saves == fail_save) return injected("save failed");
    for (const runtime::StateEntry& change : changes) {
      std::erase_if(entries_, [&](const runtime::StateEntry& entry) { return entry.key == change.key; });
      if (!change.value.empty()) entries_.push_back(change);
    }
    std::sort(entries_.begin(), entries_.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    if (journal) journal->note("save");
    if (on_save) on_save(*this);
    return {};
  }
  Status clear() override {
    entries_.clear();
    return {};
  }
  std::string value(const std::string& key) const {
    for (const runtime::StateEntry& entry : entries_) {
      if (entry.key == key) return entry.value;
    }
    return {};
  }

  std::size_t saves = 0;
  std::size_t fail_save = 0;
  std::shared_ptr<Journal> journal;
  std::function<void(const MemoryCheckpoint&)> on_save;

 private:
  StateEntries entries_;
};

class ManualClock final : public runtime::Clock {
 public:
  std::chrono::steady_clock::time_point steady_now() const override {
    return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(now_.load()));
  }
  std::int64_t unix_nanoseconds() const override { return now_.load(); }
  void advance(std::chrono::nanoseconds by) { now_ += by.count(); }

 private:
  std::atomic<std::int64_t> now_{1'000'000'000};
};

inline std::vector<std::string> numbered(std::size_t count, const std::string& prefix = "") {
  std::vector<std::string> records;
  for (std::size_t i = 0; i < count; ++i) records.push_back(prefix + std::to_string(i));
  return records;
}

}  // namespace pipec::test
