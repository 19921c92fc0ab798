#include "stdlib/formats/shared/typed_text.h"

#include <charconv>
#include <cstdint>

#include "pipec/runtime/json.h"
#include "stdlib/functions/ascii.h"

namespace pipec::stdlib {

namespace {

// Reading the text as a double and writing that gives the same digits.
bool survives_as_double(std::string_view text) {
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return false;
  char digits[64];
  const auto written = std::to_chars(digits, digits + sizeof digits, value, std::chars_format::fixed);
  if (written.ec != std::errc()) return false;
  std::string_view shortest(digits, static_cast<std::size_t>(written.ptr - digits));
  if (!text.starts_with(shortest)) return false;
  text.remove_prefix(shortest.size());
  if (shortest.find('.') == std::string_view::npos && text.starts_with('.')) text.remove_prefix(1);
  return text.find_first_not_of('0') == std::string_view::npos;
}

}  // namespace

runtime::OptionSpec types_option() {
  runtime::OptionSpec option;
  option.name = "types";
  option.kind = runtime::OptionSpec::Kind::choice;
  option.choices = {"string", "auto"};
  option.fallback = runtime::Value::string("string");
  option.doc =
      "auto makes ints, floats and bools of values that look like one and lose nothing by it: `007` and "
      "`1e5` stay "
      "strings";
  return option;
}

bool types_are_auto(const runtime::Options& options) {
  return options.string("types", "string") == "auto";
}

bool is_scalar(std::string_view text) {
  constexpr std::size_t kSafeDigits = 15;  // of a double
  constexpr std::size_t kSafeInt = 18;
  if (text == "true" || text == "false") return true;
  const bool negative = text.starts_with('-');
  const std::size_t first = negative ? 1 : 0;
  std::size_t at = first;
  while (at < text.size() && is_digit(text[at])) ++at;
  const std::size_t whole = at - first;
  if (whole == 0 || (whole > 1 && text[first] == '0')) return false;
  if (at == text.size()) {
    if (negative && text == "-0") return false;
    if (whole <= kSafeInt) return true;
    std::int64_t value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    return read.ec == std::errc() && read.ptr == text.data() + text.size();
  }
  if (text[at] != '.') return false;
  const std::size_t point = at++;
  while (at < text.size() && is_digit(text[at])) ++at;
  if (at != text.size() || at == point + 1) return false;
  return whole + (at - point - 1) <= kSafeDigits || survives_as_double(text);
}

void append_typed(std::string_view text, runtime::Buffer& out) {
  const bool may_be =
      !text.empty() && (is_digit(text[0]) || text[0] == '-' || text[0] == 't' || text[0] == 'f');
  if (may_be && is_scalar(text)) {
    out.append(text);
  } else {
    runtime::append_json_string(text, out);
  }
}

}  // namespace pipec::stdlib
