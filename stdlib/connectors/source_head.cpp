#include "stdlib/connectors/source_head.h"

#include <fmt/format.h>

#include <utility>

#include "stdlib/connectors/byte_source.h"
#include "stdlib/connectors/lines.h"

namespace pipec::stdlib {

namespace {

using runtime::Block;
using runtime::Result;
using runtime::SourceHead;

constexpr std::size_t kLongestHead = std::size_t{1} << 20;
constexpr std::size_t kFirstRead = std::size_t{16} << 10;

// Finds the first record of block.data; false: more of the input is needed.
bool find_first(runtime::Framing* framing, bool at_end, Block& block) {
  const std::string_view data = block.data->view();
  block.origins.clear();
  if (framing) {
    framing->restart(0, false);
    static_cast<void>(framing->cut(data, 0, data.size(), 1, at_end, block.origins));
    return !block.origins.empty();
  }
  const std::size_t taken = find_lines(data.data(), data.size(), 1, block.origins);
  if (block.origins.empty() && at_end) add_last_line(data.data(), taken, data.size(), block.origins);
  skip_byte_order_mark(block);
  return !block.origins.empty();
}

}  // namespace

std::shared_ptr<const SourceHead> head_of(const Block& block, bool skip_bad) {
  if (block.origins.empty() || !block.rejected.empty() || block.origins[0].size > kLongestHead)
    return nullptr;
  auto head = std::make_shared<SourceHead>();
  head->text = block.original(0);
  head->position = block.position(0);
  head->skip_bad = skip_bad;
  return head;
}

Result<std::shared_ptr<const SourceHead>> read_head(const InputFile& file, runtime::Framing* framing,
                                                    bool skip_bad) {
  InputFile from_start;
  auto fd = open_input(file.path, file.compression, from_start);
  if (!fd) return fd.error();
  if (from_start.device != file.device || from_start.inode != file.inode) {
    return runtime::Error::make(runtime::ErrorCode::io,
                                fmt::format("{} was replaced or truncated during the run", file.path));
  }
  SourceLimits limits;
  limits.piece_bytes = kFirstRead;
  const auto source = make_byte_source(std::move(*fd), from_start, limits);
  runtime::BufferPool pool(1);
  Block block;
  block.data = pool.get(kFirstRead);
  block.byte_positions = true;
  for (std::size_t wanted = kFirstRead; wanted <= kLongestHead; wanted *= 2) {
    auto filled = source->fill(*block.data, wanted);
    if (!filled) return filled.error();
    const bool at_end = *filled == ByteSource::Filled::end;
    if (find_first(framing, at_end, block)) return head_of(block, skip_bad);
    if (at_end) break;
  }
  return std::shared_ptr<const SourceHead>();
}

}  // namespace pipec::stdlib
