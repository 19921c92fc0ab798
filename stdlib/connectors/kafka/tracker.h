// Tracks which partitions this member owns, how far each was delivered to the engine, and which of its
// positions may be committed (K2, K3). A partition keeps its number for the whole run; every assignment gives
// it a new epoch, and positions of older epochs are ignored. A plain class: the caller locks.
//
//     assign          handed, acknowledged ...        begin_revoke      handed == committed, or time is up
//     unowned -> owned ------------------------------> revoking ------------------------------> unowned
//                  \------------------------------------------------------ lost: drop -------/
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/runtime/batch.h"

namespace pipec::stdlib::kafka {

class Tracker {
 public:
  enum class State : std::uint8_t { unowned, owned, revoking };
  struct Partition {
    std::string topic;
    std::int32_t number = 0;
    State state = State::unowned;
    std::uint32_t epoch = 0;
    bool handed = false;           // something of this epoch was given to the engine
    std::uint64_t handed_end = 0;  // one past the last record (or gap) that was
    bool has_committed = false;
    std::uint64_t committed = 0;   // by us, in this epoch
    std::uint64_t begin = 0;       // the group's committed position when the epoch began
    std::uint32_t lost_epoch = 0;  // the last that was lost with something uncommitted; 0 none
  };
  struct Position {
    std::uint32_t id;
    std::uint32_t epoch;
    std::uint64_t offset;
  };

  // The partition's number in this run.
  std::uint32_t id(std::string_view topic, std::int32_t number);
  // A new epoch. `begin`: the group's committed position; 0 where it has none.
  void assign(std::uint32_t id, std::uint64_t begin = 0);
  void hand(std::uint32_t id, std::uint64_t end);
  void begin_revoke(std::uint32_t id);
  // The partition is no longer ours: its in-flight positions will never be committed. `lost`: it was revoked
  // without a chance to commit finished records.
  void drop(std::uint32_t id, bool lost = false);

  // Still ours, but positions of this epoch need not be waited for.
  void forget(std::uint32_t id) { partitions_[id].handed = false; }

  // The positions to commit after the engine has finished these ranges: only of live epochs, and never moving
  // backwards.
  std::vector<Position> due(std::span<const runtime::PositionRange> ranges) const;
  void committed(const Position& position);
  bool live(const Position& position) const {
    return at(position.id).state != State::unowned && at(position.id).epoch == position.epoch;
  }
  // All its returned positions are committed.
  bool settled(std::uint32_t id) const {
    const Partition& partition = at(id);
    return !partition.handed || (partition.has_committed && partition.committed >= partition.handed_end);
  }
  bool all_settled() const {
    for (std::uint32_t id = 0; id < size(); ++id) {
      if (at(id).state != State::unowned && !settled(id)) return false;
    }
    return true;
  }
  // Whether one of the ranges belongs to an epoch that is over.
  bool any_dead(std::span<const runtime::PositionRange> ranges) const;

  // Whether one of the ranges was lost before it was committed and, as far as known, no member has committed
  // it since.
  bool any_lost(std::span<const runtime::PositionRange> ranges) const;
  // Whether all of them are in partitions that are ours again, and the positions to commit there. Only if
  // none of them is read again.
  bool lost_are_back(std::span<const runtime::PositionRange> ranges) const;
  std::vector<Position> due_after_return(std::span<const runtime::PositionRange> ranges) const;

  const Partition& at(std::uint32_t id) const { return partitions_[id]; }
  std::size_t size() const { return partitions_.size(); }
  std::size_t owned() const;

 private:
  bool is_lost(const runtime::PositionRange& range) const;

  std::vector<Partition> partitions_;
  std::map<std::pair<std::string, std::int32_t>, std::uint32_t> ids_;
};

}  // namespace pipec::stdlib::kafka
