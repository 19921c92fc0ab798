// JSON to MsgPack in one pass over the text. The count of a container is known at its end only: one byte is
// left for its head, which is what most of them need, and what stands behind it is moved on where the head is
// longer.
#include <bit>
#include <cmath>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"
#include "runtime/json/number.h"
#include "runtime/json/text.h"
#include "runtime/msgpack/text.h"
#include "runtime/msgpack/write.h"

namespace pipec::runtime {

namespace msgpack {

namespace {

using json::is_digit;

constexpr const char* kMalformed = "malformed JSON";
constexpr const char* kEnd = "unexpected end";

constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

class FromJson {
 public:
  FromJson(std::string_view text, Buffer& out)
      : begin_(text.data()), at_(begin_), end_(begin_ + text.size()), out_(out) {
    to_ = out_.extend(text.size() + kSlack);
    limit_ = out_.data() + out_.capacity();
    most_moved_ = text.size() * 8 + (std::size_t{64} << 10);
  }

  const char* run() {
    space();
    for (;;) {
      if (const char* reason = value()) return reason;
      // Behind a value, or behind the opening bracket of an empty container.
      for (;;) {
        if (depth_ == 0) return finish();
        Level& top = levels_[depth_ - 1];
        space();
        if (at_ == end_) return kEnd;
        if (*at_ == (top.map ? '}' : ']')) {
          ++at_;
          close();
          continue;
        }
        if (top.count != 0) {
          if (*at_ != ',') return kMalformed;
          ++at_;
          space();
        }
        ++top.count;
        if (top.map) {
          if (const char* reason = key()) return reason;
        }
        break;
      }
    }
  }
  std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  // Written behind the place that was made sure of: a head, or a vector of a string's bytes.
  static constexpr std::size_t kSlack = 64;

  struct Level {
    std::size_t head;  // its offset in the output
    std::uint32_t count;
    bool map;
    bool wide;  // five bytes are left for the head
  };

  void space() {
    if (at_<end_&& static_cast<unsigned char>(*at_)> ' ') [[likely]]
      return;
    while (at_ < end_ && json::is_space(*at_)) ++at_;
  }
  // Room for `bytes` and kSlack more.
  void room(std::size_t bytes) {
    if (static_cast<std::size_t>(limit_ - to_) >= bytes + kSlack) [[likely]]
      return;
    commit();
    to_ = out_.extend(bytes + kSlack);
    limit_ = out_.data() + out_.capacity();
  }
  void commit() { out_.set_size(static_cast<std::size_t>(to_ - out_.data())); }

  const char* finish() {
    space();
    commit();
    return at_ == end_ ? nullptr : "something behind the value";
  }

  const char* key() {
    if (at_ == end_) return kEnd;
    if (*at_ != '"') return kMalformed;
    if (const char* reason = string()) return reason;
    space();
    if (at_ == end_) return kEnd;
    if (*at_ != ':') return kMalformed;
    ++at_;
    space();
    return nullptr;
  }

  const char* value() {
    if (at_ == end_) return kEnd;
    switch (*at_) {
      case '"':
        return string();
      case '{':
      case '[':
        return open();
      case 't':
        return word("true", 0xc3);
      case 'f':
        return word("false", 0xc2);
      case 'n':
        return word("null", 0xc0);
      default:
        return number();
    }
  }

  const char* word(std::string_view text, unsigned byte) {
    if (static_cast<std::size_t>(end_ - at_) < text.size() || std::memcmp(at_, text.data(), text.size()) != 0)
      return kMalformed;
    at_ += text.size();
    room(1);
    to_ = put_byte(to_, byte);
    return nullptr;
  }

  const char* open() {
    if (depth_ == kMaxDepth) return "nested deeper than 1024";
    room(kMostHead);
    levels_[depth_++] = {static_cast<std::size_t>(to_ - out_.data()), 0, *at_ == '{', moved_ > most_moved_};
    to_ += levels_[depth_ - 1].wide ? 5 : 1;
    ++at_;
    return nullptr;
  }

  void close() {
    const Level& top = levels_[--depth_];
    char* head = out_.data() + top.head;
    if (top.wide) {
      // So many large containers lie in each other that moving them would take the square of the text: this
      // one has a head of full width, whatever its count.
      store(put_byte(head, top.map ? 0xdf : 0xdd), top.count);
      return;
    }
    if (const std::size_t more = container_head_bytes(top.count) - 1; more != 0) {
      room(more);
      head = out_.data() + top.head;
      const auto bytes = static_cast<std::size_t>(to_ - head) - 1;
      std::memmove(head + 1 + more, head + 1, bytes);
      moved_ += bytes;
      to_ += more;
    }
    put_container_head(head, top.map, top.count);
  }

