#pragma once

#include <cstddef>
#include <memory>

#include "pipec/runtime/connector.h"
#include "stdlib/connectors/framing.h"

namespace pipec::stdlib {

// Reads a descriptor that stays the caller's: lines, or as the framing cuts it. Forward only: positions are
// bytes since the start.
std::unique_ptr<runtime::Receiver> make_stdin_receiver(int fd, std::size_t max_record,
                                                       std::unique_ptr<Framing> framing = nullptr);

}  // namespace pipec::stdlib
