#include "graph/state/commit_barrier.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "graph/state/invariant.h"
#include "graph/state/mutant.h"

namespace pipec::graph {

using runtime::PositionRange;
using runtime::StateEntries;

void CommitBarrier::admit(std::uint64_t sequence, std::uint32_t source, std::span<const PositionRange> ranges,
                          bool commit_point) {
  invariant(sequence == next_, "batches are admitted out of order");
  Entry entry;
  if (!spare_.empty()) {
    entry.ranges = std::move(spare_.back());
    spare_.pop_back();
  }
  entry.commit_point = commit_point;
  entry.source = source;
  entry.ranges.assign(ranges.begin(), ranges.end());
  entries_.push_back(std::move(entry));
  ++next_;
}

CommitBarrier::Entry& CommitBarrier::at(std::uint64_t sequence) {
  invariant(sequence >= front_ && sequence - front_ < entries_.size(),
            "a batch finished that is not outstanding");
  return entries_[static_cast<std::size_t>(sequence - front_)];
}

void CommitBarrier::done(std::uint64_t sequence, StateEntries&& entries) {
  Entry& entry = at(sequence);
  invariant(entry.state == State::pending, "a batch finished twice");
  entry.state = State::done;
  entry.entries = std::move(entries);
  if (mutated(Mutant::commit_maximum)) {
    merge(point_.sources, entry.source, entry.ranges);
    ready_ = ready_ || entry.commit_point;
  }
  advance();
}

void CommitBarrier::fail(std::uint64_t sequence) {
  Entry& entry = at(sequence);
  invariant(entry.state == State::pending, "a batch finished twice");
  entry.state = mutated(Mutant::commit_past_failure) ? State::done : State::failed;
  advance();
}

void CommitBarrier::advance() {
  while (!entries_.empty() && entries_.front().state != State::pending) {
    Entry& entry = entries_.front();
    if (entry.state == State::failed) latched_ = true;
    if (!latched_) fold(entry);
    if (spare_.size() < 64) {
      entry.ranges.clear();
      spare_.push_back(std::move(entry.ranges));
    }
    entries_.pop_front();
    ++front_;
  }
}

void CommitBarrier::fold(Entry& entry) {
  merge(open_.sources, entry.source, entry.ranges);
  std::move(entry.entries.begin(), entry.entries.end(), std::back_inserter(open_.entries));
  if (!entry.commit_point) return;
  for (SourceRanges& source : open_.sources) {
    merge(point_.sources, source.source, source.ranges);
    source.ranges.clear();
  }
  std::move(open_.entries.begin(), open_.entries.end(), std::back_inserter(point_.entries));
  open_.entries.clear();
  ready_ = !point_.empty();
}

void CommitBarrier::merge(std::vector<SourceRanges>& into, std::uint32_t source,
                          std::span<const PositionRange> ranges) {
  if (ranges.empty()) return;
  auto own =
      std::find_if(into.begin(), into.end(), [&](const SourceRanges& s) { return s.source == source; });
  if (own == into.end()) own = into.insert(into.end(), SourceRanges{source, {}});
  const auto before = [](const PositionRange& a, const PositionRange& b) {
    return std::pair(a.partition, a.epoch) < std::pair(b.partition, b.epoch);
  };
  std::vector<PositionRange>& known = own->ranges;
  for (const PositionRange& range : ranges) {
    // Sorted, and mostly found at the end: a source continues with the same partition or the next file.
    auto at = known.end();
    if (!known.empty() && !before(known.back(), range)) {
      at = std::lower_bound(known.begin(), known.end(), range, before);
    }
    if (at == known.end() || before(range, *at)) {
      known.insert(at, range);
    } else {
      at->first = std::min(at->first, range.first);
      at->end = std::max(at->end, range.end);
    }
  }
}

std::optional<Commit> CommitBarrier::take() {
  if (!ready_) return std::nullopt;
  if (in_flight_ && !mutated(Mutant::two_commits_in_flight)) return std::nullopt;
  ready_ = false;
  in_flight_ = true;
  return std::exchange(point_, Commit{});
}

void CommitBarrier::committed() {
  invariant(in_flight_, "a commit ended that was not begun");
  in_flight_ = false;
}

void CommitBarrier::refused() {
  if (mutated(Mutant::ignore_commit_error)) return committed();
  in_flight_ = false;
  spoil();
}

void CommitBarrier::spoil() {
  latched_ = true;
  ready_ = false;
  point_ = Commit{};
}

}  // namespace pipec::graph
