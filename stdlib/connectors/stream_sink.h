#pragma once

#include <memory>
#include <string>

#include "pipec/runtime/connector.h"
#include "stdlib/connectors/encode.h"

namespace pipec::stdlib {

// Writes lines to a descriptor that stays the caller's. `name` is for messages.
std::unique_ptr<runtime::Sink> make_stream_sink(int fd, std::string name, Encoding encoding);

}  // namespace pipec::stdlib
