#include <fmt/format.h>

#include "compiler/c/handle.h"
#include "pipec/runtime/buffer.h"
#include "pipec/runtime/json.h"

namespace pipec::c {
namespace {

std::string quoted(std::string_view text) {
  runtime::BufferPool pool;
  const runtime::BufferRef buffer = pool.get(text.size() + 2);
  runtime::append_json_string(text, *buffer);
  return std::string(buffer->view());
}

}  // namespace

std::string PipelineHandle::status() const {
  const std::lock_guard lock(mutex_);
  const char* state = state_ == State::ready     ? "ready"
                      : state_ == State::running ? "running"
                      : outcome_.error           ? "failed"
                                                 : "done";
  const graph::Progress progress = pipeline_ ? pipeline_->progress() : graph::Progress();
  std::string json = fmt::format(
      R"({{"pipeline":{},"state":"{}","records_in":{},"records_out":{},"dead_letters":{},"bytes_in":{},"channels":[)",
      quoted(name_), state, progress.records_in, progress.records_out, progress.dead_letters,
      progress.bytes_in);
  for (const char* comma = ""; const auto& [name, channel] : channels_) {
    json += fmt::format(R"({}{{"name":{},"direction":"{}","records":{},"committed":{}}})",
                        std::exchange(comma, ","), quoted(name), channel.read ? "push" : "take",
                        channel.records->pushed(), channel.records->committed());
  }
  json += "]";
  if (state_ == State::over) {
    json += R"(,"committed":[)";
    for (const char* comma = ""; const graph::Watermark& mark : outcome_.committed) {
      json += fmt::format(R"({}{{"source":{},"name":{},"partition":{},"end":{}}})", std::exchange(comma, ","),
                          quoted(mark.source), quoted(mark.name), mark.partition, mark.end);
    }
    json += "]";
  }
  return json + "}";
}

}  // namespace pipec::c
