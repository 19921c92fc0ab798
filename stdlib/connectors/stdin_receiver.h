#pragma once

#include <cstddef>
#include <memory>
#include <optional>

#include "pipec/runtime/connector.h"
#include "pipec/runtime/format.h"
#include "stdlib/connectors/compress/compression.h"
#include "stdlib/connectors/connectors.h"

namespace pipec::stdlib {

struct StdinOptions {
  std::optional<Compression> packing = Compression::none;  // nullopt: by the first bytes
  std::size_t max_record = static_cast<std::size_t>(kDefaultMaxRecord);
};

// Reads a descriptor that stays the caller's: lines, or as the framing cuts it. Forward only: positions are
// bytes of the unpacked text since the start.
std::unique_ptr<runtime::Receiver> make_stdin_receiver(int fd, const StdinOptions& options,
                                                       std::unique_ptr<runtime::Framing> framing = nullptr);

}  // namespace pipec::stdlib
