// MsgPack to JSON in one pass over the tokens.
#include <charconv>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"
#include "runtime/base64.h"
#include "runtime/msgpack/read.h"
#include "runtime/msgpack/text.h"

namespace pipec::runtime {

namespace msgpack {

namespace {

// Where it reads and writes are locals of the loop, handed from step to step: as members they would go
// through memory at every byte that is written.
class ToJson {
 public:
  ToJson(std::string_view bytes, bool checked, Buffer& out)
      : begin_(bytes.data()), end_(begin_ + bytes.size()), checked_(checked), out_(out) {}

  const char* run() {
    const char* at = begin_;
    char* to = reopen(static_cast<std::size_t>(end_ - begin_) * 2);
    for (;;) {
      const std::size_t depth = depth_;
      if (!value(at, to)) return reason_;
      if (depth_ == depth) {
        // Every value has a comma behind it, which the bracket of its container takes the place of.
        *to++ = ',';
        while (depth_ > 0 && levels_[depth_ - 1].left == 0) {
          to = room(to, 0);
          to[-1] = levels_[--depth_].map ? '}' : ']';
          *to++ = ',';
        }
        if (depth_ == 0) break;
      }
      Level& top = levels_[depth_ - 1];
      --top.left;
      if (top.map && !key(at, to)) return reason_;
    }
    commit(to - 1);
    if (at == end_) return nullptr;
    offset_ = static_cast<std::size_t>(at - begin_);
    return "something behind the value";
  }
  std::size_t offset() const { return offset_; }

 private:
  // Writable behind the place that was made sure of: one number and its punctuation need no check of their
  // own.
  static constexpr std::size_t kSlack = 128;

  struct Level {
    std::uint32_t left;  // items or members to come
    bool map;
  };

  bool fail(const char* at, const char* reason) {
    offset_ = static_cast<std::size_t>(at - begin_);
    reason_ = reason;
    return false;
  }

  // Room for `bytes` and kSlack more.
  char* room(char* to, std::size_t bytes) {
    if (static_cast<std::size_t>(limit_ - to) >= bytes + kSlack) [[likely]]
      return to;
    commit(to);
    return reopen(bytes);
  }
  char* reopen(std::size_t bytes) {
    char* const to = out_.extend(bytes + kSlack);
    limit_ = out_.data() + out_.capacity();
    return to;
  }
  void commit(const char* to) { out_.set_size(static_cast<std::size_t>(to - out_.data())); }

  static char* put(char* to, std::string_view text) {
    std::memcpy(to, text.data(), text.size());
    return to + text.size();
  }
  char* base64(char* to, std::string_view bytes) {
    *to++ = '"';
    commit(to);
    append_base64(bytes, out_);
    to = reopen(0);
    *to++ = '"';
    return to;
  }

  // Quoted; false: it is no UTF-8. What needs no escape is copied while it is looked at.
  bool text(const char* from, std::size_t size, char*& out) {
    char* to = room(out, size + 2);
    char* const begin = to;
    const std::string_view whole{from, size};
    *to++ = '"';
    unsigned high = 0;
    unsigned special = 0;
#if defined(__SSE2__)
    const __m128i low = _mm_set1_epi8(0x1f);
    const auto odd = [&](__m128i c) {
      const __m128i control = _mm_cmpeq_epi8(_mm_max_epu8(c, low), low);
      return _mm_or_si128(control, _mm_or_si128(_mm_cmpeq_epi8(c, _mm_set1_epi8('"')),
                                                _mm_cmpeq_epi8(c, _mm_set1_epi8('\\'))));
    };
    if (size >= 16) {
      __m128i all = _mm_setzero_si128();
      __m128i any = _mm_setzero_si128();
      for (; size >= 16; size -= 16, from += 16, to += 16) {
        const __m128i c = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(to), c);
        all = _mm_or_si128(all, c);
        any = _mm_or_si128(any, odd(c));
      }
      high = static_cast<unsigned>(_mm_movemask_epi8(all));
      special = static_cast<unsigned>(_mm_movemask_epi8(any));
    }
    if (size > 0 && end_ - from >= 16) [[likely]] {
      const __m128i c = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(to), c);
      const unsigned mask = (1U << size) - 1;
      high |= static_cast<unsigned>(_mm_movemask_epi8(c)) & mask;
      special |= static_cast<unsigned>(_mm_movemask_epi8(odd(c))) & mask;
      to += size;
      size = 0;
    }
#endif
    for (; size > 0; --size) {
      const auto c = static_cast<unsigned char>(*from++);
      special |= c < 0x20 || c == '"' || c == '\\' ? 1U : 0U;
      high |= c & 0x80U;
      *to++ = static_cast<char>(c);
    }
    if (high != 0 && !checked_ && !json::valid_utf8(whole))
      return fail(whole.data() + json::first_invalid_utf8(whole), "invalid UTF-8");
    *to++ = '"';
    if (special != 0) [[unlikely]] {
      commit(begin);
      append_json_string(whole, out_);
      to = reopen(0);
    }
    out = to;
    return true;
  }

