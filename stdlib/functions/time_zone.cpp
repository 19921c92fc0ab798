#include "stdlib/functions/time_zone.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <utility>

#include "stdlib/functions/ascii.h"
#include "stdlib/functions/quote.h"
#include "stdlib/functions/zone_file.h"

namespace pipec::stdlib {

namespace {

using ZonePtr = std::shared_ptr<const TimeZone>;

constexpr std::size_t kMaxName = 64;
constexpr std::uintmax_t kMaxFile = 1 << 20;  // bytes; real ones have a few thousand

class FixedZone final : public TimeZone {
 public:
  FixedZone(std::int64_t offset, std::string name) : local_{offset, std::move(name)} {}
  Local at(std::int64_t) const override { return local_; }
  std::optional<std::int64_t> to_utc(std::int64_t local_seconds) const override {
    return local_seconds - local_.offset;
  }
  std::optional<std::int64_t> offset_of(std::string_view abbreviation, std::int64_t) const override {
    return abbreviation == local_.abbreviation ? std::optional(local_.offset) : std::nullopt;
  }

 private:
  Local local_;
};

// "+hh:mm", "-hhmm", "+hh". nullopt: something else.
std::optional<std::int64_t> fixed_offset(std::string_view name) {
  if (name.size() < 3 || (name[0] != '+' && name[0] != '-')) return std::nullopt;
  std::string digits;
  for (std::size_t i = 1; i < name.size(); ++i) {
    if (name[i] == ':' && i == 3 && name.size() == 6) continue;
    if (!is_digit(name[i])) return std::nullopt;
    digits += name[i];
  }
  if (digits.size() == 2) digits += "00";
  if (digits.size() != 4) return std::nullopt;
  const int hours = (digits[0] - '0') * 10 + (digits[1] - '0');
  const int minutes = (digits[2] - '0') * 10 + (digits[3] - '0');
  if (hours > 23 || minutes > 59) return std::nullopt;
  const std::int64_t seconds = (hours * 60 + minutes) * 60;
  return name[0] == '-' ? -seconds : seconds;
}

runtime::Error unknown_zone(std::string_view name, std::string_view hint) {
  runtime::Error error;
  error.code = "argument";
  error.message = "unknown time zone " + quote(name);
  error.message += hint;
  return error;
}

// Letters, digits and `_ + -`, in parts with `/` between them: nothing that could lead to another file.
bool is_zone_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxName || name.front() == '/' || name.back() == '/') return false;
  for (const char c : name) {
    if (!is_letter(c) && !is_digit(c) && c != '_' && c != '+' && c != '-' && c != '/') return false;
  }
  return true;
}

// The directory of the zone files; empty: this system has none.
std::filesystem::path zone_directory() {
  std::error_code ignored;
  if (const char* named = std::getenv("TZDIR")) {  // NOLINT(concurrency-mt-unsafe): nothing sets it
    if (std::filesystem::is_directory(named, ignored)) return named;
  }
  for (const char* usual : {"/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo"}) {
    if (std::filesystem::is_directory(usual, ignored)) return usual;
  }
  return {};
}

std::string content_of(const std::filesystem::path& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return {};
  const std::uintmax_t size = std::filesystem::file_size(path, ignored);
  if (ignored || size > kMaxFile) return {};
  std::string content(static_cast<std::size_t>(size), '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(content.data(), static_cast<std::streamsize>(size));
  content.resize(static_cast<std::size_t>(file.gcount()));
  return content;
}

}  // namespace

const TimeZone& TimeZone::utc() {
  static const FixedZone zone(0, "UTC");
  return zone;
}

runtime::Result<ZonePtr> TimeZone::find(std::string_view name) {
  if (name == "UTC" || name == "Etc/UTC" || name == "Z") return ZonePtr(ZonePtr(), &utc());
  if (const auto offset = fixed_offset(name)) {
    return ZonePtr(std::make_shared<FixedZone>(*offset, std::string(name)));
  }
  if (!is_zone_name(name)) return unknown_zone(name, "");
  const std::filesystem::path directory = zone_directory();
  if (directory.empty()) {
    return unknown_zone(name, ": this system has no time zone files (install tzdata)");
  }
  if (auto zone = ZoneFile::read(content_of(directory / name))) return ZonePtr(std::move(zone));
  return unknown_zone(name, "");
}

}  // namespace pipec::stdlib
