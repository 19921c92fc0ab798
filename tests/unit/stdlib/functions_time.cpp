#include <filesystem>

#include "unit/stdlib/functions_caller.h"

using namespace pipec::stdlib::test;

TEST_CASE("RFC 3339 is read without a format", "[functions]") {
  const When when = GENERATE(When::compiling, When::running);
  Caller call(when);
  CHECK(call("parse_time", {text("2026-01-02T03:04:05Z")}) == R"("2026-01-02T03:04:05Z")");
  CHECK(call("parse_time", {text("2026-01-02t03:04:05.123456789z")}) ==
        R"("2026-01-02T03:04:05.123456789Z")");
  CHECK(call("parse_time", {text("2026-01-02 03:04:05.5-05:30")}) == R"("2026-01-02T08:34:05.500Z")");
  CHECK(call("parse_time", {text("2026-12-31T23:59:60Z")}) == R"("2027-01-01T00:00:00Z")");
  CHECK(call("parse_time", {text("2024-02-29T00:00:00Z")}) == R"("2024-02-29T00:00:00Z")");
  CHECK(call("parse_time", {text("1677-09-21T00:12:43.145224192Z")}) ==
        R"("1677-09-21T00:12:43.145224192Z")");
  for (const char* bad :
       {"", "2026-01-02", "2026-01-02T03:04:05", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
        "2026-1-2T03:04:05Z", "2026-01-02T24:00:00Z", "2026-01-02T03:60:00Z", "2026-01-02T03:04:61Z",
        "2026-01-02T03:04:05Z ", "2026-01-02T03:04:05.Z", "26-01-02T03:04:05Z", "2026-01-02T03:04:05+24:00",
        "2263-01-01T00:00:00Z", "1600-01-01T00:00:00Z", "2026- 1-02T03:04:05Z"}) {
    CAPTURE(bad);
    CHECK(is_error(call("parse_time", {text(bad)})));
  }
}

TEST_CASE("formats are read letter by letter", "[functions]") {
  Caller call(When::compiling);
  const auto read = [&](const char* what, const char* format) {
    return call("parse_time", {text(what), text(format)});
  };
  CHECK(read("02/Jan/2026:03:04:05 +0100", "%d/%b/%Y:%H:%M:%S %z") == R"("2026-01-02T02:04:05Z")");
  CHECK(read("Fri, 02 January 2026 3:04:05 pm", "%a, %d %B %Y %I:%M:%S %p") == R"("2026-01-02T15:04:05Z")");
  CHECK(read("12:30 AM 1.2.26", "%I:%M %p %d.%m.%y") == R"("2026-02-01T00:30:00Z")");
  CHECK(read("99-365", "%y-%j") == R"("1999-12-31T00:00:00Z")");
  CHECK(read("2026-01-02 03:04:05.25", "%Y-%m-%d %H:%M:%S.%f") == R"("2026-01-02T03:04:05.250Z")");
  CHECK(read("2026-01-02T03:04:05,007", "%FT%T,%3f") == R"("2026-01-02T03:04:05.007Z")");
  CHECK(read("1767323045", "%s") == R"("2026-01-02T03:04:05Z")");
  CHECK(read("Jan  2 2026 PST", "%b %e %Y %Z") == R"("2026-01-02T08:00:00Z")");
  CHECK(read("100% 2026", "100%% %Y") == R"("2026-01-01T00:00:00Z")");
  CHECK(is_error(read("Mon 02 Jan 2026", "%a %d %b %Y")));  // it was a Friday
  CHECK(is_error(read("2025-366", "%Y-%j")));
  CHECK(is_error(read("2026-01-02 3", "%Y-%m-%dT%H")));
}

TEST_CASE("a bad format or zone is a compile error", "[functions]") {
  Caller call(When::compiling);
  CHECK(call("parse_time", {text("x"), text("%Y %Q")}) ==
        "compile error: bad time format '%Y %Q': there is no %Q");
  CHECK(call("parse_time", {text("x"), text("%Y %")}).find("ends within") != std::string::npos);
  CHECK(call("parse_time", {text("x"), text("%H:%M")}).find("no year") != std::string::npos);
  CHECK(call("parse_time", {text("x"), text("%G-%V")}).find("can be written, not read") != std::string::npos);
  CHECK(call("format_time", {at_second(0), text("%Y"), text("Mars/Olympus")}) ==
        "compile error: unknown time zone 'Mars/Olympus'");
  CHECK(is_error(call("format_time", {at_second(0), text("%Y"), text("../../etc/passwd")})));
  CHECK(Caller(When::running)("format_time", {at_second(0), text("%Y"), text("Mars")}) ==
        "error: unknown time zone 'Mars'");
}

