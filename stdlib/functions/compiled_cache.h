// What was compiled at run time (a pattern that is a field), kept for the next records of this thread.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "pipec/runtime/error.h"

namespace pipec::stdlib {

// Holds the last kEntries; the oldest one leaves. Not thread safe: make it thread_local.
template <typename T>
class CompiledCache {
 public:
  using Compiled = runtime::Result<std::shared_ptr<const T>>;

  template <typename Compile>
  Compiled get(std::string_view source, const Compile& compile) {
    for (const Entry& entry : entries_) {
      if (entry.compiled && entry.source == source) return entry.compiled;
    }
    Compiled compiled = compile(source);
    if (compiled.ok()) {
      entries_[next_] = {std::string(source), *compiled};
      next_ = (next_ + 1) % kEntries;
    }
    return compiled;
  }

 private:
  static constexpr std::size_t kEntries = 16;
  struct Entry {
    std::string source;
    std::shared_ptr<const T> compiled;
  };
  std::array<Entry, kEntries> entries_;
  std::size_t next_ = 0;
};

}  // namespace pipec::stdlib
