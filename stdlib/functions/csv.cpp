// One line of CSV (RFC 4180).
#include <algorithm>
#include <string>
#include <string_view>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/json.h"
#include "stdlib/functions/builders.h"
#include "stdlib/functions/containers.h"
#include "stdlib/functions/parsers.h"

namespace pipec::stdlib {

namespace {

constexpr std::string_view kBadDelimiter =
    "the delimiter is not one ASCII character, or it is a quote or a line end";

bool is_delimiter(std::string_view text) {
  return text.size() == 1 && static_cast<unsigned char>(text[0]) < 0x80 && text[0] != '"' &&
         text[0] != '\n' && text[0] != '\r';
}

// The field that begins with the quote at text[at]; moves `at` past the closing quote. Null data: not closed.
std::string_view quoted_field(std::string_view text, std::size_t& at, Arena& arena) {
  const std::size_t begin = ++at;
  bool doubled = false;
  while (true) {
    at = text.find('"', at);
    if (at == std::string_view::npos) return {};
    if (at + 1 == text.size() || text[at + 1] != '"') break;
    doubled = true;
    at += 2;
  }
  const std::string_view inside = text.substr(begin, at++ - begin);
  if (!doubled) return inside;
  TextBuilder field(arena, inside.size());
  for (std::size_t i = 0; i < inside.size(); ++i) {
    field.append(inside[i]);
    if (inside[i] == '"') ++i;  // the second one of the pair
  }
  return field.view();
}

}  // namespace

Prepared check_delimiter(Constants arguments) {
  if (arguments[1] && !is_delimiter(arguments[1]->text())) return bad_argument(std::string(kBadDelimiter));
  return nothing_prepared();
}

Value parse_csv(CallContext& context, Arguments arguments) {
  if (!is_delimiter(arguments[1].text())) return context.fail(kBadDelimiter);
  const char delimiter = arguments[1].text()[0];
  std::string_view text = arguments[0].text();
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  ListBuilder<Value> fields(context.arena());
  std::size_t at = 0;
  while (true) {
    if (at < text.size() && text[at] == '"') {
      const std::string_view field = quoted_field(text, at, context.arena());
      if (field.data() == nullptr) return context.fail("not CSV: a quote is not closed");
      if (at < text.size() && text[at] != delimiter)
        return context.fail("not CSV: text after a closing quote");
      fields.push(Value::string(field));
    } else {
      const std::size_t end = std::min(text.find(delimiter, at), text.size());
      fields.push(Value::string(text.substr(at, end - at)));
      at = end;
    }
    if (at == text.size()) return finished(fields);
    ++at;
  }
}

Value to_csv(CallContext& context, Arguments arguments) {
  if (!is_delimiter(arguments[1].text())) return context.fail(kBadDelimiter);
  const char delimiter = arguments[1].text()[0];
  const auto items = items_of(context, arguments[0]);
  if (!items) return Value::failed();
  TextBuilder line(context.arena());
  for (std::size_t i = 0; i < items->size(); ++i) {
    if (i > 0) line.append(delimiter);
    const auto text = runtime::interpolated((*items)[i], context.arena());
    if (!text) continue;
    const bool quoted = text->find_first_of("\"\r\n") != std::string_view::npos ||
                        text->find(delimiter) != std::string_view::npos;
    if (!quoted) {
      line.append(*text);
      continue;
    }
    line.append('"');
    for (const char c : *text) {
      if (c == '"') line.append('"');
      line.append(c);
    }
    line.append('"');
  }
  return Value::string(line.view());
}

}  // namespace pipec::stdlib
