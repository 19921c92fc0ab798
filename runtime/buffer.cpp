#include "pipec/runtime/buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace pipec::runtime {

namespace {

constexpr std::size_t kKeptOnAverage = std::size_t{512} << 10;

}  // namespace

Buffer::~Buffer() {
  std::free(data_);
  pool_->bytes_.fetch_sub(capacity_, std::memory_order_relaxed);
}

void Buffer::reserve(std::size_t bytes) {
  if (bytes <= capacity_) return;
  void* moved = std::realloc(data_, bytes + kPadding);
  if (!moved) throw std::bad_alloc();
  data_ = static_cast<char*>(moved);
  pool_->bytes_.fetch_add(bytes - capacity_, std::memory_order_relaxed);
  capacity_ = bytes;
  // The padding is read (never used) by vector loads: it must be defined memory.
  std::memset(data_ + capacity_, 0, kPadding);
}

void Buffer::grow(std::size_t more) {
  reserve(std::max(size_ + more, capacity_ + capacity_ / 2));
}

void BufferRef::release() {
  if (buffer_ && buffer_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    buffer_->pool_->put_back(buffer_);
  }
}

BufferPool::~BufferPool() {
  trim();
}

BufferRef BufferPool::get(std::size_t bytes) {
  Buffer* found = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (free_.capacity() < keep_) free_.reserve(keep_);  // so that put_back() never allocates
    if (!free_.empty()) {
      found = free_.back();  // the last one used: its memory is warm
      free_.pop_back();
      kept_bytes_.fetch_sub(found->capacity(), std::memory_order_relaxed);
    }
  }
  if (!found) found = new Buffer(this);
  BufferRef reference(found);
  found->clear();
  found->reserve(bytes);
  return reference;
}

void BufferPool::put_back(Buffer* buffer) {
  if (buffer->capacity() <= largest_kept_) {
    const std::lock_guard lock(mutex_);
    const std::size_t kept = kept_bytes_.load(std::memory_order_relaxed) + buffer->capacity();
    if (free_.size() < std::min(keep_, free_.capacity()) && kept <= keep_ * kKeptOnAverage) {
      free_.push_back(buffer);
      kept_bytes_.store(kept, std::memory_order_relaxed);
      return;
    }
  }
  delete buffer;
}

void BufferPool::trim() {
  std::vector<Buffer*> freed;
  {
    const std::lock_guard lock(mutex_);
    freed.swap(free_);
    kept_bytes_.store(0, std::memory_order_relaxed);
  }
  for (Buffer* buffer : freed) delete buffer;
}

}  // namespace pipec::runtime
