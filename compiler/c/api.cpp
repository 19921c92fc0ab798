// The functions of pipec/c.h. They check and convert arguments; PipelineHandle does the work.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "compiler/c/handle.h"
#include "compiler/c/record.h"
#include "pipec/version.h"

using pipec::c::Answer;
using pipec::c::answer;
using pipec::c::Callbacks;
using pipec::c::misuse;
using pipec::c::PipelineHandle;

// Each call shares ownership, so that pipec_close() is safe while other calls wait.
struct pipec_pipeline {
  std::shared_ptr<PipelineHandle> handle;
};

namespace {

PipelineHandle::Wait wait_of(std::int64_t timeout_ms) {
  constexpr std::int64_t kLongest = std::int64_t{1000} * 3600 * 24 * 365;
  if (timeout_ms < 0) return std::nullopt;
  return std::chrono::milliseconds(std::min(timeout_ms, kLongest));
}

template <typename Call>
int with(pipec_pipeline* pipeline, pipec_error** error, Call&& call) noexcept {
  return answer(error, [&]() -> Answer {
    if (!pipeline) return misuse("the pipeline is null");
    const std::shared_ptr<PipelineHandle> handle = pipeline->handle;
    return call(*handle);
  });
}

template <typename Call>
int with_channel(pipec_pipeline* pipeline, const char* channel, pipec_error** error, Call&& call) noexcept {
  return with(pipeline, error, [&](PipelineHandle& handle) -> Answer {
    if (!channel) return misuse("the channel's name is null");
    return call(handle);
  });
}

pipec::c::Settings settings_of(const pipec_options* options) {
  pipec::c::Settings settings;
  if (!options) return settings;
  if (options->state_directory) settings.state_directory = options->state_directory;
  settings.channel_bytes = options->channel_bytes;
  settings.run.threads = options->threads;
  if (options->drain_ms > 0) settings.run.drain_deadline = *wait_of(options->drain_ms);
  return settings;
}

}  // namespace

unsigned pipec_c_version(void) {
  return PIPEC_C_VERSION;
}

const char* pipec_version(void) {
  return PIPEC_VERSION;
}

int pipec_open(const char* name, const char* text, size_t size, const pipec_options* options,
               pipec_pipeline** pipeline, pipec_error** error) {
  if (pipeline) *pipeline = nullptr;
  return answer(error, [&]() -> Answer {
    if (!pipeline) return misuse("the place for the pipeline is null");
    if (!name || !*name) return misuse("the name is null or empty");
    if (!text && size != 0) return misuse("the text is null, but its size is not 0");
    if (options && options->struct_size < sizeof *options)
      return misuse("struct_size of the options is not set");
    auto opened =
        PipelineHandle::open(name, text ? std::string(text, size) : std::string(), settings_of(options));
    if (auto* fault = std::get_if<pipec::c::Fault>(&opened)) return std::move(*fault);
    *pipeline = new pipec_pipeline{std::get<std::shared_ptr<PipelineHandle>>(std::move(opened))};
    return PIPEC_OK;
  });
}

int pipec_close(pipec_pipeline* pipeline, pipec_error** error) {
  if (!pipeline) return answer(error, [] { return Answer(PIPEC_OK); });
  return with(pipeline, error, [&](PipelineHandle& handle) {
    Answer closed = handle.close();
    if (std::holds_alternative<int>(closed)) delete pipeline;
    return closed;
  });
}

int pipec_on_record(pipec_pipeline* pipeline, const char* channel, pipec_record_fn function, void* user,
                    pipec_error** error) {
  return with_channel(pipeline, channel, error, [&](PipelineHandle& handle) {
    return handle.on_record(channel, {function, user});
  });
}

int pipec_on_dead_letter(pipec_pipeline* pipeline, pipec_text_fn function, void* user, pipec_error** error) {
  return with(pipeline, error, [&](PipelineHandle& handle) {
    return handle.set([&](Callbacks& callbacks) { callbacks.dead_letter = {function, user}; });
  });
}

int pipec_on_error(pipec_pipeline* pipeline, pipec_error_fn function, void* user, pipec_error** error) {
  return with(pipeline, error, [&](PipelineHandle& handle) {
    return handle.set([&](Callbacks& callbacks) { callbacks.error = {function, user}; });
  });
}

int pipec_on_log(pipec_pipeline* pipeline, pipec_log_fn function, void* user, pipec_error** error) {
  return with(pipeline, error, [&](PipelineHandle& handle) {
    return handle.set([&](Callbacks& callbacks) { callbacks.log = {function, user}; });
  });
}

int pipec_run(pipec_pipeline* pipeline, pipec_error** error) {
  return with(pipeline, error, [](PipelineHandle& handle) { return handle.run(); });
}

int pipec_start(pipec_pipeline* pipeline, pipec_error** error) {
  return with(pipeline, error, [](PipelineHandle& handle) { return handle.start(); });
}

int pipec_wait(pipec_pipeline* pipeline, int64_t timeout_ms, pipec_error** error) {
  return with(pipeline, error, [&](PipelineHandle& handle) { return handle.wait(wait_of(timeout_ms)); });
}

int pipec_stop(pipec_pipeline* pipeline, pipec_error** error) {
  return with(pipeline, error, [](PipelineHandle& handle) { return handle.stop(); });
}

int pipec_push(pipec_pipeline* pipeline, const char* channel, const pipec_record* record, int64_t timeout_ms,
               uint64_t* position, pipec_error** error) {
  return with_channel(pipeline, channel, error, [&](PipelineHandle& handle) -> Answer {
    if (const char* wrong = pipec::c::wrong_with(record)) return misuse(wrong);
    return handle.push(channel, pipec::c::copy_of(*record), wait_of(timeout_ms), position);
  });
}

int pipec_end(pipec_pipeline* pipeline, const char* channel, pipec_error** error) {
  return with_channel(pipeline, channel, error, [&](PipelineHandle& handle) { return handle.end(channel); });
}

int pipec_committed(pipec_pipeline* pipeline, const char* channel, uint64_t* end, pipec_error** error) {
  return with_channel(pipeline, channel, error, [&](PipelineHandle& handle) -> Answer {
    if (!end) return misuse("the place for the position is null");
    return handle.committed(channel, *end);
  });
}

int pipec_take(pipec_pipeline* pipeline, const char* channel, int64_t timeout_ms, const pipec_record** record,
               pipec_error** error) {
  if (record) *record = nullptr;
  return with_channel(pipeline, channel, error, [&](PipelineHandle& handle) -> Answer {
    if (!record) return misuse("the place for the record is null");
    return handle.take(channel, wait_of(timeout_ms), *record);
  });
}

int pipec_release(pipec_pipeline* pipeline, const char* channel, uint64_t number, pipec_error** error) {
  return with_channel(pipeline, channel, error,
                      [&](PipelineHandle& handle) { return handle.release(channel, number); });
}

int pipec_status(pipec_pipeline* pipeline, char** json, pipec_error** error) {
  if (json) *json = nullptr;
  return with(pipeline, error, [&](PipelineHandle& handle) -> Answer {
    if (!json) return misuse("the place for the text is null");
    *json = strdup(handle.status().c_str());
    if (!*json) throw std::bad_alloc();
    return PIPEC_OK;
  });
}

void pipec_free(char* text) {
  std::free(text);
}
