#include "stdlib/formats/access_log/log_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "stdlib/functions/builders.h"

namespace pipec::stdlib {

namespace {

using runtime::Arena;
using runtime::Error;
using runtime::ErrorCode;
using runtime::Member;
using runtime::Value;

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

// "GET /path HTTP/1.1". Anything else (a client may send anything) is all path.
void add_request(std::string_view request, Arena& arena, std::vector<Member>& fields) {
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
  fields.push_back({"method", text_or_null(method, arena)});
  fields.push_back({"path", text_or_null(request, arena)});
  fields.push_back({"protocol", text_or_null(protocol, arena)});
}

struct Letter {
  char letter;
  const char* name;
  bool number;
};

constexpr Letter kLetters[] = {
    {'h', "host", false},     {'a', "address", false},    {'A', "local_address", false},
    {'l', "identity", false}, {'u', "user", false},       {'s', "status", true},
    {'b', "size", true},      {'B', "size", true},        {'O', "size", true},
    {'I', "received", true},  {'v', "vhost", false},      {'V', "vhost", false},
    {'p', "port", true},      {'D', "duration_us", true}, {'T', "duration_s", true},
    {'m', "method", false},   {'U', "path", false},       {'q', "query", false},
    {'H', "protocol", false}, {'f', "file", false},       {'k', "keepalive", true},
    {'P', "process", true},   {'X', "connection", false}, {'L', "log_id", false},
    {'R', "handler", false}};

// Of a header, a cookie, an environment variable: "User-Agent" is agent.
std::string name_of(std::string_view argument) {
  std::string name;
  for (const char c : argument)
    name += c == '-' ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  if (name == "referer") return "referrer";
  if (name == "user_agent") return "agent";
  return name == "x_forwarded_for" ? "forwarded_for" : name;
}

}  // namespace

runtime::Result<LogFormat> LogFormat::compile(std::string_view format) {
  LogFormat made;
  std::string text;
  const auto fail = [](const std::string& what) {
    return Error::make(ErrorCode::option, "'format': " + what);
  };
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      text += format[i];
      continue;
    }
    ++i;
    if (i < format.size() && format[i] == '%') {
      text += '%';
      continue;
    }
    while (i < format.size() && std::string_view("<>!,0123456789").find(format[i]) != std::string_view::npos)
      ++i;
    std::string_view argument;
    const bool has_argument = i < format.size() && format[i] == '{';
    if (has_argument) {
      const std::size_t close = format.find('}', i);
      if (close == std::string_view::npos) return fail("'%{' without '}'");
      argument = format.substr(i + 1, close - i - 1);
      i = close + 1;
    }
    if (i >= format.size()) return fail("it ends in the middle of a directive");
    if (!made.parts_.empty() && text.empty())
      return fail(fmt::format("no text between %{} and what is before it", format[i]));
    Part part;
    part.before = std::exchange(text, {});
    made.spaced_ = made.spaced_ || part.before.find(' ') != std::string::npos;
    part.quoted = part.before.ends_with('"');
    if (const char* const reason = made.add_field(std::move(part), has_argument, argument, format[i]))
      return fail(fmt::format("{} %{}{}", reason,
                              has_argument ? "{" + std::string(argument) + "}" : std::string(), format[i]));
  }
  made.after_ = std::move(text);
  if (made.parts_.empty()) return fail("it holds no directive such as %h");
  return made;
}

// Null, or what is wrong with it.
const char* LogFormat::add_field(Part part, bool has_argument, std::string_view argument, char letter) {
  if (letter == 't') {
    part.kind = Kind::time;
    part.name = "timestamp";
    auto time = TimeFormat::for_reading(has_argument ? argument : "[%d/%b/%Y:%H:%M:%S %z]");
    if (!time) return "no time can be read by";
    part.time = std::make_shared<TimeFormat>(std::move(*time));
  } else if (letter == 'r') {
    part.kind = Kind::request;
    part.name = "method";
  } else if (has_argument && std::string_view("ioeCn").find(letter) != std::string_view::npos) {
    part.name = name_of(argument);
  } else {
    const auto* const known = std::find_if(std::begin(kLetters), std::end(kLetters),
                                           [letter](const Letter& each) { return each.letter == letter; });
    if (known == std::end(kLetters)) return "unknown directive";
    part.name = known->name;
    part.kind = known->number ? Kind::number : Kind::text;
    // %{ms}T is a number too, of another unit.
    if (has_argument && letter == 'T') part.name = "duration_" + std::string(argument);
  }
  const auto same = [&part](const Part& each) { return each.name == part.name; };
  if (std::any_of(parts_.begin(), parts_.end(), same)) return "a second field of the same name:";
  parts_.push_back(std::move(part));
  return nullptr;
}

// The part's text in the line.
std::string_view LogFormat::text_of(std::size_t part, std::string_view line, std::size_t at) const {
  const std::string& next = part + 1 < parts_.size() ? parts_[part + 1].before : after_;
  std::size_t end = at;
  if (parts_[part].quoted) {
    while (end < line.size() && line[end] != '"') end += line[end] == '\\' ? 2 : 1;
  } else if (parts_[part].kind == Kind::time) {
    end = next.empty() ? line.size() : line.find(next, at);
    if (at < line.size() && line[at] == '[') end = std::min(line.find(']', at), line.size()) + 1;
  } else {
    end = next.empty() ? line.size() : line.find(next[0], at);
    if (spaced_) end = std::min(end, line.find(' ', at));
  }
  return line.substr(at, std::min(end, line.size()) - at);
}

const char* LogFormat::read(std::string_view line, Arena& arena, std::vector<Member>& fields,
                            std::size_t& at) const {
  at = 0;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const Part& part = parts_[i];
    if (!line.substr(at).starts_with(part.before)) return "the line does not go on as the format says";
    at += part.before.size();
    const std::string_view text = text_of(i, line, at);
    if (const char* const reason = read_part(part, text, arena, fields)) return reason;
    at += text.size();
  }
  if (line.substr(at) == after_) return nullptr;
  return "the line does not end as the format says";
}

const char* LogFormat::read_part(const Part& part, std::string_view text, Arena& arena,
                                 std::vector<Member>& fields) {
  if (!part.quoted && text.empty()) return "a field is missing";
  switch (part.kind) {
    case Kind::text:
      fields.push_back({part.name, text_or_null(text, arena)});
      return nullptr;
    case Kind::request:
      add_request(text, arena, fields);
      return nullptr;
    case Kind::time: {
      std::int64_t nanoseconds = 0;
      const bool none = text == "-" || text == "[-]";
      if (!none && part.time->read(text, nullptr, nanoseconds)) return "not a timestamp";
      fields.push_back({part.name, none ? Value() : Value::timestamp(nanoseconds)});
      return nullptr;
    }
    case Kind::number:
      break;
  }
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool good = read.ec == std::errc() && read.ptr == text.data() + text.size() && number >= 0;
  if (!good && text != "-") return "not a number";
  fields.push_back({part.name, good ? Value::integer(number) : Value()});
  return nullptr;
}

const std::array<LogFormat, 4>& known_log_formats() {
  static const std::array<LogFormat, 4> formats = {
      *LogFormat::compile(R"(%h %l %u %t "%r" %>s %b)"),
      *LogFormat::compile(R"(%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i")"),
      *LogFormat::compile(R"(%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-agent}i")"),
      *LogFormat::compile(R"(%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i" "%{X-Forwarded-For}i")")};
  return formats;
}

}  // namespace pipec::stdlib
