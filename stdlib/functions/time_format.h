// Time formats with strftime's letters, compiled once; names of months and days are English whatever the
// locale.
//
// Beyond strftime: %f is a fraction of a second (parsed: 1 to 9 digits; written: microseconds, or %3f %6f
// %9f), %L milliseconds, %N nanoseconds, %.f a dot and the fraction (parsed: may be missing; written: only
// where it is not zero), %:z an offset with a colon, %+ is RFC 3339.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/error.h"
#include "stdlib/functions/time_zone.h"

namespace pipec::stdlib {

inline constexpr std::int64_t kSecond = 1'000'000'000;  // in nanoseconds

class TimeFormat {
 public:
  // The format must contain a year, so that the result is an instant.
  static runtime::Result<TimeFormat> for_reading(std::string_view format);
  static runtime::Result<TimeFormat> for_writing(std::string_view format);

  // Outputs nanoseconds since 1970. Returns null, or the reason why the text does not match. `zone` (null:
  // UTC) applies if the text names none, and resolves ambiguous abbreviations such as CST.
  const char* read(std::string_view text, const TimeZone* zone, std::int64_t& nanoseconds) const;
  std::string write(std::int64_t nanoseconds, const TimeZone& zone) const;

  struct Directive {
    char letter = '\0';  // '\0': the literal
    char padding = '0';  // of numbers: '0', ' ', or '-' for none
    bool custom_padding = false;
    unsigned digits = 0;  // of a fraction, where given
    bool colon = false;   // %:z
    bool dot = false;     // %.f
    bool exact = false;   // of %+: numbers have all their digits, without preceding spaces
    std::string literal;
  };

 private:
  // `within`: the composite letter whose expansion this is; '\0': none.
  static const char* compile(std::string_view format, char within, std::vector<Directive>& directives);
  std::vector<Directive> directives_;
};

}  // namespace pipec::stdlib
