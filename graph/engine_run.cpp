// Starting, waiting, stopping, and how it ended.
#include <fmt/format.h>

#include <algorithm>

#include "graph/engine.h"
#include "graph/invariant.h"
#include "graph/threads.h"

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
  if (const std::lock_guard lock(state_); ending_since_) ending_since_ = std::chrono::steady_clock::now();
  Status ready = guarded([&]() -> Status {
    running_.reserve(topology_.sources.size() + 3);
    return start_governing();
  });
  if (!ready) {
    failure_.fail_source(std::move(ready.error()));
  } else if (start_thread([this] { open_and_commit(); }) && !run_to_end()) {
    abandon();
    return outcome();
  }
  for (std::thread& thread : running_) thread.join();
  leash_->cut();
  if (flow_) flow_->wait();
  leave_governor();
  invariant(limiter_.used_units() == 0 && limiter_.used_bytes() == 0, "a run ended with bytes still leased");
  return outcome();
}

// False: the deadline passed, and something still hangs.
bool Engine::run_to_end() {
  if (!wait_for([&] { return open_ended_; })) return false;
  if (ready_ && !start_threads()) end_early();
  if (!wait_for([&] { return sources_running_ == 0; })) return false;
  if (ready_) admit_commit_point();
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
}

// The first thread of a run, and the last one that calls a connector.
void Engine::open_and_commit() noexcept {
  Status status = guarded([&]() -> Status {
    if (Status opened = open(); !opened) return opened;
    if (Status found = probe_threads(threads_); !found) return found;
    build();
    return {};
  });
  // What stop() has interrupted is no error.
  if (!status && !stopping_.load()) failure_.fail_source(std::move(status.error()));
  {
    const std::lock_guard lock(state_);
    open_ended_ = true;
    ready_ = status.ok();
    state_changed_.notify_all();
  }
  if (status) {
    Status ended = guarded([&] { commit_loop(); });
    if (!ended) failure_.fail_all(std::move(ended.error()));
  }
  if (abandoned_.load()) return;
  close();
  const std::lock_guard lock(state_);
  committer_done_ = true;
  state_changed_.notify_all();
}

// False: one could not be started. Sources that were go to their end.
bool Engine::start_threads() {
  Status status = guarded([&] {
    if (options_.ticker && options_.ticker_interval.count() > 0) {
      timer_.every(options_.ticker_interval, [this] { tick(); });
    }
    if (options_.commit_interval.count() > 0 && plan_.commit == CommitMode::automatic &&
        !plan_.transactional) {
      timer_.every(options_.commit_interval, [this] { admit_commit_point(); });
    }
    if (ungoverned_) timer_.every(kLook, [this] { publish_use(); });
  });
  if (!status) {
    failure_.fail_source(std::move(status.error()));
    return false;
  }
  if (!start_thread([this] { timer_.run(); })) return false;
  if (governor_) {
    governing_ = true;
    const bool started = start_thread([this] {
      govern_loop();
      const std::lock_guard lock(state_);
      governing_ = false;
      state_changed_.notify_all();
    });
    if (!started) {
      governing_ = false;
      return false;
    }
  }
  for (std::uint32_t i = 0; i < sources_.size(); ++i) {
    {
      const std::lock_guard lock(state_);
      ++sources_running_;
    }
    if (start_thread([this, i] { source_loop(i); })) continue;
    const std::lock_guard lock(state_);
    --sources_running_;
    return false;
  }
  return true;
}

// Of those that have not the run's own errors: an exception in a thread ends the run.
bool Engine::start_thread(std::function<void()> body) {
  {
    const std::lock_guard lock(state_);
    ++threads_running_;
  }
  Status status = guarded([&] {
    running_.emplace_back([engine = shared_from_this(), body = std::move(body)] {
      if (Status ended = guarded(body); !ended) {
        engine->failure_.fail_all(std::move(ended.error()));
        engine->end_early();
      }
      const std::lock_guard lock(engine->state_);
      --engine->threads_running_;
      engine->state_changed_.notify_all();
    });
  });
  if (status) return true;
  {
    const std::lock_guard lock(state_);
    --threads_running_;
  }
  Status said = guarded([&]() -> Status {
    return status.error().code == "exception" ? thread_error(status.error().message) : status.error();
  });
  failure_.fail_source(std::move(said.error()));
  return false;
}

// Sleeps until `reached`, which is called with state_ held. False: the deadline passed, and the grace behind
// it too.
bool Engine::wait_for(const std::function<bool()>& reached) {
  std::unique_lock lock(state_);
  while (!reached()) {
    if (run_ended_early_) {
      run_ended_early_ = false;
      lock.unlock();
      end_early();
      lock.lock();
      continue;
    }
    if (!ending_since_) {
      state_changed_.wait(lock);
      continue;
    }
    const Time deadline = *ending_since_ + options_.drain_deadline;
    const Time until = deadline_passed_ ? std::max(deadline, *ending_since_) : deadline;
    if (state_changed_.wait_until(lock, until) == std::cv_status::no_timeout) continue;
    if (reached()) return true;
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
  std::string busy = activity_.list([&](std::size_t place) -> std::string_view {
    return place == route_place() ? plan_.dead_letters.name : plan_.nodes[place].name;
  });
  if (!busy.empty()) busy.insert(0, "; still running: ");
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
    if (opened_) interrupt_sinks();
  }
  timer_.hurry();
  end_early();
}

