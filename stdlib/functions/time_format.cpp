#include "stdlib/functions/time_format.h"

#include <algorithm>

#include "stdlib/functions/quote.h"

namespace pipec::stdlib {

namespace {

constexpr std::size_t kMaxFormat = 1024;  // bytes
constexpr std::string_view kReadable = "YCymbBhdejHkIlMSfLNpPzZsaAnt";
constexpr std::string_view kWritable = "YCymbBhdejHkIlMSfLNpPzZsaAntuwGgVUW";

// The expansion of a composite letter; empty: not a composite letter.
std::string_view expansion(char letter) {
  switch (letter) {
    case '+':
      return "%Y-%m-%dT%H:%M:%S%.f%:z";
    case 'F':
      return "%Y-%m-%d";
    case 'T':
      return "%H:%M:%S";
    case 'X':
      return "%H:%M:%S";
    case 'R':
      return "%H:%M";
    case 'r':
      return "%I:%M:%S %p";
    case 'D':
      return "%m/%d/%y";
    case 'x':
      return "%m/%d/%y";
    case 'c':
      return "%a %b %e %H:%M:%S %Y";
    case 'v':
      return "%e-%b-%Y";
    default:
      return {};
  }
}

runtime::Error format_error(std::string message) {
  runtime::Error error;
  error.code = "argument";
  error.message = std::move(message);
  return error;
}

void add_literal(char c, bool exact, std::vector<TimeFormat::Directive>& directives) {
  if (directives.empty() || directives.back().letter != '\0' || directives.back().exact != exact) {
    directives.emplace_back();
    directives.back().exact = exact;
  }
  directives.back().literal += c;
}

}  // namespace

const char* TimeFormat::compile(std::string_view format, char within, std::vector<Directive>& directives) {
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      add_literal(format[i], within == '+', directives);
      continue;
    }
    Directive directive;
    directive.exact = within == '+';
    ++i;
    if (i < format.size() && (format[i] == '-' || format[i] == '_' || format[i] == '0')) {
      directive.custom_padding = true;
      directive.padding = format[i] == '_' ? ' ' : format[i];
      ++i;
    }
    if (i < format.size() && (format[i] == 'E' || format[i] == 'O')) ++i;  // of other locales' calendars
    if (i < format.size() && format[i] == '.') {
      directive.dot = true;
      ++i;
    }
    if (i < format.size() && format[i] == ':') {
      directive.colon = true;
      ++i;
    }
    if (i < format.size() && format[i] >= '1' && format[i] <= '9') {
      directive.digits = static_cast<unsigned>(format[i] - '0');
      ++i;
    }
    if (i >= format.size()) return "it ends within a % directive";
    directive.letter = format[i];
    if ((directive.dot || directive.digits != 0) && directive.letter != 'f')
      return "%. and digits go with %f only";
    if (directive.colon && directive.letter != 'z') return "%: goes with %z only";
    if (directive.letter == '%') {
      add_literal('%', false, directives);
    } else if (const std::string_view longer = expansion(directive.letter);
               !longer.empty() && within == '\0') {
      if (const char* reason = compile(longer, directive.letter, directives)) return reason;
    } else {
      directives.push_back(std::move(directive));
    }
  }
  return nullptr;
}

runtime::Result<TimeFormat> TimeFormat::for_writing(std::string_view format) {
  TimeFormat result;
  if (format.size() > kMaxFormat) return format_error("the time format is longer than 1024 bytes");
  if (const char* reason = compile(format, '\0', result.directives_)) {
    return format_error("bad time format " + quote(format) + ": " + reason);
  }
  for (const Directive& directive : result.directives_) {
    if (directive.letter == '\0' || kWritable.find(directive.letter) != std::string_view::npos) continue;
    return format_error("bad time format " + quote(format) + ": there is no %" + directive.letter);
  }
  return result;
}

runtime::Result<TimeFormat> TimeFormat::for_reading(std::string_view format) {
  runtime::Result<TimeFormat> result = for_writing(format);
  if (!result.ok()) return result;
  bool year = false;
  for (const Directive& directive : result->directives_) {
    const char letter = directive.letter;
    if (letter != '\0' && kReadable.find(letter) == std::string_view::npos) {
      return format_error("bad time format " + quote(format) + ": %" + letter + " can be written, not read");
    }
    year = year || letter == 'Y' || letter == 'y' || letter == 's';
  }
  if (!year) return format_error("bad time format " + quote(format) + ": no year in it (%Y, %y, or %s)");
  return result;
}

}  // namespace pipec::stdlib
