#include "stdlib/connectors/long_record.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace pipec::stdlib {

namespace {

constexpr std::size_t kHeadBytes = std::size_t{64} << 10;
constexpr std::size_t kLookBytes = std::size_t{256} << 10;

}  // namespace

LongRecord::LongRecord(runtime::Buffer& data) : head_(std::min(data.size(), kHeadBytes)), size_(data.size()) {
  data.set_size(head_);
}

std::size_t LongRecord::wanted() const {
  return head_ + kLookBytes;
}

void LongRecord::look(runtime::Buffer& data) {
  const std::string_view read = data.view().substr(head_);
  const std::size_t newline = read.find('\n');
  ended_ = newline != std::string_view::npos;
  if (ended_) {
    size_ += newline;
    rest_ = head_ + newline + 1;
  } else {
    size_ += read.size();
    data.set_size(head_);
  }
}

std::string_view LongRecord::rest(const runtime::Buffer& data) const {
  return ended_ ? data.view().substr(rest_) : std::string_view();
}

std::uint64_t LongRecord::finish(const LongestRecord& longest, runtime::Block& block) const {
  block.data->set_size(head_);
  block.origins.assign(1, {0, static_cast<std::uint32_t>(head_)});
  block.rejected.push_back(
      {0, longest.by_memory()
              ? fmt::format("the record has {} bytes, more than an eighth of the usable memory ({}); "
                            "these are its first {}",
                            size_, longest.bytes(), head_)
              : fmt::format("the record has {} bytes, more than max_record ({}); these are its first {}",
                            size_, longest.bytes(), head_)});
  return size_ + (ended_ ? 1 : 0);
}

}  // namespace pipec::stdlib
