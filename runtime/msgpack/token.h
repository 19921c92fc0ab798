// The bytes of MsgPack, one value's head at a time. Nothing here reads at or past `end`.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace pipec::runtime::msgpack {

enum class Kind : std::uint8_t {
  nil,
  boolean,
  signed_integer,    // bits: two's complement, 64 bits wide
  unsigned_integer,  // bits
  float32,           // bits
  float64,           // bits
  str,
  bin,
  ext,
  array,
  map,
  never,  // 0xc1, which means nothing
};

struct Token {
  Kind kind = Kind::never;
  std::int8_t ext = 0;          // the application's type
  std::uint32_t size = 0;       // payload bytes of str, bin and ext; items of an array, members of a map
  std::uint64_t bits = 0;       // scalars
  const char* begin = nullptr;  // str, bin, ext: the payload; array, map: the first item or key
  std::string_view text() const { return {begin, size}; }
};

// Numbers are big endian.
template <typename T>
T load(const char* at) {
  static_assert(std::is_unsigned_v<T>);
  T value;
  std::memcpy(&value, at, sizeof value);
  if constexpr (sizeof(T) == 2) return __builtin_bswap16(value);
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(value);
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(value);
  return value;
}

// The meaning of the first byte.
struct Lead {
  enum class Class : std::uint8_t {
    fixed,  // `bytes` in all
    sized,  // str, bin: `length` bytes of length follow the first, then the payload
    ext,    // as sized, and a type byte; length 0: `bytes` in all
    array,  // length 0: the count is in the first byte
    map,
    never,
  };
  Class kind = Class::never;
  std::uint8_t bytes = 0;
  std::uint8_t length = 0;
};

constexpr std::array<Lead, 256> make_leads() {
  using Class = Lead::Class;
  std::array<Lead, 256> leads{};
  const auto set = [&](unsigned byte, Class kind, unsigned bytes, unsigned length = 0) {
    leads[byte] = {kind, static_cast<std::uint8_t>(bytes), static_cast<std::uint8_t>(length)};
  };
  for (unsigned byte = 0; byte < 0x80; ++byte) set(byte, Class::fixed, 1);
  for (unsigned byte = 0x80; byte < 0x90; ++byte) set(byte, Class::map, 1);
  for (unsigned byte = 0x90; byte < 0xa0; ++byte) set(byte, Class::array, 1);
  for (unsigned byte = 0xa0; byte < 0xc0; ++byte) set(byte, Class::fixed, 1 + (byte & 31));
  set(0xc0, Class::fixed, 1);
  set(0xc2, Class::fixed, 1);
  set(0xc3, Class::fixed, 1);
  for (unsigned i = 0; i < 3; ++i) {
    set(0xc4 + i, Class::sized, 1 + (1U << i), 1U << i);  // bin
    set(0xc7 + i, Class::ext, 2 + (1U << i), 1U << i);
    set(0xd9 + i, Class::sized, 1 + (1U << i), 1U << i);  // str
  }
  set(0xca, Class::fixed, 5);
  set(0xcb, Class::fixed, 9);
  for (unsigned i = 0; i < 4; ++i) {
    set(0xcc + i, Class::fixed, 1 + (1U << i));
    set(0xd0 + i, Class::fixed, 1 + (1U << i));
  }
  for (unsigned i = 0; i < 5; ++i) set(0xd4 + i, Class::ext, 2 + (1U << i));
  for (unsigned i = 0; i < 2; ++i) {
    set(0xdc + i, Class::array, 1 + (2U << i), 2U << i);
    set(0xde + i, Class::map, 1 + (2U << i), 2U << i);
  }
  for (unsigned byte = 0xe0; byte < 0x100; ++byte) set(byte, Class::fixed, 1);
  return leads;
}
inline constexpr std::array<Lead, 256> kLeads = make_leads();

inline const Lead& lead(const char* at) {
  return kLeads[static_cast<unsigned char>(*at)];
}

