#include "pipec/runtime/arena.h"

#include <algorithm>
#include <utility>

namespace pipec::runtime {

void Arena::grow(std::size_t wanted) {
  const std::size_t doubled = chunks_.empty() ? kFirst : chunks_.back().size * 2;
  const std::size_t size = std::max(wanted, std::min(doubled, kKeep));
  chunks_.push_back({std::unique_ptr<char[]>(new char[size]), size});
  next_ = chunks_.back().bytes.get();
  end_ = next_ + size;
}

void Arena::shrink() {
  const auto keep = std::max_element(chunks_.begin(), chunks_.end(), [](const Chunk& a, const Chunk& b) {
    return (a.size <= kKeep ? a.size : 0) < (b.size <= kKeep ? b.size : 0);
  });
  Chunk kept = std::move(*keep);
  chunks_.clear();
  next_ = end_ = nullptr;
  if (kept.size <= kKeep) chunks_.push_back(std::move(kept));
}

}  // namespace pipec::runtime
