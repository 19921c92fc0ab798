#include <cstdlib>

#include "canonical.h"
#include "random_program.h"

using namespace pipec::dsl::testing;

namespace {

std::uint64_t from_environment(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : fallback;
}

}  // namespace

// PIPEC_SEED replays one program.
TEST_CASE("formatting a random program with comments everywhere keeps its meaning, and again changes nothing",
          "[differential]") {
  std::uint64_t first = from_environment("PIPEC_FIRST_SEED", 1);
  std::uint64_t count = from_environment("PIPEC_PROGRAMS", 1500);
  if (std::getenv("PIPEC_SEED")) first = from_environment("PIPEC_SEED", 0), count = 1;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    INFO("PIPEC_SEED=" << seed);
    canonical(RandomProgram(seed).text());
  }
}
