#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <set>

#include "stdlib/functions/time_zone.h"
#include "stdlib/functions/zone_file.h"
#include "stdlib/functions/zone_rule.h"
#include "unit/stdlib/functions_caller.h"

using namespace pipec::stdlib;
using namespace pipec::stdlib::test;

namespace {

const std::filesystem::path kZones = "/usr/share/zoneinfo";

bool have_zones() {
  return std::filesystem::exists(kZones / "Europe/Berlin");
}

// Every zone of the system, except those that count leap seconds.
std::set<std::string> zone_names() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kZones)) {
    std::string name = std::filesystem::relative(entry.path(), kZones).string();
    if (name.starts_with("right/") || name.starts_with("posix/") || name.find('.') != std::string::npos)
      continue;
    if (TimeZone::find(name).ok()) names.insert(name);
  }
  return names;
}

// The C library's answers for one zone.
class SystemZone {
 public:
  explicit SystemZone(const std::string& name) {
    setenv("TZ", name.c_str(), 1);  // NOLINT(concurrency-mt-unsafe): the tests have one thread
    tzset();
  }
  ~SystemZone() {
    unsetenv("TZ");  // NOLINT(concurrency-mt-unsafe)
    tzset();
  }
  std::tm at(std::int64_t unix_seconds) const {
    const std::time_t time = unix_seconds;
    std::tm result{};
    localtime_r(&time, &result);
    return result;
  }
};

constexpr std::int64_t kFrom = -2'208'988'800;  // 1900
constexpr std::int64_t kTo = 4'133'980'800;     // 2101

}  // namespace

TEST_CASE("a zone abbreviation is one offset, summer and winter, as GNU date has it", "[functions]") {
  const When when = GENERATE(When::compiling, When::running);
  Caller call(when);
  const auto read = [&](const char* what) {
    return call("parse_time", {text(what), text("%Y-%m-%d %H:%M:%S %Z")});
  };
  CHECK(read("2026-07-15 12:00:00 CET") == R"("2026-07-15T11:00:00Z")");
  CHECK(read("2026-07-15 12:00:00 CEST") == R"("2026-07-15T10:00:00Z")");
  CHECK(read("2026-01-15 12:00:00 CEST") == R"("2026-01-15T10:00:00Z")");
  CHECK(read("2026-07-15 12:00:00 EET") == R"("2026-07-15T10:00:00Z")");
  CHECK(read("2026-07-15 12:00:00 WET") == R"("2026-07-15T12:00:00Z")");
  CHECK(read("2026-07-15 12:00:00 MET") == R"("2026-07-15T11:00:00Z")");
  CHECK(read("2026-07-15 12:00:00 EST") == R"("2026-07-15T17:00:00Z")");
  CHECK(read("2026-07-15 12:00:00 PST") == R"("2026-07-15T20:00:00Z")");
  CHECK(read("2026-07-15 12:00:00 JST") == R"("2026-07-15T03:00:00Z")");
  CHECK(read("2026-07-15 12:00:00 GMT") == R"("2026-07-15T12:00:00Z")");
  for (const char* ambiguous : {"CST", "IST", "BST"}) {
    CAPTURE(ambiguous);
    CHECK(read((std::string("2026-07-15 12:00:00 ") + ambiguous).c_str())
              .find("(ambiguous zone abbreviation: give the zone)") != std::string::npos);
  }
  CHECK(read("2026-07-15 12:00:00 XYZT").find("unknown time zone in it") != std::string::npos);
}

