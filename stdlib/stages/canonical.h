// Values as keys: equal values, and no others, have the same bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/value.h"

namespace pipec::stdlib {

// Appends the canonical bytes. Values that are equal by the language's `==` (1 and 1.0, key order ignored)
// have the same bytes. False: the value is malformed, or nested too deep to be compared.
bool append_canonical(const runtime::Value& value, runtime::Arena& arena, std::string& out);

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Hash128&) const = default;
};

// SipHash-2-4 with a result of 128 bits (https://github.com/veorq/SipHash): without the secret it is
// infeasible to find two texts with the same hash.
using Secret = std::array<std::uint64_t, 2>;
Hash128 keyed_hash(std::string_view text, const Secret& secret);
// From the system's source of randomness.
Secret random_secret();
// The entry of a stage's state that holds its secret.
inline constexpr const char* kSecretKey = "secret";

}  // namespace pipec::stdlib
