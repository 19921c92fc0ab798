// The complete check on any bytes: every kernel says what a parser says that was written byte by byte.
#include "runtime/json/validate.h"
#include "fuzz/support.h"
#include "runtime/json/kernel.h"
#include "unit/runtime/json_reference.h"

using namespace pipec::runtime;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const fuzz::Padded record(text);
  const bool valid = test::ReferenceParser(text).valid();
  for (const json::Kernel* kernel : json::usable_kernels()) {
    std::size_t offset = 0;
    fuzz::require((json::validate_with(*kernel, record.view(), &offset) == nullptr) == valid);
    fuzz::require(valid || offset <= size);
  }
  return 0;
}