  const char* string() {
    const char* const inside = at_ + 1;
    const char* at = inside;
    bool wide = false;
    for (;;) {
#if defined(__SSE2__)
      if (end_ - at >= 16) [[likely]] {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
        const __m128i control = _mm_cmpeq_epi8(_mm_max_epu8(bytes, _mm_set1_epi8(0x1f)), _mm_set1_epi8(0x1f));
        const __m128i special = _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                                             _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
        const auto stop = static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(control, special)));
        const auto high = static_cast<unsigned>(_mm_movemask_epi8(bytes));
        if (stop == 0) {
          wide |= high != 0;
          at += 16;
          continue;
        }
        const auto before = static_cast<unsigned>(std::countr_zero(stop));
        wide |= (high & ((1U << before) - 1)) != 0;
        if (at[before] == '"' && at == inside && !wide) {
          // Short and plain, as most are: its bytes are in hand.
          room(kMostHead);
          char* const to = put_byte(to_, 0xa0 | before);
          _mm_storeu_si128(reinterpret_cast<__m128i*>(to), bytes);
          to_ = to + before;
          at_ = inside + before + 1;
          return nullptr;
        }
        at += before;
      }
#endif
      if (at == end_) return kEnd;
      const auto c = static_cast<unsigned char>(*at);
      if (c == '"') break;
      if (c == '\\') return escaped_string();
      if (c < 0x20) return kMalformed;
      wide |= c >= 0x80;
      ++at;
    }
    const std::string_view text{inside, static_cast<std::size_t>(at - inside)};
    if (wide && !valid_text(text)) return "invalid UTF-8";
    room(text.size());
    char* to = put_str_head(to_, text.size());
#if defined(__SSE2__)
    if (text.size() <= 256 && static_cast<std::size_t>(end_ - inside) >= text.size() + 16) [[likely]] {
      // Whole vectors: what they write behind the text is written over.
      for (std::size_t i = 0; i < text.size(); i += 16) {
        const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(inside + i));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i), bytes);
      }
    } else
#endif
      std::memcpy(to, text.data(), text.size());
    to_ = to + text.size();
    at_ = at + 1;
    return nullptr;
  }

  const char* escaped_string() {
    const char* const quote = json::find_string_end(at_ + 1, end_);
    if (!quote) return kEnd;
    const std::string_view inside{at_ + 1, static_cast<std::size_t>(quote - at_) - 1};
    bool escaped = false;
    if (!json::check_string(inside, escaped)) return "malformed string";
    room(inside.size());
    // Decoded behind the longest head, then moved up to its own.
    char* const decoded = to_ + 5;
    const std::size_t size = json::unescape(inside, decoded);
    to_ = put_str_head(to_, size);
    std::memmove(to_, decoded, size);
    to_ += size;
    at_ = quote + 1;
    return nullptr;
  }

  const char* number() {
    const char* at = at_;
    const bool negative = *at == '-';
    if (negative) ++at;
    const char* const digits = at;
    std::uint64_t value = 0;
    for (; at < end_ && is_digit(*at); ++at) value = value * 10 + static_cast<std::uint64_t>(*at - '0');
    const std::ptrdiff_t whole = at - digits;
    if (whole == 0 || (whole > 1 && *digits == '0')) return kMalformed;
    room(kMostHead);
    const bool integer = at == end_ || (*at != '.' && (*at | 0x20) != 'e');
    if (integer && whole <= 18) {
      const auto signed_value = static_cast<std::int64_t>(value);
      to_ = put_integer(to_, negative ? -signed_value : signed_value);
      at_ = at;
      return nullptr;
    }
    if (!integer && *at == '.') {
      const char* const fraction = ++at;
      for (; at < end_ && is_digit(*at); ++at) value = value * 10 + static_cast<std::uint64_t>(*at - '0');
      const std::ptrdiff_t places = at - fraction;
      // Both are exact doubles, so their quotient is the nearest double of the decimal number.
      if (places > 0 && whole + places <= 15 && (at == end_ || (*at | 0x20) != 'e')) {
        const double size = static_cast<double>(value) / kPowersOfTen[places];
        to_ = put_float(to_, negative ? -size : size);
        at_ = at;
        return nullptr;
      }
    }
    return any_number();
  }

  const char* any_number() {
    const char* const behind = json::skip_number(at_, end_);
    const auto number =
        behind ? json::read_number({at_, static_cast<std::size_t>(behind - at_)}) : std::optional<Value>();
    if (!number) return kMalformed;
    commit();
    if (const char* reason = append_msgpack(*number, out_)) return reason;
    to_ = out_.extend(kSlack);
    limit_ = out_.data() + out_.capacity();
    at_ = behind;
    return nullptr;
  }

  const char* const begin_;
  const char* at_;
  const char* const end_;
  Buffer& out_;
  char* to_ = nullptr;  // into out_, whose size lags behind
  char* limit_ = nullptr;
  std::size_t moved_ = 0;  // bytes, for longer heads
  std::size_t most_moved_ = 0;
  std::size_t depth_ = 0;
  Level levels_[kMaxDepth];
};

}  // namespace

}  // namespace msgpack

const char* json_to_msgpack(std::string_view text, Buffer& out, std::size_t* offset) {
  const std::size_t begin = out.size();
  msgpack::FromJson transcoder(text, out);
  const char* const reason = transcoder.run();
  if (reason) {
    out.set_size(begin);
    if (offset) *offset = transcoder.offset();
  }
  return reason;
}

}  // namespace pipec::runtime
