#include "graph/state/join.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "graph/state/invariant.h"

namespace pipec::graph {

using runtime::Batch;
using runtime::Record;

namespace {

// Moves the buffers and metadata of `part` into `into`; its records then refer to `into`.
void adopt(Batch& into, Batch& part) {
  const std::size_t first_buffer = into.buffers.size();
  const std::size_t first_metadata = into.metadata.size();
  invariant(first_buffer + part.buffers.size() <= std::numeric_limits<std::uint16_t>::max(),
            "a joined batch has too many buffers");
  // Buffer 0 is the block's in every part, as long as no stage put another one there.
  const bool same_block =
      !into.buffers.empty() && !part.buffers.empty() && into.buffers[0].get() == part.buffers[0].get();
  const std::size_t skipped = same_block ? 1 : 0;
  for (Record& record : part.records) {
    if (!same_block || record.buffer != 0) {
      record.buffer = static_cast<std::uint16_t>(record.buffer + first_buffer - skipped);
    }
    if (record.metadata != 0) record.metadata += static_cast<std::uint32_t>(first_metadata);
  }
  for (std::size_t i = skipped; i < part.buffers.size(); ++i)
    into.buffers.push_back(std::move(part.buffers[i]));
  std::move(part.metadata.begin(), part.metadata.end(), std::back_inserter(into.metadata));
}

}  // namespace

void join_parts(std::span<BatchView* const> parts) {
  Batch& into = parts[0]->batch;
  for (BatchView* part : parts.subspan(1)) {
    if (part->batch.records.empty()) continue;
    adopt(into, part->batch);
    const auto middle = static_cast<std::ptrdiff_t>(into.records.size());
    into.records.insert(into.records.end(), part->batch.records.begin(), part->batch.records.end());
    const bool in_order = middle == 0 || into.records[static_cast<std::size_t>(middle) - 1].origin <=
                                             into.records[static_cast<std::size_t>(middle)].origin;
    if (!in_order) {
      std::inplace_merge(into.records.begin(), into.records.begin() + middle, into.records.end(),
                         [](const Record& a, const Record& b) { return a.origin < b.origin; });
    }
    part->batch.records.clear();
  }
}

}  // namespace pipec::graph
