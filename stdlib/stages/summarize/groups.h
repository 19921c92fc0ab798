// The groups of one window, or of a batch's part of it, in the order of their first appearance.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stdlib/stages/summarize/aggregate.h"
#include "stdlib/stages/summarize/stored_value.h"

namespace pipec::stdlib {

// The aggregates of a stage and where their states are in a group's memory.
class AggregateList {
 public:
  void add(std::unique_ptr<Aggregate> aggregate);
  std::size_t size() const { return list_.size(); }
  const Aggregate& operator[](std::size_t i) const { return *list_[i]; }
  void* state(char* states, std::size_t i) const { return states + offsets_[i]; }
  const void* state(const char* states, std::size_t i) const { return states + offsets_[i]; }
  std::size_t bytes() const { return bytes_; }  // of a group

 private:
  std::vector<std::unique_ptr<Aggregate>> list_;
  std::vector<std::size_t> offsets_;
  std::size_t bytes_ = 0;
};

struct Group {
  std::string key;              // canonical
  std::vector<StoredValue> by;  // of its first record
  char* states = nullptr;
  std::uint64_t hash = 0;
  std::size_t number = 0;  // in its window
  bool changed = false;    // since the last snapshot
  bool saved = false;
};

class Groups {
 public:
  explicit Groups(const AggregateList& aggregates) : aggregates_(aggregates) {}
  ~Groups();
  Groups(const Groups&) = delete;
  Groups& operator=(const Groups&) = delete;

  // The group with this key; a new one has no `by` and empty states.
  Group& of(std::string_view key, std::uint64_t hash, bool& is_new);
  Group* find(std::string_view key, std::uint64_t hash);
  static std::uint64_t hash_of(std::string_view key);

  std::deque<Group>& all() { return groups_; }
  const std::deque<Group>& all() const { return groups_; }
  std::size_t size() const { return groups_.size(); }
  std::size_t bytes() const;  // without what the states hold

 private:
  std::size_t place(std::string_view key, std::uint64_t hash) const;
  void grow();
  char* make_states();

  const AggregateList& aggregates_;
  std::deque<Group> groups_;
  std::vector<std::uint32_t> index_;  // number + 1 by hash; a power of two, at least half of it free
  std::vector<std::unique_ptr<char[]>> memory_;
  std::size_t used_ = 0;  // of the last piece of memory
  std::size_t capacity_ = 0;
  std::size_t keys_ = 0;  // bytes of the keys
};

}  // namespace pipec::stdlib
