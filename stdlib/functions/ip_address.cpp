#include "stdlib/functions/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace pipec::stdlib {

namespace {

constexpr std::size_t kV4Start = 12;  // of the address within the bytes
constexpr std::array<std::uint8_t, 12> kMappedPrefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  char terminated[INET6_ADDRSTRLEN];
  if (text.empty() || text.size() >= sizeof terminated || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  IpAddress address;
  if (text.find(':') == std::string_view::npos) {
    std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), address.bytes.begin());
    if (inet_pton(AF_INET, terminated, address.bytes.data() + kV4Start) != 1) return std::nullopt;
    address.v4 = true;
    return address;
  }
  if (inet_pton(AF_INET6, terminated, address.bytes.data()) != 1) return std::nullopt;
  address.mapped = std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), address.bytes.begin());
  address.v4 = address.mapped;
  return address;
}

IpAddress IpAddress::masked(unsigned prefix) const {
  IpAddress result = *this;
  const std::size_t start = v4 ? kV4Start : 0;
  for (std::size_t i = start; i < result.bytes.size(); ++i) {
    const auto before = static_cast<unsigned>(i - start) * 8;  // bits in front of this byte
    const unsigned kept = prefix <= before ? 0 : std::min(prefix - before, 8U);
    result.bytes[i] = static_cast<std::uint8_t>(result.bytes[i] & (0xFF00U >> kept));
  }
  return result;
}

std::string_view IpAddress::text(runtime::Arena& arena) const {
  char buffer[INET6_ADDRSTRLEN] = "";
  if (v4 && !mapped) {
    inet_ntop(AF_INET, bytes.data() + kV4Start, buffer, sizeof buffer);
  } else {
    inet_ntop(AF_INET6, bytes.data(), buffer, sizeof buffer);
  }
  return arena.copy(buffer);
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  const unsigned bits = address->v4 && !address->mapped ? 32 : 128;
  unsigned prefix = bits;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (digits.empty() || read.ec != std::errc() || read.ptr != digits.data() + digits.size() ||
        prefix > bits) {
      return std::nullopt;
    }
  }
  IpNetwork network;
  network.address = *address;
  network.prefix = prefix;
  if (address->mapped) {
    if (prefix >= 96) {
      network.prefix = prefix - 96;  // a network of IPv4 addresses
    } else {
      network.address.v4 = false;  // wider than all of IPv4: a network of IPv6 addresses
    }
  }
  network.address = network.address.masked(network.prefix);
  return network;
}

bool IpNetwork::contains(const IpAddress& other) const {
  return other.v4 == address.v4 && other.masked(prefix).bytes == address.bytes;
}

}  // namespace pipec::stdlib
