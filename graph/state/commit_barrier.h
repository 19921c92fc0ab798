// Determines which positions may be committed. Batches are admitted in one total order and finish in any
// order; the barrier advances over the finished prefix and merges its positions per source, partition and
// epoch.
//
//     admitted   0  1  2  3  4  5  6          done: d   pending: .   failed: x   commit point: |
//                d  d| d| .  d| d  .          committable: 0..2; 3 holds back 4 and 5
//                d  d| x  d| d  d| d          committable: 0..1, and nothing more in this run
//
// Commits happen only at commit points: batches at which every sink has taken a snapshot, so that the sinks'
// state and the sources' positions in a checkpoint belong to the same prefix (F4). One commit is in flight at
// a time; positions that become committable meanwhile are coalesced into the next. A plain class; the caller
// locks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/connector.h"

namespace pipec::graph {

// Positions of one source that a commit covers: at most one range for each partition and epoch, sorted by
// them.
struct SourceRanges {
  std::uint32_t source = 0;
  std::vector<runtime::PositionRange> ranges;
};

struct Commit {
  std::vector<SourceRanges> sources;
  runtime::StateEntries entries;  // the sinks', in order: a later one replaces an earlier one of the same key
  bool empty() const { return sources.empty() && entries.empty(); }
};

class CommitBarrier {
 public:
  // Sequence numbers are dense from 0 and arrive in order. If it runs out of memory, it throws without side
  // effects.
  void admit(std::uint64_t sequence, std::uint32_t source, std::span<const runtime::PositionRange> ranges,
             bool commit_point);
  // The batch is safely out on all branches and its dead letters are routed. `entries`: the sinks' state as
  // of it.
  void done(std::uint64_t sequence, runtime::StateEntries&& entries = {});
  // This batch and all later ones are never committed.
  void fail(std::uint64_t sequence);

  bool ready() const { return ready_ && !in_flight_; }
  // The newest prefix up to a commit point; null while a commit is in flight or nothing is new.
  std::optional<Commit> take();
  void committed();
  // The commit was rejected: nothing more is committed.
  void refused();
  // done() or fail() threw, so the set of finished batches is unknown: nothing more is committed.
  void spoil();

  std::uint64_t outstanding() const { return entries_.size(); }

 private:
  enum class State : std::uint8_t { pending, done, failed };
  struct Entry {
    State state = State::pending;
    bool commit_point = false;
    std::uint32_t source = 0;
    std::vector<runtime::PositionRange> ranges;
    runtime::StateEntries entries;
  };
  Entry& at(std::uint64_t sequence);
  void advance();
  void fold(Entry& entry);
  static void merge(std::vector<SourceRanges>& into, std::uint32_t source,
                    std::span<const runtime::PositionRange> ranges);

  std::deque<Entry> entries_;  // [0] has the sequence number front_
  std::uint64_t front_ = 0;
  std::uint64_t next_ = 0;
  Commit open_;   // done, after the last commit point
  Commit point_;  // up to the last commit point that was passed
  bool ready_ = false;
  bool in_flight_ = false;
  bool latched_ = false;
  std::vector<std::vector<runtime::PositionRange>> spare_;  // emptied vectors, kept for their capacity
};

}  // namespace pipec::graph
