#include "stdlib/stages/summarize/groups.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "stdlib/stages/canonical.h"

namespace pipec::stdlib {

namespace {

constexpr std::size_t kAlignment = alignof(std::max_align_t);
constexpr std::size_t kFirstPiece = 1024;
constexpr std::size_t kLargestPiece = std::size_t{256} << 10;

}  // namespace

void AggregateList::add(std::unique_ptr<Aggregate> aggregate) {
  offsets_.push_back(bytes_);
  bytes_ += (aggregate->size() + kAlignment - 1) / kAlignment * kAlignment;
  list_.push_back(std::move(aggregate));
}

Groups::~Groups() {
  for (const Group& group : groups_) {
    for (std::size_t i = 0; i < aggregates_.size(); ++i) {
      aggregates_[i].destroy(aggregates_.state(group.states, i));
    }
  }
}

std::uint64_t Groups::hash_of(std::string_view key) {
  // Random, so that data cannot aim at collisions.
  static const std::uint64_t seed = random_secret()[0];
  return XXH3_64bits_withSeed(key.data(), key.size(), seed);
}

// Where the key is in the index, or where it belongs.
std::size_t Groups::place(std::string_view key, std::uint64_t hash) const {
  const std::size_t mask = index_.size() - 1;
  std::size_t at = hash & mask;
  for (; index_[at] != 0; at = (at + 1) & mask) {
    const Group& group = groups_[index_[at] - 1];
    if (group.hash == hash && group.key == key) break;
  }
  return at;
}

Group* Groups::find(std::string_view key, std::uint64_t hash) {
  if (index_.empty()) return nullptr;
  const std::uint32_t number = index_[place(key, hash)];
  return number == 0 ? nullptr : &groups_[number - 1];
}

Group& Groups::of(std::string_view key, std::uint64_t hash, bool& is_new) {
  if ((groups_.size() + 1) * 2 > index_.size()) grow();
  const std::size_t at = place(key, hash);
  is_new = index_[at] == 0;
  if (!is_new) return groups_[index_[at] - 1];
  char* const states = make_states();
  Group& group = groups_.emplace_back();
  group.states = states;
  group.key = key;
  group.hash = hash;
  for (std::size_t i = 0; i < aggregates_.size(); ++i) aggregates_[i].create(aggregates_.state(states, i));
  index_[at] = static_cast<std::uint32_t>(groups_.size());
  keys_ += group.key.capacity();
  return group;
}

void Groups::grow() {
  index_.assign(std::max<std::size_t>(16, index_.size() * 2), 0);
  const std::size_t mask = index_.size() - 1;
  for (std::uint32_t i = 0; i < groups_.size(); ++i) {
    std::size_t at = groups_[i].hash & mask;
    while (index_[at] != 0) at = (at + 1) & mask;
    index_[at] = i + 1;
  }
}

char* Groups::make_states() {
  const std::size_t bytes = std::max(aggregates_.bytes(), kAlignment);
  if (capacity_ - used_ < bytes) {
    capacity_ = std::max(bytes, std::clamp(capacity_ * 2, kFirstPiece, kLargestPiece));
    memory_.push_back(std::make_unique<char[]>(capacity_));
    used_ = 0;
  }
  char* const states = memory_.back().get() + used_;
  used_ += bytes;
  return states;
}

std::size_t Groups::bytes() const {
  return groups_.size() * (sizeof(Group) + aggregates_.bytes()) + keys_ + index_.size() * sizeof index_[0];
}

}  // namespace pipec::stdlib