TEST_CASE("a zone resolves an ambiguous abbreviation", "[functions]") {
  if (!have_zones()) return;
  const When when = GENERATE(When::compiling, When::running);
  Caller call(when);
  const auto read = [&](const char* what, const char* zone) {
    return call("parse_time", {text(what), text("%Y-%m-%d %H:%M:%S %Z"), text(zone)});
  };
  CHECK(read("2026-07-15 12:00:00 CST", "Asia/Shanghai") == R"("2026-07-15T04:00:00Z")");
  CHECK(read("2026-07-15 12:00:00 CST", "America/Chicago") == R"("2026-07-15T18:00:00Z")");
  CHECK(read("2026-07-15 12:00:00 CST", "America/Havana") == R"("2026-07-15T17:00:00Z")");
  CHECK(read("2026-07-15 12:00:00 IST", "Asia/Kolkata") == R"("2026-07-15T06:30:00Z")");
  CHECK(read("2026-07-15 12:00:00 IST", "Asia/Jerusalem") == R"("2026-07-15T10:00:00Z")");
  CHECK(read("2026-07-15 12:00:00 IST", "Europe/Dublin") == R"("2026-07-15T11:00:00Z")");
  CHECK(read("2026-07-15 12:00:00 BST", "Europe/London") == R"("2026-07-15T11:00:00Z")");
  CHECK(read("1970-01-15 12:00:00 BST", "Europe/London") == R"("1970-01-15T11:00:00Z")");
  CHECK(read("2026-07-15 12:00:00 PST", "Asia/Manila") == R"("2026-07-15T04:00:00Z")");
  CHECK(read("2026-07-15 12:00:00 CEST", "Europe/Berlin") == R"("2026-07-15T10:00:00Z")");
  CHECK(read("2026-07-15 12:00:00 CET", "Asia/Tokyo") == R"("2026-07-15T11:00:00Z")");
  // An abbreviation that only this zone uses, and an offset that changed: the one of that time.
  CHECK(read("1916-06-15 12:00:00 IST", "Europe/Dublin") == R"("1916-06-15T11:25:21Z")");
  CHECK(is_error(read("2026-07-15 12:00:00 CST", "Europe/Berlin")));
  CHECK(is_error(read("2026-07-15 12:00:00 CST", "UTC")));
  CHECK(read("2026-07-15 12:00:00 Europe/Berlin", "UTC") == R"("2026-07-15T10:00:00Z")");
}

TEST_CASE("with a zone the default format may do without an offset", "[functions]") {
  if (!have_zones()) return;
  const When when = GENERATE(When::compiling, When::running);
  Caller call(when);
  const auto read = [&](const char* what) {
    return call("parse_time", {text(what), text("%+"), text("Europe/Berlin")});
  };
  CHECK(read("2026-03-02T10:00:00") == R"("2026-03-02T09:00:00Z")");
  CHECK(read("2026-07-02T10:00:00.250") == R"("2026-07-02T08:00:00.250Z")");
  CHECK(read("2026-03-02T10:00:00Z") == R"("2026-03-02T10:00:00Z")");
  CHECK(read("2026-03-02T10:00:00-05:00") == R"("2026-03-02T15:00:00Z")");
  CHECK(is_error(read("2026-03-29T02:30:00")));  // the clocks skip it
  CHECK(is_error(read("2026-03-02T10:00:00 ")));
  CHECK(call("parse_time", {text("2026-03-02T10:00:00")}).find("(no offset at its end: give the zone)") !=
        std::string::npos);
  if (when == When::running) {
    CHECK(is_error(call("parse_time", {text("2026-03-02T10:00:00"), text("%+"), text("")})));
  }
}

TEST_CASE("of several formats the first that fits is taken", "[functions]") {
  const When when = GENERATE(When::compiling, When::running);
  Caller call(when);
  const Value formats = from_data(R"(["%d.%m.%Y","%Y-%m-%d","%m.%d.%Y"])");
  CHECK(call("parse_time", {text("01.02.2026"), formats}) == R"("2026-02-01T00:00:00Z")");
  CHECK(call("parse_time", {text("2026-02-03"), formats}) == R"("2026-02-03T00:00:00Z")");
  CHECK(call("parse_time", {text("01.20.2026"), formats}) == R"("2026-01-20T00:00:00Z")");
  CHECK(call("parse_time", {text("x"), formats}).find("none of the formats fits") != std::string::npos);
  CHECK(is_error(call("parse_time", {text("2026"), from_data("[]")})));
  CHECK(is_error(call("parse_time", {text("2026"), from_data(R"(["%Y",1])")})));
  CHECK(is_error(call("parse_time", {text("2026"), from_data(R"(["%Y","%Q"])")})));
}

