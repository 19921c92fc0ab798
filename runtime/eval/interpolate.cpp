// `"${}"`: the text of values.
#include <charconv>
#include <cstring>

#include "pipec/runtime/json.h"
#include "runtime/eval/arithmetic.h"
#include "runtime/eval/interpreter.h"
#include "runtime/json/text.h"

namespace pipec::runtime {

namespace eval {

namespace {

constexpr std::int64_t kMillisecond = 1'000'000;

std::string_view integer_text(std::int64_t value, std::string_view unit, Arena& arena) {
  char* out = arena.allocate(24 + unit.size());
  char* end = std::to_chars(out, out + 24, value).ptr;
  if (!unit.empty()) std::memcpy(end, unit.data(), unit.size());
  return {out, static_cast<std::size_t>(end - out) + unit.size()};
}

// As the language writes durations, in the largest unit that leaves no fraction: "90s", "2h", "1500ms".
std::string_view duration_text(std::int64_t nanoseconds, Arena& arena) {
  struct Unit {
    std::int64_t length;
    std::string_view name;
  };
  constexpr Unit kUnits[] = {{86'400'000 * kMillisecond, "d"},
                             {3'600'000 * kMillisecond, "h"},
                             {60'000 * kMillisecond, "m"},
                             {1000 * kMillisecond, "s"},
                             {kMillisecond, "ms"}};
  if (nanoseconds == 0) return "0s";
  for (const Unit& unit : kUnits) {
    if (nanoseconds % unit.length == 0) return integer_text(nanoseconds / unit.length, unit.name, arena);
  }
  return integer_text(nanoseconds, "ns", arena);
}

// The text without the white space between its tokens.
std::string_view compacted(std::string_view json, Arena& arena) {
  char* out = arena.allocate(json.size());
  char* to = out;
  const char* at = json.data();
  const char* end = at + json.size();
  while (at < end) {
    const char* from = at;
    if (*at == '"') {
      const char* quote = json::find_string_end(at + 1, end);
      at = quote ? quote + 1 : end;
    } else if (json::is_space(*at)) {
      ++at;
      continue;
    } else {
      ++at;
    }
    std::memcpy(to, from, static_cast<std::size_t>(at - from));
    to += at - from;
  }
  return {out, static_cast<std::size_t>(to - out)};
}

bool needs_scratch(Type type) {
  return type == Type::bytes || type == Type::array || type == Type::object;
}

std::string_view scalar_text(const Value& value, Arena& arena) {
  switch (value.type()) {
    case Type::string:
      return decode_string(value, arena);
    case Type::boolean:
      return value.as_bool() ? "true" : "false";
    case Type::duration:
      return duration_text(value.as_int(), arena);
    case Type::integer:
      if (!value.number_text().empty()) return value.number_text();
      if (value.is_beyond()) {
        char room[kUnsignedDigits];
        return arena.copy(exact_text(value, room));
      }
      return integer_text(value.as_int(), {}, arena);
    case Type::floating: {
      if (!value.number_text().empty()) return value.number_text();
      char* out = arena.allocate(32);
      return {out, format_float(value.as_float(), out)};
    }
    case Type::timestamp: {
      char* out = arena.allocate(40);
      return {out, format_timestamp(value.as_int(), out)};
    }
    default:
      return "null";
  }
}

// The text of bytes, arrays and objects. `scratch` holds the JSON as it is in the data.
std::string_view written_text(const Value& value, Arena& arena, Buffer& scratch) {
  scratch.clear();
  append_json(value, scratch);
  if (value.type() == Type::bytes)
    return arena.copy(scratch.view().substr(1, scratch.size() - 2));  // the base64 alone
  return compacted(scratch.view(), arena);
}

}  // namespace

Value Interpreter::interpolate(const Expression& expression) {
  const std::size_t count = expression.children.size();
  auto* pieces = arena_.allocate_array<std::string_view>(count);
  std::size_t size = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Expression& child = expression.children[i];
    const Value value = evaluate(child);
    if (value.is_failed()) return value;
    if (value.is_null())
      return fail(child.place, {"null has no text in \"${}\": use `??` to say what to write instead"});
    if (needs_scratch(value.type())) {
      if (!text_) text_ = pool_.get(256);
      new (pieces + i) std::string_view(written_text(value, arena_, *text_));
      // If no stage has validated the record, the value's content is checked here: it must be JSON.
      if (record_ && !record_->validated && validate_json(text_->view())) return checked(Value::failed());
    } else {
      new (pieces + i) std::string_view(scalar_text(value, arena_));
    }
    size += pieces[i].size();
    if (size > kMostText) return fail(expression.place, {"a string longer than 64 MiB"});
  }
  char* out = arena_.allocate(size);
  char* to = out;
  for (std::size_t i = 0; i < count; ++i) {
    if (!pieces[i].empty()) std::memcpy(to, pieces[i].data(), pieces[i].size());
    to += pieces[i].size();
  }
  return Value::string({out, size});
}

}  // namespace eval

std::optional<std::string_view> interpolated(const Value& value, Arena& arena) {
  if (value.is_null() || value.is_failed()) return std::nullopt;
  if (!eval::needs_scratch(value.type())) return eval::scalar_text(value, arena);
  BufferPool pool(0);
  const BufferRef scratch = pool.get(64);
  return eval::written_text(value, arena, *scratch);
}

}  // namespace pipec::runtime
