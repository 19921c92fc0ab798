#include "runtime/msgpack/index.h"

#include <algorithm>
#include <cstring>

namespace pipec::runtime::msgpack {

namespace {

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
const char* Index::read_any_key(const char* at, const char* end, std::string_view& text) {
  Token key;
  at = read_key(at, end, key);
  if (!at) return nullptr;
  arena_.reset();
  text = key_text(key, arena_);
  return at;
}

void Index::expect(const char* key, std::size_t size, std::uint32_t slot, std::uint32_t place) {
  if (place >= kExpected || size > kExpectedBytes) return;
  Expected& expected = expected_[place];
  expected = {slot, static_cast<std::uint32_t>(size), {}, {}};
  std::memcpy(expected.words, key, size);
  std::memset(expected.masks, 0xff, size);
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
    const char* const key = at;
    std::uint32_t slot = kNone;
    if (i < kExpected && end - at >= static_cast<std::ptrdiff_t>(kExpectedBytes) && expected_[i].matches(at))
        [[likely]] {
      slot = expected_[i].slot;
      at += expected_[i].size;
    } else {
      std::string_view text;
      const bool plain = at < end && is_short_str(at) && end - at > short_size(at);
      if (plain) {
        text = {at + 1, static_cast<std::size_t>(short_size(at))};
        at += text.size() + 1;
      } else {
        at = read_any_key(at, end, text);
        if (!at) return Shape::malformed;
      }
      slot = find(text);
      if (plain) expect(key, text.size() + 1, slot, i);
    }
    const char* const value = at;
    at = skip(at, end, 1);
    if (!at) return Shape::malformed;
    if (slot == kNone) continue;
    repeated_ = repeated_ || slots_[slot].found();
    slots_[slot] = {offset(key), offset(value), offset(value), offset(at)};
  }
  return at == end ? Shape::object : Shape::malformed;
}

Shape Index::take(const KnownMembers& known) {
  const auto& [layout, places] = known;
  repeated_ = false;
  members_ = static_cast<std::uint32_t>(layout->leads.size());
  body_ = layout->leads.front().key;
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    slots_[slot] = {};
    const std::uint16_t member = layout->member_of[slot];
    if (member == record::Layout::kMissing) continue;
    const std::uint32_t* const at = places + std::size_t{2} * member;
    const std::uint32_t key_end = at[1] - places[0];
    slots_[slot] = {at[0] + layout->leads[member].key - places[0], key_end, key_end, at[2] - places[0]};
  }
  return Shape::object;
}

}  // namespace pipec::runtime::msgpack
