// The kinds of sensitive text whose form a pattern describes.
#include <algorithm>
#include <memory>
#include <vector>

#include "stdlib/functions/ascii.h"
#include "stdlib/functions/pattern.h"
#include "stdlib/functions/sensitive.h"

namespace pipec::stdlib {

namespace {

using Accept = bool (*)(std::string_view text, Found found);

// The next place of group 1 that `accept` (null: any) holds for.
std::optional<Found> find_group(const Pattern& pattern, std::string_view text, std::size_t from,
                                Accept accept) {
  thread_local std::vector<std::string_view> groups;
  while (from < text.size() && pattern.match(text, from, groups)) {
    const auto begin = static_cast<std::size_t>(groups[1].data() - text.data());
    const Found found{begin, begin + groups[1].size()};
    if (!accept || accept(text, found)) return found;
    from = begin + 1;
  }
  return std::nullopt;
}

std::shared_ptr<const Pattern> compiled(std::string_view pattern) {
  return *Pattern::compile(pattern);
}

std::size_t digits_in(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_digit));
}

// Area 000, 666 and 900 to 999, group 00 and serial 0000 were never given out.
bool is_ssn(std::string_view text, Found found) {
  const std::string_view number = text.substr(found.begin, found.end - found.begin);
  const std::string_view area = number.substr(0, 3);
  return area != "000" && area != "666" && area[0] != '9' && number.substr(4, 2) != "00" &&
         number.substr(7) != "0000";
}

// E.164: at most 15 digits.
bool is_phone(std::string_view text, Found found) {
  const std::size_t digits = digits_in(text.substr(found.begin, found.end - found.begin));
  return digits >= 7 && digits <= 15;
}

// No part of a longer row of pairs.
bool is_mac(std::string_view text, Found found) {
  const auto joins = [](char c) { return c == ':' || c == '-'; };
  const bool before = found.begin > 1 && joins(text[found.begin - 1]) && is_digit(text[found.begin - 2]);
  const bool after = found.end + 1 < text.size() && joins(text[found.end]) &&
                     (is_digit(text[found.end + 1]) || is_letter(text[found.end + 1]));
  return !before && !after;
}

}  // namespace

std::optional<Found> find_us_ssn(std::string_view text, std::size_t from) {
  static const auto kPattern = compiled(R"(\b(\d{3}[- ]\d{2}[- ]\d{4})\b)");
  return find_group(*kPattern, text, from, is_ssn);
}

std::optional<Found> find_phone(std::string_view text, std::size_t from) {
  static const auto kPattern =
      compiled(R"((?:^|[^\w+])((?:\+[1-9](?:[ ./-]?(?:\d|\(\d{1,5}\))){5,14})|)"
               R"((?:(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}))(?:$|\W))");
  return find_group(*kPattern, text, from, is_phone);
}

std::optional<Found> find_mac(std::string_view text, std::size_t from) {
  static const auto kPattern = compiled(
      R"(\b([[:xdigit:]]{2}(?:(?::[[:xdigit:]]{2}){7}|(?::[[:xdigit:]]{2}){5}|(?:-[[:xdigit:]]{2}){7}|(?:-[[:xdigit:]]{2}){5})|)"
      R"([[:xdigit:]]{4}\.[[:xdigit:]]{4}\.[[:xdigit:]]{4})\b)");
  return find_group(*kPattern, text, from, is_mac);
}

std::optional<Found> find_jwt(std::string_view text, std::size_t from) {
  static const auto kPattern = compiled(R"(\b(eyJ[\w-]{5,}\.[\w-]+\.[\w-]*))");
  return find_group(*kPattern, text, from, nullptr);
}

std::optional<Found> find_url_password(std::string_view text, std::size_t from) {
  static const auto kPattern = compiled(R"(\w[\w+.-]*://[^\s/?#:@"'<>]*:([^\s/?#"'<>]+)@)");
  return find_group(*kPattern, text, from, nullptr);
}

}  // namespace pipec::stdlib
