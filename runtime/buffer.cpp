#include "pipec/runtime/buffer.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace pipec::runtime {

Buffer::~Buffer() {
  std::free(data_);
}

void Buffer::reserve(std::size_t bytes) {
  if (bytes <= capacity_) return;
  void* moved = std::realloc(data_, bytes + kPadding);
  if (!moved) throw std::bad_alloc();
  data_ = static_cast<char*>(moved);
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
  for (Buffer* buffer : free_) delete buffer;
}

BufferRef BufferPool::get(std::size_t bytes) {
  Buffer* found = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      found = free_.back();  // the last one used: its memory is warm
      free_.pop_back();
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
    if (free_.size() < keep_) {
      free_.push_back(buffer);
      return;
    }
  }
  delete buffer;
}

}  // namespace pipec::runtime
