#include "stdlib/functions/compact_json.h"

#include <string>

#include "pipec/runtime/buffer.h"
#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/json.h"

namespace pipec::stdlib {

std::optional<std::string_view> compact_json(runtime::CallContext& context, const runtime::Value& value) {
  thread_local runtime::BufferPool pool(1);
  const runtime::BufferRef buffer = pool.get(256);
  buffer->clear();
  runtime::append_json(value, *buffer);
  if (value.type() != runtime::Type::array && value.type() != runtime::Type::object) {
    return context.arena().copy(buffer->view());
  }
  if (const char* reason = runtime::validate_json(buffer->view())) {
    context.fail("the value is malformed JSON: " + std::string(reason));
    return std::nullopt;
  }
  return runtime::interpolated(value, context.arena());
}

}  // namespace pipec::stdlib
