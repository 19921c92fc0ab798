// Checks data from foreign code before the engine relies on it. Each check makes one pass over the records.
#pragma once

#include "pipec/runtime/batch.h"
#include "pipec/runtime/connector.h"

namespace pipec::graph {

// Returns receive()'s result for `block`, or the block's defect. Records in a block reported as "idle" or
// "end" would be lost, although a later commit would cover them.
runtime::Result<runtime::Received> checked(runtime::Result<runtime::Received> answer,
                                           const runtime::Block& block);

// The records of a block that a worker has read (Block::reader).
runtime::Status check_records(const runtime::Block& block);

// Checks the batch of `block` after a stage of the embedding program has processed it.
runtime::Status check_batch(const runtime::Batch& batch, const runtime::Block& block);

// Checks the records that such a stage has left for another call, which must be in the first `buffers`
// buffers.
runtime::Status check_rest(std::span<const runtime::Record> rest, const runtime::Batch& batch,
                           const runtime::Block& block, std::size_t buffers);

}  // namespace pipec::graph
