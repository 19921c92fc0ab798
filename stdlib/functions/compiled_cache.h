// Objects compiled at run time (a pattern taken from a field), cached for the next records of this thread.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "pipec/runtime/cached_bytes.h"
#include "pipec/runtime/error.h"

namespace pipec::stdlib {

// Holds the most recent ones, up to kMostEntries and kMostBytes; the oldest is evicted. One that alone
// exceeds the limit is not kept with others. Not thread-safe: make it thread_local.
template <typename T>
class CompiledCache {
 public:
  using Compiled = runtime::Result<std::shared_ptr<const T>>;
  static constexpr std::size_t kMostEntries = 16;
  static constexpr std::size_t kMostBytes = std::size_t{2} << 20;

  // For small things.
  template <typename Compile>
  Compiled get(std::string_view source, const Compile& compile) {
    return get(source, compile, [](const T&) { return std::size_t{4} << 10; });
  }
  // `compile` creates the object, `bytes_of` returns its memory use.
  template <typename Compile, typename BytesOf>
  Compiled get(std::string_view source, const Compile& compile, const BytesOf& bytes_of) {
    if (account_.asked_back()) clear();
    for (const Entry& entry : entries_) {
      if (entry.source == source) return entry.compiled;
    }
    Compiled compiled = compile(source);
    if (!compiled.ok()) return compiled;
    const std::size_t bytes = sizeof(Entry) + source.size() + bytes_of(**compiled);
    while (!entries_.empty() && (entries_.size() >= kMostEntries || account_.held() + bytes > kMostBytes)) {
      account_.shrink(entries_.front().bytes);
      entries_.pop_front();
    }
    entries_.push_back({std::string(source), *compiled, bytes});
    account_.grow(bytes);
    return compiled;
  }

  std::size_t entries() const { return entries_.size(); }
  std::size_t bytes() const { return account_.held(); }

 private:
  struct Entry {
    std::string source;
    std::shared_ptr<const T> compiled;
    std::size_t bytes;
  };
  void clear() {
    entries_.clear();
    account_.shrink(account_.held());
  }

  std::deque<Entry> entries_;  // the oldest first
  runtime::CachedBytes account_;
};

}  // namespace pipec::stdlib
