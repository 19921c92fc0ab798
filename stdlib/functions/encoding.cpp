// Encodings of bytes as text, and JSON as text.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "pipec/runtime/json.h"
#include "stdlib/functions/builders.h"
#include "stdlib/functions/compact_json.h"
#include "stdlib/functions/decoded_text.h"
#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"
#include "stdlib/functions/hexadecimal.h"

namespace pipec::stdlib {

namespace {

constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::uint8_t kNoDigit = 255;

constexpr std::array<std::uint8_t, 256> kBase64Values = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::size_t i = 0; i < kBase64.size(); ++i) {
    values[static_cast<unsigned char>(kBase64[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}();

Value base64_encode(CallContext& context, Arguments arguments) {
  const std::string_view bytes = arguments[0].text();
  const std::size_t size = (bytes.size() + 2) / 3 * 4;
  char* const text = context.arena().allocate(size);
  char* out = text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      bits = (bits << 8U) | (j < count ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    *out++ = kBase64[(bits >> 18U) & 63U];
    *out++ = kBase64[(bits >> 12U) & 63U];
    *out++ = count > 1 ? kBase64[(bits >> 6U) & 63U] : '=';
    *out++ = count > 2 ? kBase64[bits & 63U] : '=';
  }
  return Value::string({text, size});
}

// Padding may be left out; nothing else may be wrong, the unused bits of the last digit included.
Value base64_decode(CallContext& context, Arguments arguments) {
  std::string_view text = arguments[0].text();
  if (text.size() % 4 == 0) {
    for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  }
  if (text.size() % 4 == 1) return context.fail("not base64: there is a single digit at the end");
  char* const bytes = context.arena().allocate(text.size() / 4 * 3 + 3);
  char* out = bytes;
  std::uint32_t bits = 0;
  unsigned pending = 0;  // bits that are not written yet
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::uint8_t value = kBase64Values[static_cast<unsigned char>(text[i])];
    if (value == kNoDigit) return context.fail("not base64: a wrong character at byte " + std::to_string(i));
    bits = (bits << 6U) | value;
    pending += 6;
    if (pending >= 8) {
      pending -= 8;
      *out++ = static_cast<char>((bits >> pending) & 255U);
      bits &= (1U << pending) - 1U;
    }
  }
  if (bits != 0) return context.fail("not base64: the last digit has bits that mean nothing");
  return text_or_bytes({bytes, static_cast<std::size_t>(out - bytes)});
}

Value hex_encode(CallContext& context, Arguments arguments) {
  return Value::string(to_hex(arguments[0].text(), context.arena()));
}

Value hex_decode(CallContext& context, Arguments arguments) {
  const std::string_view text = arguments[0].text();
  if (text.size() % 2 != 0) return context.fail("not hexadecimal: an odd number of digits");
  char* const bytes = context.arena().allocate(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]);
    const int low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0)
      return context.fail("not hexadecimal: a wrong character near byte " + std::to_string(i));
    bytes[i / 2] = static_cast<char>(high * 16 + low);
  }
  return text_or_bytes({bytes, text.size() / 2});
}

bool is_unreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// RFC 3986: all but the unreserved characters, as upper-case hexadecimal.
Value url_encode(CallContext& context, Arguments arguments) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  TextBuilder text(context.arena(), arguments[0].size());
  for (const char c : arguments[0].text()) {
    if (is_unreserved(c)) {
      text.append(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    text.append('%');
    text.append(kDigits[byte >> 4U]);
    text.append(kDigits[byte & 15U]);
  }
  return Value::string(text.view());
}

Value url_decode(CallContext& context, Arguments arguments) {
  const std::string_view text = arguments[0].text();
  TextBuilder bytes(context.arena(), text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      bytes.append(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0)
      return context.fail("not URL-encoded: a % without two digits at byte " + std::to_string(i));
    bytes.append(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return text_or_bytes(bytes.view());
}

Value to_json(CallContext& context, Arguments arguments) {
  const auto text = compact_json(context, arguments[0]);
  return text ? Value::string(*text) : Value::failed();
}

std::string_view without_json_space(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

Value parse_json(CallContext& context, Arguments arguments) {
  Arena& arena = context.arena();
  const std::string_view given = arguments[0].text();
  // A copy, for the padding that the validator reads.
  char* const bytes = arena.allocate(given.size(), runtime::Buffer::kPadding);
  given.copy(bytes, given.size());
  std::fill_n(bytes + given.size(), runtime::Buffer::kPadding, ' ');
  const std::string_view text(bytes, given.size());
  std::size_t offset = 0;
  if (const char* reason = runtime::validate_json(text, &offset)) {
    return context.fail("not JSON: " + std::string(reason) + " at byte " + std::to_string(offset));
  }
  const auto value = runtime::read_json(without_json_space(text));
  if (!value) return context.fail("not JSON");
  return value->type() == Type::string ? runtime::decoded(*value, arena) : *value;
}

}  // namespace

void register_encoding(Registry& registry) {
  const Parameter raw = required("s", kText);
  const Parameter text = required("s", Type::string);

  Family family(registry, "encoding");
  family.add("base64_encode", {raw}, Type::string, "The bytes as base64, padded",
             {{R"(base64_encode("hello"))", R"("aGVsbG8=")"}}, base64_encode);
  family.add("base64_decode", {text}, kText, "Decodes base64: a string if the result is UTF-8, else bytes",
             {{R"(base64_decode("aGVsbG8="))", R"("hello")"}, {R"(base64_decode("a*"))", "error"}},
             base64_decode);
  family.add("hex_encode", {raw}, Type::string, "The bytes as lower-case hexadecimal",
             {{R"(hex_encode("hi"))", R"("6869")"}}, hex_encode);
  family.add("hex_decode", {text}, kText, "Decodes hexadecimal: a string if the result is UTF-8, else bytes",
             {{R"(hex_decode("6869"))", R"("hi")"}, {R"(hex_decode("686"))", "error"}}, hex_decode);
  family.add("url_encode", {raw}, Type::string,
             "The text with all but letters, digits and -._~ percent-encoded",
             {{R"(url_encode("a b&c/é"))", R"("a%20b%26c%2F%C3%A9")"}}, url_encode);
  family.add("url_decode", {text}, kText, "The text with its percent-encodings decoded; a plus stays a plus",
             {{R"(url_decode("a%20b"))", R"("a b")"}, {R"(url_decode("100%"))", "error"}}, url_decode);
  family.add("to_json", {required("value", TypeSet::any())}, Type::string, "The value as compact JSON text",
             {{R"(to_json({"a": [1, null]}))", R"("{\"a\":[1,null]}")"}}, to_json);
  family.add("parse_json", {text}, TypeSet::any(), "The value of the JSON text",
             {{R"re(parse_json(r"[1.10, true]"))re", "[1.10, true]"}, {R"(parse_json("{"))", "error"}},
             parse_json);
}

}  // namespace pipec::stdlib
