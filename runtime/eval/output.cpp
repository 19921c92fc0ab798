#include "runtime/eval/output.h"

namespace pipec::runtime::eval {

namespace {

// A record's place is 32 bits wide: one that begins below here still ends below 4 GiB, being at most 3 GiB.
constexpr std::size_t kFull = std::size_t{1} << 30;
constexpr std::size_t kMostRecord = std::size_t{3} << 30;

}  // namespace

void Output::open(Batch& batch) {
  batch_ = &batch;
  records_.clear();
  buffer_ = nullptr;
  number_ = 0;
}

Output::Mark Output::mark() const {
  return {records_.size(), buffer_ ? buffer_->size() : 0, batch_->metadata.size(), number_};
}

void Output::take_back(const Mark& mark) {
  records_.resize(mark.records);
  batch_->metadata.resize(mark.metadata);
  if (!buffer_) return;
  if (mark.buffer == number_) {
    buffer_->set_size(mark.bytes);
  } else {
    buffer_->set_size(0);  // begun since: earlier bytes stay unused in the previous buffers
  }
}

Buffer& Output::begin() {
  if (!buffer_ || buffer_->size() >= kFull) {
    // Most transforms change a record's size little: an eighth and a few bytes for each are enough, else it
    // grows.
    const std::size_t bytes = batch_->live_bytes();
    const std::size_t slack = bytes / 8 + batch_->records.size() * 24;
    number_ = batch_->add_buffer(buffer_ ? kFull / 16 : bytes + slack);
    buffer_ = batch_->buffers[number_].get();
  }
  began_ = buffer_->size();
  return *buffer_;
}

bool Output::end(Record record) {
  const std::size_t size = buffer_->size() - began_;
  if (size > kMostRecord) {
    buffer_->set_size(began_);
    return false;
  }
  record.buffer = number_;
  record.begin = static_cast<std::uint32_t>(began_);
  record.size = static_cast<std::uint32_t>(size);
  if (record.format == Format::json) buffer_->append('\n');
  records_.push_back(record);
  return true;
}

void Output::finish() {
  batch_->records.swap(records_);
}

}  // namespace pipec::runtime::eval
