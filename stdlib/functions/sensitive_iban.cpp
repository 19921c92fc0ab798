// International bank account numbers, ISO 13616.
#include <algorithm>
#include <cstdint>
#include <iterator>

#include "stdlib/functions/ascii.h"
#include "stdlib/functions/sensitive.h"

namespace pipec::stdlib {

namespace {

constexpr std::size_t kShortestIban = 15;
constexpr std::size_t kLongest = 34;

struct Country {
  std::string_view code;
  std::size_t length;
};

// Of the registry of SWIFT; sorted.
constexpr Country kCountries[] = {
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
    {"BH", 22}, {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24},
    {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18},
    {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27},
    {"GT", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27},
    {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20},
    {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20}, {"MR", 27},
    {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24}, {"PL", 28},
    {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24}, {"SC", 31},
    {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25}, {"SV", 28},
    {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}, {"YE", 30},
};

char upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

// 0: the registry has no numbers for this country.
std::size_t length_of(std::string_view country) {
  const auto* found =
      std::lower_bound(std::begin(kCountries), std::end(kCountries), country,
                       [](const Country& entry, std::string_view code) { return entry.code < code; });
  return found != std::end(kCountries) && found->code == country ? found->length : 0;
}

// ISO 7064: move the first four characters to the end, letters count from 10, the number modulo 97 must be 1.
bool passes_check(std::string_view number) {
  std::uint32_t rest = 0;
  for (std::size_t i = 0; i < number.size(); ++i) {
    const char c = number[(i + 4) % number.size()];
    const auto value = static_cast<std::uint32_t>(is_digit(c) ? c - '0' : c - 'A' + 10);
    rest = (rest * (value > 9 ? 100U : 10U) + value) % 97;
  }
  return rest == 1;
}

// The end of the longest number that begins here; 0: none.
std::size_t iban_end(std::string_view text, std::size_t begin) {
  char number[kLongest];
  std::size_t size = 0;
  std::size_t group = 0;  // characters since the last space
  std::size_t best = 0;
  std::size_t wanted = 0;
  for (std::size_t i = begin; i < text.size() && size < kLongest; ++i) {
    if (text[i] == ' ' && group == 4 && i + 1 < text.size()) {
      group = 0;
      continue;
    }
    const char c = upper(text[i]);
    if (!is_digit(c) && !is_letter(c)) break;
    if (size < 2 ? !is_letter(c) : size < 4 && !is_digit(c)) return 0;
    if (size > 4 && group == 0 && size % 4 != 0) break;
    number[size++] = c;
    ++group;
    if (size == 2) wanted = length_of({number, 2});
    if (size < kShortestIban || (wanted > 0 && size != wanted)) continue;
    if (i + 1 < text.size() && is_word_byte(text[i + 1])) continue;
    if (passes_check({number, size})) best = i + 1;
  }
  return best;
}

}  // namespace

std::optional<Found> find_iban(std::string_view text, std::size_t from) {
  for (std::size_t i = from; i < text.size(); ++i) {
    if (!is_letter(text[i]) || (i > 0 && is_word_byte(text[i - 1]))) continue;
    if (const std::size_t end = iban_end(text, i)) return Found{i, end};
  }
  return std::nullopt;
}

}  // namespace pipec::stdlib
