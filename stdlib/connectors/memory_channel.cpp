#include <algorithm>
#include <iterator>
#include <utility>

#include "pipec/stdlib/memory.h"

namespace pipec::stdlib {
namespace {

template <typename Condition>
void wait_until(std::condition_variable& changed, std::unique_lock<std::mutex>& lock,
                std::optional<std::chrono::milliseconds> wait, Condition&& condition) {
  if (wait) {
    changed.wait_for(lock, *wait, condition);
  } else {
    changed.wait(lock, condition);
  }
}

}  // namespace

std::size_t MemoryChannel::bytes_of(const MemoryRecord& record) {
  std::size_t bytes = sizeof(MemoryRecord) + record.payload.size();
  if (record.metadata.key) bytes += record.metadata.key->size();
  for (const auto& header : record.metadata.headers) {
    bytes += sizeof header + header.name.size() + (header.value ? header.value->size() : 0);
  }
  return bytes;
}

void MemoryChannel::add_locked(MemoryRecord&& record) {
  held_bytes_ += bytes_of(record);
  records_.push_back(std::move(record));
  changed_.notify_all();
}

void MemoryChannel::drop_first_locked() {
  held_bytes_ -= bytes_of(records_.front());
  records_.pop_front();
  ++committed_;
}

std::optional<std::uint64_t> MemoryChannel::push_numbered(MemoryRecord&& record,
                                                          std::optional<std::chrono::milliseconds> wait) {
  std::unique_lock lock(mutex_);
  const std::uint64_t before = interrupts_;
  const auto over = [&] { return closed_ || interrupts_ != before; };
  if (!closed_ && !has_room()) {
    ++waiting_;
    changed_.notify_all();  // a reader that has read all asks for a commit
    wait_until(changed_, lock, wait, [&] { return over() || has_room(); });
    --waiting_;
  }
  if (over() || !has_room()) return std::nullopt;
  add_locked(std::move(record));
  return committed_ + records_.size() - 1;
}

bool MemoryChannel::try_push(MemoryRecord&& record) {
  const std::lock_guard guard(mutex_);
  if (closed_ || !has_room()) return false;
  add_locked(std::move(record));
  return true;
}

void MemoryChannel::interrupt() {
  const std::lock_guard guard(mutex_);
  ++interrupts_;
  changed_.notify_all();
}

void MemoryChannel::set_limit(std::size_t bytes) {
  const std::lock_guard guard(mutex_);
  limit_ = bytes;
  changed_.notify_all();
}

std::size_t MemoryChannel::limit() const {
  const std::lock_guard guard(mutex_);
  return limit_;
}

std::size_t MemoryChannel::held_bytes() const {
  const std::lock_guard guard(mutex_);
  return held_bytes_;
}

void MemoryChannel::writer_opens() {
  const std::lock_guard guard(mutex_);
  ++writers_;
  written_ = false;
}

void MemoryChannel::writer_closes() {
  const std::lock_guard guard(mutex_);
  if (--writers_ == 0) written_ = true;
  changed_.notify_all();
}

void MemoryChannel::close() {
  {
    const std::lock_guard guard(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

std::vector<MemoryRecord> MemoryChannel::take_locked() {
  std::vector<MemoryRecord> result;
  const auto first = records_.begin() + static_cast<std::ptrdiff_t>(next_ - committed_);
  std::move(first, records_.end(), std::back_inserter(result));
  committed_ += records_.size();
  next_ = committed_;
  records_.clear();
  ahead_.clear();
  held_bytes_ = 0;
  changed_.notify_all();
  return result;
}

std::vector<MemoryRecord> MemoryChannel::take() {
  const std::lock_guard guard(mutex_);
  return take_locked();
}

std::vector<MemoryRecord> MemoryChannel::wait_and_take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return unread_locked() != 0 || ended_locked(); });
  return take_locked();
}

MemoryChannel::Next MemoryChannel::next(std::optional<std::chrono::milliseconds> wait) {
  std::unique_lock lock(mutex_);
  wait_until(changed_, lock, wait, [&] { return unread_locked() != 0 || ended_locked(); });
  if (unread_locked() == 0) return {.what = ended_locked() ? Next::What::end : Next::What::timeout};
  const MemoryRecord& record = records_[static_cast<std::size_t>(next_ - committed_)];
  return {Next::What::record, next_++, &record};
}

bool MemoryChannel::acknowledge(std::uint64_t number) {
  const std::lock_guard guard(mutex_);
  if (number < committed_ || number >= next_ || !ahead_.insert(number).second) return false;
  while (!ahead_.empty() && *ahead_.begin() == committed_) {
    ahead_.erase(ahead_.begin());
    drop_first_locked();
  }
  changed_.notify_all();
  return true;
}

bool MemoryChannel::wait_for_acknowledgement(std::uint64_t end, const std::atomic<bool>& interrupted) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return committed_ >= end || closed_ || interrupted; });
  return committed_ >= end;
}

std::uint64_t MemoryChannel::pushed() const {
  const std::lock_guard guard(mutex_);
  return committed_ + records_.size();
}

std::uint64_t MemoryChannel::committed() const {
  const std::lock_guard guard(mutex_);
  return committed_;
}

bool MemoryChannel::closed() const {
  const std::lock_guard guard(mutex_);
  return closed_;
}

std::shared_ptr<MemoryChannel> MemoryChannels::channel(std::string_view name) {
  const std::lock_guard guard(mutex_);
  auto found = channels_.find(name);
  if (found == channels_.end())
    found = channels_.emplace(name, std::make_shared<MemoryChannel>(acknowledged_)).first;
  return found->second;
}

}  // namespace pipec::stdlib
