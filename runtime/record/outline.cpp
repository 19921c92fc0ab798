#include "runtime/record/outline.h"

namespace pipec::runtime::record {

namespace {

// An outline is never larger than the records themselves. Shorter records are quick to index again, so
// outlines are skipped for this many batches after one that did not fit.
constexpr std::uint32_t kSkippedBatches = 31;

}  // namespace

bool OutlineWriter::begin(const Batch& batch, const StageContext& context) {
  if (!context.outline_wanted() || batch.outline || batch.records.empty()) return false;
  if (batch.records.front().format != Format::json) return false;  // nothing is left of others
  if (skip_ != 0) {
    --skip_;
    return false;
  }
  const std::size_t words = batch.live_bytes() / sizeof(std::uint32_t);
  buffer_ = batch.records.front().buffer;
  outline_.text = batch.buffers[buffer_];
  outline_.data = batch.pool().get(words * sizeof(std::uint32_t));
  data_ = outline_.data->data();
  rows_ = 0;
  low_ = room_ = static_cast<std::uint32_t>(words);
  full_ = false;
  return true;
}

void OutlineWriter::give(Batch& batch) {
  if (full_) skip_ = kSkippedBatches;
  if (rows_ != 0) {
    outline_.rows = static_cast<std::uint32_t>(rows_);
    outline_.used = static_cast<std::uint32_t>(rows_ * sizeof(OutlineRow)) +
                    (room_ - low_) * static_cast<std::uint32_t>(sizeof(std::uint32_t));
    batch.outline = std::move(outline_);
  }
  outline_ = {};
}

}  // namespace pipec::runtime::record
