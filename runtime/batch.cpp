#include "pipec/runtime/batch.h"

namespace pipec::runtime {

void Block::clear() {
  if (data) data->clear();
  origins.clear();
  source.clear();
  topic.clear();
  partition = 0;
  first_position = 0;
  byte_positions = false;
  positions.clear();
  metadata.clear();
  ranges.clear();
  rejected.clear();
  format = Format::json;
  single_lines = false;
  empty_is_record = false;
  reader.reset();
  unread_bytes = 0;
}

Batch::Batch(std::shared_ptr<const Block> block, BufferPool& pool) {
  assign(std::move(block), pool);
}

void Batch::release() {
  records.clear();
  buffers.clear();
  metadata.clear();
  outline = {};
  block_.reset();
}

void Batch::assign(std::shared_ptr<const Block> block, BufferPool& pool) {
  release();
  block_ = std::move(block);
  pool_ = &pool;
  buffers.push_back(block_->data);
  records.resize(block_->origins.size());
  for (std::uint32_t i = 0; i < records.size(); ++i) {
    Record& record = records[i];
    record.begin = block_->origins[i].begin;
    record.size = block_->origins[i].size;
    record.origin = i;
    record.format = block_->format;
  }
}

std::uint16_t Batch::add_buffer(std::size_t bytes) {
  buffers.push_back(pool_->get(bytes));
  return static_cast<std::uint16_t>(buffers.size() - 1);
}

std::size_t Batch::live_bytes() const {
  std::size_t bytes = 0;
  for (const Record& record : records) bytes += record.size;
  return bytes;
}

}  // namespace pipec::runtime
