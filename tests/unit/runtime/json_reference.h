// A simple byte-by-byte implementation of RFC 8259, as the reference for the fast code.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/runtime/json.h"

namespace pipec::runtime::test {

class ReferenceParser {
 public:
  explicit ReferenceParser(std::string_view text) : text_(text) {}

  bool valid() {
    spaces();
    if (!value(0)) return false;
    spaces();
    return at_ == text_.size();
  }

  // The top-level members of a valid object: decoded key, slice of the value.
  std::vector<std::pair<std::string, std::string_view>> members() {
    std::vector<std::pair<std::string, std::string_view>> result;
    spaces();
    if (peek() != '{') return result;
    ++at_;
    spaces();
    while (peek() != '}') {
      std::string key;
      string(&key);
      spaces();
      ++at_;
      spaces();
      const std::size_t begin = at_;
      value(1);
      result.emplace_back(key, text_.substr(begin, at_ - begin));
      spaces();
      if (peek() == ',') ++at_;
      spaces();
    }
    return result;
  }

 private:
  int peek() const { return at_ < text_.size() ? static_cast<unsigned char>(text_[at_]) : -1; }
  bool take(char c) {
    if (peek() != static_cast<unsigned char>(c)) return false;
    ++at_;
    return true;
  }
  bool word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }
  void spaces() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }
  bool digits() {
    if (peek() < '0' || peek() > '9') return false;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return true;
  }
  bool number() {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!digits()) return false;
    }
    return true;
  }
  bool hex(std::uint32_t& unit) {
    unit = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const int c = peek();
      unit *= 16;
      if (c >= '0' && c <= '9') {
        unit += static_cast<std::uint32_t>(c - '0');
      } else if (c >= 'a' && c <= 'f') {
        unit += static_cast<std::uint32_t>(c - 'a' + 10);
      } else if (c >= 'A' && c <= 'F') {
        unit += static_cast<std::uint32_t>(c - 'A' + 10);
      } else {
        return false;
      }
    }
    return true;
  }
  static void put(std::uint32_t code, std::string* out) {
    if (!out) return;
    const auto byte = [&](std::uint32_t b) { out->push_back(static_cast<char>(b)); };
    if (code < 0x80) {
      byte(code);
    } else if (code < 0x800) {
      byte(0xc0 | code >> 6), byte(0x80 | (code & 63));
    } else if (code < 0x10000) {
      byte(0xe0 | code >> 12), byte(0x80 | (code >> 6 & 63)), byte(0x80 | (code & 63));
    } else {
      byte(0xf0 | code >> 18), byte(0x80 | (code >> 12 & 63)), byte(0x80 | (code >> 6 & 63)),
          byte(0x80 | (code & 63));
    }
  }
  bool wide(std::string* out) {
    std::uint32_t code = static_cast<std::uint32_t>(peek());
    const int more = code >= 0xf0 ? 3 : code >= 0xe0 ? 2 : 1;
    if (code < 0xc0 || code > 0xf7) return false;
    code &= 0x3fU >> more;
    ++at_;
    for (int i = 0; i < more; ++i, ++at_) {
      if (peek() < 0x80 || peek() > 0xbf) return false;
      code = code << 6 | (static_cast<std::uint32_t>(peek()) & 63);
    }
    if (code < (more == 1 ? 0x80U : more == 2 ? 0x800U : 0x10000U) || code > 0x10ffff) return false;
    if (code >= 0xd800 && code < 0xe000) return false;
    put(code, out);
    return true;
  }
  bool string(std::string* out) {
    if (!take('"')) return false;
    for (;;) {
      const int c = peek();
      if (c < 0x20) return false;
      if (c == '"') return take('"');
      if (c >= 0x80) {
        if (!wide(out)) return false;
        continue;
      }
      ++at_;
      if (c != '\\') {
        put(static_cast<std::uint32_t>(c), out);
        continue;
      }
      const int escape = peek();
      ++at_;
      switch (escape) {
        case '"':
        case '\\':
        case '/':
          put(static_cast<std::uint32_t>(escape), out);
          break;
        case 'b':
          put(8, out);
          break;
        case 'f':
          put(12, out);
          break;
        case 'n':
          put(10, out);
          break;
        case 'r':
          put(13, out);
          break;
        case 't':
          put(9, out);
          break;
        case 'u': {
          std::uint32_t unit = 0;
          if (!hex(unit)) return false;
          if (unit >= 0xdc00 && unit < 0xe000) return false;
          if (unit >= 0xd800 && unit < 0xdc00) {
            std::uint32_t low = 0;
            if (!word("\\u") || !hex(low) || low < 0xdc00 || low > 0xdfff) return false;
            unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
          }
          put(unit, out);
          break;
        }
        default:
          return false;
      }
    }
  }
  bool value(std::size_t depth) {
    switch (peek()) {
      case '"':
        return string(nullptr);
      case 't':
        return word("true");
      case 'f':
        return word("false");
      case 'n':
        return word("null");
      case '[':
      case '{': {
        if (depth == kMaxDepth) return false;
        const bool object = take('{');
        if (!object) take('[');
        const char close = object ? '}' : ']';
        spaces();
        if (take(close)) return true;
        for (;;) {
          spaces();
          if (object) {
            if (!string(nullptr)) return false;
            spaces();
            if (!take(':')) return false;
            spaces();
          }
          if (!value(depth + 1)) return false;
          spaces();
          if (take(close)) return true;
          if (!take(',')) return false;
        }
      }
      default:
        return number();
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

inline bool reference_valid(std::string_view text) {
  return ReferenceParser(text).valid();
}

}  // namespace pipec::runtime::test
