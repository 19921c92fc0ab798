// MsgPack's heads and scalars, each in its smallest form. Every function writes at `to`, which has space for
// kMostHead bytes, and returns the position after them.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "pipec/runtime/buffer.h"
#include "runtime/msgpack/token.h"

namespace pipec::runtime::msgpack {

inline constexpr std::size_t kMostHead = 16;

template <typename T>
char* store(char* to, T value) {
  static_assert(std::is_unsigned_v<T>);
  if constexpr (sizeof(T) == 2) value = __builtin_bswap16(value);
  if constexpr (sizeof(T) == 4) value = __builtin_bswap32(value);
  if constexpr (sizeof(T) == 8) value = __builtin_bswap64(value);
  std::memcpy(to, &value, sizeof value);
  return to + sizeof value;
}

inline char* put_byte(char* to, unsigned byte) {
  *to = static_cast<char>(byte);
  return to + 1;
}

inline char* put_unsigned(char* to, std::uint64_t value) {
  if (value < 0x80) return put_byte(to, static_cast<unsigned>(value));
  if (value < 0x100) return put_byte(put_byte(to, 0xcc), static_cast<unsigned>(value));
  if (value < 0x10000) return store(put_byte(to, 0xcd), static_cast<std::uint16_t>(value));
  if (value < 0x100000000) return store(put_byte(to, 0xce), static_cast<std::uint32_t>(value));
  return store(put_byte(to, 0xcf), value);
}

inline char* put_integer(char* to, std::int64_t value) {
  if (value >= 0) return put_unsigned(to, static_cast<std::uint64_t>(value));
  const auto bits = static_cast<std::uint64_t>(value);
  if (value >= -32) return put_byte(to, static_cast<unsigned char>(bits));
  if (value >= -0x80) return put_byte(put_byte(to, 0xd0), static_cast<unsigned char>(bits));
  if (value >= -0x8000) return store(put_byte(to, 0xd1), static_cast<std::uint16_t>(bits));
  if (value >= -0x80000000LL) return store(put_byte(to, 0xd2), static_cast<std::uint32_t>(bits));
  return store(put_byte(to, 0xd3), bits);
}

inline char* put_float(char* to, double value) {
  return store(put_byte(to, 0xcb), std::bit_cast<std::uint64_t>(value));
}

inline char* put_str_head(char* to, std::size_t size) {
  if (size < 32) return put_byte(to, 0xa0 | static_cast<unsigned>(size));
  if (size < 0x100) return put_byte(put_byte(to, 0xd9), static_cast<unsigned>(size));
  if (size < 0x10000) return store(put_byte(to, 0xda), static_cast<std::uint16_t>(size));
  return store(put_byte(to, 0xdb), static_cast<std::uint32_t>(size));
}

inline char* put_bin_head(char* to, std::size_t size) {
  if (size < 0x100) return put_byte(put_byte(to, 0xc4), static_cast<unsigned>(size));
  if (size < 0x10000) return store(put_byte(to, 0xc5), static_cast<std::uint16_t>(size));
  return store(put_byte(to, 0xc6), static_cast<std::uint32_t>(size));
}

// How many bytes the head of a container takes.
inline std::size_t container_head_bytes(std::size_t count) {
  return count < 16 ? 1 : count < 0x10000 ? 3 : 5;
}
inline char* put_container_head(char* to, bool map, std::size_t count) {
  if (count < 16) return put_byte(to, (map ? 0x80U : 0x90U) | static_cast<unsigned>(count));
  if (count < 0x10000) return store(put_byte(to, map ? 0xde : 0xdc), static_cast<std::uint16_t>(count));
  return store(put_byte(to, map ? 0xdf : 0xdd), static_cast<std::uint32_t>(count));
}

// Nanoseconds since 1970 as ext -1: 6, 10 or 15 bytes.
inline char* put_timestamp(char* to, std::int64_t nanoseconds) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  std::int64_t seconds = nanoseconds / kSecond;
  std::int64_t fraction = nanoseconds % kSecond;
  if (fraction < 0) {
    fraction += kSecond;
    --seconds;
  }
  if (seconds >= 0 && seconds < (std::int64_t{1} << 34)) {
    if (fraction == 0 && seconds < (std::int64_t{1} << 32))
      return store(put_byte(put_byte(to, 0xd6), 0xff), static_cast<std::uint32_t>(seconds));
    const auto both = (static_cast<std::uint64_t>(fraction) << 34) | static_cast<std::uint64_t>(seconds);
    return store(put_byte(put_byte(to, 0xd7), 0xff), both);
  }
  to = put_byte(put_byte(put_byte(to, 0xc7), 12), 0xff);
  return store(store(to, static_cast<std::uint32_t>(fraction)), static_cast<std::uint64_t>(seconds));
}

inline void append_str(std::string_view text, Buffer& out) {
  char* const begin = out.extend(text.size() + kMostHead);
  char* to = put_str_head(begin, text.size());
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  out.set_size(out.size() + static_cast<std::size_t>(to - begin) + text.size());
}

}  // namespace pipec::runtime::msgpack
