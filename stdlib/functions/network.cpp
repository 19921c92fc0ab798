// IP addresses and networks.
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/json.h"
#include "stdlib/functions/containers.h"
#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"
#include "stdlib/functions/ip_address.h"
#include "stdlib/functions/quote.h"

namespace pipec::stdlib {

namespace {

using Networks = std::vector<IpNetwork>;

std::string bad_network(std::string_view text) {
  return "not a network like 10.0.0.0/8: " + quote(text);
}
std::string bad_address(std::string_view text) {
  return "not an IP address: " + quote(text);
}

// The networks that the argument names: one, or an array of them.
Result<Networks> networks_of(const Value& argument, Arena& arena) {
  Networks networks;
  const auto add = [&](const Value& item) -> std::optional<Error> {
    if (item.type() != Type::string) {
      return bad_argument("a network is a string, not " + std::string(type_name(item.type())));
    }
    const std::string_view text = runtime::decode_string(item, arena);
    const auto network = IpNetwork::parse(text);
    if (!network) return bad_argument(bad_network(text));
    networks.push_back(*network);
    return std::nullopt;
  };
  if (argument.type() == Type::string) {
    if (auto error = add(argument)) return *error;
    return networks;
  }
  runtime::ArrayWalker walker(argument);
  for (Value item; walker.next(item);) {
    if (auto error = add(item)) return *error;
  }
  if (walker.bad()) return bad_argument("the array is malformed JSON");
  return networks;
}

Prepared prepare_networks(Constants arguments) {
  if (!arguments[0]) return nothing_prepared();
  Arena arena;
  auto networks = networks_of(*arguments[0], arena);
  if (!networks.ok()) return networks.error();
  return std::shared_ptr<const void>(std::make_shared<const Networks>(std::move(*networks)));
}

Value cidr_contains(CallContext& context, Arguments arguments) {
  const auto address = IpAddress::parse(arguments[1].text());
  if (!address) return context.fail(bad_address(arguments[1].text()));
  const auto* networks = context.prepared<Networks>();
  Networks made;
  if (!networks) {
    auto result = networks_of(arguments[0], context.arena());
    if (!result.ok()) return context.fail(result.error().message);
    made = std::move(*result);
    networks = &made;
  }
  for (const IpNetwork& network : *networks) {
    if (network.contains(*address)) return Value::boolean(true);
  }
  return Value::boolean(false);
}

bool is_prefix(const Value& prefix, std::int64_t most) {
  return !prefix.is_beyond() && prefix.as_int() >= 0 && prefix.as_int() <= most;
}

constexpr std::string_view kBadV4 = "an IPv4 prefix is from 0 to 32";
constexpr std::string_view kBadV6 = "an IPv6 prefix is from 0 to 128";

Prepared check_prefixes(Constants arguments) {
  if (arguments[1] && !is_prefix(*arguments[1], 32)) return bad_argument(std::string(kBadV4));
  if (arguments[2] && !is_prefix(*arguments[2], 128)) return bad_argument(std::string(kBadV6));
  return nothing_prepared();
}

Value mask_ip(CallContext& context, Arguments arguments) {
  if (!is_prefix(arguments[1], 32)) return context.fail(kBadV4);
  if (!is_prefix(arguments[2], 128)) return context.fail(kBadV6);
  const auto address = IpAddress::parse(arguments[0].text());
  if (!address) return context.fail(bad_address(arguments[0].text()));
  const std::int64_t prefix = arguments[address->v4 ? 1 : 2].as_int();
  return Value::string(address->masked(static_cast<unsigned>(prefix)).text(context.arena()));
}

Value is_ip(CallContext&, Arguments arguments) {
  return Value::boolean(IpAddress::parse(arguments[0].text()).has_value());
}

Value ip_version(CallContext& context, Arguments arguments) {
  const auto address = IpAddress::parse(arguments[0].text());
  if (!address) return context.fail(bad_address(arguments[0].text()));
  return Value::integer(address->v4 ? 4 : 6);
}

}  // namespace

void register_network(Registry& registry) {
  const Parameter ip = required("ip", Type::string);

  Family family(registry, "network");
  family.add("cidr_contains", {required("networks", TypeSet(Type::string) | Type::array), ip}, Type::boolean,
             "Whether the address lies in the network, or in one of them; ::ffff:a.b.c.d is the IPv4 address "
             "a.b.c.d",
             {{R"(cidr_contains("10.0.0.0/8", "10.1.2.3"))", "true"},
              {R"(cidr_contains(["192.168.0.0/16", "fd00::/8"], "fd00::1"))", "true"},
              {R"(cidr_contains("10.0.0.0/8", "ten"))", "error"}},
             cidr_contains, prepare_networks);
  family.add("mask_ip",
             {ip, defaulted("v4", Type::integer, Value::integer(24)),
              defaulted("v6", Type::integer, Value::integer(48))},
             Type::string, "The address with the bits after the prefix set to zero",
             {{R"(mask_ip("192.0.2.77"))", R"("192.0.2.0")"},
              {R"(mask_ip("2001:db8:1:2::3"))", R"("2001:db8:1::")"}},
             mask_ip, check_prefixes);
  family.add("is_ip", {required("s", Type::string)}, Type::boolean,
             "Whether the string is an IPv4 or IPv6 address",
             {{R"(is_ip("192.0.2.1"))", "true"}, {R"(is_ip("192.0.2.256"))", "false"}}, is_ip);
  family.add("ip_version", {ip}, Type::integer, "4 or 6", {{R"(ip_version("::1"))", "6"}}, ip_version);
}

}  // namespace pipec::stdlib
