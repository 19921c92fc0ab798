// Starting, waiting, stopping.
#include "graph/run.h"

#include <fmt/format.h>

#include <limits>
#include <mutex>
#include <utility>

#include "graph/state/invariant.h"
#include "graph/threads.h"

namespace pipec::graph {

using runtime::Error;
using runtime::guarded;
using runtime::Status;

Run::Run(Plan plan, Topology topology, RunOptions options)
    : common_(std::move(plan), std::move(topology), std::move(options)),
      governing_(make_governing()),
      phases_(common_.options.drain_deadline),
      graph_({common_.shared, common_.limiter, ledger_, connectors_, admission_, keeper_, governing_.get(),
              [this] { phases_.wake(); },
              [this](std::chrono::milliseconds time) { return phases_.pause(time); }}) {
  common_.faults.on_error([this] { end_early(); },
                          [this] { phases_.change([](Phases::State& state) { state.end_early = true; }); });
  connectors_.on_want_commit([this] { admission_.want_commit(); });
  if (!governing_ && common_.options.governor) ungoverned_ = common_.options.governor->join(shape());
}

runtime::SharedGovernor::Shape Run::shape() const {
  const bool has_route = common_.plan.dead_letters.kind == DeadLetterPolicy::Kind::sink;
  const Topology& topology = common_.topology;
  return {0, common_.threads, topology.sources.size(), topology.sinks.size() + (has_route ? 1 : 0)};
}

std::unique_ptr<Governing> Run::make_governing() {
  if (!common_.govern().on) return nullptr;
  const RunOptions& options = common_.options;
  const std::size_t most = options.budget_bytes.value_or(std::numeric_limits<std::size_t>::max());
  const auto governor = options.governor ? options.governor : std::make_shared<runtime::SharedGovernor>();
  auto law = std::make_unique<runtime::Governor>(common_.govern(), most, governor, shape());
  law->keep_release([this] { common_.pools.buffers.trim(); });
  return std::make_unique<Governing>(common_.shared, connectors_, ledger_, std::move(law));
}

Outcome Run::run() {
  started_ = common_.options.clock->steady_now();
  admission_.start();
  phases_.change([](Phases::State& state) {
    if (state.ending_since) state.ending_since = std::chrono::steady_clock::now();
  });
  Status ready = guarded([&]() -> Status {
    threads_.reserve(common_.topology.sources.size() + 3);
    return governing_ ? governing_->start() : Status();
  });
  if (!ready) {
    common_.faults.fail_source(std::move(ready.error()));
  } else if (start_thread([this] { open_and_commit(); }) && !run_to_end()) {
    abandon();
    return outcome();
  }
  for (std::thread& thread : threads_) thread.join();
  leash_->cut();
  graph_.wait();
  if (governing_) governing_->leave();
  ungoverned_.reset();
  invariant(common_.limiter.used_units() == 0 && common_.limiter.used_bytes() == 0,
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
  if (ready) admission_.admit_commit_point();
  ledger_.drain();
  if (!wait_for([&](const State&) { return ledger_.drained(); })) return false;
  // It asks receivers and sinks, which are closed next.
  if (governing_) governing_->stop();
  if (!wait_for([](const State& state) { return !state.governing; })) return false;
  graph_.committer().no_more();
  if (!wait_for([](const State& state) { return state.committed; })) return false;
  common_.timer.stop();
  return wait_for([](const State& state) { return state.threads == 0; });
}

// The first thread of a run, and the last one that calls a connector.
void Run::open_and_commit() noexcept {
  Status status = guarded([&] { return open(); });
  // Interruption by stop() is not an error.
  if (!status && !common_.faults.stopping()) common_.faults.fail_source(std::move(status.error()));
  phases_.change([&](Phases::State& state) {
    state.opened = true;
    state.ready = status.ok();
  });
  if (status) {
    Status ended = guarded([&]() -> Status {
      graph_.committer().run();
      if (common_.faults.any() || common_.faults.abandoned()) return {};
      return connectors_.finish(common_.faults.stopping());
    });
    if (!ended && !common_.faults.abandoned()) common_.faults.fail_all(std::move(ended.error()));
  }
  if (common_.faults.abandoned()) return;
  connectors_.close();
  phases_.change([](Phases::State& state) { state.committed = true; });
}

Status Run::open() {
  if (governing_) connectors_.keep_queue_limits(governing_->queue_limits());
  if (Status opened = connectors_.open([this] { return common_.faults.stopping(); }); !opened) return opened;
  return probe_threads(common_.threads);
}

// False: a thread could not be started. Sources that were started run to their end.
bool Run::start_threads() {
  if (!start_timer_tasks() || !start_thread([this] { common_.timer.run(); })) return false;
  if (governing_) {
    phases_.change([](Phases::State& state) { state.governing = true; });
    const auto at_rest = [this] { phases_.change([](Phases::State& state) { state.governing = false; }); };
    const bool started = start_thread([this, at_rest] {
      governing_->run();
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
          if (!common_.faults.abandoned()) ended();
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
  const RunOptions& options = common_.options;
  Timer& timer = common_.timer;
  Status status = guarded([&] {
    if (options.ticker && options.ticker_interval.count() > 0) {
      timer.every(options.ticker_interval, [this] { tick(); });
    }
    if (options.commit_interval.count() > 0 && common_.plan.commit == CommitMode::automatic &&
        !common_.plan.transactional) {
      timer.every(options.commit_interval, [this] { admission_.admit_commit_point(); });
    }
    if (watchdog_.interval().count() > 0) timer.every(watchdog_.interval(), [this] { watchdog_.look(); });
    if (ungoverned_) timer.every(kUse, [this] { publish_use(); });
    if (connectors_.stages_want_time()) timer.every(kTime, [this] { admission_.let_time_pass(); });
  });
  if (!status) common_.faults.fail_source(std::move(status.error()));
  return status.ok();
}

// Of those that have not the run's own errors: an exception in a thread ends the run.
bool Run::start_thread(std::function<void()> body) {
  const auto ended = [](Phases::State& state) { --state.threads; };
  phases_.change([](Phases::State& state) { ++state.threads; });
  Status status = guarded([&] {
    threads_.emplace_back([run = shared_from_this(), body = std::move(body), ended] {
      if (Status done = guarded(body); !done) {
        run->common_.faults.fail_all(std::move(done.error()));
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
  common_.faults.fail_source(std::move(said.error()));
  return false;
}

// The sources stop; batches in flight are drained. Called from stop() and after a fatal error.
void Run::end_early() {
  common_.limiter.take({.what = LimiterCall::What::no_more});
  if (governing_) governing_->gate().halt();
  common_.leases.no_more();
  phases_.change([](Phases::State& state) {
    if (!state.ending_since) state.ending_since = std::chrono::steady_clock::now();
  });
  connectors_.interrupt_sources();
  for (RecvNode& receiver : graph_.receivers()) receiver.wake();
}

void Run::stop() {
  common_.faults.stop();
  end_early();
}

// Everything that is still queued flows through as failed, and what blocks is interrupted.
void Run::past_deadline() {
  const std::uint64_t batches = ledger_.in_flight();
  std::string busy = common_.faults.running();
  if (!busy.empty()) busy.insert(0, "; still running: ");
  common_.faults.fail_all(
      Error{"deadline",
            fmt::format("the drain deadline of {} ms passed with {} batch{} ({} bytes) in flight{}; what is "
                        "not committed is delivered again by the next run",
                        common_.options.drain_deadline.count(), batches, batches == 1 ? "" : "es",
                        common_.limiter.used_bytes(), busy),
            {},
            {},
            false});
  connectors_.interrupt_sinks();
  common_.timer.hurry();
  end_early();
}

// Foreign code hangs and cannot be stopped. Its thread is still inside this run, so the run, with receivers,
// sinks and workers, is kept alive until the process ends: leaked on purpose. The caller's objects are not
// used again.
void Run::abandon() {
  common_.faults.abandon();
  leash_->cut();
  common_.clock.give_back();
  // Wait for saves and log lines in progress: they use the caller's store and log.
  keeper_.stop();
  common_.log.stop();
  common_.timer.stop();
  if (governing_) governing_->stop();
  static std::mutex mutex;
  static auto* const kept = new std::vector<std::shared_ptr<Run>>;  // no destructor runs at exit
  {
    const std::lock_guard lock(mutex);
    kept->push_back(shared_from_this());
  }
  for (std::thread& thread : threads_) thread.detach();
}

void Run::tick() {
  if (common_.faults.abandoned()) return;
  Status status = guarded([&] { return common_.options.ticker(); });
  if (status || common_.faults.abandoned()) return;
  Counters::add(common_.counters.ticker_errors, 1);
  common_.log.line(fmt::format("ticker: {}", status.error().message));
}

// With `govern off`: nothing holds this pipeline, but pipelines that share the memory limit see its use.
void Run::publish_use() {
  static_cast<void>(connectors_.while_open([&] {
    const Connectors::Held held = connectors_.held();
    runtime::SharedGovernor::Member& own = *ungoverned_;
    own.tracked.store(common_.pools.buffers.used_bytes() + held.bytes, std::memory_order_relaxed);
    own.queued.store(held.queued, std::memory_order_relaxed);
    own.in_flight.store(ledger_.in_flight(), std::memory_order_relaxed);
  }));
}

}  // namespace pipec::graph
