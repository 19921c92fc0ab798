// The access logs of web servers: the common log format, and the combined one, which adds referrer and agent.
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "stdlib/functions/object_builder.h"
#include "stdlib/functions/parsers.h"
#include "stdlib/functions/quote.h"
#include "stdlib/functions/time_format.h"

namespace pipec::stdlib {

namespace {

// Takes fields from the front of a line, each with the one space after it.
class FieldReader {
 public:
  explicit FieldReader(std::string_view line) : rest_(line) {}

  bool done() const { return rest_.empty(); }

  std::optional<std::string_view> word() {
    const std::string_view field = rest_.substr(0, rest_.find(' '));
    return field.empty() ? std::nullopt : take(0, field.size(), 0);
  }

  std::optional<std::string_view> bracketed() {
    const std::size_t close = rest_.find(']');
    if (!rest_.starts_with('[') || close == std::string_view::npos) return std::nullopt;
    return take(1, close - 1, 1);
  }

  // Escapes are left in.
  std::optional<std::string_view> quoted() {
    if (!rest_.starts_with('"')) return std::nullopt;
    std::size_t close = 1;
    while (close < rest_.size() && rest_[close] != '"') close += rest_[close] == '\\' ? 2 : 1;
    if (close >= rest_.size()) return std::nullopt;
    return take(1, close - 1, 1);
  }

 private:
  // A field of `size` bytes between `before` and `after` bytes of brackets.
  std::optional<std::string_view> take(std::size_t before, std::size_t size, std::size_t after) {
    const std::string_view field = rest_.substr(before, size);
    rest_.remove_prefix(before + size + after);
    if (rest_.empty()) return field;
    if (rest_.front() != ' ') return std::nullopt;
    rest_.remove_prefix(1);
    return field;
  }

  std::string_view rest_;
};

Value text_or_null(std::string_view field, Arena& arena) {
  if (field == "-" || field.empty()) return Value();
  if (field.find('\\') == std::string_view::npos) return Value::string(field);
  TextBuilder text(arena, field.size());
  for (std::size_t i = 0; i < field.size(); ++i) {
    if (field[i] == '\\' && i + 1 < field.size() && (field[i + 1] == '"' || field[i + 1] == '\\')) ++i;
    text.append(field[i]);
  }
  return Value::string(text.view());
}

// nullopt: neither a number nor `-`.
std::optional<Value> number_or_null(std::string_view field) {
  if (field == "-") return Value();
  std::int64_t number = 0;
  const auto read = std::from_chars(field.data(), field.data() + field.size(), number);
  if (read.ec != std::errc() || read.ptr != field.data() + field.size() || number < 0) return std::nullopt;
  return Value::integer(number);
}

const TimeFormat& time_format() {
  static const runtime::Result<TimeFormat> format = TimeFormat::for_reading("%d/%b/%Y:%H:%M:%S %z");
  return *format;
}

std::optional<Value> time_or_null(std::string_view field) {
  if (field == "-") return Value();
  std::int64_t nanoseconds = 0;
  if (time_format().read(field, nullptr, nanoseconds)) return std::nullopt;
  return Value::timestamp(nanoseconds);
}

// "GET /path HTTP/1.1". Anything else (a client may send anything) is all path.
void set_request(std::string_view request, ObjectBuilder& object, Arena& arena) {
  std::string_view method;
  std::string_view protocol;
  const std::size_t first = request.find(' ');
  const std::size_t last = request.rfind(' ');
  if (first != std::string_view::npos && first > 0) {
    const bool three = last > first;
    method = request.substr(0, first);
    if (three) protocol = request.substr(last + 1);
    if (three && !protocol.starts_with("HTTP/")) {
      method = protocol = {};
    } else {
      request = three ? request.substr(first + 1, last - first - 1) : request.substr(first + 1);
    }
  }
  object.set("method", text_or_null(method, arena));
  object.set("path", text_or_null(request, arena));
  object.set("protocol", text_or_null(protocol, arena));
}

// false: no such line.
bool read_line(std::string_view line, ObjectBuilder& object, Arena& arena) {
  FieldReader reader(line);
  const auto host = reader.word();
  const auto identity = host ? reader.word() : std::nullopt;
  const auto user = identity ? reader.word() : std::nullopt;
  const auto time = user ? reader.bracketed() : std::nullopt;
  const auto request = time ? reader.quoted() : std::nullopt;
  const auto status = request ? reader.word() : std::nullopt;
  const auto size = status ? reader.word() : std::nullopt;
  if (!size) return false;
  const auto timestamp = time_or_null(*time);
  const auto status_number = number_or_null(*status);
  const auto size_number = number_or_null(*size);
  if (!timestamp || !status_number || !size_number) return false;

  object.set("host", text_or_null(*host, arena));
  object.set("identity", text_or_null(*identity, arena));
  object.set("user", text_or_null(*user, arena));
  object.set("timestamp", *timestamp);
  set_request(*request, object, arena);
  object.set("status", *status_number);
  object.set("size", *size_number);
  if (reader.done()) return true;
  const auto referrer = reader.quoted();
  const auto agent = referrer ? reader.quoted() : std::nullopt;
  if (!agent || !reader.done()) return false;
  object.set("referrer", text_or_null(*referrer, arena));
  object.set("agent", text_or_null(*agent, arena));
  return true;
}

}  // namespace

Value parse_clf(CallContext& context, Arguments arguments) {
  ObjectBuilder object(context.arena(), 12);
  if (!read_line(arguments[0].text(), object, context.arena())) {
    return context.fail("not a line of an access log: " + quote(arguments[0].text()));
  }
  return object.finish();
}

}  // namespace pipec::stdlib
