// JSON to MsgPack in one pass over the text. A container's count is known only at its end: one byte is
// reserved for its head, which is enough for most, and the content is moved if the head is longer.
#include <bit>
#include <cmath>

#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"
#include "pipec/runtime/utf8.h"
#include "runtime/json/number.h"
#include "runtime/json/text.h"
#include "runtime/msgpack/write.h"
#include "runtime/record/sixteen.h"
#include "runtime/record/transcoder.h"

namespace pipec::runtime {

namespace record {

namespace {

using namespace msgpack;

using json::is_digit;

constexpr const char* kMalformed = "malformed JSON";
constexpr const char* kEnd = "unexpected end";

constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// Invariant between steps: there is space for as many bytes as remain in the text, plus kSlack. Values that
// become longer than their text (floats, heads of long strings and of containers) must preserve it.
class FromJson : public Transcoder {
 public:
  FromJson(std::string_view text, Buffer& out) : Transcoder(text, out) {
    most_moved_ = text.size() * 8 + (std::size_t{64} << 10);
  }

  const char* run() {
    const char* at = space(begin_);
    char* to = reopen(at);
    for (;;) {
      const Place step = value(at, to);
      if (!step.at) return reason_;
      at = step.at;
      to = step.to;
      // After a value, or after the opening bracket of an empty container.
      for (;;) {
        if (depth_ == 0) return finish(at, to);
        Level& top = levels_[depth_ - 1];
        at = space(at);
        if (at == end_) return fail(at, kEnd).reason;
        if (*at == ',' && top.count != 0) {
          at = space(at + 1);
        } else if (*at == (top.map ? '}' : ']')) {
          to = close(++at, to);
          continue;
        } else if (top.count != 0) {
          return fail(at, kMalformed).reason;
        }
        ++top.count;
        if (!top.map) break;
        const Place behind = key(at, to);
        if (!behind.at) return reason_;
        at = behind.at;
        to = behind.to;
        break;
      }
    }
  }

 private:
  // Bytes that may be written past the checked capacity: a head, or a vector of a string's bytes.
  static constexpr std::size_t kSlack = 64;

  struct Level {
    std::size_t head;  // its offset in the output
    std::uint32_t count;
    bool map;
    bool wide;  // five bytes are left for the head
  };

  // `at` is at most end_: the byte there is padding.
  const char* space(const char* at) const {
    if (static_cast<unsigned char>(*at) > ' ') [[likely]]
      return at;
    return json::skip_space(at, end_);
  }
  // The invariant, after more was written than read.
  char* keep(const char* at, char* to) {
    if (limit_ - to >= end_ - at + static_cast<std::ptrdiff_t>(kSlack)) [[likely]]
      return to;
    commit(to);
    return reopen(at);
  }
  char* reopen(const char* at) { return Transcoder::reopen(static_cast<std::size_t>(end_ - at) + kSlack); }

  const char* finish(const char* at, char* to) {
    at = space(at);
    commit(to);
    return at == end_ ? nullptr : fail(at, "unexpected data after the value").reason;
  }

  Place key(const char* at, char* to) {
    if (at == end_) return fail(at, kEnd);
    if (*at != '"') return fail(at, kMalformed);
    const Place behind = string(at, to);
    if (!behind.at) return behind;
    at = space(behind.at);
    if (at == end_) return fail(at, kEnd);
    if (*at != ':') return fail(at, kMalformed);
    return {space(at + 1), behind.to};
  }

  Place value(const char* at, char* to) {
    if (at == end_) return fail(at, kEnd);
    switch (*at) {
      case '"':
        return string(at, to);
      case '{':
      case '[':
        return open(at, to);
      case 't':
        return word(at, to, "true", 0xc3);
      case 'f':
        return word(at, to, "false", 0xc2);
      case 'n':
        return word(at, to, "null", 0xc0);
      default:
        return number(at, to);
    }
  }

  Place word(const char* at, char* to, std::string_view text, unsigned byte) {
    if (static_cast<std::size_t>(end_ - at) < text.size() || std::memcmp(at, text.data(), text.size()) != 0)
      return fail(at, kMalformed);
    return {at + text.size(), put_byte(to, byte)};
  }

  Place open(const char* at, char* to) {
    if (depth_ == kMaxDepth) return fail(at, "nested deeper than 1024");
    const bool wide = moved_ > most_moved_;
    levels_[depth_++] = {static_cast<std::size_t>(to - out_.data()), 0, *at == '{', wide};
    ++at;
    return {at, wide ? keep(at, to + 5) : to + 1};
  }

  char* close(const char* at, char* to) {
    const Level& top = levels_[--depth_];
    char* const head = out_.data() + top.head;
    if (top.count < 16 && !top.wide) [[likely]] {
      put_container_head(head, top.map, top.count);
      return to;
    }
    return close_large(top, at, to);
  }
  [[gnu::noinline]] char* close_large(const Level& top, const char* at, char* to) {
    char* const head = out_.data() + top.head;
    if (top.wide) {
      // So many large containers are nested that moving them would take quadratic time: use a head of full
      // width, whatever the count.
      store(put_byte(head, top.map ? 0xdf : 0xdd), top.count);
      return to;
    }
    const std::size_t more = container_head_bytes(top.count) - 1;
    const auto bytes = static_cast<std::size_t>(to - head) - 1;
    std::memmove(head + 1 + more, head + 1, bytes);
    moved_ += bytes;
    put_container_head(head, top.map, top.count);
    return keep(at, to + more);
  }

