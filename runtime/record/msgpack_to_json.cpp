// MsgPack to JSON in one pass over the tokens.
#include <charconv>

#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"
#include "pipec/runtime/utf8.h"
#include "runtime/base64.h"
#include "runtime/msgpack/read.h"
#include "runtime/record/sixteen.h"
#include "runtime/record/transcoder.h"

namespace pipec::runtime {

namespace record {

namespace {

using namespace msgpack;

class ToJson : public Transcoder {
 public:
  ToJson(std::string_view bytes, bool checked, Buffer& out) : Transcoder(bytes, out), checked_(checked) {}

  const char* run() {
    const char* at = begin_;
    char* to = reopen(static_cast<std::size_t>(end_ - begin_) * 2);
    Level level{1, false};  // the innermost container; at first the record's place
    for (;;) {
      to = room(to, 0);
      if (level.map) {
        const Place behind = key(at, to);
        if (!behind.at) return reason_;
        at = behind.at;
        to = behind.to;
      }
      if (opens(at)) {
        Token head;
        const char* const behind = read_token(at, end_, head);
        if (!behind) return fail(end_, kCut).reason;
        if (depth_ == kMaxDepth) return fail(at, "nested deeper than 1024").reason;
        at = behind;
        const bool map = head.kind == Kind::map;
        *to++ = map ? '{' : '[';
        if (head.size != 0) {
          levels_[depth_++] = level;
          level = {head.size, map};
          continue;
        }
        *to++ = map ? '}' : ']';
      } else {
        const Place behind = value(at, to);
        if (!behind.at) return reason_;
        at = behind.at;
        to = behind.to;
      }
      // Every value is followed by a comma; the closing bracket of the container overwrites the last one.
      *to++ = ',';
      while (--level.left == 0) {
        if (depth_ == 0) {
          commit(to - 1);
          return at == end_ ? nullptr : fail(at, "unexpected data after the value").reason;
        }
        to = room(to, 0);
        to[-1] = level.map ? '}' : ']';
        *to++ = ',';
        level = levels_[--depth_];
      }
    }
  }

 private:
  static constexpr const char* kCut = "unexpected end";
  static constexpr const char* kNever = "the byte 0xc1 is not MsgPack";
  // Bytes that may be written past the checked capacity: a short key and a short string or a number, with
  // punctuation and the rest of a vector, need no separate check.
  static constexpr std::size_t kSlack = 192;

  struct Level {
    std::uint32_t left;  // items or members to come, this one too
    bool map;
  };

  // Room for `bytes` and kSlack more.
  char* room(char* to, std::size_t bytes) {
    if (static_cast<std::size_t>(limit_ - to) >= bytes + kSlack) [[likely]]
      return to;
    commit(to);
    return reopen(bytes);
  }
  char* reopen(std::size_t bytes) { return Transcoder::reopen(bytes + kSlack); }

  bool opens(const char* at) const {
    if (at >= end_) return false;
    const Lead::Class kind = lead(at).kind;
    return kind == Lead::Class::map || kind == Lead::Class::array;
  }

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

  // A str of up to 31 bytes, with two vectors' worth of readable bytes after its head.
  bool short_text(const char* at) const {
    return end_ - at > 32 && (static_cast<unsigned char>(*at) & 0xe0) == 0xa0;
  }
  // `at`: its head. Text without escapes is copied while it is scanned.
  [[gnu::always_inline]] Place short_string(const char* at, char* to) {
    const unsigned size = static_cast<unsigned char>(*at) & 31U;
    *to = '"';
    Sixteen found = copy_sixteen(at + 1, to + 1);
    if (size > 16) {
      const Sixteen rest = copy_sixteen(at + 17, to + 17);
      found.special |= rest.special << 16;
      found.high |= rest.high << 16;
    }
    const unsigned mask = (1U << size) - 1;
    if (((found.special | found.high) & mask) != 0) [[unlikely]]
      return odd_string(at + 1, size, to, (found.special & mask) != 0);
    to[size + 1] = '"';
    return {at + 1 + size, to + size + 2};
  }
  [[gnu::noinline]] Place string(const char* from, std::size_t size, char* to) {
    to = room(to, size + 2);
    char* const copied = to + 1;
    *to = '"';
    Sixteen found;
    const auto look = [&](std::size_t i) {
      const Sixteen next = copy_sixteen(from + i, copied + i);
      found.special |= next.special;
      found.high |= next.high;
    };
    if (size >= 16) {
      for (std::size_t i = 0; i + 16 < size; i += 16) look(i);
      look(size - 16);
    } else {
      for (std::size_t i = 0; i < size; ++i) {
        const auto c = static_cast<unsigned char>(from[i]);
        found.special |= c < 0x20 || c == '"' || c == '\\' ? 1U : 0U;
        found.high |= c & 0x80U;
        copied[i] = from[i];
      }
    }
    if ((found.special | found.high) != 0) [[unlikely]]
      return odd_string(from, size, to, found.special != 0);
    copied[size] = '"';
    return {from + size, copied + size + 1};
  }
  // A string that needs escapes or may not be UTF-8. Its unescaped bytes begin at to + 1.
  [[gnu::noinline]] Place odd_string(const char* from, std::size_t size, char* to, bool special) {
    const std::string_view whole{from, size};
    if (!checked_ && !is_utf8_by_blocks(whole)) return fail(from + valid_utf8_prefix(whole), "invalid UTF-8");
    if (!special) {
      to[size + 1] = '"';
      return {from + size, to + size + 2};
    }
    commit(to);
    append_json_string(whole, out_);
    return {from + size, reopen(0)};
  }

  [[gnu::always_inline]] Place key(const char* at, char* to) {
    Place step = short_text(at) ? short_string(at, to) : any_key(at, to);
    if (step.at) *step.to++ = ':';
    return step;
  }
  [[gnu::noinline]] Place any_key(const char* at, char* to) {
    Token token;
    const char* const behind = read_token(at, end_, token);
    if (!behind) return fail(end_, kCut);
    if (token.kind == Kind::never) return fail(at, kNever);
    if (token.kind == Kind::ext || token.kind == Kind::array || token.kind == Kind::map)
      return fail(at, "a key that is not a scalar");
    if (token.kind == Kind::str) return string(token.begin, token.size, to);
    Arena arena;
    commit(to);
    append_json_string(key_text(token, arena), out_);
    return {behind, reopen(0)};
  }

  [[gnu::always_inline]] Place value(const char* at, char* to) {
    if (short_text(at)) return short_string(at, to);
    // A str of 32 to 255 bytes, mostly.
    if (end_ - at > 2 && static_cast<unsigned char>(*at) == 0xd9) {
      const std::size_t size = static_cast<unsigned char>(at[1]);
      if (static_cast<std::size_t>(end_ - at) >= size + 2) return string(at + 2, size, to);
    }
    return scalar(at, to);
  }
  [[gnu::noinline]] Place scalar(const char* at, char* to) {
    Token token;
    const char* const behind = read_token(at, end_, token);
    if (!behind) return fail(end_, kCut);
    switch (token.kind) {
      case Kind::str:
        return string(token.begin, token.size, to);
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
      case Kind::never:
        return fail(at, kNever);
    }
    return {behind, to};
  }

  const bool checked_;
  std::size_t depth_ = 0;
  Level levels_[kMaxDepth];  // around the innermost container
};

}  // namespace

}  // namespace record

const char* msgpack_to_json(std::string_view bytes, bool checked, Buffer& out, std::size_t* offset) {
  return record::transcode(record::ToJson(bytes, checked, out), out, offset);
}

}  // namespace pipec::runtime
