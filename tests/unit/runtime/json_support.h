// Helpers of the JSON tests: padded records and seeded hostile ones.
#pragma once

#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/buffer.h"

namespace pipec::runtime::test {

// A record with exactly the promised readable padding, so that a sanitizer detects a read of one byte more.
// The padding looks like JSON.
class Padded {
 public:
  explicit Padded(std::string_view text, std::string_view behind = "\"}],:{[\\1\n")
      : size_(text.size()), bytes_(new char[text.size() + Buffer::kPadding]) {
    std::memcpy(bytes_.get(), text.data(), text.size());
    for (std::size_t i = 0; i < Buffer::kPadding; ++i) bytes_[size_ + i] = behind[i % behind.size()];
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return engine_() % n; }
  bool chance(std::size_t percent) { return below(100) < percent; }
  template <typename T>
  const T& of(const std::vector<T>& choices) {
    return choices[below(choices.size())];
  }
  std::mt19937& engine() { return engine_; }

 private:
  std::mt19937 engine_;
};

// A valid JSON text with odd spacing, escapes, repeated keys and key text inside strings.
inline std::string random_space(Random& random) {
  static const std::vector<std::string> spaces = {"", "", "", "", " ", "\t", "  ", "\r\n", " \n "};
  return random.of(spaces);
}

inline std::string random_string(Random& random) {
  static const std::vector<std::string> parts = {"a",
                                                 "b",
                                                 "key",
                                                 "\\\"",
                                                 "\\\\",
                                                 "\\n",
                                                 "\\u0061",
                                                 "\\u00e9",
                                                 "\\ud83d\\ude00",
                                                 "\xc3\xa9",
                                                 "\xe2\x82\xac",
                                                 "{",
                                                 "}",
                                                 "[",
                                                 "]",
                                                 ":",
                                                 ",",
                                                 "\\/",
                                                 " ",
                                                 "\xf0\x9f\x98\x80",
                                                 "\\\\\\\\",
                                                 "\\\\\\\"",
                                                 "0123456789012345678901234567890123456789",
                                                 "\\\"a\\\":1",
                                                 "x"};
  std::string text = "\"";
  for (std::size_t n = random.below(random.chance(10) ? 30 : 4); n > 0; --n) text += random.of(parts);
  return text + '"';
}

inline std::string random_key(Random& random) {
  static const std::vector<std::string> keys = {
      "\"a\"",      "\"b\"",          "\"c\"",
      "\"\"",       "\"longer_key\"", "\"\\u0061\"",
      "\"a\\\"b\"", "\"eight_ch\"",   "\"a key of more than sixteen bytes\"",
      "\"b\\\\\"",  "\"d\""};
  return random.chance(85) ? random.of(keys) : random_string(random);
}

inline std::string random_scalar(Random& random) {
  static const std::vector<std::string> scalars = {"0",
                                                   "-0",
                                                   "1",
                                                   "-1",
                                                   "12345",
                                                   "1.10",
                                                   "1e400",
                                                   "12345678901234567890",
                                                   "-1.5E-3",
                                                   "true",
                                                   "false",
                                                   "null",
                                                   "1e+2",
                                                   "\"\"",
                                                   "9007199254740993",
                                                   "0.1"};
  return random.chance(60) ? random.of(scalars) : random_string(random);
}

inline std::string random_json(Random& random, int depth) {
  const auto s = [&] { return random_space(random); };
  const std::size_t kind = depth == 0 ? 2 : random.below(4);
  if (kind > 1) return random_scalar(random);
  std::string text = kind == 0 ? "{" : "[";
  const std::size_t count = random.below(5);
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) text += s() + ",";
    text += s();
    if (kind == 0) text += random_key(random) + s() + ":" + s();
    text += random_json(random, depth - 1);
  }
  return text + s() + (kind == 0 ? "}" : "]");
}

inline std::string random_object(Random& random, int depth) {
  const auto s = [&] { return random_space(random); };
  std::string text = s() + "{";
  const std::size_t count = random.below(8);
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) text += s() + ",";
    text += s() + random_key(random) + s() + ":" + s() + random_json(random, depth);
  }
  return text + s() + "}" + s();
}

// A few bytes changed, taken out, put in or cut off.
inline std::string damaged(Random& random, std::string text) {
  static const std::string bytes =
      "{}[]:,\"\\ \n\t\x01"
      "0123eE+-.tfnulasr/\x80\xc3\xe2\xf0\xff\x0c\x1a\x7f";
  for (std::size_t n = 1 + random.below(3); n > 0 && !text.empty(); --n) {
    const std::size_t at = random.below(text.size());
    switch (random.below(5)) {
      case 0:
        text[at] = bytes[random.below(bytes.size())];
        break;
      case 1:
        text.erase(at, 1);
        break;
      case 2:
        text.insert(at, 1, bytes[random.below(bytes.size())]);
        break;
      case 3:
        text.insert(at, text.substr(random.below(text.size()), random.below(12)));
        break;
      default:
        text.resize(at);
        break;
    }
  }
  return text;
}

}  // namespace pipec::runtime::test
