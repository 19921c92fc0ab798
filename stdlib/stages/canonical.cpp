#include "stdlib/stages/canonical.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "pipec/runtime/json.h"
#include "stdlib/stages/state_bytes.h"

namespace pipec::stdlib {

namespace {

using runtime::Arena;
using runtime::Type;
using runtime::Value;

// Values that a program builds may nest deeper than any record; `==` compares to the same depth.
constexpr std::size_t kDeepest = 2 * runtime::kMaxDepth;

void append_text(std::string_view text, std::string& out) {
  write_word(text.size(), out);
  out += text;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// A number that fits no int64 as its digits without zeros around them, and their exponent: the same for
// 10000000000000000000, 1e19 and 10.0e18.
void append_decimal(std::string_view text, std::string& out) {
  using Wide = __int128;
  constexpr Wide kLargest = Wide{INT64_MAX} * 1'000'000'000'000'000'000;  // `==` saturates here as well
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  std::string digits;
  Wide exponent = 0;
  bool fraction = false;
  std::size_t at = 0;
  for (; at < text.size() && (is_digit(text[at]) || text[at] == '.'); ++at) {
    if (text[at] == '.') {
      fraction = true;
      continue;
    }
    digits += text[at];
    if (!fraction) ++exponent;
  }
  if (at < text.size()) {
    ++at;
    const bool down = text[at] == '-';
    if (text[at] == '-' || text[at] == '+') ++at;
    Wide written = 0;
    for (; at < text.size(); ++at) {
      if (written < kLargest) written = written * 10 + (text[at] - '0');
    }
    exponent += down ? -written : written;
  }
  const std::size_t first = std::min(digits.find_first_not_of('0'), digits.size());
  digits.erase(0, first);
  exponent -= static_cast<Wide>(first);
  while (!digits.empty() && digits.back() == '0') digits.pop_back();
  out += negative ? '-' : '+';
  append_text(digits, out);
  write_word(static_cast<std::uint64_t>(static_cast<unsigned __int128>(exponent) >> 64), out);
  write_word(static_cast<std::uint64_t>(exponent), out);
}

void append_number(const Value& value, std::string& out) {
  if (value.is_beyond()) {
    char room[runtime::kUnsignedDigits];
    out += 'd';
    append_decimal(runtime::exact_text(value, room), out);
    return;
  }
  if (value.type() == Type::integer) {
    out += 'i';
    write_word(static_cast<std::uint64_t>(value.as_int()), out);
    return;
  }
  const double number = value.as_float();
  if (std::trunc(number) != number) {
    out += 'f';
    write_word(std::bit_cast<std::uint64_t>(number), out);
  } else if (number >= -0x1p63 && number < 0x1p63) {
    out += 'i';
    write_word(static_cast<std::uint64_t>(static_cast<std::int64_t>(number)), out);
  } else {
    char text[512];
    const auto end = std::to_chars(text, text + sizeof text, number, std::chars_format::fixed).ptr;
    out += 'd';
    append_decimal({text, static_cast<std::size_t>(end - text)}, out);
  }
}

bool append(const Value& value, Arena& arena, std::size_t depth, std::string& out) {
  switch (value.type()) {
    case Type::null:
      out += 'n';
      return true;
    case Type::boolean:
      out += value.as_bool() ? 'T' : 'F';
      return true;
    case Type::integer:
    case Type::floating:
      append_number(value, out);
      return true;
    case Type::timestamp:
    case Type::duration:
      out += value.type() == Type::timestamp ? 't' : 'l';
      write_word(static_cast<std::uint64_t>(value.as_int()), out);
      return true;
    case Type::string:
      out += 's';
      append_text(runtime::decode_string(value, arena), out);
      return true;
    case Type::bytes:
      out += 'b';
      append_text(value.text(), out);
      return true;
    case Type::array:
    case Type::object:
      break;
    case Type::failed:
      return false;
  }
  if (depth == kDeepest) return false;
  const Value built = runtime::expand(value, arena);
  if (built.is_failed()) return false;
  out += value.type() == Type::array ? '[' : '{';
  write_word(built.size(), out);
  if (value.type() == Type::array) {
    for (std::uint32_t i = 0; i < built.size(); ++i) {
      if (!append(built.items()[i], arena, depth + 1, out)) return false;
    }
    return true;
  }
  std::vector<const runtime::Member*> members;
  for (std::uint32_t i = 0; i < built.size(); ++i) members.push_back(built.members() + i);
  std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) { return a->key < b->key; });
  for (const runtime::Member* member : members) {
    append_text(member->key, out);
    if (!append(member->value, arena, depth + 1, out)) return false;
  }
  return true;
}

std::uint64_t word_at(const char* bytes) {
  std::uint64_t word = 0;
  for (unsigned i = 8; i-- > 0;) word = word << 8 | static_cast<unsigned char>(bytes[i]);
  return word;
}

struct SipState {
  std::uint64_t v0, v1, v2, v3;

  void rounds(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      v0 += v1;
      v1 = std::rotl(v1, 13) ^ v0;
      v0 = std::rotl(v0, 32);
      v2 += v3;
      v3 = std::rotl(v3, 16) ^ v2;
      v0 += v3;
      v3 = std::rotl(v3, 21) ^ v0;
      v2 += v1;
      v1 = std::rotl(v1, 17) ^ v2;
      v2 = std::rotl(v2, 32);
    }
  }
  void absorb(std::uint64_t word) {
    v3 ^= word;
    rounds(2);
    v0 ^= word;
  }
  std::uint64_t value() const { return v0 ^ v1 ^ v2 ^ v3; }
};

}  // namespace

bool append_canonical(const Value& value, Arena& arena, std::string& out) {
  return append(value, arena, 0, out);
}

Hash128 keyed_hash(std::string_view text, const Secret& secret) {
  SipState state{secret[0] ^ 0x736f6d6570736575, secret[1] ^ 0x646f72616e646f6d ^ 0xee,
                 secret[0] ^ 0x6c7967656e657261, secret[1] ^ 0x7465646279746573};
  const std::size_t whole = text.size() / 8 * 8;
  for (std::size_t at = 0; at < whole; at += 8) state.absorb(word_at(text.data() + at));
  std::uint64_t last = static_cast<std::uint64_t>(text.size()) << 56;
  for (std::size_t at = whole; at < text.size(); ++at) {
    last |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[at])) << (8 * (at - whole));
  }
  state.absorb(last);
  Hash128 hash;
  state.v2 ^= 0xee;
  state.rounds(4);
  hash.low = state.value();
  state.v1 ^= 0xdd;
  state.rounds(4);
  hash.high = state.value();
  return hash;
}

Secret random_secret() {
  std::random_device device;
  const auto word = [&] { return static_cast<std::uint64_t>(device()) << 32 | device(); };
  return {word(), word()};
}

}  // namespace pipec::stdlib
