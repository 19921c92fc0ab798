// Doubles that ask the test at the beginning of each call: it may throw, block or look.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "support/doubles.h"
#include "unit/graph/fixture.h"

namespace pipec::test {

using Hook = std::function<void(const std::string& call)>;

class HookedReceiver final : public runtime::Receiver {
 public:
  HookedReceiver(std::shared_ptr<SourceScript> script, Hook hook)
      : inner_(std::move(script)), hook_(std::move(hook)) {}
  Status open(const StateEntries& saved) override { return hook_("open"), inner_.open(saved); }
  Result<Received> receive(const ReceiveLimits& limits, Block& block) override {
    return hook_("receive"), inner_.receive(limits, block);
  }
  Status commit(std::span<const PositionRange> ranges) override {
    return hook_("commit"), inner_.commit(ranges);
  }
  void describe(std::span<const PositionRange> ranges, StateEntries& out) const override {
    hook_("describe");
    inner_.describe(ranges, out);
  }
  void keep_commit_trigger(const std::function<void()>&) override { hook_("keep_commit_trigger"); }
  void keep_queue_limit(std::size_t) override { hook_("keep_queue_limit"); }
  void pause() override { hook_("pause"); }
  void resume() override { hook_("resume"); }
  std::size_t queued_bytes() const override { return hook_("queued_bytes"), 0; }
  std::vector<runtime::Gauge> gauges() const override {
    return hook_("gauges"), std::vector<runtime::Gauge>();
  }
  void interrupt() override {
    inner_.interrupt();
    hook_("interrupt");
  }
  Status close() override { return hook_("close"), inner_.close(); }
  std::optional<std::uint64_t> total_bytes() const override { return hook_("total_bytes"), 1; }
  std::string resume_note() const override { return hook_("resume_note"), ""; }

 private:
  ScriptedReceiver inner_;
  const Hook hook_;
};

class HookedSink final : public runtime::Sink {
 public:
  HookedSink(std::shared_ptr<SinkScript> script, Hook hook)
      : inner_(std::move(script)), hook_(std::move(hook)) {}
  Status open(const StateEntries& saved) override { return hook_("open"), inner_.open(saved); }
  std::string resume_note() const override { return hook_("resume_note"), ""; }
  void keep_ahead(const std::function<Status(const StateEntries&)>&) override { hook_("keep_ahead"); }
  void keep_queue_limit(std::size_t) override { hook_("keep_queue_limit"); }
  Status write(const Batch& batch, StageContext& context) override {
    return hook_("write"), inner_.write(batch, context);
  }
  void snapshot(StateEntries& out) override {
    hook_("snapshot");
    inner_.snapshot(out);
  }
  Status sync() override { return hook_("sync"), inner_.sync(); }
  Status close() override { return hook_("close"), inner_.close(); }
  void interrupt() override {
    inner_.interrupt();
    hook_("interrupt");
  }
  std::size_t queued_bytes() const override { return hook_("queued_bytes"), 0; }

 private:
  ScriptedSink inner_;
  const Hook hook_;
};

inline Builder::MakeReceiver hooked(std::shared_ptr<SourceScript> script, Hook hook) {
  return [=] { return std::make_unique<HookedReceiver>(script, hook); };
}
inline Builder::MakeSink hooked(std::shared_ptr<SinkScript> script, Hook hook) {
  return [=] { return std::make_unique<HookedSink>(script, hook); };
}

// A hook that throws from one call.
inline Hook throws_in(const std::string& where) {
  return [where](const std::string& call) {
    if (call == where) throw std::runtime_error("boom in " + call);
  };
}

// A place where a hook waits until the test opens it.
class Latch {
 public:
  void wait() {
    std::unique_lock lock(mutex_);
    waiting_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return open_; });
  }
  void wait_until_reached() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return waiting_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool waiting_ = false;
  bool open_ = false;
};

// Runs in a separate thread, so that the test can stop it.
struct Running {
  Running(const Builder& b, RunOptions o) : pipeline(make(b, std::move(o))) {
    thread = std::thread([this] { outcome = pipeline->run(); });
  }
  const Outcome& end() {
    thread.join();
    return outcome;
  }
  std::unique_ptr<Pipeline> pipeline;
  Outcome outcome;
  std::thread thread;
};

}  // namespace pipec::test
