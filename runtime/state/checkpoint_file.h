// The bytes of a checkpoint: a header of text lines, then the pipeline's name and the entries, each with its
// lengths.
//
//   pipec checkpoint 2
//   bytes 61
//   xxh3 0123456789abcdef
//
//   pipeline 6
//   router
//   entry 9 5
//   ...
//
// The header is a function of the body: a single changed byte anywhere makes them disagree.
#pragma once

#include <string>
#include <string_view>

#include "pipec/runtime/connector.h"

namespace pipec::runtime::state {

struct CheckpointContent {
  std::string pipeline;
  StateEntries entries;  // sorted by key, keys unique
};

std::string encode_checkpoint(const CheckpointContent& content);

// The content, with older versions converted to the current form, or the defect, as text that follows a
// file's name ("is empty").
Result<CheckpointContent> decode_checkpoint(std::string_view bytes);

}  // namespace pipec::runtime::state
