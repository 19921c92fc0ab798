// Finds what should not stand in a log. Each finder gives the next place at or behind `from`; linear time.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace pipec::stdlib {

struct Found {
  std::size_t begin;
  std::size_t end;
};

// 13 to 19 digits, with single spaces or dashes between them, that pass Luhn's check and stand alone.
std::optional<Found> find_card(std::string_view text, std::size_t from);
// IPv4 and IPv6 addresses that stand alone; "::" by itself is not taken for one.
std::optional<Found> find_ip(std::string_view text, std::size_t from);
// name@host.domain
std::optional<Found> find_mail(std::string_view text, std::size_t from);

}  // namespace pipec::stdlib
