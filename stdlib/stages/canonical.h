// Values as keys: equal values, and no others, have the same bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/value.h"

namespace pipec::stdlib {

// Appends the bytes; what is equal as the language's `==` says (1 and 1.0, key order ignored) has the same.
// False: the value is malformed, or nested too deep to be compared.
bool append_canonical(const runtime::Value& value, runtime::Arena& arena, std::string& out);

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Hash128&) const = default;
};

// SipHash-2-4 with a result of 128 bits (https://github.com/veorq/SipHash): who does not know the secret
// cannot look for two texts with one hash.
using Secret = std::array<std::uint64_t, 2>;
Hash128 keyed_hash(std::string_view text, const Secret& secret);
// From the system's source of randomness.
Secret random_secret();

}  // namespace pipec::stdlib
