// Identifiers (RFC 9562).
#include <array>
#include <cstdint>
#include <string_view>

#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"

namespace pipec::stdlib {

namespace {

// Sets version and variant and writes the 128 bits in the usual form.
Value uuid(CallContext& context, std::uint64_t high, std::uint64_t low, std::uint64_t version) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  high = (high & ~std::uint64_t{0xF000}) | (version << 12U);
  low = (low & ~(std::uint64_t{3} << 62U)) | (std::uint64_t{2} << 62U);
  char text[36];
  std::size_t at = 0;
  for (unsigned digit = 0; digit < 32; ++digit) {
    if (digit == 8 || digit == 12 || digit == 16 || digit == 20) text[at++] = '-';
    const std::uint64_t half = digit < 16 ? high : low;
    text[at++] = kDigits[(half >> (60U - 4U * (digit % 16U))) & 15U];
  }
  return Value::string(context.arena().copy({text, sizeof text}));
}

Value uuid_v4(CallContext& context, Arguments) {
  const std::uint64_t high = context.random();
  return uuid(context, high, context.random(), 4);
}

Value uuid_v7(CallContext& context, Arguments) {
  const auto milliseconds = static_cast<std::uint64_t>(context.clock().unix_nanoseconds() / 1'000'000);
  const std::uint64_t high = (milliseconds << 16U) | (context.random() & 0xFFFU);
  return uuid(context, high, context.random(), 7);
}

}  // namespace

void register_identity(Registry& registry) {
  Family family(registry, "identity");
  family.add_impure("uuid_v4", {}, Type::string, "A random UUID", {{"len(uuid_v4())", "36"}}, uuid_v4);
  family.add_impure("uuid_v7", {}, Type::string, "A UUID that begins with the time, so that they sort by it",
                    {{R"(slice(uuid_v7(), 14, 15))", R"("7")"}}, uuid_v7);
}

}  // namespace pipec::stdlib
