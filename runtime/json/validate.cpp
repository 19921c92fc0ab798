#include "runtime/json/validate.h"

#include "pipec/runtime/json.h"
#include "pipec/runtime/utf8.h"
#include "runtime/json/text.h"

namespace pipec::runtime {

namespace json {

namespace {

// The position at which the text's first bracket is closed, judging only by strings and brackets; the text's
// size if there is none. Only for the message.
std::size_t end_of_first_value(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return text.size();
}

}  // namespace

const char* validate_with(const Kernel& kernel, std::string_view text, std::size_t* offset) {
  std::size_t unused = 0;
  std::size_t& where = offset ? *offset : unused;
  const std::string_view value = trimmed(text);
  const auto lead = static_cast<std::size_t>(value.data() - text.data());
  where = lead;
  if (value.empty()) return "no value";
  if (value.front() != '{' && value.front() != '[') {
    // A scalar alone.
    return read_json(value) ? nullptr : "malformed value";
  }
  if (value.back() != '}' && value.back() != ']') {
    // Cut off, or followed by other text: the kernel relies on a bracket at the end, which stops every
    // scalar.
    const std::size_t end = end_of_first_value(value);
    if (end == value.size()) {
      where = text.size();
      return "unexpected end";
    }
    const std::size_t behind = value.find_first_not_of(" \t\r\n", end);
    where = lead + behind;
    return "unexpected data after the value";
  }
  bool ascii = false;
  const char* reason = kernel.validate(value.data(), value.size(), &where, &ascii);
  if (!ascii && !is_utf8_by_blocks(value)) {
    const std::size_t invalid = valid_utf8_prefix(value);
    if (!reason || invalid < where) {
      where = invalid;
      reason = "invalid UTF-8";
    }
  }
  where += lead;
  return reason;
}

}  // namespace json

const char* validate_json(std::string_view text, std::size_t* offset) {
  static const json::Kernel& kernel = json::best_kernel();
  return json::validate_with(kernel, text, offset);
}

}  // namespace pipec::runtime
