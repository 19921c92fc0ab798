// What foreign code gave the engine, checked before anything relies on it. One pass over the records each.
#pragma once

#include "pipec/runtime/batch.h"
#include "pipec/runtime/connector.h"

namespace pipec::graph {

// What receive() answered about `block`, or what is wrong with the block. Records in a block whose receiver
// says "idle" or "end" would be lost, and a later commit would cover them.
runtime::Result<runtime::Received> checked(runtime::Result<runtime::Received> answer,
                                           const runtime::Block& block);

// The records of a block that a worker has read (Block::reader).
runtime::Status check_records(const runtime::Block& block);

// Checks the batch of `block` after a stage of the embedding program has processed it.
runtime::Status check_batch(const runtime::Batch& batch, const runtime::Block& block);

// The records that such a stage has left for another call, which must lie in the first `buffers` buffers.
runtime::Status check_rest(std::span<const runtime::Record> rest, const runtime::Batch& batch,
                           const runtime::Block& block, std::size_t buffers);

}  // namespace pipec::graph
