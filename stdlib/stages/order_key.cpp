#include "stdlib/stages/order_key.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>
#include <vector>

#include "pipec/runtime/json.h"

namespace pipec::stdlib {

namespace {

using runtime::Arena;
using runtime::Type;
using runtime::Value;

constexpr std::size_t kDeepestKey = 2 * runtime::kMaxDepth;
constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
constexpr char kEnd = '\0';  // of an array; below every head

// What a key begins with.
constexpr char kNullLead = 1, kFalseLead = 2, kTrueLead = 3, kNumberLead = 4, kStringLead = 5,
               kTimestampLead = 6, kBytesLead = 7, kArrayLead = 8, kObjectLead = 9;

void append_big_endian(std::uint64_t word, std::string& out) {
  for (unsigned i = 8; i-- > 0;) out += static_cast<char>(word >> (8 * i) & 0xff);
}

// Ends with two zero bytes; a zero byte within is followed by 0xff.
void append_text(std::string_view text, std::string& out) {
  for (const char c : text) {
    out += c;
    if (c == '\0') out += '\xff';
  }
  out.append(2, '\0');
}

void append_double(double number, std::string& out) {
  const auto bits = std::bit_cast<std::uint64_t>(number == 0 ? 0.0 : number);
  append_big_endian((bits & kSign) != 0 ? ~bits : bits | kSign, out);
}

// The nearest double, then how far an int is from it.
void append_number(const Value& value, std::string& out) {
  out += kNumberLead;
  double nearest = 0;
  std::int64_t rest = 0;
  if (value.is_beyond()) {
    char room[runtime::kUnsignedDigits];
    const std::string_view text = runtime::exact_text(value, room);
    const auto read = std::from_chars(text.data(), text.data() + text.size(), nearest);
    if (read.ec != std::errc()) {
      const double infinity = std::numeric_limits<double>::infinity();
      const bool tiny = text.find("e-") != text.npos || text.find("E-") != text.npos;
      nearest =
          (tiny ? std::numeric_limits<double>::denorm_min() : infinity) * (text.starts_with('-') ? -1 : 1);
    }
  } else if (value.type() == Type::integer) {
    nearest = static_cast<double>(value.as_int());
    rest = static_cast<std::int64_t>(static_cast<__int128>(value.as_int()) - static_cast<__int128>(nearest));
  } else {
    nearest = value.as_float();
  }
  append_double(nearest, out);
  append_big_endian(static_cast<std::uint64_t>(rest) ^ kSign, out);
}

bool append(const Value& value, Arena& arena, std::size_t depth, std::string& out);

bool append_container(const Value& value, Arena& arena, std::size_t depth, std::string& out) {
  if (depth == kDeepestKey) return false;
  const Value built = runtime::expand(value, arena);
  if (built.is_failed()) return false;
  if (value.type() == Type::array) {
    out += kArrayLead;
    for (std::uint32_t i = 0; i < built.size(); ++i) {
      if (!append(built.items()[i], arena, depth + 1, out)) return false;
    }
    out += kEnd;
    return true;
  }
  std::vector<const runtime::Member*> members;
  for (std::uint32_t i = 0; i < built.size(); ++i) members.push_back(built.members() + i);
  std::ranges::sort(members, {}, [](const runtime::Member* member) { return member->key; });
  out += kObjectLead;
  for (const runtime::Member* member : members) {
    out += kStringLead;
    append_text(member->key, out);
  }
  out += kEnd;
  return std::ranges::all_of(
      members, [&](const runtime::Member* member) { return append(member->value, arena, depth + 1, out); });
}

bool append(const Value& value, Arena& arena, std::size_t depth, std::string& out) {
  switch (value.type()) {
    case Type::null:
      out += kNullLead;
      return true;
    case Type::boolean:
      out += value.as_bool() ? kTrueLead : kFalseLead;
      return true;
    case Type::integer:
    case Type::floating:
      append_number(value, out);
      return true;
    case Type::timestamp:
    case Type::duration:
      out += kTimestampLead;
      append_big_endian(static_cast<std::uint64_t>(value.as_int()) ^ kSign, out);
      return true;
    case Type::string:
      out += kStringLead;
      append_text(runtime::decode_string(value, arena), out);
      return true;
    case Type::bytes:
      out += kBytesLead;
      append_text(value.text(), out);
      return true;
    case Type::array:
    case Type::object:
      return append_container(value, arena, depth, out);
    case Type::failed:
      break;
  }
  return false;
}

}  // namespace

bool append_order_key(const Value& value, Arena& arena, std::string& out) {
  return append(value, arena, 0, out);
}

}  // namespace pipec::stdlib
