// Byte buffers that are pooled and shared: a batch and its clones on several branches point to the same
// bytes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

namespace pipec::runtime {

class BufferPool;

// Growable bytes, with kPadding readable bytes after size() (vector loads may run past a record's end).
class Buffer {
 public:
  static constexpr std::size_t kPadding = 64;

  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  char* data() { return data_; }
  const char* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  std::string_view view() const { return {data_, size_}; }
  void clear() { size_ = 0; }
  // Reserves capacity for `bytes` in total (padding is added). Moves the bytes and invalidates views.
  void reserve(std::size_t bytes);
  // The caller wrote up to here. bytes <= capacity().
  void set_size(std::size_t bytes) { size_ = bytes; }
  void append(std::string_view text) {
    if (size_ + text.size() > capacity_) grow(text.size());
    if (!text.empty()) __builtin_memcpy(data_ + size_, text.data(), text.size());
    size_ += text.size();
  }
  void append(char c) {
    if (size_ + 1 > capacity_) grow(1);
    data_[size_++] = c;
  }
  // Where to write at most `bytes` more; commit with set_size().
  char* extend(std::size_t bytes) {
    if (size_ + bytes > capacity_) grow(bytes);
    return data_ + size_;
  }

 private:
  friend class BufferPool;
  friend class BufferRef;
  explicit Buffer(BufferPool* pool) : pool_(pool) {}
  ~Buffer();
  void grow(std::size_t more);

  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  std::atomic<std::uint32_t> references_{0};
  BufferPool* pool_;
};

// A counted reference; the last one returns the buffer to its pool. May be copied on any thread.
class BufferRef {
 public:
  BufferRef() = default;
  explicit BufferRef(Buffer* buffer) : buffer_(buffer) { retain(); }
  BufferRef(const BufferRef& other) : buffer_(other.buffer_) { retain(); }
  BufferRef(BufferRef&& other) noexcept : buffer_(std::exchange(other.buffer_, nullptr)) {}
  BufferRef& operator=(const BufferRef& other) {
    BufferRef copy(other);
    std::swap(buffer_, copy.buffer_);
    return *this;
  }
  BufferRef& operator=(BufferRef&& other) noexcept {
    BufferRef taken(std::move(other));
    std::swap(buffer_, taken.buffer_);
    return *this;
  }
  ~BufferRef() { release(); }
  Buffer* operator->() const { return buffer_; }
  Buffer& operator*() const { return *buffer_; }
  Buffer* get() const { return buffer_; }
  explicit operator bool() const { return buffer_ != nullptr; }

 private:
  void retain() {
    if (buffer_) buffer_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  void release();
  Buffer* buffer_ = nullptr;
};

// Must outlive its buffers. Keeps up to `keep` free buffers, averaging at most half a MiB each. Buffers that
// grew beyond `largest_kept` bytes are returned to the system, so that one huge record does not hold its
// memory forever. Counts the bytes of all its buffers.
class BufferPool {
 public:
  explicit BufferPool(std::size_t keep = 16, std::size_t largest_kept = std::size_t{4} << 20)
      : keep_(keep), largest_kept_(largest_kept) {}
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // An empty buffer with capacity for at least `bytes`. Thread-safe.
  BufferRef get(std::size_t bytes);
  // Frees the kept buffers. Thread-safe.
  void trim();
  // Bytes that buffers in use hold, written or not. From any thread.
  std::size_t used_bytes() const {
    const std::size_t all = bytes_.load(std::memory_order_relaxed);
    const std::size_t kept = kept_bytes_.load(std::memory_order_relaxed);
    return all > kept ? all - kept : 0;
  }

 private:
  friend class Buffer;
  friend class BufferRef;
  void put_back(Buffer* buffer);

  std::mutex mutex_;
  std::vector<Buffer*> free_;
  std::size_t keep_;
  std::size_t largest_kept_;
  std::atomic<std::size_t> bytes_{0};       // of all buffers
  std::atomic<std::size_t> kept_bytes_{0};  // of the free ones; changes under the mutex
};

}  // namespace pipec::runtime
