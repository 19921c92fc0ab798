#include "runtime/msgpack/index.h"

#include <algorithm>

namespace pipec::runtime::msgpack {

namespace {

// Without a call for the lengths that keys have.
bool same_bytes(const char* a, const char* b, std::size_t size) {
  const auto word = [](const char* at) {
    std::uint64_t value;
    std::memcpy(&value, at, sizeof value);
    return value;
  };
  const auto half = [](const char* at) {
    std::uint32_t value;
    std::memcpy(&value, at, sizeof value);
    return value;
  };
  if (size > 16) return word(a) == word(b) && std::memcmp(a + 8, b + 8, size - 8) == 0;
  if (size >= 8) return word(a) == word(b) && word(a + size - 8) == word(b + size - 8);
  if (size >= 4) return half(a) == half(b) && half(a + size - 4) == half(b + size - 4);
  return size == 0 || (a[0] == b[0] && a[size - 1] == b[size - 1] && a[size / 2] == b[size / 2]);
}

// A str of up to 31 bytes, as most keys are.
bool is_short_str(const char* at) {
  return (static_cast<unsigned char>(*at) & 0xe0) == 0xa0;
}
int short_size(const char* at) {
  return static_cast<unsigned char>(*at) & 31;
}

}  // namespace

Index::Index(const std::vector<std::string>& keys) : keys_(keys), slots_(keys.size()), expected_(kExpected) {
  for (std::uint32_t i = 0; i < keys.size(); ++i) order_.push_back(i);
  std::sort(order_.begin(), order_.end(),
            [&](std::uint32_t a, std::uint32_t b) { return keys_[a] < keys_[b]; });
}

std::uint32_t Index::find(std::string_view key) const {
  const auto found =
      std::lower_bound(order_.begin(), order_.end(), key,
                       [&](std::uint32_t slot, std::string_view k) { return keys_[slot] < k; });
  return found != order_.end() && keys_[*found] == key ? *found : kNone;
}

// Any other key; nullptr: malformed. The text lives until the next call.
const char* Index::read_key(const char* at, const char* end, std::string_view& text) {
  Token key;
  at = read_token(at, end, key);
  const Kind kind = key.kind;
  if (!at || kind == Kind::array || kind == Kind::map || kind == Kind::ext || kind == Kind::never)
    return nullptr;
  arena_.reset();
  text = key_text(key, arena_);
  return at;
}

std::uint32_t Index::look_up(std::string_view key, std::uint32_t place) {
  if (place >= kExpected) return find(key);
  Expected& expected = expected_[place];
  if (expected.size == key.size() && same_bytes(expected.bytes, key.data(), key.size())) return expected.slot;
  const std::uint32_t slot = find(key);
  if (key.size() <= kExpectedBytes) {
    expected.slot = slot;
    expected.size = static_cast<std::uint32_t>(key.size());
    std::copy(key.begin(), key.end(), expected.bytes);
  }
  return slot;
}

Shape Index::scan(std::string_view record) {
  std::fill(slots_.begin(), slots_.end(), FieldSlot{});
  repeated_ = false;
  members_ = 0;
  const char* const begin = record.data();
  const char* const end = begin + record.size();
  Token head;
  const char* at = read_token(begin, end, head);
  if (!at || head.kind != Kind::map)
    return skip(begin, end, 0) == end && at ? Shape::other : Shape::malformed;
  const auto offset = [&](const char* place) { return static_cast<std::uint32_t>(place - begin); };
  body_ = offset(at);
  members_ = head.size;
  for (std::uint32_t i = 0; i < head.size; ++i) {
    FieldSlot place;
    place.key_begin = offset(at);
    std::string_view text;
    if (at < end && is_short_str(at) && end - at > short_size(at)) [[likely]] {
      text = {at + 1, static_cast<std::size_t>(short_size(at))};
      at += text.size() + 1;
    } else {
      at = read_key(at, end, text);
      if (!at) return Shape::malformed;
    }
    place.key_end = place.value_begin = offset(at);
    at = skip(at, end, 1);
    if (!at) return Shape::malformed;
    place.value_end = offset(at);
    const std::uint32_t slot = look_up(text, i);
    if (slot == kNone) continue;
    repeated_ = repeated_ || slots_[slot].found();
    slots_[slot] = place;
  }
  return at == end ? Shape::object : Shape::malformed;
}

}  // namespace pipec::runtime::msgpack
