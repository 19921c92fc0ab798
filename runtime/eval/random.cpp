#include "runtime/eval/random.h"

#include <random>

namespace pipec::runtime::eval {

Random::Random() {
  std::random_device device;
  state_ = (std::uint64_t{device()} << 32) ^ device();
}

}  // namespace pipec::runtime::eval
