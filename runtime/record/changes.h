// The order in which a splice wants the changes to a record's members.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace pipec::runtime::record {

// Those with a place come first, in the order of the bytes; new members keep their order of insertion.
template <typename Change>
void sort_changes(std::vector<const Change*>& changes) {
  const auto before = [](const Change* a, const Change* b) {
    if (!a->place.found()) return false;
    return !b->place.found() || a->place.key_begin < b->place.key_begin;
  };
  if (changes.size() > 16) {
    std::stable_sort(changes.begin(), changes.end(), before);
    return;
  }
  // Few, mostly made in the order of the bytes: insertion sort.
  for (std::size_t i = 1; i < changes.size(); ++i) {
    const Change* const change = changes[i];
    std::size_t at = i;
    for (; at > 0 && before(change, changes[at - 1]); --at) changes[at] = changes[at - 1];
    changes[at] = change;
  }
}

}  // namespace pipec::runtime::record
