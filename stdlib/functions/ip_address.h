// IP addresses and networks. An IPv4 address written inside IPv6 (::ffff:192.0.2.1) is the IPv4 address.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "pipec/runtime/arena.h"

namespace pipec::stdlib {

struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};  // IPv4: the last four, after ::ffff:
  bool v4 = false;
  bool mapped = false;  // it was written inside IPv6, and is written so again

  // Strict: no leading zeros, no zone, no port, no white space.
  static std::optional<IpAddress> parse(std::string_view text);
  // Zeroes the bits after the prefix of 0 to 32 or 0 to 128 bits.
  IpAddress masked(unsigned prefix) const;
  // RFC 5952.
  std::string_view text(runtime::Arena& arena) const;
};

struct IpNetwork {
  IpAddress address;    // masked
  unsigned prefix = 0;  // of 32 or of 128

  // "10.0.0.0/8", or one address. Host bits may be set; they do not count.
  static std::optional<IpNetwork> parse(std::string_view text);
  bool contains(const IpAddress& other) const;
};

}  // namespace pipec::stdlib
