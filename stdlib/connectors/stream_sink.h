#pragma once

#include <memory>
#include <string>

#include "pipec/runtime/connector.h"
#include "pipec/runtime/format.h"

namespace pipec::stdlib {

// Writes lines to a descriptor that stays the caller's. `name` is for messages.
std::unique_ptr<runtime::Sink> make_stream_sink(int fd, std::string name,
                                                std::unique_ptr<runtime::Encoder> encoder);

}  // namespace pipec::stdlib
