#include "runtime/json/validate.h"

#include "pipec/runtime/json.h"
#include "runtime/json/text.h"
#include "runtime/json/utf8.h"

namespace pipec::runtime {

namespace json {

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
    // Cut off, or something behind it: the kernel relies on a bracket at the end, which stops every scalar.
    where = text.size();
    return "unexpected end";
  }
  bool ascii = false;
  const char* reason = kernel.validate(value.data(), value.size(), &where, &ascii);
  if (!ascii && !valid_utf8(value)) {
    const std::size_t invalid = first_invalid_utf8(value);
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
