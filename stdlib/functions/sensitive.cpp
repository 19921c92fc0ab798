#include "stdlib/functions/sensitive.h"

#include <algorithm>

#include "stdlib/functions/ascii.h"
#include "stdlib/functions/hexadecimal.h"
#include "stdlib/functions/ip_address.h"

namespace pipec::stdlib {

namespace {

bool is_wide(char c) {
  return static_cast<unsigned char>(c) >= 0x80;
}  // part of a character that is not ASCII

// Cards

constexpr std::size_t kMinCard = 13;
constexpr std::size_t kMaxCard = 19;

// Whether the digits from `begin` to `end` pass; other characters do not count.
bool passes_luhn(std::string_view text) {
  unsigned sum = 0;
  bool twice = false;
  for (std::size_t i = text.size(); i > 0; --i) {
    if (!is_digit(text[i - 1])) continue;
    auto digit = static_cast<unsigned>(text[i - 1] - '0');
    if (twice) digit = digit > 4 ? 2 * digit - 9 : 2 * digit;
    sum += digit;
    twice = !twice;
  }
  return sum % 10 == 0;
}

// The longest card that begins at this digit. Ends where a group of digits ends. 0: none.
std::size_t card_end(std::string_view text, std::size_t begin) {
  std::size_t best = 0;
  std::size_t digits = 0;
  for (std::size_t i = begin; i < text.size() && digits <= kMaxCard; ++i) {
    if (!is_digit(text[i])) {
      const bool separator =
          (text[i] == ' ' || text[i] == '-') && i + 1 < text.size() && is_digit(text[i + 1]);
      if (!separator) break;
      continue;
    }
    ++digits;
    const bool group_ends = i + 1 == text.size() || !is_digit(text[i + 1]);
    const bool stands_alone = i + 1 == text.size() || !is_word_byte(text[i + 1]);
    if (group_ends && stands_alone && digits >= kMinCard && digits <= kMaxCard &&
        passes_luhn(text.substr(begin, i + 1 - begin))) {
      best = i + 1;
    }
  }
  return best;
}

// Addresses

bool is_ip_character(char c) {
  return hex_digit(c) >= 0 || c == ':' || c == '.';
}

// Four numbers up to 255 with dots between, leading zeros allowed. Gives the end, or 0.
std::size_t v4_end(std::string_view text, std::size_t begin) {
  std::size_t at = begin;
  for (int part = 0; part < 4; ++part) {
    if (part > 0) {
      if (at == text.size() || text[at] != '.') return 0;
      ++at;
    }
    int value = 0;
    const std::size_t first = at;
    while (at < text.size() && at < first + 3 && is_digit(text[at])) value = value * 10 + (text[at++] - '0');
    if (at == first || value > 255) return 0;
  }
  // Not the beginning of something longer: 1.2.3.45678, 1.2.3.4.5, 1.2.3.4a.
  if (at < text.size() && is_word_byte(text[at])) return 0;
  if (at + 1 < text.size() && text[at] == '.' && is_digit(text[at + 1])) return 0;
  return at;
}

// The longest address with colons that begins here. Gives the end, or 0.
std::size_t v6_end(std::string_view text, std::size_t begin) {
  constexpr std::size_t kLongest = 45;
  std::size_t end = begin;
  while (end < text.size() && end - begin < kLongest && is_ip_character(text[end])) ++end;
  for (; end >= begin + 3; --end) {
    if (end < text.size() && is_word_byte(text[end])) continue;
    if (end < text.size() && text[end] == ':' && end + 1 < text.size() && text[end + 1] == ':') continue;
    const std::string_view candidate = text.substr(begin, end - begin);
    if (std::count(candidate.begin(), candidate.end(), ':') < 2) return 0;
    if (IpAddress::parse(candidate)) return end;
  }
  return 0;
}

std::optional<Found> find_address(std::string_view text, std::size_t from, bool v4, bool v6) {
  for (std::size_t i = from; i < text.size(); ++i) {
    if (!is_ip_character(text[i]) || (i > 0 && is_word_byte(text[i - 1]))) continue;
    const bool after_dot = i > 0 && text[i - 1] == '.' && i > 1 && is_digit(text[i - 2]);
    if (v4 && is_digit(text[i]) && !after_dot) {
      if (const std::size_t end = v4_end(text, i)) return Found{i, end};
    }
    if (!v6 || text[i] == '.' || (i > 0 && text[i] == ':' && text[i - 1] == ':')) continue;
    if (const std::size_t end = v6_end(text, i)) return Found{i, end};
  }
  return std::nullopt;
}

// Mail

bool is_local_character(char c) {
  return is_word_byte(c) || std::string_view(".!#$%&'*+/=?^`{|}~-").find(c) != std::string_view::npos;
}

// The end of the host after the @: labels separated by dots, the last of two letters or more. 0: none.
std::size_t host_end(std::string_view text, std::size_t begin) {
  std::size_t end = 0;
  std::size_t label = begin;
  for (std::size_t i = begin;; ++i) {
    const bool inside = i < text.size() && (is_letter(text[i]) || is_digit(text[i]) || is_wide(text[i]) ||
                                            (text[i] == '-' && i > label));
    if (inside) continue;
    if (i == label) return end;
    const std::string_view name = text.substr(label, i - label);
    const bool letters =
        std::all_of(name.begin(), name.end(), [](char c) { return is_letter(c) || is_wide(c); });
    const bool encoded = name.size() > 4 && name.substr(0, 4) == "xn--";
    if (label > begin && name.size() >= 2 && (letters || encoded)) end = i;
    if (i == text.size() || text[i] != '.') return end;
    label = i + 1;
  }
}

}  // namespace

std::optional<Found> find_card(std::string_view text, std::size_t from) {
  for (std::size_t i = from; i < text.size(); ++i) {
    if (!is_digit(text[i]) || (i > 0 && is_word_byte(text[i - 1]))) continue;
    if (const std::size_t end = card_end(text, i)) return Found{i, end};
  }
  return std::nullopt;
}

std::optional<Found> find_ip(std::string_view text, std::size_t from) {
  return find_address(text, from, true, true);
}

std::optional<Found> find_ipv4(std::string_view text, std::size_t from) {
  return find_address(text, from, true, false);
}

std::optional<Found> find_ipv6(std::string_view text, std::size_t from) {
  return find_address(text, from, false, true);
}

std::optional<Found> find_mail(std::string_view text, std::size_t from) {
  for (std::size_t at = text.find('@', from); at != std::string_view::npos; at = text.find('@', at + 1)) {
    std::size_t begin = at;
    while (begin > from && is_local_character(text[begin - 1])) --begin;
    while (begin < at && text[begin] == '.') ++begin;
    if (begin == at) continue;
    if (const std::size_t end = host_end(text, at + 1)) return Found{begin, end};
    from = at + 1;  // not part of a later match: text is scanned only once
  }
  return std::nullopt;
}

}  // namespace pipec::stdlib
