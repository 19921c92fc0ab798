#include "stdlib/connectors/rotation.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace pipec::stdlib {

namespace {

constexpr std::size_t kMostNumberDigits = 4;
constexpr std::size_t kLeastDateDigits = 6;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_separator(char c) {
  return c == '.' || c == '-' || c == '_';
}

// "app.log.12" split into the original name and the part added by rotation.
struct Reading {
  std::string origin;
  std::size_t at = 0;                   // where in the origin it was added
  std::optional<std::uint64_t> number;  // else it was a date
};

// The part of text[begin, end) that rotation has added at its end; nullopt: none.
std::optional<Reading> read_at(std::string_view path, std::size_t begin, std::size_t end) {
  const auto reading = [&](std::size_t separator, std::optional<std::uint64_t> number) {
    std::string origin(path.substr(0, separator));
    origin += path.substr(end);
    return Reading{std::move(origin), separator, number};
  };
  // A date, perhaps with a time: digits in groups, six of them at least.
  std::size_t from = end;
  std::size_t digits = 0;
  std::optional<std::size_t> date;
  while (from > begin + 1) {
    const char c = path[from - 1];
    if (is_digit(c)) {
      ++digits;
    } else if (c != '-' && c != '_' && c != 'T' && c != ':' && c != '.') {
      break;
    }
    --from;
    if (is_separator(c) && from > begin && from + 1 < end && is_digit(path[from + 1]) &&
        digits >= kLeastDateDigits) {
      // 20260102.1 is a date and a number.
      if (path.substr(from + 1, end - from - 1).find('.') == std::string_view::npos) date = from;
    }
  }
  if (date) return reading(*date, std::nullopt);
  std::size_t first = end;
  while (first > begin && is_digit(path[first - 1])) --first;
  const std::size_t count = end - first;
  if (count == 0 || count > kMostNumberDigits || first <= begin + 1 || !is_separator(path[first - 1]))
    return std::nullopt;
  std::uint64_t number = 0;
  for (std::size_t i = first; i < end; ++i) number = number * 10 + static_cast<std::uint64_t>(path[i] - '0');
  return reading(first - 1, number);
}

std::vector<Reading> readings_of(std::string_view path) {
  std::vector<Reading> readings;
  const std::size_t name = path.rfind('/') + 1;
  if (auto end = read_at(path, name, path.size())) readings.push_back(std::move(*end));
  // Before the extension: app-20260102.log.
  const std::size_t dot = path.rfind('.');
  if (dot != std::string_view::npos && dot > name) {
    if (auto before = read_at(path, name, dot)) readings.push_back(std::move(*before));
  }
  return readings;
}

void add_origins(std::string_view path, std::vector<std::string>& origins) {
  if (std::find(origins.begin(), origins.end(), path) != origins.end()) return;
  origins.emplace_back(path);
  for (const Reading& reading : readings_of(path)) add_origins(reading.origin, origins);
}

}  // namespace

std::string_view unpacked_name(std::string_view path) {
  for (const std::string_view ending : {".gz", ".zst"}) {
    const bool whole = path.size() > ending.size() && path[path.size() - ending.size() - 1] != '/';
    if (whole && path.ends_with(ending)) return path.substr(0, path.size() - ending.size());
  }
  return path;
}

std::vector<std::string> rotation_origins(std::string_view path) {
  std::vector<std::string> origins;
  add_origins(unpacked_name(path), origins);
  return origins;
}

std::vector<RotationNumber> rotation_numbers(std::string_view path) {
  std::vector<RotationNumber> numbers;
  for (const Reading& reading : readings_of(unpacked_name(path))) {
    if (!reading.number) continue;
    std::string name = reading.origin;
    name.insert(reading.at, "#");
    numbers.push_back({std::move(name), *reading.number});
  }
  return numbers;
}

bool rotation_makes(std::string_view known, std::string_view path) {
  const std::string_view before = unpacked_name(known);
  const std::string_view after = unpacked_name(path);
  if (before == after) return known != path;
  const std::vector<std::string> origins = rotation_origins(path);
  if (std::find(origins.begin(), origins.end(), before) != origins.end()) return true;
  for (const RotationNumber& old : rotation_numbers(known)) {
    for (const RotationNumber& now : rotation_numbers(path)) {
      if (old.name == now.name && now.number > old.number) return true;
    }
  }
  return false;
}

}  // namespace pipec::stdlib
