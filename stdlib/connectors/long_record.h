// Records that are longer than allowed do not affect later records. The bytes up to the next newline are
// discarded as they are read; the beginning becomes a dead letter that states the full length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/buffer.h"

namespace pipec::stdlib {

// The lesser of the option max_record and the length that the memory limit allows (0: unlimited).
class LongestRecord {
 public:
  LongestRecord(std::size_t max_record, std::size_t by_memory)
      : bytes_(by_memory != 0 && by_memory < max_record ? by_memory : max_record),
        by_memory_(bytes_ < max_record) {}
  std::size_t bytes() const { return bytes_; }
  bool by_memory() const { return by_memory_; }

 private:
  std::size_t bytes_;
  bool by_memory_;
};

class LongRecord {
 public:
  // `data` is all that was read of the record, without a newline in it. It is cut to the head that is kept.
  explicit LongRecord(runtime::Buffer& data);
  // How many bytes `data` should be filled up to next.
  std::size_t wanted() const;
  // Called when `data` was filled: searches for the record's end and discards the bytes before it.
  void look(runtime::Buffer& data);
  bool ended() const { return ended_; }
  // The bytes read past the record's end.
  std::string_view rest(const runtime::Buffer& data) const;
  // The block holds the head, rejected, and nothing else. Returns how many bytes of the source that covers.
  std::uint64_t finish(const LongestRecord& longest, runtime::Block& block) const;

 private:
  std::size_t head_;
  std::size_t rest_ = 0;    // where in the buffer it begins, once ended
  std::uint64_t size_ = 0;  // of the record so far, without its newline
  bool ended_ = false;
};

}  // namespace pipec::stdlib
