#include "runtime/json/kernel.h"

#include "runtime/json/kernel_versions.h"

namespace pipec::runtime::json {

namespace {

// How often a byte occurs in JSON records, roughly: 0 hardly ever.
unsigned frequency(char c) {
  constexpr std::string_view kOften = "\"eaotinsr1203lcd,:.";
  if (kOften.find(c) != std::string_view::npos) return 3;
  if (c >= 'a' && c <= 'z') return c == 'q' || c == 'x' || c == 'z' || c == 'j' ? 0 : 2;
  return c >= '0' && c <= '9' ? 2 : 1;
}

}  // namespace

Needle::Needle(std::string_view key) {
  quoted.reserve(key.size() + 2);
  quoted.push_back('"');
  quoted.append(key);
  quoted.push_back('"');
  // If no byte is rare: the last quote and the byte before it, which distinguish keys with the same
  // beginning.
  first = static_cast<std::uint32_t>(quoted.size() - 1);
  second = static_cast<std::uint32_t>(quoted.size() - 2);
  for (std::uint32_t i = 0; i < quoted.size(); ++i) {
    if (frequency(quoted[i]) < frequency(quoted[first])) first = i;
  }
  if (first == second) second = first + 1;
  for (std::uint32_t i = 0; i < quoted.size(); ++i) {
    if (i != first && frequency(quoted[i]) < frequency(quoted[second])) second = i;
  }
  for (const char c : key) {
    any_escape = any_escape || c == '/' || c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
  }
}

std::span<const Kernel* const> usable_kernels() {
  // Best first.
  struct Usable {
    const Kernel* kernels[3];
    std::size_t count = 0;
    Usable() {
      if (const Kernel* kernel = avx512_kernel()) kernels[count++] = kernel;
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
