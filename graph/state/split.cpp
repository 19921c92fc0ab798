#include "graph/state/split.h"

#include <algorithm>

namespace pipec::graph {

using runtime::Block;

std::size_t part_bytes(const Block& block, std::size_t first, std::size_t count) {
  const std::size_t begin = first == 0 ? 0 : block.origins[first].begin;
  const std::size_t next = first + count;
  const std::size_t end = next == block.origins.size() ? block.bytes() : block.origins[next].begin;
  return end > begin ? end - begin : 0;
}

std::size_t part_size(const Block& block, std::size_t first, std::size_t most) {
  std::size_t count = 1;
  while (first + count < block.origins.size() && part_bytes(block, first, count + 1) <= most) ++count;
  return count;
}

std::shared_ptr<Block> part_of(const Block& block, std::size_t first, std::size_t count) {
  auto part = std::make_shared<Block>();
  const auto slice = [&](const auto& all, auto& some) {
    if (all.empty()) return;
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first);
    some.assign(begin, begin + static_cast<std::ptrdiff_t>(count));
  };
  part->data = block.data;
  slice(block.origins, part->origins);
  slice(block.positions, part->positions);
  slice(block.metadata, part->metadata);
  for (const runtime::Rejected& rejected : block.rejected) {
    if (rejected.origin < first || rejected.origin >= first + count) continue;
    part->rejected.push_back({rejected.origin - static_cast<std::uint32_t>(first), rejected.reason});
  }
  part->source = block.source;
  part->topic = block.topic;
  part->partition = block.partition;
  part->first_position = block.first_position + (block.byte_positions ? 0 : first);
  part->byte_positions = block.byte_positions;
  if (first + count == block.origins.size()) part->ranges = block.ranges;
  part->format = block.format;
  part->single_lines = block.single_lines;
  part->empty_is_record = block.empty_is_record;
  return part;
}

}  // namespace pipec::graph
