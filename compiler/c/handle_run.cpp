// Starting, stopping and waiting for the run.
#include "compiler/c/handle.h"
#include "pipec/runtime/guarded.h"

namespace pipec::c {
namespace {

class LetterSink final : public runtime::Sink {
 public:
  explicit LetterSink(std::shared_ptr<const Callbacks> callbacks) : callbacks_(std::move(callbacks)) {}

  runtime::Status write(const runtime::Batch& batch, runtime::StageContext&) override {
    const Inside inside(*callbacks_);
    for (const runtime::Record& record : batch.records) {
      const std::string letter(batch.payload(record));
      const auto [function, user] = callbacks_->dead_letter;
      if (function(user, letter.c_str(), letter.size()) == 0) continue;
      return runtime::Error::make(runtime::ErrorCode::dead_letter, "the callback did not take a dead letter");
    }
    return {};
  }

 private:
  const std::shared_ptr<const Callbacks> callbacks_;
};

}  // namespace

thread_local const Callbacks* Inside::current_ = nullptr;

Answer PipelineHandle::set(const std::function<void(Callbacks&)>& change) {
  const std::lock_guard lock(mutex_);
  if (state_ != State::ready) return misuse("callbacks must be set before the run");
  change(*callbacks_);
  return PIPEC_OK;
}

runtime::Result<std::unique_ptr<graph::Pipeline>> PipelineHandle::make_pipeline() {
  return runtime::guarded([&]() -> runtime::Result<std::unique_ptr<graph::Pipeline>> {
    if (!settings_.state_directory.empty()) {
      auto store = runtime::CheckpointStore::open(settings_.state_directory + "/" + name_, name_);
      if (!store) return store.error();
      store_ = std::move(*store);
      settings_.run.checkpoint = store_.get();
    }
    if (callbacks_->dead_letter && plan_.dead_letters.kind == graph::DeadLetterPolicy::Kind::reject) {
      plan_.dead_letters.kind = graph::DeadLetterPolicy::Kind::sink;
      plan_.dead_letters.name = "dlq callback";
      plan_.dead_letters.make_sink =
          [callbacks =
               callbacks_](const graph::RunServices&) -> runtime::Result<std::unique_ptr<runtime::Sink>> {
        return std::make_unique<LetterSink>(callbacks);
      };
    }
    if (!warnings_.empty()) settings_.run.log(warnings_);
    if (!stops_.empty() && !callbacks_->dead_letter) settings_.run.log(stops_);
    return graph::Pipeline::make(std::move(plan_), settings_.run);
  });
}

std::optional<Fault> PipelineHandle::prepare() {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::ready) return misuse("a pipeline runs only once: open another one");
    state_ = State::running;
  }
  auto made = make_pipeline();
  if (!made) {
    finish({.error = made.error(), .summary = {}, .committed = {}});
    return Fault{PIPEC_FAILED, made.error()};
  }
  const std::lock_guard lock(mutex_);
  pipeline_ = std::move(*made);
  if (stop_wanted_) pipeline_->stop();
  return std::nullopt;
}

Answer PipelineHandle::run() {
  if (auto fault = prepare()) return *std::move(fault);
  drive();
  return result();
}

Answer PipelineHandle::start() {
  if (auto fault = prepare()) return *std::move(fault);
  try {
    thread_ = std::thread([this] { drive(); });
  } catch (const std::system_error& refused) {
    finish({.error = runtime::Error::make(runtime::ErrorCode::resources, refused.what()),
            .summary = {},
            .committed = {}});
    throw;
  }
  return PIPEC_OK;
}

void PipelineHandle::drive() noexcept {
  finish(pipeline_->run());
}

void PipelineHandle::finish(graph::Outcome outcome) noexcept {
  if (outcome.error && callbacks_->error) {
    pipec_error* error = nullptr;
    answer(&error, [&] { return Answer(Fault{PIPEC_FAILED, *outcome.error}); });
    const Inside inside(*callbacks_);
    if (error) callbacks_->error.function(callbacks_->error.user, error);
    pipec_error_free(error);
  }
  {
    const std::lock_guard lock(mutex_);
    outcome_ = std::move(outcome);
    state_ = State::over;
    over_.notify_all();
  }
  for (auto& [name, channel] : channels_) channel.records->close();
}

Answer PipelineHandle::result() const {
  const std::lock_guard lock(mutex_);
  if (outcome_.error) return Fault{PIPEC_FAILED, *outcome_.error};
  return PIPEC_OK;
}

Answer PipelineHandle::wait(Wait limit) {
  if (Inside::is(*callbacks_)) return misuse("a callback cannot wait for its own run");
  {
    std::unique_lock lock(mutex_);
    if (state_ == State::ready) return misuse("there is no run to wait for");
    const auto is_over = [&] { return state_ == State::over; };
    if (!limit) {
      over_.wait(lock, is_over);
    } else if (!over_.wait_for(lock, *limit, is_over)) {
      return PIPEC_TIMEOUT;
    }
  }
  return result();
}

Answer PipelineHandle::stop() {
  const std::lock_guard lock(mutex_);
  stop_wanted_ = true;
  if (pipeline_) pipeline_->stop();
  return PIPEC_OK;
}

Answer PipelineHandle::close() {
  if (Inside::is(*callbacks_)) return misuse("a callback cannot close its own pipeline");
  closing_ = true;
  stop();
  {
    std::unique_lock lock(mutex_);
    if (state_ == State::ready) state_ = State::over;
    over_.wait(lock, [&] { return state_ == State::over; });
  }
  if (thread_.joinable()) thread_.join();
  for (auto& [name, channel] : channels_) channel.records->close();
  return PIPEC_OK;
}

}  // namespace pipec::c
