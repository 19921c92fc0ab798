#include "runtime/json/field_index.h"

#include <bit>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "pipec/runtime/json.h"
#include "runtime/json/text.h"

namespace pipec::runtime::json {

namespace {

// The first `size` bytes (at most 8), as a load would place them, followed by zeros.
inline std::uint64_t head_of(const char* key, std::uint32_t size) {
  const std::uint64_t word = load8(key);
  if (size >= 8) return word;
  const unsigned unused = 64 - 8 * size;
  if (size == 0) return 0;
  if constexpr (std::endian::native == std::endian::little) {
    return word << unused >> unused;
  } else {
    return word >> unused << unused;
  }
}

inline std::uint64_t hash_of(std::uint64_t head, const char* key, std::uint32_t size) {
  std::uint64_t hash = head + size;
  if (size > 8) hash ^= std::rotl(load8(key + size - 8), 29);
  return hash * 0x9e3779b97f4a7c15ULL;
}

// Whether a key contains a quote or a backslash. Reads up to 15 bytes past its end.
inline bool has_special(const char* key, std::uint32_t size) {
#if defined(__SSE2__)
  for (std::uint32_t i = 0; i < size; i += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(key + i));
    const unsigned within = size - i >= 16 ? 0xffffU : (1U << (size - i)) - 1;
    const __m128i hit =
        _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
    if (static_cast<unsigned>(_mm_movemask_epi8(hit)) & within) return true;
  }
#else
  for (std::uint32_t i = 0; i < size; ++i) {
    if (key[i] == '"' || key[i] == '\\') return true;
  }
#endif
  return false;
}

}  // namespace

FieldIndex::FieldIndex(const FieldSet& fields, const Kernel& kernel)
    : kernel_(&kernel), slots_(fields.keys.size()) {
  expected_.resize(kExpected + 1);  // the last one stays empty: for further members
  std::size_t bytes = 16;           // readable after the last key
  for (const std::string& key : fields.keys) bytes += key.size();
  keys_.resize(bytes);
  // At most a quarter full, so that a key that is not wanted usually meets an empty bucket.
  const auto buckets = std::bit_ceil(std::max<std::size_t>(16, fields.keys.size() * 4));
  buckets_.assign(buckets, 0);
  shift_ = 64 - static_cast<unsigned>(std::countr_zero(buckets));
  char* to = keys_.data();
  for (std::uint32_t i = 0; i < fields.keys.size(); ++i) {
    const std::string& key = fields.keys[i];
    std::memcpy(to, key.data(), key.size());
    Wanted wanted;
    wanted.size = static_cast<std::uint32_t>(key.size());
    wanted.head = head_of(to, wanted.size);
    wanted.slot = i;
    wanted.bytes = to;
    std::size_t bucket = hash_of(wanted.head, to, wanted.size) >> shift_;
    while (buckets_[bucket] != 0) bucket = (bucket + 1) & (buckets - 1);
    wanted_.push_back(wanted);
    buckets_[bucket] = static_cast<std::uint16_t>(wanted_.size());
    to += key.size();
  }
}

inline const FieldIndex::Wanted* FieldIndex::find(const char* key, std::uint32_t size) const {
  const std::uint64_t head = head_of(key, size);
  std::size_t bucket = hash_of(head, key, size) >> shift_;
  for (; buckets_[bucket] != 0; bucket = (bucket + 1) & (buckets_.size() - 1)) {
    const Wanted& wanted = wanted_[buckets_[bucket] - 1];
    if (wanted.head == head && wanted.size == size &&
        (size <= 8 || std::memcmp(wanted.bytes + 8, key + 8, size - 8) == 0)) {
      return &wanted;
    }
  }
  return nullptr;
}

const FieldIndex::Wanted* FieldIndex::find_escaped(std::string_view inside) {
  decoded_.resize(inside.size() + 16);
  const std::size_t size = unescape(inside, decoded_.data());
  return find(decoded_.data(), static_cast<std::uint32_t>(size));
}

// A key that was not expected here. False: it is not one string.
bool FieldIndex::look_up(const char* key, std::uint32_t size, std::size_t place, bool trusted,
                         const Wanted*& wanted) {
  if (has_special(key, size)) [[unlikely]] {
    // Its first unescaped quote must be its last byte.
    if (!trusted && find_string_end(key, key + size + 1) != key + size) return false;
    wanted = find_escaped({key, size});
    return true;
  }
  wanted = find(key, size);
  if (size > 0 && size <= 16 && place < kExpected) {
    static constexpr char kOnes[17] = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff";
    expected_[place] = {head_of(key, size), head_of(kOnes, size), size > 8 ? load8(key + size - 8) : 0, size,
                        wanted};
  }
  return true;
}

