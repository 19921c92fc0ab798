// MsgPack to JSON in one pass over the tokens.
#include <charconv>

#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"
#include "runtime/base64.h"
#include "runtime/json/utf8.h"
#include "runtime/msgpack/read.h"

namespace pipec::runtime {

namespace {

using namespace msgpack;

void append_integer(auto number, Buffer& out) {
  char* const to = out.extend(24);
  out.set_size(static_cast<std::size_t>(std::to_chars(to, to + 24, number).ptr - out.data()));
}

void append_quoted_base64(std::string_view bytes, Buffer& out) {
  out.append('"');
  append_base64(bytes, out);
  out.append('"');
}

class Transcoder {
 public:
  Transcoder(std::string_view bytes, bool checked, Buffer& out)
      : begin_(bytes.data()), at_(begin_), end_(begin_ + bytes.size()), checked_(checked), out_(out) {}

  const char* run() {
    if (const char* reason = value()) return reason;
    while (depth_ > 0) {
      Level& top = levels_[depth_ - 1];
      if (top.left == 0) {
        out_.append(top.map ? '}' : ']');
        --depth_;
        continue;
      }
      if (!top.first) out_.append(',');
      top.first = false;
      --top.left;
      if (top.map) {
        if (const char* reason = key()) return reason;
      }
      if (const char* reason = value()) return reason;
    }
    return at_ == end_ ? nullptr : "something behind the value";
  }
  std::size_t offset() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  struct Level {
    std::uint32_t left;
    bool map;
    bool first;
  };

  const char* take(Token& token) {
    const char* const behind = read_token(at_, end_, token);
    if (!behind) return "unexpected end";
    if (token.kind == Kind::never) return "the byte 0xc1 is no MsgPack";
    if (token.kind == Kind::str && !checked_ && !valid_text(token.text())) {
      at_ = token.begin + json::first_invalid_utf8(token.text());
      return "invalid UTF-8";
    }
    at_ = behind;
    return nullptr;
  }

  const char* key() {
    Token token;
    const char* const from = at_;
    if (const char* reason = take(token)) return reason;
    if (token.kind == Kind::str) {
      append_json_string(token.text(), out_);
    } else if (token.kind == Kind::ext || token.kind == Kind::array || token.kind == Kind::map) {
      at_ = from;
      return "a key that is no scalar";
    } else {
      Arena arena;
      append_json_string(key_text(token, arena), out_);
    }
    out_.append(':');
    return nullptr;
  }

  const char* value() {
    Token token;
    const char* const from = at_;
    if (const char* reason = take(token)) return reason;
    switch (token.kind) {
      case Kind::str:
        append_json_string(token.text(), out_);
        break;
      case Kind::signed_integer:
        append_integer(static_cast<std::int64_t>(token.bits), out_);
        break;
      case Kind::unsigned_integer:
        append_integer(token.bits, out_);
        break;
      case Kind::nil:
      case Kind::never:
        out_.append("null");
        break;
      case Kind::boolean:
        out_.append(token.bits != 0 ? "true" : "false");
        break;
      case Kind::float32:
      case Kind::float64:
        if (const auto number = float_of(token)) {
          char* const to = out_.extend(32);
          out_.set_size(out_.size() + format_float(*number, to));
        } else {
          out_.append("null");
        }
        break;
      case Kind::bin:
        append_quoted_base64(token.text(), out_);
        break;
      case Kind::ext:
        if (const auto time = timestamp_of(token)) {
          out_.append('"');
          char* const to = out_.extend(40);
          out_.set_size(out_.size() + format_timestamp(*time, to));
          out_.append('"');
        } else {
          append_quoted_base64(token.text(), out_);
        }
        break;
      case Kind::array:
      case Kind::map:
        if (depth_ == kMaxDepth) {
          at_ = from;
          return "nested deeper than 1024";
        }
        levels_[depth_++] = {token.size, token.kind == Kind::map, true};
        out_.append(token.kind == Kind::map ? '{' : '[');
        break;
    }
    return nullptr;
  }

  const char* const begin_;
  const char* at_;
  const char* const end_;
  const bool checked_;
  Buffer& out_;
  std::size_t depth_ = 0;
  Level levels_[kMaxDepth];
};

}  // namespace

const char* msgpack_to_json(std::string_view bytes, bool checked, Buffer& out, std::size_t* offset) {
  const std::size_t begin = out.size();
  Transcoder transcoder(bytes, checked, out);
  const char* const reason = transcoder.run();
  if (reason) {
    out.set_size(begin);
    if (offset) *offset = transcoder.offset();
  }
  return reason;
}

}  // namespace pipec::runtime
