// Finds text that should not appear in a log. Each finder returns the next match at or after `from`; linear
// time.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace pipec::stdlib {

struct Found {
  std::size_t begin;
  std::size_t end;
};

// 13 to 19 digits, with single spaces or dashes between them, that pass Luhn's check and are not part of a
// longer word.
std::optional<Found> find_card(std::string_view text, std::size_t from);
// IPv4 and IPv6 addresses that are not part of a longer word; "::" alone does not count.
std::optional<Found> find_ip(std::string_view text, std::size_t from);
std::optional<Found> find_ipv4(std::string_view text, std::size_t from);
std::optional<Found> find_ipv6(std::string_view text, std::size_t from);
// name@host.domain
std::optional<Found> find_mail(std::string_view text, std::size_t from);
// Account numbers, in one piece or in groups of four, of their country's length and with right check digits.
std::optional<Found> find_iban(std::string_view text, std::size_t from);
// 123-45-6789, but for numbers that were never given out.
std::optional<Found> find_us_ssn(std::string_view text, std::size_t from);
// Numbers with a country code (+49 30 1234567), and North American ones ((555) 234-5678).
std::optional<Found> find_phone(std::string_view text, std::size_t from);
// Six or eight pairs of hexadecimal digits, or three groups of four with dots.
std::optional<Found> find_mac(std::string_view text, std::size_t from);
// JSON web tokens.
std::optional<Found> find_jwt(std::string_view text, std::size_t from);
// Of scheme://user:password@host the password alone.
std::optional<Found> find_url_password(std::string_view text, std::size_t from);

}  // namespace pipec::stdlib