TEST_CASE("daylight saving continues after 2037, by the zone file's rule", "[functions]") {
  if (!have_zones()) return;
  Caller call(When::compiling);
  const auto berlin = [&](std::int64_t seconds) {
    return call("format_time", {at_second(seconds), text("%F %R %Z"), text("Europe/Berlin")});
  };
  CHECK(berlin(2'161'684'800) == R"("2038-07-02 14:00 CEST")");
  CHECK(berlin(4'118'040'000) == R"("2100-06-30 14:00 CEST")");
  CHECK(berlin(4'102'488'000) == R"("2100-01-01 13:00 CET")");
  CHECK(call("parse_time", {text("2100-07-01T12:00:00"), text("%+"), text("Australia/Sydney")}) ==
        R"("2100-07-01T02:00:00Z")");
  CHECK(call("parse_time", {text("2100-01-01T12:00:00"), text("%+"), text("Australia/Sydney")}) ==
        R"("2100-01-01T01:00:00Z")");
}

TEST_CASE("every zone of the system is as the C library has it, from 1900 to 2100", "[functions]") {
  if (!have_zones()) return;
  std::mt19937_64 random(1);
  std::uniform_int_distribution<std::int64_t> any(kFrom, kTo);
  const auto names = zone_names();
  CHECK(names.size() > 300);
  for (const std::string& name : names) {
    const auto zone = *TimeZone::find(name);
    const SystemZone system(name);
    std::int64_t wrong = 0;
    const auto compare = [&](std::int64_t seconds) {
      const std::tm expected = system.at(seconds);
      const TimeZone::Local local = zone->at(seconds);
      if (local.offset != expected.tm_gmtoff || local.abbreviation != expected.tm_zone) wrong = seconds;
      const auto back = zone->to_utc(seconds + local.offset);
      if (!back || *back > seconds || zone->at(*back).offset + *back != seconds + local.offset)
        wrong = seconds;
    };
    for (int i = 0; i < 60; ++i) compare(any(random));
    // The hours of 2038 and 2099 in which clocks change, to the second.
    for (const std::int64_t begin : {std::int64_t{2'145'916'800}, std::int64_t{4'070'908'800}}) {
      std::int64_t low = begin;
      for (std::int64_t day = begin; day < begin + 366 * 86400; day += 86400) {
        if (system.at(day).tm_gmtoff != system.at(low).tm_gmtoff) {
          std::int64_t high = day;
          while (high - low > 1) {
            const std::int64_t middle = low + (high - low) / 2;
            (system.at(middle).tm_gmtoff == system.at(day).tm_gmtoff ? high : low) = middle;
          }
          compare(high - 1);
          compare(high);
        }
        low = day;
      }
    }
    INFO(name << " at " << wrong);
    CHECK(wrong == 0);
  }
}

TEST_CASE("rules of zone files", "[functions]") {
  const auto offset = [](const char* rule, std::int64_t seconds) {
    return ZoneRule::parse(rule)->at(seconds).offset;
  };
  CHECK(offset("<+0330>-3:30", 0) == 12600);
  CHECK(offset("EST5", 0) == -18000);
  // Summer time all year: the moment between two years is summer too.
  CHECK(offset("XXX3EDT4,0/0,J365/23", 1'767'236'400) == -14400);
  // Day 60 of J is always March 1; of the plain count day 59 is February 29 in a leap year.
  CHECK(offset("STD0DST-1,J60/0,J300/0", 1'709'251'199) == 0);
  CHECK(offset("STD0DST-1,J60/0,J300/0", 1'709'251'200) == 3600);
  CHECK(offset("STD0DST-1,59/0,J300/0", 1'709'164'800) == 3600);
  for (const char* bad : {"", "AB1", "CET", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
                          "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,J0,J1", "CET-1CEST,366,1",
                          "CET-1CEST,M3.5.0,M10.5.0x", "<>1", "<ab", "CET200", "CET1:60", "CET99999999999"}) {
    CAPTURE(bad);
    CHECK_FALSE(ZoneRule::parse(bad).has_value());
  }
}

TEST_CASE("a damaged zone file is no zone", "[functions]") {
  CHECK(ZoneFile::read("") == nullptr);
  CHECK(ZoneFile::read("TZif2") == nullptr);
  if (!have_zones()) return;
  std::ifstream file(kZones / "Europe/Berlin", std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(file)), {});
  REQUIRE(ZoneFile::read(whole) != nullptr);
  // Cut off or changed anywhere it is refused, or read as some zone, and never beyond its end.
  for (std::size_t size = 0; size < whole.size(); ++size) ZoneFile::read(whole.substr(0, size));
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    std::string changed = whole;
    changed[random() % changed.size()] = static_cast<char>(random());
    if (const auto zone = ZoneFile::read(changed)) zone->to_utc(1'767'236'400);
  }
}