// Foreign code hangs and cannot be ended. Its thread still stands in this engine, so the engine, with
// receivers, sinks and workers, is kept alive until the process ends: leaked on purpose. What belongs to the
// caller is not touched again.
void Engine::abandon() {
  abandoned_.store(true);
  leash_->cut();
  clock_.give_back();
  {
    // A save() that is under way uses the caller's store, a line the caller's log: they are waited for.
    const std::scoped_lock lock(outside_, log_mutex_);
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

// state_ is held.
void Engine::interrupt_sources() {
  const auto interrupt = [&](const std::function<void()>& call, std::size_t place) {
    Status status = guarded(call);
    if (!status) failure_.fail_source(at_node(std::move(status.error()), place));
  };
  if (interrupt_opening_) interrupt(interrupt_opening_, opening_);
  if (!opened_) return;
  for (Source& source : sources_) {
    source.probed.halt();
    interrupt([&] { source.receiver->interrupt(); }, source.node);
  }
}

// state_ is held.
void Engine::interrupt_sinks() {
  for (SinkEnd& end : sinks_) static_cast<void>(guarded([&] { end.sink->interrupt(); }));
  if (dead_letter_sink_) static_cast<void>(guarded([&] { dead_letter_sink_->interrupt(); }));
}

void Engine::stop() {
  stopping_.store(true, std::memory_order_release);
  end_early();
}

// Somewhere in the engine, perhaps with locks held: run() does the rest.
void Engine::out_of_resources() noexcept {
  reserve_.release();
  buffers_.trim();
  Status status = guarded([] { throw; });
  failure_.fail_all(status.error().code == "exception" ? thread_error(status.error().message)
                                                       : std::move(status.error()));
  const std::lock_guard lock(state_);
  run_ended_early_ = true;
  state_changed_.notify_all();
}

void Engine::fail_at_node(Error error, std::size_t place) noexcept {
  failure_.fail_source(at_node(std::move(error), place));
  end_early();
}

void Engine::tick() {
  if (abandoned_.load()) return;
  Status status = guarded([&] { return options_.ticker(); });
  if (status || abandoned_.load()) return;
  counters_.ticker_errors.fetch_add(1, std::memory_order_relaxed);
  log(fmt::format("ticker: {}", status.error().message));
}

// One line at a time. A log that throws says nothing.
void Engine::log(const std::string& line) const {
  if (!options_.log) return;
  const std::lock_guard lock(log_mutex_);
  if (!abandoned_.load()) static_cast<void>(guarded([&] { options_.log(line); }));
}

Error Engine::at_node(Error error, std::size_t place) const noexcept {
  const bool route = place == route_place();
  static_cast<void>(guarded([&] {
    if (error.node.empty()) error.node = route ? plan_.dead_letters.name : plan_.nodes[place].name;
    if (error.place.empty()) {
      error.place = (route ? plan_.dead_letters.place : plan_.nodes[place].place).to_string();
    }
  }));
  return error;
}

Error Engine::at_dead_letter_route(Error error) const noexcept {
  return at_node(std::move(error), route_place());
}

void Engine::fail_batch(Delivery& delivery, Error error) noexcept {
  delivery.branches.fail();
  failure_.fail_at(delivery.sequence, std::move(error));
  end_early();
}

Progress Engine::progress() {
  Progress now;
  now.bytes_in = counters_.bytes_in.load(std::memory_order_relaxed);
  now.records_in = counters_.records_in.load(std::memory_order_relaxed);
  now.records_out = counters_.records_out.load(std::memory_order_relaxed);
  now.dead_letters = counters_.dead_letters.load(std::memory_order_relaxed);
  std::optional<std::uint64_t> total = 0;
  std::optional<std::pair<Error, std::size_t>> thrown;
  {
    const std::lock_guard lock(state_);
    if (!opened_) return now;
    for (const Source& source : sources_) {
      runtime::Result<std::optional<std::uint64_t>> bytes = guarded(
          [&]() -> runtime::Result<std::optional<std::uint64_t>> { return source.receiver->total_bytes(); });
      if (!bytes) thrown.emplace(std::move(bytes.error()), source.node);
      if (total && bytes && *bytes) {
        *total += **bytes;
      } else {
        total.reset();
      }
    }
  }
  now.total_bytes = total;
  if (thrown) fail_at_node(std::move(thrown->first), thrown->second);
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
