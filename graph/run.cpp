// Starting, waiting, stopping.
#include "graph/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "graph/state/invariant.h"
#include "graph/threads.h"

namespace pipec::graph {

using runtime::Error;
using runtime::guarded;
using runtime::Status;

Run::Run(Plan plan, Topology topology, RunOptions options)
    : parts_(std::move(plan), std::move(topology), std::move(options)),
      phases_(parts_.options.drain_deadline),
      graph_({parts_.shared, parts_.limiter, parts_.ledger, parts_.connectors, parts_.admission,
              parts_.keeper, parts_.governing.get(), [this] { phases_.wake(); },
              [this](std::chrono::milliseconds time) { return phases_.pause(time); }}) {
  parts_.faults.on_error([this] { end_early(); },
                         [this] { phases_.change([](Phases::State& state) { state.end_early = true; }); });
  parts_.connectors.on_want_commit([this] { parts_.admission.want_commit(); });
}

Outcome Run::run() {
  started_ = parts_.options.clock->steady_now();
  parts_.admission.start();
  phases_.change([](Phases::State& state) {
    if (state.ending_since) state.ending_since = std::chrono::steady_clock::now();
  });
  Status ready = guarded([&]() -> Status {
    threads_.reserve(parts_.topology.sources.size() + 3);
    return parts_.governing ? parts_.governing->start() : Status();
  });
  if (!ready) {
    parts_.faults.fail_source(std::move(ready.error()));
  } else if (start_thread([this] { open_and_commit(); }) && !run_to_end()) {
    abandon();
    return outcome();
  }
  for (std::thread& thread : threads_) thread.join();
  parts_.leash->cut();
  graph_.wait();
  if (parts_.governing) parts_.governing->leave();
  parts_.ungoverned.reset();
  invariant(parts_.limiter.used_units() == 0 && parts_.limiter.used_bytes() == 0,
            "a run ended with bytes still leased");
  return outcome();
}

// False: the deadline passed, and something still hangs.
bool Run::run_to_end() {
  using State = Phases::State;
  const auto wait_for = [&](const std::function<bool(const State&)>& reached) {
    return phases_.wait_for(
        reached, [this] { end_early(); }, [this] { past_deadline(); });
  };
  if (!wait_for([](const State& state) { return state.opened; })) return false;
  const bool ready = phases_.now().ready;
  if (ready && !start_threads()) end_early();
  if (!wait_for([](const State& state) { return state.sources == 0; })) return false;
  if (ready) parts_.admission.admit_commit_point();
  parts_.ledger.drain();
  if (!wait_for([&](const State&) { return parts_.ledger.drained(); })) return false;
  // It asks receivers and sinks, which are closed next.
  if (parts_.governing) parts_.governing->stop();
  if (!wait_for([](const State& state) { return !state.governing; })) return false;
  graph_.committer().no_more();
  if (!wait_for([](const State& state) { return state.committed; })) return false;
  parts_.timer.stop();
  return wait_for([](const State& state) { return state.threads == 0; });
}

// The first thread of a run, and the last one that calls a connector.
void Run::open_and_commit() noexcept {
  Status status = guarded([&] { return open(); });
  // What stop() has interrupted is no error.
  if (!status && !parts_.faults.stopping()) parts_.faults.fail_source(std::move(status.error()));
  phases_.change([&](Phases::State& state) {
    state.opened = true;
    state.ready = status.ok();
  });
  if (status) {
    Status ended = guarded([&]() -> Status {
      graph_.committer().run();
      if (parts_.faults.any() || parts_.faults.abandoned()) return {};
      return parts_.connectors.finish(parts_.faults.stopping());
    });
    if (!ended && !parts_.faults.abandoned()) parts_.faults.fail_all(std::move(ended.error()));
  }
  if (parts_.faults.abandoned()) return;
  parts_.connectors.close();
  phases_.change([](Phases::State& state) { state.committed = true; });
}

Status Run::open() {
  if (parts_.governing) parts_.connectors.keep_queue_limits(parts_.governing->queue_limits());
  if (Status opened = parts_.connectors.open([this] { return parts_.faults.stopping(); }); !opened)
    return opened;
  return probe_threads(parts_.threads);
}

// False: one could not be started. Sources that were go to their end.
bool Run::start_threads() {
  if (!start_timer_tasks() || !start_thread([this] { parts_.timer.run(); })) return false;
  if (parts_.governing) {
    phases_.change([](Phases::State& state) { state.governing = true; });
    const auto at_rest = [this] { phases_.change([](Phases::State& state) { state.governing = false; }); };
    const bool started = start_thread([this, at_rest] {
      parts_.governing->run();
      at_rest();
    });
    if (!started) {
      at_rest();
      return false;
    }
  }
  for (RecvNode& receiver : graph_.receivers()) {
    phases_.change([](Phases::State& state) { ++state.sources; });
    const auto ended = [this] { phases_.change([](Phases::State& state) { --state.sources; }); };
    if (start_thread([this, &receiver, ended] {
          receiver.run();
          if (!parts_.faults.abandoned()) ended();
        })) {
      continue;
    }
    ended();
    return false;
  }
  return true;
}

bool Run::start_timer_tasks() {
  constexpr std::chrono::milliseconds kUse{50}, kTime{100};
  const RunOptions& options = parts_.options;
  Timer& timer = parts_.timer;
  Status status = guarded([&] {
    if (options.ticker && options.ticker_interval.count() > 0) {
      timer.every(options.ticker_interval, [this] { tick(); });
    }
    if (options.commit_interval.count() > 0 && parts_.plan.commit == CommitMode::automatic &&
        !parts_.plan.transactional) {
      timer.every(options.commit_interval, [this] { parts_.admission.admit_commit_point(); });
    }
    if (parts_.ungoverned) timer.every(kUse, [this] { publish_use(); });
    if (parts_.connectors.stages_want_time())
      timer.every(kTime, [this] { parts_.admission.let_time_pass(); });
  });
  if (!status) parts_.faults.fail_source(std::move(status.error()));
  return status.ok();
}

// Of those that have not the run's own errors: an exception in a thread ends the run.
bool Run::start_thread(std::function<void()> body) {
  const auto ended = [](Phases::State& state) { --state.threads; };
  phases_.change([](Phases::State& state) { ++state.threads; });
  Status status = guarded([&] {
    threads_.emplace_back([run = shared_from_this(), body = std::move(body), ended] {
      if (Status done = guarded(body); !done) {
        run->parts_.faults.fail_all(std::move(done.error()));
        run->end_early();
      }
      run->phases_.change(ended);
    });
  });
  if (status) return true;
  phases_.change(ended);
  Status said = guarded([&]() -> Status {
    return status.error().code == "exception" ? thread_error(status.error().message) : status.error();
  });
  parts_.faults.fail_source(std::move(said.error()));
  return false;
}

// The sources stop; what is in flight is drained. From stop() and after a fatal error.
void Run::end_early() {
  parts_.limiter.take({.what = LimiterCall::What::no_more});
  if (parts_.governing) parts_.governing->gate().halt();
  parts_.leases.no_more();
  phases_.change([](Phases::State& state) {
    if (!state.ending_since) state.ending_since = std::chrono::steady_clock::now();
  });
  parts_.connectors.interrupt_sources();
  for (RecvNode& receiver : graph_.receivers()) receiver.wake();
}

void Run::stop() {
  parts_.faults.stop();
  end_early();
}

// Everything that is still queued flows through as failed, and what blocks is interrupted.
void Run::past_deadline() {
  const std::uint64_t batches = parts_.ledger.in_flight();
  std::string busy = parts_.faults.running();
  if (!busy.empty()) busy.insert(0, "; still running: ");
  parts_.faults.fail_all(
      Error{"deadline",
            fmt::format("the drain deadline of {} ms passed with {} batch{} ({} bytes) in flight{}; what is "
                        "not committed is delivered again by the next run",
                        parts_.options.drain_deadline.count(), batches, batches == 1 ? "" : "es",
                        parts_.limiter.used_bytes(), busy),
            {},
            {},
            false});
  parts_.connectors.interrupt_sinks();
  parts_.timer.hurry();
  end_early();
}

// Foreign code hangs and cannot be ended. Its thread still stands in this run, so the run, with receivers,
// sinks and workers, is kept alive until the process ends: leaked on purpose. What belongs to the caller is
// not touched again.
void Run::abandon() {
  parts_.faults.abandon();
  parts_.leash->cut();
  parts_.clock.give_back();
  // A save that is under way uses the caller's store, a line the caller's log: they are waited for.
  parts_.keeper.stop();
  parts_.log.stop();
  parts_.timer.stop();
  if (parts_.governing) parts_.governing->stop();
  static std::mutex mutex;
  static auto* const kept = new std::vector<std::shared_ptr<Run>>;  // no destructor runs at exit
  {
    const std::lock_guard lock(mutex);
    kept->push_back(shared_from_this());
  }
  for (std::thread& thread : threads_) thread.detach();
}

void Run::tick() {
  if (parts_.faults.abandoned()) return;
  Status status = guarded([&] { return parts_.options.ticker(); });
  if (status || parts_.faults.abandoned()) return;
  Counters::add(parts_.counters.ticker_errors, 1);
  parts_.log.line(fmt::format("ticker: {}", status.error().message));
}

// With `govern off`: nothing holds this pipeline, but those that share the memory see what it takes.
void Run::publish_use() {
  static_cast<void>(parts_.connectors.while_open([&] {
    const Connectors::Held held = parts_.connectors.held();
    runtime::SharedGovernor::Member& own = *parts_.ungoverned;
    own.tracked.store(parts_.pools.buffers.used_bytes() + held.bytes, std::memory_order_relaxed);
    own.queued.store(held.queued, std::memory_order_relaxed);
    own.in_flight.store(parts_.ledger.in_flight(), std::memory_order_relaxed);
  }));
}

}  // namespace pipec::graph
