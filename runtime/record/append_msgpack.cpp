// Values of every form as MsgPack.
#include <charconv>
#include <vector>

#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"
#include "runtime/msgpack/write.h"

namespace pipec::runtime {

namespace msgpack {

namespace {

constexpr const char* kBeyond = "a number beyond 64 bits";

template <typename Put>
void append_scalar(Buffer& out, Put put) {
  char* const begin = out.extend(kMostHead);
  out.set_size(out.size() + static_cast<std::size_t>(put(begin) - begin));
}

void append_head(bool map, std::uint32_t count, Buffer& out) {
  append_scalar(out, [&](char* to) { return put_container_head(to, map, count); });
}

// An integer of JSON text may be one that MsgPack's unsigned 64 bits hold.
const char* append_beyond(const Value& number, Buffer& out) {
  char room[kUnsignedDigits];
  const std::string_view digits = exact_text(number, room);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (number.type() != Type::integer || error != std::errc() || end != digits.data() + digits.size())
    return kBeyond;
  append_scalar(out, [&](char* to) { return put_unsigned(to, value); });
  return nullptr;
}

// A value's text need not be followed by padding as a record is: copy it to add the padding.
const char* append_json_text(std::string_view text, Buffer& out) {
  static thread_local BufferPool pool(1);
  const BufferRef copy = pool.get(text.size());
  copy->append(text);
  return json_to_msgpack(copy->view(), out);
}

// Everything but built arrays and objects.
const char* append_leaf(const Value& value, Buffer& out) {
  switch (value.type()) {
    case Type::null:
    case Type::failed:
      out.append(static_cast<char>(0xc0));
      return nullptr;
    case Type::boolean:
      out.append(static_cast<char>(value.as_bool() ? 0xc3 : 0xc2));
      return nullptr;
    case Type::integer:
    case Type::duration:
      if (value.is_beyond()) return append_beyond(value, out);
      append_scalar(out, [&](char* to) { return put_integer(to, value.as_int()); });
      return nullptr;
    case Type::floating:
      if (value.is_beyond()) return kBeyond;
      append_scalar(out, [&](char* to) { return put_float(to, value.as_float()); });
      return nullptr;
    case Type::string: {
      if (!value.is_escaped()) {
        append_str(value.text(), out);
        return nullptr;
      }
      Arena arena;
      append_str(decode_string(value, arena), out);
      return nullptr;
    }
    case Type::bytes:
      append_scalar(out, [&](char* to) { return put_bin_head(to, value.size()); });
      out.append(value.text());
      return nullptr;
    case Type::timestamp:
      append_scalar(out, [&](char* to) { return put_timestamp(to, value.as_int()); });
      return nullptr;
    case Type::array:
    case Type::object:
      if (value.form() == Value::Form::json) return append_json_text(value.text(), out);
      out.append(value.text());
      return nullptr;
  }
  return nullptr;
}

const char* append_any(const Value& value, Buffer& out) {
  const auto is_built = [](const Value& v) { return v.form() == Value::Form::built; };
  if (!is_built(value)) return append_leaf(value, out);
  // Values that programs build may nest as deep as the program has statements, so an explicit stack is used.
  struct Open {
    const Value* container;
    std::uint32_t next;
  };
  std::vector<Open> open;
  const auto enter = [&](const Value& container) {
    append_head(container.type() == Type::object, container.size(), out);
    open.push_back({&container, 0});
  };
  enter(value);
  while (!open.empty()) {
    Open& top = open.back();
    const Value& container = *top.container;
    if (top.next == container.size()) {
      open.pop_back();
      continue;
    }
    const Value* child = nullptr;
    if (container.type() == Type::array) {
      child = &container.items()[top.next];
    } else {
      append_str(container.members()[top.next].key, out);
      child = &container.members()[top.next].value;
    }
    ++top.next;
    if (is_built(*child)) {
      enter(*child);
    } else if (const char* reason = append_leaf(*child, out)) {
      return reason;
    }
  }
  return nullptr;
}

}  // namespace

}  // namespace msgpack

const char* append_msgpack(const Value& value, Buffer& out) {
  const std::size_t begin = out.size();
  const char* const reason = msgpack::append_any(value, out);
  if (reason) out.set_size(begin);
  return reason;
}

}  // namespace pipec::runtime
