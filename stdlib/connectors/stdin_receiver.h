#pragma once

#include <cstddef>
#include <memory>

#include "pipec/runtime/connector.h"

namespace pipec::stdlib {

// Reads lines from a descriptor that stays the caller's. Forward only: positions are bytes since the start.
std::unique_ptr<runtime::Receiver> make_stdin_receiver(int fd, std::size_t max_record);

}  // namespace pipec::stdlib
