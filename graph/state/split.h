// Splits a receive that returned more than the budget into parts (G3).
#pragma once

#include <cstddef>
#include <memory>

#include "pipec/runtime/batch.h"

namespace pipec::graph {

// The number of records from `first` on that form a part of at most `most` bytes; at least one.
std::size_t part_size(const runtime::Block& block, std::size_t first, std::size_t most);

// The bytes of the block that these records stand for. The parts of a block sum up to all of it.
std::size_t part_bytes(const runtime::Block& block, std::size_t first, std::size_t count);

// These records as a separate block that shares the bytes. Only the last part has the positions to commit.
std::shared_ptr<runtime::Block> part_of(const runtime::Block& block, std::size_t first, std::size_t count);

}  // namespace pipec::graph
