#include "stdlib/functions/value_hash.h"

#include <xxhash.h>

#include <charconv>
#include <limits>
#include <random>
#include <string_view>

#include "pipec/runtime/json.h"

namespace pipec::stdlib {

namespace {

using runtime::Arena;
using runtime::Type;
using runtime::Value;

std::uint64_t seed() {
  static const std::uint64_t value = [] {
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32) | device();
  }();
  return value;
}

std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t salt) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed() + salt);
}

std::uint64_t hash_number(std::uint64_t number, std::uint64_t salt) {
  return hash_bytes({reinterpret_cast<const char*>(&number), sizeof number}, salt);
}

// Equal numbers have one nearest double. A number that no double holds counts as infinite.
double nearest_double(const Value& value) {
  if (!value.is_beyond()) {
    return value.type() == Type::integer ? static_cast<double>(value.as_int()) : value.as_float();
  }
  char room[runtime::kUnsignedDigits];
  const std::string_view text = runtime::exact_text(value, room);
  double number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() ? number : std::numeric_limits<double>::infinity();
}

std::uint64_t hash_at(const Value& value, Arena& arena, std::size_t depth) {
  const auto salt = static_cast<std::uint64_t>(value.is_number() ? Type::integer : value.type());
  switch (value.type()) {
    case Type::integer:
    case Type::floating: {
      const double number = nearest_double(value) + 0.0;  // maps -0.0 to 0.0
      return hash_bytes({reinterpret_cast<const char*>(&number), sizeof number}, salt);
    }
    case Type::boolean:
    case Type::timestamp:
    case Type::duration:
      return hash_number(static_cast<std::uint64_t>(value.as_int()), salt);
    case Type::string:
      return hash_bytes(runtime::decode_string(value, arena), salt);
    case Type::bytes:
      return hash_bytes(value.text(), salt);
    case Type::array: {
      if (depth >= runtime::kMaxDepth) return salt;
      std::uint64_t hash = salt;
      runtime::ArrayWalker walker(value);
      for (Value item; walker.next(item);) hash = hash_number(hash ^ hash_at(item, arena, depth + 1), salt);
      return hash;
    }
    case Type::object: {
      if (depth >= runtime::kMaxDepth) return salt;
      const Value built = runtime::expand(value, arena);
      if (built.is_failed()) return salt;
      std::uint64_t sum = salt;  // the order of keys does not matter
      for (std::uint32_t i = 0; i < built.size(); ++i) {
        const runtime::Member& member = built.members()[i];
        sum += hash_number(hash_bytes(member.key, salt) ^ hash_at(member.value, arena, depth + 1), salt);
      }
      return hash_number(sum, salt);
    }
    case Type::null:
    case Type::failed:
      break;
  }
  return salt;
}

}  // namespace

std::uint64_t hash_value(const Value& value, Arena& arena) {
  return hash_at(value, arena, 0);
}

}  // namespace pipec::stdlib
