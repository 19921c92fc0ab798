// The versions of the kernel; each is null where the processor cannot run it.
#pragma once

#include "runtime/json/kernel.h"

namespace pipec::runtime::json {

const Kernel* avx512_kernel();
const Kernel* avx2_kernel();
const Kernel* portable_kernel();

}  // namespace pipec::runtime::json
