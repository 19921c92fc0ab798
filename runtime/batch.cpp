#include "pipec/runtime/batch.h"

#include <limits>
#include <stdexcept>
#include <utility>

namespace pipec::runtime {

void Block::clear() {
  if (data) data->clear();
  origins.clear();
  source.clear();
  topic.clear();
  head.reset();
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

void Block::add_record(std::string_view bytes, std::uint64_t position) {
  const std::size_t begin = data->size();
  if (bytes.size() > std::numeric_limits<std::uint32_t>::max() - begin) {
    throw std::length_error("a block of records is larger than 4 GiB");
  }
  data->append(bytes);
  origins.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(bytes.size())});
  positions.push_back(position);
  if (!metadata.empty()) metadata.emplace_back();
  if (ranges.empty())
    ranges.push_back({.partition = partition, .epoch = 0, .first = position, .end = position});
  ranges.back().end = position + 1;
}

void Block::add_record(std::string_view bytes, std::uint64_t position, Metadata own) {
  add_record(bytes, position);
  metadata.resize(origins.size());
  metadata.back() = std::move(own);
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
