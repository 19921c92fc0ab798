// Base of both transcoders: a pass over bytes that writes into a buffer. The read and write positions are
// locals passed from step to step: as members they would be stored to memory with every byte written.
#pragma once

#include <cstddef>
#include <string_view>

#include "pipec/runtime/buffer.h"

namespace pipec::runtime::record {

class Transcoder {
 public:
  // Bytes of the input before the place that it failed at.
  std::size_t offset() const { return offset_; }

 protected:
  struct Place {
    const char* at;  // nullptr: failed
    char* to;
  };
  struct Failed {
    const char* reason;
    operator Place() const { return {nullptr, nullptr}; }
  };

  Transcoder(std::string_view input, Buffer& out)
      : begin_(input.data()), end_(begin_ + input.size()), out_(out) {}

  Failed fail(const char* at, const char* reason) {
    offset_ = static_cast<std::size_t>(at - begin_);
    reason_ = reason;
    return {reason};
  }
  void commit(const char* to) { out_.set_size(static_cast<std::size_t>(to - out_.data())); }
  // The position after the committed bytes, with space for `bytes`.
  char* reopen(std::size_t bytes) {
    char* const to = out_.extend(bytes);
    limit_ = out_.data() + out_.capacity();
    return to;
  }

  const char* const begin_;
  const char* const end_;
  Buffer& out_;  // its size trails the bytes written
  const char* limit_ = nullptr;
  const char* reason_ = nullptr;

 private:
  std::size_t offset_ = 0;
};

// nullptr, or the reason why its input is rejected: then `out` is unchanged, and `offset` is the position.
template <typename T>
const char* transcode(T&& transcoder, Buffer& out, std::size_t* offset) {
  const std::size_t begin = out.size();
  const char* const reason = transcoder.run();
  if (reason) {
    out.set_size(begin);
    if (offset) *offset = transcoder.offset();
  }
  return reason;
}

}  // namespace pipec::runtime::record
