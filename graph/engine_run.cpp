// Starting, waiting, stopping, and how it ended.
#include <fmt/format.h>

#include <algorithm>

#include "graph/engine.h"
#include "graph/guarded.h"
#include "graph/invariant.h"

namespace pipec::graph {

using runtime::Error;
using runtime::Status;

namespace {

// After the deadline everything that can be interrupted has been; what does not come back in this time hangs.
constexpr std::chrono::milliseconds kGrace{500};
constexpr std::chrono::milliseconds kLook{50};

}  // namespace

Outcome Engine::run() {
  started_ = options_.clock->steady_now();
  last_commit_point_ = started_;
  if (Status status = start_governing(); !status) {
    failure_.fail_source(std::move(status.error()));
    leave_governor();
    return outcome();
  }
  if (Status status = open(); !status) {
    failure_.fail_source(std::move(status.error()));
    close();
    leave_governor();
    return outcome();
  }
  build();
  sources_running_ = static_cast<unsigned>(sources_.size());
  running_.reserve(sources_.size() + 3);
  if (options_.ticker && options_.ticker_interval.count() > 0) {
    timer_.every(options_.ticker_interval, [this] { tick(); });
  }
  if (options_.commit_interval.count() > 0 && plan_.commit == CommitMode::automatic && !plan_.transactional) {
    timer_.every(options_.commit_interval, [this] { admit_commit_point(); });
  }
  if (ungoverned_) timer_.every(kLook, [this] { publish_use(); });
  start_thread([this] { timer_.run(); });
  start_thread([this] { commit_loop(); });
  if (governor_) {
    governing_ = true;
    start_thread([this] {
      govern_loop();
      {
        const std::lock_guard lock(state_);
        governing_ = false;
      }
      wake();
    });
  }
  for (std::uint32_t i = 0; i < sources_.size(); ++i) start_thread([this, i] { source_loop(i); });

  const auto at_end = [&] {
    bool reached = wait_for([&] { return sources_running_ == 0; });
    if (!reached) return false;
    admit_commit_point();
    draining_.store(true);
    if (!wait_for([&] { return in_flight_.load() == 0; })) return false;
    stop_governing();
    // It asks receivers and sinks, which are closed next.
    if (!wait_for([&] { return !governing_; })) return false;
    {
      const std::lock_guard lock(barrier_mutex_);
      no_more_batches_ = true;
      barrier_changed_.notify_one();
    }
    if (!wait_for([&] { return committer_done_; })) return false;
    timer_.stop();
    return wait_for([&] { return threads_running_ == 0; });
  };
  if (!at_end()) {
    abandon();
    return outcome();
  }
  for (std::thread& thread : running_) thread.join();
  flow_->wait();
  leave_governor();
  invariant(limiter_.used_units() == 0 && limiter_.used_bytes() == 0, "a run ended with bytes still leased");
  return outcome();
}

void Engine::start_thread(std::function<void()> body) {
  {
    const std::lock_guard lock(state_);
    ++threads_running_;
  }
  running_.emplace_back([engine = shared_from_this(), body = std::move(body)] {
    body();
    const std::lock_guard lock(engine->state_);
    --engine->threads_running_;
    engine->state_changed_.notify_all();
  });
}

// Sleeps until `reached`, which is called with state_ held. False: the deadline passed, and the grace behind
// it too.
bool Engine::wait_for(const std::function<bool()>& reached) {
  std::unique_lock lock(state_);
  while (!reached()) {
    if (!ending_since_) {
      state_changed_.wait(lock);
      continue;
    }
    const Time deadline = *ending_since_ + options_.drain_deadline;
    const Time until = deadline_passed_ ? std::max(deadline, *ending_since_) : deadline;
    if (state_changed_.wait_until(lock, until, reached)) return true;
    if (deadline_passed_) return false;
    lock.unlock();
    past_deadline();
    lock.lock();
  }
  return true;
}

// Everything that is still queued flows through as failed, and what blocks is interrupted.
void Engine::past_deadline() {
  const std::uint64_t batches = in_flight_.load();
  const std::size_t bytes = limiter_.used_bytes();
  std::string busy;
  for (const SinkEnd& end : sinks_) {
    if (!end.writing.load(std::memory_order_relaxed)) continue;
    busy += (busy.empty() ? "; still writing: " : ", ") + plan_.nodes[end.node].name;
  }
  failure_.fail_all(
      Error{"deadline",
            fmt::format("the drain deadline of {} ms passed with {} batch{} ({} bytes) in flight{}; what is "
                        "not committed is delivered again by the next run",
                        options_.drain_deadline.count(), batches, batches == 1 ? "" : "es", bytes, busy),
            {},
            {},
            false});
  {
    const std::lock_guard lock(state_);
    deadline_passed_ = true;
    *ending_since_ = std::chrono::steady_clock::now() - options_.drain_deadline + kGrace;
    if (opened_) {
      for (SinkEnd& end : sinks_) end.sink->interrupt();
      if (dead_letter_sink_) dead_letter_sink_->interrupt();
    }
  }
  timer_.hurry();
  end_early();
}

// Foreign code hangs and cannot be ended. Its thread still stands in this engine, so the engine, with
// receivers, sinks and workers, is kept alive until the process ends: leaked on purpose. What belongs to the
// caller is not touched again.
void Engine::abandon() {
  abandoned_.store(true);
  {
    // A save() that is under way uses the caller's store; it is waited for.
    const std::lock_guard lock(outside_);
  }
  timer_.stop();
  stop_governing();
  static std::mutex mutex;
  static auto* const kept = new std::vector<std::shared_ptr<Engine>>;  // no destructor runs at exit
  {
    const std::lock_guard lock(mutex);
    kept->push_back(shared_from_this());
  }
  for (std::thread& thread : running_) thread.detach();
}

void Engine::wake() {
  const std::lock_guard lock(state_);
  state_changed_.notify_all();
}

// The sources stop; what is in flight is drained. From stop() and after a fatal error.
void Engine::end_early() {
  limiter_.halt();
  gate_.halt();
  const std::lock_guard lock(state_);
  if (!ending_since_) ending_since_ = std::chrono::steady_clock::now();
  interrupt_sources();
  state_changed_.notify_all();
}

void Engine::interrupt_sources() {
  if (!opened_) return;
  for (Source& source : sources_) {
    source.probed.halt();
    source.receiver->interrupt();
  }
}

void Engine::stop() {
  stopping_.store(true, std::memory_order_release);
  end_early();
}

void Engine::tick() {
  Status status = guarded([&] { return options_.ticker(); });
  if (status || abandoned_.load()) return;
  counters_.ticker_errors.fetch_add(1, std::memory_order_relaxed);
  log(fmt::format("ticker: {}", status.error().message));
}

void Engine::log(const std::string& line) const {
  if (options_.log) options_.log(line);
}

Error Engine::at_node(Error error, std::uint32_t node) const {
  if (error.node.empty()) error.node = plan_.nodes[node].name;
  if (error.place.empty()) error.place = plan_.nodes[node].place.to_string();
  return error;
}

Error Engine::at_dead_letter_route(Error error) const {
  if (error.node.empty()) error.node = plan_.dead_letters.name;
  if (error.place.empty()) error.place = plan_.dead_letters.place.to_string();
  return error;
}

void Engine::fail_batch(Delivery& delivery, Error error) {
  delivery.branches.fail();
  failure_.fail_at(delivery.sequence, std::move(error));
  end_early();
}

Progress Engine::progress() const {
  Progress now;
  now.bytes_in = counters_.bytes_in.load(std::memory_order_relaxed);
  now.records_in = counters_.records_in.load(std::memory_order_relaxed);
  now.records_out = counters_.records_out.load(std::memory_order_relaxed);
  now.dead_letters = counters_.dead_letters.load(std::memory_order_relaxed);
  const std::lock_guard lock(state_);
  if (!opened_) return now;
  std::uint64_t total = 0;
  for (const Source& source : sources_) {
    const std::optional<std::uint64_t> bytes = source.receiver->total_bytes();
    if (!bytes) return now;
    total += *bytes;
  }
  now.total_bytes = total;
  return now;
}

Outcome Engine::outcome() {
  Outcome outcome;
  outcome.error = failure_.error();
  Summary& summary = outcome.summary;
  summary.records_in = counters_.records_in;
  summary.records_out = counters_.records_out;
  summary.records_filtered = counters_.records_filtered;
  summary.dead_letters = counters_.dead_letters;
  summary.errors = counters_.errors;
  summary.bytes_in = counters_.bytes_in;
  summary.bytes_out = counters_.bytes_out;
  summary.batches = counters_.batches;
  summary.commits = counters_.commits;
  summary.ticker_errors = counters_.ticker_errors;
  summary.elapsed = options_.clock->steady_now() - started_;
  summary.stopped = stopping_.load();
  if (governor_) {
    const std::lock_guard lock(govern_mutex_);
    summary.pauses = pauses_;
    summary.held = held_for_;
    if (!gate_.is_open()) summary.held += options_.clock->steady_now() - held_since_;
    summary.least_budget = least_budget_;
  }
  const std::lock_guard lock(barrier_mutex_);
  for (const auto& [key, range] : committed_) {
    const PositionName& name = position_names_[key];
    outcome.committed.push_back(
        {plan_.nodes[sources_[key.first].node].name, name.name, key.second, range.end, name.bytes});
  }
  return outcome;
}

}  // namespace pipec::graph
