#include "stdlib/connectors/lines.h"

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "stdlib/connectors/connectors.h"

namespace pipec::stdlib {

namespace {

using runtime::Slice;

bool is_white(const char* data, std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    if (data[i] != ' ' && data[i] != '\t' && data[i] != '\r') return false;
  }
  return true;
}

// Writes slices without a capacity check per line: space is reserved once per 64 bytes of text.
class Origins {
 public:
  Origins(std::vector<Slice>& origins, std::size_t text_bytes) : origins_(origins), count_(origins.size()) {
    origins_.resize(count_ + text_bytes / 128 + 64);
  }
  ~Origins() { origins_.resize(count_); }
  Origins(const Origins&) = delete;
  Origins& operator=(const Origins&) = delete;

  std::size_t count() const { return count_; }
  void make_room(std::size_t lines) {
    if (count_ + lines > origins_.size()) origins_.resize(origins_.size() * 2 + lines);
  }
  void add(const char* data, std::size_t begin, std::size_t end) {
    if (end > begin && data[end - 1] == '\r') --end;
    if (end == begin) return;
    if (static_cast<unsigned char>(data[begin]) <= ' ' && is_white(data, begin, end)) return;
    origins_[count_++] = {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin)};
  }

 private:
  std::vector<Slice>& origins_;
  std::size_t count_;
};

// Lines of data[begin, size) one by one.
std::size_t find_one_by_one(const char* data, std::size_t begin, std::size_t size, std::size_t stop_at,
                            Origins& origins) {
  while (begin < size && origins.count() < stop_at) {
    const void* newline = std::memchr(data + begin, '\n', size - begin);
    if (!newline) break;
    const auto end = static_cast<std::size_t>(static_cast<const char*>(newline) - data);
    origins.make_room(1);
    origins.add(data, begin, end);
    begin = end + 1;
  }
  return begin;
}

#if defined(__x86_64__)
__attribute__((target("avx2,bmi"))) std::size_t find_by_avx2(const char* data, std::size_t size,
                                                             std::size_t stop_at, Origins& origins) {
  const __m256i newlines = _mm256_set1_epi8('\n');
  std::size_t begin = 0;
  std::size_t at = 0;
  for (; at + 64 <= size; at += 64) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data + at));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data + at + 32));
    const auto low_bits = static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, newlines)));
    const auto high_bits =
        static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, newlines)));
    std::uint64_t bits = low_bits | (std::uint64_t{high_bits} << 32);
    if (bits == 0) continue;
    origins.make_room(64);
    for (; bits != 0; bits &= bits - 1) {
      const std::size_t end = at + static_cast<std::size_t>(std::countr_zero(bits));
      origins.add(data, begin, end);
      begin = end + 1;
      if (origins.count() >= stop_at) return begin;
    }
  }
  return find_one_by_one(data, begin, size, stop_at, origins);
}
#endif

}  // namespace

std::size_t find_lines(const char* data, std::size_t size, std::size_t max_records,
                       std::vector<Slice>& origins) {
  const std::size_t stop_at =
      max_records == 0 ? std::numeric_limits<std::size_t>::max() : origins.size() + max_records;
  Origins out(origins, size);
#if defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2");
  if (has_avx2) return find_by_avx2(data, size, stop_at, out);
#endif
  return find_one_by_one(data, 0, size, stop_at, out);
}

void add_last_line(const char* data, std::size_t begin, std::size_t end, std::vector<Slice>& origins) {
  Origins out(origins, 0);
  out.add(data, begin, end);
}

void skip_byte_order_mark(runtime::Block& block) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (block.origins.empty() || block.origins[0].begin != 0 || !block.original(0).starts_with(kMark)) return;
  const std::size_t end = block.origins[0].size;
  block.origins.erase(block.origins.begin());
  std::vector<Slice> rest;
  add_last_line(block.data->data(), kMark.size(), end, rest);
  block.origins.insert(block.origins.begin(), rest.begin(), rest.end());
}

bool begins_like_utf16(std::string_view text) {
  return text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff");
}

runtime::Error utf16_error(std::string_view name) {
  return {kBadFile,
          fmt::format(
              "{} begins with the byte order mark of UTF-16, and pipec reads UTF-8; convert it first: iconv "
              "-f UTF-16 -t UTF-8",
              name),
          {},
          {}};
}

}  // namespace pipec::stdlib
