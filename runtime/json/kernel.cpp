#include "runtime/json/kernel.h"

#include "runtime/json/kernel_versions.h"

namespace pipec::runtime::json {

std::span<const Kernel* const> usable_kernels() {
  // Best first.
  struct Usable {
    const Kernel* kernels[2];
    std::size_t count = 0;
    Usable() {
      if (const Kernel* kernel = avx2_kernel()) kernels[count++] = kernel;
      kernels[count++] = portable_kernel();
    }
  };
  static const Usable usable;
  return {usable.kernels, usable.count};
}

const Kernel& best_kernel() {
  return *usable_kernels().front();
}

}  // namespace pipec::runtime::json
