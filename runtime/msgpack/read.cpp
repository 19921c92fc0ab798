#include "runtime/msgpack/read.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "pipec/runtime/msgpack.h"
#include "pipec/runtime/number_text.h"
#include "pipec/runtime/utf8.h"
#include "runtime/base64.h"

namespace pipec::runtime {

std::optional<Value> read_msgpack(std::string_view slice) {
  msgpack::Token token;
  const char* const end = slice.data() + slice.size();
  const char* const behind = msgpack::read_token(slice.data(), end, token);
  if (!behind) return std::nullopt;
  const bool container = token.kind == msgpack::Kind::array || token.kind == msgpack::Kind::map;
  if (!container && behind != end) return std::nullopt;
  return msgpack::value_of(token, slice);
}

namespace msgpack {

std::optional<double> float_of(const Token& token) {
  const double value = token.kind == Kind::float64
                           ? std::bit_cast<double>(token.bits)
                           : double{std::bit_cast<float>(static_cast<std::uint32_t>(token.bits))};
  return std::isfinite(value) ? std::optional(value) : std::nullopt;
}

std::optional<std::int64_t> timestamp_of(const Token& token) {
  if (token.ext != -1) return std::nullopt;
  std::int64_t seconds = 0;
  std::uint64_t nanoseconds = 0;
  if (token.size == 4) {
    seconds = load<std::uint32_t>(token.begin);
  } else if (token.size == 8) {
    const auto both = load<std::uint64_t>(token.begin);
    nanoseconds = both >> 34;
    seconds = static_cast<std::int64_t>(both & ((std::uint64_t{1} << 34) - 1));
  } else if (token.size == 12) {
    nanoseconds = load<std::uint32_t>(token.begin);
    seconds = static_cast<std::int64_t>(load<std::uint64_t>(token.begin + 4));
  } else {
    return std::nullopt;
  }
  if (nanoseconds > 999'999'999) return std::nullopt;
  // In 128 bits: the earliest second is in range only with its fraction added.
  const __int128 all = static_cast<__int128>(seconds) * 1'000'000'000 + static_cast<__int128>(nanoseconds);
  if (all < std::numeric_limits<std::int64_t>::min() || all > std::numeric_limits<std::int64_t>::max())
    return std::nullopt;
  return static_cast<std::int64_t>(all);
}

std::optional<Value> value_of(const Token& token, std::string_view slice) {
  switch (token.kind) {
    case Kind::nil:
      return Value();
    case Kind::boolean:
      return Value::boolean(token.bits != 0);
    case Kind::signed_integer:
      return Value::integer(static_cast<std::int64_t>(token.bits));
    case Kind::unsigned_integer:
      return Value::unsigned_integer(token.bits);
    case Kind::float32:
    case Kind::float64: {
      const auto number = float_of(token);
      return number ? Value::floating(*number) : Value();
    }
    case Kind::str:
      return is_utf8(token.text()) ? std::optional(Value::string(token.text())) : std::nullopt;
    case Kind::bin:
      return Value::bytes(token.text());
    case Kind::ext: {
      const auto time = timestamp_of(token);
      return time ? Value::timestamp(*time) : Value::bytes(token.text());
    }
    case Kind::array:
      return Value::msgpack_array(slice);
    case Kind::map:
      return Value::msgpack_object(slice);
    case Kind::never:
      break;
  }
  return std::nullopt;
}

std::string_view key_text(const Token& token, Arena& arena) {
  constexpr std::size_t kRoom = 32;
  switch (token.kind) {
    case Kind::str:
      return token.text();
    case Kind::nil:
      return "null";
    case Kind::boolean:
      return token.bits != 0 ? "true" : "false";
    case Kind::signed_integer:
    case Kind::unsigned_integer: {
      char* const room = arena.allocate(kRoom);
      const char* const end =
          token.kind == Kind::signed_integer
              ? std::to_chars(room, room + kRoom, static_cast<std::int64_t>(token.bits)).ptr
              : std::to_chars(room, room + kRoom, token.bits).ptr;
      return {room, static_cast<std::size_t>(end - room)};
    }
    case Kind::float32:
    case Kind::float64: {
      const auto number = float_of(token);
      if (!number) return "null";
      char* const room = arena.allocate(kRoom);
      return {room, format_float(*number, room)};
    }
    default: {
      if (is_utf8(token.text())) return token.text();
      static thread_local BufferPool pool(1);
      const BufferRef text = pool.get(token.size * 2 + 8);
      append_base64(token.text(), *text);
      return arena.copy(text->view());
    }
  }
}

Walk::Walk(std::string_view slice) : at_(slice.data()), end_(slice.data() + slice.size()) {
  Token head;
  const char* const behind = read_token(at_, end_, head);
  map_ = behind && head.kind == Kind::map;
  if (!map_ && !(behind && head.kind == Kind::array)) {
    bad_ = true;
    return;
  }
  at_ = body_ = behind;
  count_ = left_ = head.size;
}

bool read_entry(const char* at, const char* end, bool map, Entry& entry) {
  entry.key_begin = at;
  if (map) {
    at = read_key(at, end, entry.key);
    if (!at) return false;
  }
  entry.key_end = at;
  entry.value_begin = at;
  entry.value_end = skip(at, end, 0);
  return entry.value_end != nullptr;
}

bool Walk::next(Entry& entry) {
  if (left_ == 0 || bad_) return false;
  --left_;
  bad_ = !read_entry(at_, end_, map_, entry);
  at_ = entry.value_end;
  return !bad_;
}

Found find_member(const Value& map, std::string_view key, Arena& arena) {
  Found found;
  Walk walk(map.text());
  std::string_view slice;
  for (Entry entry; walk.next(entry);) {
    if (entry.has_key(key, arena)) slice = entry.value();
  }
  found.bad = walk.bad();
  if (found.bad || slice.empty()) return found;
  const auto value = read_msgpack(slice);
  found.bad = !value;
  found.found = value.has_value();
  if (value) found.value = *value;
  return found;
}

Found find_item(const Value& array, std::int64_t index) {
  Found found;
  Walk walk(array.text());
  if (index < 0) index += walk.count();
  found.bad = walk.bad();
  if (index < 0 || index >= walk.count()) return found;
  Entry entry;
  for (std::int64_t i = 0; walk.next(entry); ++i) {
    if (i < index) continue;
    const auto value = read_msgpack(entry.value());
    found.bad = !value;
    found.found = value.has_value();
    if (value) found.value = *value;
    return found;
  }
  found.bad = true;
  return found;
}

}  // namespace msgpack

}  // namespace pipec::runtime
