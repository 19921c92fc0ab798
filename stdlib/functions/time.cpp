// Time: timestamps are nanoseconds since 1970 in UTC.
#include <charconv>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/runtime/json.h"
#include "stdlib/functions/compiled_cache.h"
#include "stdlib/functions/containers.h"
#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"
#include "stdlib/functions/number.h"
#include "stdlib/functions/quote.h"
#include "stdlib/functions/time_format.h"

namespace pipec::stdlib {

namespace {

using FormatPtr = std::shared_ptr<const TimeFormat>;
using ZonePtr = std::shared_ptr<const TimeZone>;
using CompileFormat = Result<TimeFormat> (*)(std::string_view);

// The default of parse_time's zone; never a zone's name.
constexpr std::string_view kNoZone;

// The constant ones of the formats and the zone.
struct FormatsAndZone {
  std::vector<FormatPtr> formats;  // empty: known only at run time
  ZonePtr zone;
  bool zone_known = false;  // else known only at run time
};

template <CompileFormat compile>
Result<FormatPtr> shared_format(std::string_view text) {
  Result<TimeFormat> format = compile(text);
  if (!format.ok()) return format.error();
  return FormatPtr(std::make_shared<TimeFormat>(std::move(*format)));
}

// One format, or an array of them. Returns the first error.
template <typename Compile>
std::optional<Error> compile_formats(std::span<const Value> texts, const Compile& compile,
                                     std::vector<FormatPtr>& formats) {
  if (texts.empty()) return bad_argument("there is no format in the array");
  for (const Value& text : texts) {
    if (text.type() != Type::string) return bad_argument("a format must be a string");
    auto format = compile(text);
    if (!format.ok()) return format.error();
    formats.push_back(*format);
  }
  return std::nullopt;
}

template <CompileFormat compile>
Prepared prepare_format(Constants arguments) {
  auto prepared = std::make_shared<FormatsAndZone>();
  if (arguments[1]) {
    runtime::Arena arena;
    std::span<const Value> texts(&*arguments[1], 1);
    if (arguments[1]->type() == Type::array) {
      const Value built = runtime::expand(*arguments[1], arena);
      texts = std::span(built.items(), built.size());
    }
    const auto compile_one = [&arena](const Value& text) {
      return shared_format<compile>(runtime::decoded(text, arena).text());
    };
    if (const auto error = compile_formats(texts, compile_one, prepared->formats)) return *error;
  }
  if (arguments[2]) {
    prepared->zone_known = true;
    if (arguments[2]->text() != kNoZone) {
      auto zone = TimeZone::find(arguments[2]->text());
      if (!zone.ok()) return zone.error();
      prepared->zone = *zone;
    }
  }
  return std::shared_ptr<const void>(std::move(prepared));
}

// Both, from the prepared ones or compiled now. false: the call has failed.
template <CompileFormat compile>
bool formats_and_zone(CallContext& context, Arguments arguments, FormatsAndZone& out) {
  if (const auto* prepared = context.prepared<FormatsAndZone>()) out = *prepared;
  if (out.formats.empty()) {
    thread_local CompiledCache<TimeFormat> formats;
    std::span<const Value> texts(&arguments[1], 1);
    if (arguments[1].type() == Type::array) {
      const auto items = items_of(context, arguments[1]);
      if (!items) return false;
      texts = *items;
    }
    const auto compile_one = [&context](const Value& text) {
      return formats.get(runtime::decoded(text, context.arena()).text(), shared_format<compile>);
    };
    if (const auto error = compile_formats(texts, compile_one, out.formats)) {
      context.fail(error->message);
      return false;
    }
  }
  if (!out.zone_known) {
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

// The formats are tried in order. If none of several matches, the last one's reason would not help.
Value read_time(CallContext& context, std::string_view text, const FormatsAndZone& how) {
  const char* reason = nullptr;
  for (const FormatPtr& format : how.formats) {
    std::int64_t nanoseconds = 0;
    reason = format->read(text, how.zone.get(), nanoseconds);
    if (!reason) return Value::timestamp(nanoseconds);
  }
  if (how.formats.size() > 1) reason = "none of the formats fits";
  return context.fail("not a time: " + quote(text) + " (" + reason + ")");
}

Value parse_time(CallContext& context, Arguments arguments) {
  const auto* prepared = context.prepared<FormatsAndZone>();
  if (prepared && !prepared->formats.empty() && prepared->zone_known) {
    return read_time(context, arguments[0].text(), *prepared);
  }
  FormatsAndZone how;
  if (!formats_and_zone<TimeFormat::for_reading>(context, arguments, how)) return Value::failed();
  return read_time(context, arguments[0].text(), how);
}

Value format_time(CallContext& context, Arguments arguments) {
  FormatsAndZone how;
  if (!formats_and_zone<TimeFormat::for_writing>(context, arguments, how)) return Value::failed();
  const TimeZone& zone = how.zone ? *how.zone : TimeZone::utc();
  return Value::string(context.arena().copy(how.formats.front()->write(arguments[0].as_int(), zone)));
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
  int wanted = whole + exponent + places;  // how many digits precede the point of the result
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
      {required("s", Type::string),
       defaulted("format", TypeSet(Type::string) | Type::array, Value::string("%+")),
       defaulted("zone", Type::string, Value::string(kNoZone))},
      Type::timestamp,
      "Parses a time, between the years 1678 and 2262, by strftime letters (default: RFC "
      "3339); "
      "of several formats, the first that matches. The zone applies to text that names none, and resolves "
      "names such as CST",
      {{R"(parse_time("2026-01-02T03:04:05.5+01:00"))", R"("2026-01-02T02:04:05.500Z")"},
       {R"(parse_time("02/Jan/2026:03:04:05 +0000", "%d/%b/%Y:%H:%M:%S %z"))", R"("2026-01-02T03:04:05Z")"},
       {R"(parse_time("2026-07-02T03:04:05", zone: "Europe/Berlin"))", R"("2026-07-02T01:04:05Z")"},
       {R"(parse_time("2 Jan 2026 CST", ["%F %T", "%d %b %Y %Z"], "Asia/Shanghai"))",
        R"("2026-01-01T16:00:00Z")"},
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