// A length or count of 1, 2 or 4 bytes.
inline std::uint32_t load_length(const char* at, unsigned bytes) {
  if (bytes == 1) return static_cast<unsigned char>(*at);
  return bytes == 2 ? load<std::uint16_t>(at) : load<std::uint32_t>(at);
}

// Reads the head of the value at `at`, and the whole of a scalar. Returns the next position: a container's
// first item, or the end of any other value's payload; nullptr: cut off. The caller must reject Kind::never.
inline const char* read_token(const char* at, const char* end, Token& token) {
  if (at >= end) return nullptr;
  const auto byte = static_cast<unsigned char>(*at);
  const Lead& first = kLeads[byte];
  const auto room = static_cast<std::size_t>(end - at);
  if (room < first.bytes) return nullptr;
  switch (first.kind) {
    case Lead::Class::array:
    case Lead::Class::map:
      token.kind = first.kind == Lead::Class::map ? Kind::map : Kind::array;
      token.size = first.length == 0 ? byte & 15U : load_length(at + 1, first.length);
      token.begin = at + first.bytes;
      return token.begin;
    case Lead::Class::sized:
      token.kind = byte >= 0xd9 ? Kind::str : Kind::bin;
      token.size = load_length(at + 1, first.length);
      token.begin = at + first.bytes;
      return room - first.bytes < token.size ? nullptr : token.begin + token.size;
    case Lead::Class::ext:
      token.kind = Kind::ext;
      token.size = first.length == 0 ? first.bytes - 2U : load_length(at + 1, first.length);
      token.begin = at + first.length + 2;
      token.ext = static_cast<std::int8_t>(token.begin[-1]);
      return static_cast<std::size_t>(end - token.begin) < token.size ? nullptr : token.begin + token.size;
    case Lead::Class::never:
      token.kind = Kind::never;
      return at + 1;
    case Lead::Class::fixed:
      break;
  }
  const auto integer = [&](Kind kind, std::int64_t value) {
    token.kind = kind;
    token.bits = static_cast<std::uint64_t>(value);
  };
  if (byte < 0x80 || byte >= 0xe0) {
    integer(Kind::signed_integer, static_cast<signed char>(byte));
  } else if (byte >= 0xa0 && byte < 0xc0) {
    token.kind = Kind::str;
    token.size = byte & 31U;
    token.begin = at + 1;
  } else {
    switch (byte) {
      case 0xc2:
      case 0xc3:
        integer(Kind::boolean, byte & 1);
        break;
      case 0xca:
        integer(Kind::float32, load<std::uint32_t>(at + 1));
        break;
      case 0xcb:
        token.kind = Kind::float64;
        token.bits = load<std::uint64_t>(at + 1);
        break;
      case 0xcc:
        integer(Kind::signed_integer, static_cast<unsigned char>(at[1]));
        break;
      case 0xcd:
        integer(Kind::signed_integer, load<std::uint16_t>(at + 1));
        break;
      case 0xce:
        integer(Kind::signed_integer, load<std::uint32_t>(at + 1));
        break;
      case 0xcf:
        token.kind = Kind::unsigned_integer;
        token.bits = load<std::uint64_t>(at + 1);
        break;
      case 0xd0:
        integer(Kind::signed_integer, static_cast<signed char>(at[1]));
        break;
      case 0xd1:
        integer(Kind::signed_integer, static_cast<std::int16_t>(load<std::uint16_t>(at + 1)));
        break;
      case 0xd2:
        integer(Kind::signed_integer, static_cast<std::int32_t>(load<std::uint32_t>(at + 1)));
        break;
      case 0xd3:
        integer(Kind::signed_integer, static_cast<std::int64_t>(load<std::uint64_t>(at + 1)));
        break;
      default:
        token.kind = Kind::nil;
        break;
    }
  }
  return at + first.bytes;
}

}  // namespace pipec::runtime::msgpack