TEST_CASE("times are written by strftime's letters", "[functions]") {
  Caller call(When::compiling);
  const Value moment = Value::timestamp(1'767'323'045'012'345'678);  // Friday, 2026-01-02T03:04:05Z
  const auto write = [&](const char* format) { return call("format_time", {moment, text(format)}); };
  CHECK(write("%Y-%m-%d %H:%M:%S") == R"("2026-01-02 03:04:05")");
  CHECK(write("%a %A %b %B %e %k %l %I %p %P") == R"("Fri Friday Jan January  2  3  3 03 AM am")");
  CHECK(write("%-d.%-m. %_H %y %C %j") == R"("2.1.  3 26 20 002")");
  CHECK(write("%f %3f %L %N %.f %.3f") == R"("012345 012 012 012345678 .012345678 .012")");
  CHECK(write("%z %:z %Z %s %%") == R"("+0000 +00:00 UTC 1767323045 %")");
  CHECK(write("%G-W%V-%u %U %W %w") == R"("2026-W01-5 00 00 5")");
  CHECK(write("%D %F %T %R %r %c") ==
        R"("01/02/26 2026-01-02 03:04:05 03:04 03:04:05 AM Fri Jan  2 03:04:05 2026")");
  CHECK(write("%+") == R"("2026-01-02T03:04:05.012345678+00:00")");
  CHECK(call("format_time", {Value::timestamp(-1), text("%F %T.%9f")}) ==
        R"("1969-12-31 23:59:59.999999999")");
  CHECK(call("format_time", {at_second(1'609'459'200), text("%G-W%V")}) == R"("2020-W53")");
  CHECK(call("format_time", {Value::timestamp(INT64_MIN), text("%F")}) == R"("1677-09-21")");
}

TEST_CASE("zones", "[functions]") {
  Caller call(When::compiling);
  CHECK(call("format_time", {at_second(0), text("%H:%M %z"), text("+05:30")}) == R"("05:30 +0530")");
  if (!std::filesystem::exists("/usr/share/zoneinfo/Europe/Berlin")) return;
  CHECK(call("format_time", {at_second(1'782'907'200), text("%H:%M %Z"), text("Europe/Berlin")}) ==
        R"("14:00 CEST")");
  const auto read = [&](const char* what) {
    return call("parse_time", {text(what), text("%F %R"), text("Europe/Berlin")});
  };
  CHECK(read("2026-01-15 12:00") == R"("2026-01-15T11:00:00Z")");
  CHECK(read("2026-03-29 02:30").find("skip that time") != std::string::npos);
  CHECK(read("2026-10-25 02:30") == R"("2026-10-25T00:30:00Z")");  // the earlier one
}

TEST_CASE("Unix times are exact", "[functions]") {
  Caller call(When::compiling);
  CHECK(call("from_unix", {number(1700000000.123)}) == R"("2023-11-14T22:13:20.123Z")");
  CHECK(call("from_unix", {from_data("1700000000.123456789")}) == R"("2023-11-14T22:13:20.123456789Z")");
  CHECK(call("from_unix", {from_data("17e8")}) == R"("2023-11-14T22:13:20Z")");
  CHECK(call("from_unix", {number(-1.5)}) == R"("1969-12-31T23:59:58.500Z")");
  CHECK(call("from_unix", {number(1), text("ns")}) == R"("1970-01-01T00:00:00.000000001Z")");
  CHECK(call("from_unix", {number(1500.5), text("us")}) == R"("1970-01-01T00:00:00.001500500Z")");
  CHECK(call("from_unix", {number(0)}) == R"("1970-01-01T00:00:00Z")");
  CHECK(call("from_unix", {number(1e-30)}) == R"("1970-01-01T00:00:00Z")");
  CHECK(is_error(call("from_unix", {number(10'000'000'000)})));
  CHECK(is_error(call("from_unix", {number(1e300)})));
  CHECK(is_error(call("from_unix", {number(1), text("h")})));
  CHECK(call("to_unix", {Value::timestamp(-1)}) == "-1");
  CHECK(call("to_unix", {Value::timestamp(1'999'999'999), text("ms")}) == "1999");
}

TEST_CASE("truncate_time rounds down", "[functions]") {
  Caller call(When::compiling);
  const Value hour = Value::duration(3'600'000'000'000);
  CHECK(call("truncate_time", {at_second(1'767'323'045), hour}) == R"("2026-01-02T03:00:00Z")");
  CHECK(call("truncate_time", {at_second(-1), hour}) == R"("1969-12-31T23:00:00Z")");
  CHECK(is_error(call("truncate_time", {at_second(1), Value::duration(0)})));
  CHECK(is_error(call("truncate_time", {Value::timestamp(INT64_MIN), hour})));
  CHECK(call("now", {}) == R"("2026-01-02T03:04:05.123456789Z")");
}
