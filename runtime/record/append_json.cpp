// Values of every form as JSON.
#include <charconv>
#include <cmath>
#include <cstring>
#include <string_view>
#include <vector>

#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"
#include "runtime/base64.h"

namespace pipec::runtime {

namespace {

void append_integer(std::int64_t number, Buffer& out) {
  char* to = out.extend(24);
  out.set_size(static_cast<std::size_t>(std::to_chars(to, to + 24, number).ptr - out.data()));
}

// JSON has no place for bytes that turn out to be malformed: as a whole they are null then.
void append_msgpack_slice(std::string_view slice, Buffer& out) {
  if (msgpack_to_json(slice, true, out)) out.append("null");
}

// Everything but built arrays and objects.
void append_leaf(const Value& value, Buffer& out) {
  switch (value.type()) {
    case Type::null:
    case Type::failed:
      out.append("null");
      return;
    case Type::boolean:
      out.append(value.as_bool() ? "true" : "false");
      return;
    case Type::integer:
    case Type::floating: {
      const std::string_view text = value.number_text();
      if (!text.empty()) {
        out.append(text);
      } else if (value.is_beyond()) {
        char room[kUnsignedDigits];
        out.append(exact_text(value, room));
      } else if (value.type() == Type::integer) {
        append_integer(value.as_int(), out);
      } else if (std::isfinite(value.as_float())) {
        char* to = out.extend(32);
        out.set_size(out.size() + format_float(value.as_float(), to));
      } else {
        out.append("null");  // JSON has no such number
      }
      return;
    }
    case Type::string:
      if (value.is_json_text() || value.is_escaped()) {
        const std::string_view text = value.text();
        char* to = out.extend(text.size() + 2);
        *to++ = '"';
        if (!text.empty()) std::memcpy(to, text.data(), text.size());
        to[text.size()] = '"';
        out.set_size(out.size() + text.size() + 2);
      } else {
        append_json_string(value.text(), out);
      }
      return;
    case Type::bytes:
      out.append('"');
      append_base64(value.text(), out);
      out.append('"');
      return;
    case Type::timestamp: {
      out.append('"');
      char* to = out.extend(40);
      out.set_size(out.size() + format_timestamp(value.as_int(), to));
      out.append('"');
      return;
    }
    case Type::duration:
      append_integer(value.as_int(), out);
      return;
    case Type::array:
    case Type::object:
      if (value.form() == Value::Form::json) {
        out.append(value.text());
      } else {
        append_msgpack_slice(value.text(), out);
      }
      return;
  }
}

constexpr bool is_built(const Value& value) {
  return value.form() == Value::Form::built;
}

}  // namespace

void append_json(const Value& value, Buffer& out) {
  if (!is_built(value)) {
    append_leaf(value, out);
    return;
  }
  // Values that programs build may nest as deep as the program has statements, so an explicit stack is used.
  struct Open {
    const Value* container;
    std::uint32_t next;
  };
  std::vector<Open> open;
  open.push_back({&value, 0});
  out.append(value.type() == Type::array ? '[' : '{');
  while (!open.empty()) {
    Open& top = open.back();
    const Value& container = *top.container;
    const bool array = container.type() == Type::array;
    if (top.next == container.size()) {
      out.append(array ? ']' : '}');
      open.pop_back();
      continue;
    }
    if (top.next > 0) out.append(',');
    const Value* child = nullptr;
    if (array) {
      child = &container.items()[top.next];
    } else {
      const Member& member = container.members()[top.next];
      append_json_string(member.key, out);
      out.append(':');
      child = &member.value;
    }
    ++top.next;
    if (is_built(*child)) {
      out.append(child->type() == Type::array ? '[' : '{');
      open.push_back({child, 0});
    } else {
      append_leaf(*child, out);
    }
  }
}

}  // namespace pipec::runtime
