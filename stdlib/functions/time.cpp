// Time: timestamps are nanoseconds since 1970 in UTC.
#include <charconv>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pipec/runtime/json.h"
#include "stdlib/functions/compiled_cache.h"
#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"
#include "stdlib/functions/number.h"
#include "stdlib/functions/quote.h"
#include "stdlib/functions/time_format.h"

namespace pipec::stdlib {

namespace {

using FormatPtr = std::shared_ptr<const TimeFormat>;
using ZonePtr = std::shared_ptr<const TimeZone>;

// The constant ones of a format and a zone; null: known only at run time.
struct FormatAndZone {
  FormatPtr format;
  ZonePtr zone;
};

template <Result<TimeFormat> (*compile)(std::string_view)>
Result<FormatPtr> shared_format(std::string_view text) {
  Result<TimeFormat> format = compile(text);
  if (!format.ok()) return format.error();
  return FormatPtr(std::make_shared<TimeFormat>(std::move(*format)));
}

template <Result<TimeFormat> (*compile)(std::string_view)>
Prepared prepare_format(Constants arguments) {
  auto prepared = std::make_shared<FormatAndZone>();
  if (arguments[1]) {
    auto format = shared_format<compile>(arguments[1]->text());
    if (!format.ok()) return format.error();
    prepared->format = *format;
  }
  if (arguments[2]) {
    auto zone = TimeZone::find(arguments[2]->text());
    if (!zone.ok()) return zone.error();
    prepared->zone = *zone;
  }
  return std::shared_ptr<const void>(std::move(prepared));
}

// Both, from the prepared ones or compiled now. false: the call has failed.
template <Result<TimeFormat> (*compile)(std::string_view)>
bool format_and_zone(CallContext& context, Arguments arguments, FormatAndZone& out) {
  if (const auto* prepared = static_cast<const FormatAndZone*>(context.prepared())) out = *prepared;
  if (!out.format) {
    thread_local CompiledCache<TimeFormat> formats;
    const auto format = formats.get(arguments[1].text(), shared_format<compile>);
    if (!format.ok()) {
      context.fail(format.error().message);
      return false;
    }
    out.format = *format;
  }
  if (!out.zone) {
    thread_local CompiledCache<TimeZone> zones;
    const auto zone = zones.get(arguments[2].text(), TimeZone::find);
    if (!zone.ok()) {
      context.fail(zone.error().message);
      return false;
    }
    out.zone = *zone;
  }
  return true;
}

Value parse_time(CallContext& context, Arguments arguments) {
  FormatAndZone how;
  if (!format_and_zone<TimeFormat::for_reading>(context, arguments, how)) return Value::failed();
  std::int64_t nanoseconds = 0;
  const char* reason = how.format->read(arguments[0].text(), *how.zone, nanoseconds);
  if (!reason) return Value::timestamp(nanoseconds);
  return context.fail("not a time: " + quote(arguments[0].text()) + " (" + reason + ")");
}

Value format_time(CallContext& context, Arguments arguments) {
  FormatAndZone how;
  if (!format_and_zone<TimeFormat::for_writing>(context, arguments, how)) return Value::failed();
  return Value::string(context.arena().copy(how.format->write(arguments[0].as_int(), *how.zone)));
}

// Decimal places of a unit below the second; nullopt: no unit.
std::optional<int> unit_places(std::string_view unit) {
  if (unit == "s") return 0;
  if (unit == "ms") return 3;
  if (unit == "us") return 6;
  if (unit == "ns") return 9;
  return std::nullopt;
}

std::string bad_unit(std::string_view unit) {
  return "unknown unit " + quote(unit) + "; there are s, ms, us and ns";
}

Prepared check_unit(Constants arguments) {
  if (arguments[1] && !unit_places(arguments[1]->text())) return bad_argument(bad_unit(arguments[1]->text()));
  return nothing_prepared();
}

// A decimal number times 10^places, rounded to an integer (halves away from zero): by its digits, so that
// 1700000000.123 s are exactly that many milliseconds.
std::optional<std::int64_t> scaled(std::string_view number, int places) {
  const bool negative = number.starts_with('-');
  if (negative) number.remove_prefix(1);
  const std::size_t e = number.find_first_of("eE");
  int exponent = 0;
  if (e != std::string_view::npos) {
    std::string_view digits = number.substr(e + 1);
    if (digits.starts_with('+')) digits.remove_prefix(1);
    if (std::from_chars(digits.data(), digits.data() + digits.size(), exponent).ec != std::errc()) {
      return std::nullopt;
    }
    if (exponent < -400 || exponent > 400)
      return exponent < 0 ? std::optional<std::int64_t>(0) : std::nullopt;
    number = number.substr(0, e);
  }
  const std::size_t dot = number.find('.');
  const auto whole = static_cast<int>(dot == std::string_view::npos ? number.size() : dot);
  int wanted = whole + exponent + places;  // how many digits stand before the point of the result
  __int128 value = 0;
  bool round_up = false;
  for (const char c : number) {
    if (c == '.') continue;
    if (wanted == 0) round_up = c >= '5';
    if (wanted <= 0) {
      --wanted;
      break;
    }
    value = value * 10 + (c - '0');
    if (value > INT64_MAX) return std::nullopt;
    --wanted;
  }
  for (; wanted > 0 && value != 0; --wanted) {
    value *= 10;
    if (value > INT64_MAX) return std::nullopt;
  }
  if (round_up) ++value;
  if (value > INT64_MAX) return std::nullopt;
  return static_cast<std::int64_t>(negative ? -value : value);
}

Value from_unix(CallContext& context, Arguments arguments) {
  const auto places = unit_places(arguments[1].text());
  if (!places) return context.fail(bad_unit(arguments[1].text()));
  const Value& number = arguments[0];
  std::optional<std::int64_t> nanoseconds;
  char room[runtime::kUnsignedDigits];
  if (!number.number_text().empty() || number.is_beyond()) {
    nanoseconds = scaled(runtime::exact_text(number, room), 9 - *places);
  } else if (number.type() == Type::integer) {
    nanoseconds = scaled(std::to_string(number.as_int()), 9 - *places);
  } else {
    char text[40];
    nanoseconds = scaled({text, runtime::format_float(number.as_float(), text)}, 9 - *places);
  }
  return nanoseconds ? Value::timestamp(*nanoseconds)
                     : context.fail("the time is not between the years 1678 and 2262");
}

std::int64_t floor_to(std::int64_t value, std::int64_t unit) {
  const std::int64_t rest = value % unit;
  return rest < 0 ? value - rest - unit : value - rest;
}

Value to_unix(CallContext& context, Arguments arguments) {
  const auto places = unit_places(arguments[1].text());
  if (!places) return context.fail(bad_unit(arguments[1].text()));
  std::int64_t unit = 1;
  for (int i = *places; i < 9; ++i) unit *= 10;
  const std::int64_t nanoseconds = arguments[0].as_int();
  return Value::integer(nanoseconds / unit - (nanoseconds % unit < 0 ? 1 : 0));
}

constexpr std::string_view kNoDuration = "the duration is not above zero";

Prepared check_duration(Constants arguments) {
  if (arguments[1] && arguments[1]->as_int() <= 0) return bad_argument(std::string(kNoDuration));
  return nothing_prepared();
}

Value truncate_time(CallContext& context, Arguments arguments) {
  const std::int64_t unit = arguments[1].as_int();
  if (unit <= 0) return context.fail(kNoDuration);
  const std::int64_t time = arguments[0].as_int();
  const std::int64_t rest = time % unit;
  if (rest < 0 && time < INT64_MIN + (unit + rest)) return context.fail("the time is before the year 1678");
  return Value::timestamp(floor_to(time, unit));
}

Value now(CallContext& context, Arguments) {
  return Value::timestamp(context.clock().unix_nanoseconds());
}

}  // namespace

void register_time(Registry& registry) {
  const Parameter time = required("t", Type::timestamp);
  const Parameter unit = defaulted("unit", Type::string, Value::string("s"));
  const Parameter zone = defaulted("zone", Type::string, Value::string("UTC"));

  Family family(registry, "time");
  family.add(
      "parse_time",
      {required("s", Type::string), defaulted("format", Type::string, Value::string("%+")), zone},
      Type::timestamp,
      "The time that the text stands for, by strftime letters (default: RFC 3339); the zone counts where the "
      "text names none",
      {{R"(parse_time("2026-01-02T03:04:05.5+01:00"))", R"("2026-01-02T02:04:05.500Z")"},
       {R"(parse_time("02/Jan/2026:03:04:05 +0000", "%d/%b/%Y:%H:%M:%S %z"))", R"("2026-01-02T03:04:05Z")"},
       {R"(parse_time("2026-02-30T00:00:00Z"))", "error"}},
      parse_time, prepare_format<TimeFormat::for_reading>);
  family.add(
      "format_time", {time, required("format", Type::string), zone}, Type::string,
      "The time as text, by strftime letters, in a time zone",
      {{R"(format_time(parse_time("2026-07-01T12:00:00Z"), "%Y-%m-%d %H:%M"))", R"("2026-07-01 12:00")"},
       {R"(format_time(parse_time("2026-07-01T12:00:00Z"), "%H:%M %Z", "Europe/Berlin"))",
        R"("14:00 CEST")"}},
      format_time, prepare_format<TimeFormat::for_writing>);
  family.add_impure("now", {}, Type::timestamp, "The time of the evaluation",
                    {{"type(now())", R"("timestamp")"}}, now);
  family.add("from_unix", {required("n", TypeSet::number()), unit}, Type::timestamp,
             "The time that is n units after 1970-01-01T00:00:00Z; units are s, ms, us and ns",
             {{"from_unix(1767323045)", R"("2026-01-02T03:04:05Z")"},
              {R"(from_unix(1767323045123, "ms"))", R"("2026-01-02T03:04:05.123Z")"}},
             from_unix, check_unit);
  family.add("to_unix", {time, unit}, Type::integer, "The whole units since 1970-01-01T00:00:00Z",
             {{R"(to_unix(parse_time("2026-01-02T03:04:05Z")))", "1767323045"}}, to_unix, check_unit);
  family.add("truncate_time", {time, required("d", Type::duration)}, Type::timestamp,
             "The time rounded down to a multiple of the duration, in UTC",
             {{R"(truncate_time(parse_time("2026-01-02T03:44:05Z"), 15m))", R"("2026-01-02T03:30:00Z")"}},
             truncate_time, check_duration);
}

}  // namespace pipec::stdlib