  // A str of up to 31 bytes, as keys and many values are, without the general way; false: it is none.
  bool short_text(const char* at, std::size_t& size) const {
    if (at >= end_ || (static_cast<unsigned char>(*at) & 0xe0) != 0xa0) return false;
    size = static_cast<unsigned char>(*at) & 31U;
    return static_cast<std::size_t>(end_ - at) > size;
  }

  bool key(const char*& at, char*& to) {
    std::size_t size = 0;
    if (short_text(at, size)) [[likely]] {
      if (!text(at + 1, size, to)) return false;
      at += size + 1;
    } else {
      Token token;
      const char* const behind = read_token(at, end_, token);
      if (!behind) return fail(end_, "unexpected end");
      if (token.kind == Kind::never) return fail(at, "the byte 0xc1 is no MsgPack");
      if (token.kind == Kind::ext || token.kind == Kind::array || token.kind == Kind::map)
        return fail(at, "a key that is no scalar");
      if (token.kind == Kind::str) {
        if (!text(token.begin, token.size, to)) return false;
      } else {
        Arena arena;
        commit(to);
        append_json_string(key_text(token, arena), out_);
        to = reopen(0);
      }
      at = behind;
    }
    *to++ = ':';
    return true;
  }

  bool value(const char*& at, char*& to) {
    std::size_t size = 0;
    if (short_text(at, size)) {
      if (!text(at + 1, size, to)) return false;
      at += size + 1;
      return true;
    }
    Token token;
    const char* const behind = read_token(at, end_, token);
    if (!behind) return fail(end_, "unexpected end");
    to = room(to, 0);
    switch (token.kind) {
      case Kind::str:
        if (!text(token.begin, token.size, to)) return false;
        break;
      case Kind::signed_integer:
        to = std::to_chars(to, to + 24, static_cast<std::int64_t>(token.bits)).ptr;
        break;
      case Kind::unsigned_integer:
        to = std::to_chars(to, to + 24, token.bits).ptr;
        break;
      case Kind::nil:
        to = put(to, "null");
        break;
      case Kind::boolean:
        to = put(to, token.bits != 0 ? "true" : "false");
        break;
      case Kind::float32:
      case Kind::float64:
        if (const auto number = float_of(token)) {
          to += format_float(*number, to);
        } else {
          to = put(to, "null");
        }
        break;
      case Kind::bin:
        to = base64(to, token.text());
        break;
      case Kind::ext:
        if (const auto time = timestamp_of(token)) {
          *to++ = '"';
          to += format_timestamp(*time, to);
          *to++ = '"';
        } else {
          to = base64(to, token.text());
        }
        break;
      case Kind::array:
      case Kind::map:
        return open(at, behind, token, to);
      case Kind::never:
        return fail(at, "the byte 0xc1 is no MsgPack");
    }
    at = behind;
    return true;
  }

  // The bracket; of an empty container both.
  bool open(const char*& at, const char* behind, const Token& token, char*& to) {
    const bool map = token.kind == Kind::map;
    if (depth_ == kMaxDepth) return fail(at, "nested deeper than 1024");
    at = behind;
    *to++ = map ? '{' : '[';
    if (token.size == 0) {
      *to++ = map ? '}' : ']';
      return true;
    }
    levels_[depth_++] = {token.size, map};
    return true;
  }

  const char* const begin_;
  const char* const end_;
  const bool checked_;
  Buffer& out_;  // its size lags behind what is written
  const char* limit_ = nullptr;
  const char* reason_ = nullptr;
  std::size_t offset_ = 0;
  std::size_t depth_ = 0;
  Level levels_[kMaxDepth];
};

}  // namespace

}  // namespace msgpack

const char* msgpack_to_json(std::string_view bytes, bool checked, Buffer& out, std::size_t* offset) {
  const std::size_t begin = out.size();
  msgpack::ToJson transcoder(bytes, checked, out);
  const char* const reason = transcoder.run();
  if (reason) {
    out.set_size(begin);
    if (offset) *offset = transcoder.offset();
  }
  return reason;
}

}  // namespace pipec::runtime
