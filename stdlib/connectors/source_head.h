// The first record of an input, which its blocks carry (Block::head).
#pragma once

#include <memory>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/error.h"
#include "pipec/runtime/format.h"
#include "stdlib/connectors/input_files.h"

namespace pipec::stdlib {

// Of the block that holds it; null where it is not a whole record, or so long that it heads nothing.
std::shared_ptr<const runtime::SourceHead> head_of(const runtime::Block& block, bool skip_bad);

// Of a file that is read from somewhere further on. `framing`: null for lines; it is left restarted.
runtime::Result<std::shared_ptr<const runtime::SourceHead>> read_head(const InputFile& file,
                                                                      runtime::Framing* framing,
                                                                      bool skip_bad);

}  // namespace pipec::stdlib
