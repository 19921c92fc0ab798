// Restores the order of items that arrive in any order. Numbers are dense from 0: every batch visits every
// branch, so none is ever missing. An item may arrive in consecutive parts with the same number. A plain
// class; the caller locks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "graph/state/invariant.h"
#include "graph/state/mutant.h"

namespace pipec::graph {

// Item: cheap to copy; null (Item{}) means "not there".
template <typename Item>
class Sequencer {
 public:
  // `more`: another part of the item with this number arrives after this one was taken.
  void put(std::uint64_t number, Item item, bool more = false) {
    if (mutated(Mutant::sequencer_lets_pass)) {
      held_.push_back({item, false});
      return;
    }
    invariant(number >= next_, "a batch passed an ordered place twice");
    const std::size_t slot = static_cast<std::size_t>(number - next_);
    if (slot >= held_.size()) held_.resize(slot + 1);
    invariant(held_[slot].item == Item{}, "a batch came to an ordered place twice");
    held_[slot] = {std::move(item), more};
  }
  // The item whose turn it is, or Item{}.
  Item take() {
    if (held_.empty() || held_.front().item == Item{}) return Item{};
    Item item = std::exchange(held_.front().item, Item{});
    if (held_.front().more) return item;
    held_.pop_front();
    ++next_;
    return item;
  }
  std::uint64_t next() const { return next_; }

 private:
  struct Held {
    Item item{};
    bool more = false;
  };
  std::deque<Held> held_;  // [0] has the number next_
  std::uint64_t next_ = 0;
};

}  // namespace pipec::graph
