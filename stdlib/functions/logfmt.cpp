// logfmt: key=value pairs with white space between; values may be quoted, with JSON's escapes.
#include <string_view>

#include "pipec/runtime/json.h"
#include "stdlib/functions/object_builder.h"
#include "stdlib/functions/parsers.h"
#include "stdlib/functions/quote.h"

namespace pipec::stdlib {

namespace {

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// The position at which the string that begins with text[0] is closed; npos: it is not.
std::size_t closing_quote(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i;
    }
  }
  return std::string_view::npos;
}

Value unescaped(std::string_view quoted, Arena& arena) {
  const std::string_view inside = quoted.substr(1, quoted.size() - 2);
  if (inside.find('\\') == std::string_view::npos) return Value::string(inside);
  if (const auto value = runtime::read_json(quoted)) return runtime::decoded(*value, arena);
  // No JSON string (a control character, an unknown escape): the backslashes of quotes and backslashes go.
  TextBuilder text(arena, inside.size());
  for (std::size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] == '\\' && i + 1 < inside.size() && (inside[i + 1] == '"' || inside[i + 1] == '\\')) ++i;
    text.append(inside[i]);
  }
  return Value::string(text.view());
}

}  // namespace

Value parse_logfmt(CallContext& context, Arguments arguments) {
  const std::string_view text = arguments[0].text();
  ObjectBuilder object(context.arena());
  bool pair = false;
  std::size_t at = 0;
  while (true) {
    while (at < text.size() && is_blank(text[at])) ++at;
    if (at == text.size()) break;
    const std::size_t begin = at;
    while (at < text.size() && text[at] != '=' && !is_blank(text[at])) ++at;
    const std::string_view key = text.substr(begin, at - begin);
    if (key.empty()) return context.fail("not logfmt: a = without a key in " + quote(text));
    if (at == text.size() || text[at] != '=') {
      object.set(key, Value::string(""));
      continue;
    }
    ++at;
    pair = true;
    if (at < text.size() && text[at] == '"') {
      const std::size_t close = closing_quote(text.substr(at));
      if (close == std::string_view::npos)
        return context.fail("not logfmt: a quote is not closed in " + quote(text));
      object.set(key, unescaped(text.substr(at, close + 1), context.arena()));
      at += close + 1;
      if (at < text.size() && !is_blank(text[at])) {
        return context.fail("not logfmt: text right after a quote in " + quote(text));
      }
      continue;
    }
    const std::size_t value = at;
    while (at < text.size() && !is_blank(text[at])) ++at;
    object.set(key, Value::string(text.substr(value, at - value)));
  }
  if (!pair) return context.fail("not logfmt: no key=value in " + quote(text));
  return object.finish();
}

}  // namespace pipec::stdlib