Shape FieldIndex::scan(std::string_view record, bool trusted) {
  for (FieldSlot& slot : slots_) slot.value_end = 0;
  members_ = 0;
  repeated_ = false;
  const char* const begin = record.data();
  const char* const end = begin + record.size();
  const char* const first = skip_space(begin, end);
  if (first == end) return Shape::malformed;
  object_begin_ = static_cast<std::uint32_t>(first - begin);
  if (*first == '{') return scan_object(record, trusted);
  if (*first == '[') {
    const std::size_t count = kernel_->members(begin, record.size(), object_begin_, offsets_);
    if (count == 0) return Shape::malformed;
    return skip_space(begin + offsets_.data()[count - 1] + 1, end) == end ? Shape::other : Shape::malformed;
  }
  return read_json(trimmed(record)) ? Shape::other : Shape::malformed;
}

Shape FieldIndex::scan_object(std::string_view record, bool trusted) {
  const char* const text = record.data();
  const char* const end = text + record.size();
  const std::size_t count = kernel_->members(text, record.size(), object_begin_, offsets_);
  if (count == 0) return Shape::malformed;
  const std::uint32_t* const offsets = offsets_.data();
  object_end_ = offsets[count - 1];
  if (text + object_end_ + 1 != end && skip_space(text + object_end_ + 1, end) != end)
    return Shape::malformed;
  if (count == 1) {
    return skip_space(text + object_begin_ + 1, text + object_end_) == text + object_end_ ? Shape::object
                                                                                          : Shape::malformed;
  }
  if (count % 2 != 0) return Shape::malformed;
  const char* before = text + object_begin_;  // `{` or `,`
  for (std::size_t i = 0; i < count; i += 2) {
    const char* const colon = text + offsets[i];
    const char* const next = text + offsets[i + 1];
    const char* key = before + 1;
    const char* key_end = colon;
    const Wanted* wanted = nullptr;
    const Expected& expected = expected_[i / 2 < kExpected ? i / 2 : kExpected];
    // Nearly always: the key that stood here in the record before, without white space around it.
    if (static_cast<std::uint32_t>(colon - before) - 3 == expected.size && *key == '"' && colon[-1] == '"' &&
        ((load8(key + 1) ^ expected.head) & expected.mask) == 0 &&
        (expected.size <= 8 || load8(colon - 9) == expected.tail)) [[likely]] {
      wanted = expected.wanted;
    } else {
      if (*key != '"') {
        key = skip_space(key, colon);
        if (*key != '"') return Shape::malformed;
      }
      if (key_end[-1] != '"') {
        key_end = skip_space_back(key_end, key);
        if (key_end[-1] != '"') return Shape::malformed;
      }
      if (key_end - key < 2) return Shape::malformed;
      const auto size = static_cast<std::uint32_t>(key_end - key) - 2;
      if (!look_up(key + 1, size, i / 2, trusted, wanted)) return Shape::malformed;
    }
    if (*colon != ':') return Shape::malformed;
    const char* value = colon + 1;
    if (static_cast<unsigned char>(*value) <= ' ') value = skip_space(value, next);
    if (value == next || (*next != ',' && i + 2 != count)) return Shape::malformed;
    before = next;
    if (!wanted) continue;
    FieldSlot& slot = slots_[wanted->slot];
    if (slot.found()) repeated_ = true;
    const char* const value_end = skip_space_back(next, value);
    slot.key_begin = static_cast<std::uint32_t>(key - text);
    slot.key_end = static_cast<std::uint32_t>(key_end - text);
    slot.value_begin = static_cast<std::uint32_t>(value - text);
    slot.value_end = static_cast<std::uint32_t>(value_end - text);
    // A nested bracket begins its value (the kernel saw to it), so the value's last bracket is its partner.
    if ((*value == '{' || *value == '[') && value_end[-1] != (*value == '{' ? '}' : ']'))
      return Shape::malformed;
  }
  members_ = static_cast<std::uint32_t>(count / 2);
  return Shape::object;
}

FieldSlot FieldIndex::member(std::string_view record, std::uint32_t i) const {
  const char* const text = record.data();
  const std::uint32_t* const offsets = offsets_.data() + std::size_t{2} * i;
  const char* const before = text + (i == 0 ? object_begin_ : offsets[-1]);
  const char* const colon = text + offsets[0];
  const char* const next = text + offsets[1];
  const char* const key = skip_space(before + 1, colon);
  const char* const value = skip_space(colon + 1, next);
  FieldSlot slot;
  slot.key_begin = static_cast<std::uint32_t>(key - text);
  slot.key_end = static_cast<std::uint32_t>(skip_space_back(colon, key) - text);
  slot.value_begin = static_cast<std::uint32_t>(value - text);
  slot.value_end = static_cast<std::uint32_t>(skip_space_back(next, value) - text);
  return slot;
}

}  // namespace pipec::runtime::json