  [[gnu::always_inline]] Place string(const char* at, char* to) {
    // Short and plain, as most are: with its head in one step.
    const Sixteen first = copy_sixteen(at + 1, to + 1);
    if (first.special != 0) [[likely]] {
      const auto size = static_cast<unsigned>(std::countr_zero(first.special));
      const char* const quote = at + 1 + size;
      if (*quote == '"' && (first.high & ((1U << size) - 1)) == 0 && quote < end_) [[likely]] {
        put_byte(to, 0xa0 | size);
        return {quote + 1, to + 1 + size};
      }
    }
    return any_string(at, to);
  }
  // Any other string, copied while searching for its end, after a head of two bytes, which is right for
  // lengths of 32 to 255.
  [[gnu::noinline]] Place any_string(const char* at, char* to) {
    const char* const inside = at + 1;
    char* const copied = to + 2;
    std::size_t size = 0;
    unsigned high = 0;
    for (;;) {
      const Sixteen next = copy_sixteen(inside + size, copied + size);
      if (next.special != 0) {
        const auto before = static_cast<unsigned>(std::countr_zero(next.special));
        size += before;
        high |= next.high & ((1U << before) - 1);
        break;
      }
      size += 16;
      high |= next.high;
      if (end_ - inside < static_cast<std::ptrdiff_t>(size)) return fail(at, kEnd);
    }
    const char* const stop = inside + size;
    if (stop >= end_) return fail(at, kEnd);
    if (*stop == '\\') return escaped_string(at, to);
    if (*stop != '"') return fail(at, kMalformed);
    if (high != 0 && !is_utf8_by_blocks({inside, size})) return fail(at, "invalid UTF-8");
    if (size >= 32 && size < 256) [[likely]] {
      put_byte(put_byte(to, 0xd9), static_cast<unsigned>(size));
      return {stop + 1, copied + size};
    }
    if (size < 32) {
      to = put_str_head(to, size);
      copy_sixteen(inside, to);
      copy_sixteen(inside + 16, to + 16);
      return {stop + 1, to + size};
    }
    char* const behind_head = put_str_head(to, size);  // it overwrites the first copied bytes
    std::memcpy(behind_head, inside, size);
    return {stop + 1, keep(stop + 1, behind_head + size)};
  }

  Place escaped_string(const char* at, char* to) {
    const char* const quote = json::find_string_end(at + 1, end_);
    if (!quote) return fail(at, kEnd);
    const std::string_view inside{at + 1, static_cast<std::size_t>(quote - at) - 1};
    bool escaped = false;
    if (!json::check_string(inside, escaped)) return fail(at, "malformed string");
    // Decoded after space for the longest head, then moved next to its actual head.
    char* const decoded = to + 5;
    const std::size_t size = json::unescape(inside, decoded);
    to = put_str_head(to, size);
    std::memmove(to, decoded, size);
    return {quote + 1, keep(quote + 1, to + size)};
  }

  [[gnu::always_inline]] Place number(const char* const from, char* to) {
    const char* at = from;
    const bool negative = *at == '-';
    if (negative) ++at;
    const char* const digits = at;
    std::uint64_t value = 0;
    for (; at < end_ && is_digit(*at); ++at) value = value * 10 + static_cast<std::uint64_t>(*at - '0');
    const std::ptrdiff_t whole = at - digits;
    if (whole == 0 || (whole > 1 && *digits == '0')) return fail(from, kMalformed);
    const bool integer = at == end_ || (*at != '.' && (*at | 0x20) != 'e');
    if (integer && whole <= 18) [[likely]] {
      const auto signed_value = static_cast<std::int64_t>(value);
      return {at, put_integer(to, negative ? -signed_value : signed_value)};
    }
    return any_number(from, to, at, integer ? 0 : value);
  }

  // `value`: of the digits before `at`, where the number continues.
  [[gnu::noinline]] Place any_number(const char* const from, char* to, const char* at, std::uint64_t value) {
    const bool negative = *from == '-';
    const std::ptrdiff_t whole = at - from - (negative ? 1 : 0);
    if (at < end_ && *at == '.') {
      const char* const fraction = ++at;
      for (; at < end_ && is_digit(*at); ++at) value = value * 10 + static_cast<std::uint64_t>(*at - '0');
      const std::ptrdiff_t places = at - fraction;
      // Both are exact doubles, so their quotient is the nearest double of the decimal number.
      if (places > 0 && whole + places <= 15 && (at == end_ || (*at | 0x20) != 'e')) {
        const double size = static_cast<double>(value) / kPowersOfTen[places];
        return {at, keep(at, put_float(to, negative ? -size : size))};
      }
    }
    const char* const behind = json::skip_number(from, end_);
    const auto number =
        behind ? json::read_number({from, static_cast<std::size_t>(behind - from)}) : std::optional<Value>();
    if (!number) return fail(from, kMalformed);
    commit(to);
    if (const char* reason = append_msgpack(*number, out_)) return fail(from, reason);
    return {behind, reopen(behind)};
  }

  std::size_t moved_ = 0;  // bytes, for longer heads
  std::size_t most_moved_ = 0;
  std::size_t depth_ = 0;
  Level levels_[kMaxDepth];
};

}  // namespace

}  // namespace record

const char* json_to_msgpack(std::string_view text, Buffer& out, std::size_t* offset) {
  return record::transcode(record::FromJson(text, out), out, offset);
}

}  // namespace pipec::runtime
