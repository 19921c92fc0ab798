#include "stdlib/connectors/kafka/tracker.h"

#include <algorithm>

namespace pipec::stdlib::kafka {

std::uint32_t Tracker::id(std::string_view topic, std::int32_t number) {
  const auto [found, is_new] =
      ids_.try_emplace({std::string(topic), number}, static_cast<std::uint32_t>(partitions_.size()));
  if (is_new) {
    Partition& partition = partitions_.emplace_back();
    partition.topic = topic;
    partition.number = number;
  }
  return found->second;
}

void Tracker::assign(std::uint32_t id, std::uint64_t begin) {
  Partition& partition = partitions_[id];
  partition.state = State::owned;
  ++partition.epoch;
  partition.handed = false;
  partition.handed_end = 0;
  partition.has_committed = false;
  partition.committed = 0;
  partition.begin = begin;
}

void Tracker::hand(std::uint32_t id, std::uint64_t end) {
  Partition& partition = partitions_[id];
  partition.handed = true;
  partition.handed_end = std::max(partition.handed_end, end);
}

void Tracker::begin_revoke(std::uint32_t id) {
  if (partitions_[id].state == State::owned) partitions_[id].state = State::revoking;
}

void Tracker::drop(std::uint32_t id, bool lost) {
  if (lost && !settled(id)) partitions_[id].lost_epoch = partitions_[id].epoch;
  partitions_[id].state = State::unowned;
}

std::vector<Tracker::Position> Tracker::due(std::span<const runtime::PositionRange> ranges) const {
  std::vector<Position> result;
  for (const runtime::PositionRange& range : ranges) {
    const Position position{range.partition, range.epoch, range.end};
    if (range.partition >= partitions_.size() || !live(position)) continue;
    const Partition& partition = at(range.partition);
    if (partition.has_committed && range.end <= partition.committed) continue;
    result.push_back(position);
  }
  return result;
}

void Tracker::committed(const Position& position) {
  if (!live(position)) return;
  Partition& partition = partitions_[position.id];
  partition.has_committed = true;
  partition.committed = std::max(partition.committed, position.offset);
}

bool Tracker::any_dead(std::span<const runtime::PositionRange> ranges) const {
  return std::any_of(ranges.begin(), ranges.end(), [&](const runtime::PositionRange& range) {
    return range.partition >= partitions_.size() || !live({range.partition, range.epoch, range.end});
  });
}

bool Tracker::is_lost(const runtime::PositionRange& range) const {
  if (range.partition >= partitions_.size() || range.epoch == 0) return false;
  const Partition& partition = at(range.partition);
  return partition.lost_epoch == range.epoch && std::max(partition.begin, partition.committed) < range.end;
}

bool Tracker::any_lost(std::span<const runtime::PositionRange> ranges) const {
  return std::any_of(ranges.begin(), ranges.end(), [&](const auto& range) { return is_lost(range); });
}

bool Tracker::lost_are_back(std::span<const runtime::PositionRange> ranges) const {
  return std::none_of(ranges.begin(), ranges.end(), [&](const runtime::PositionRange& range) {
    return is_lost(range) && at(range.partition).state != State::owned;
  });
}

std::vector<Tracker::Position> Tracker::due_after_return(
    std::span<const runtime::PositionRange> ranges) const {
  std::vector<Position> result;
  for (const runtime::PositionRange& range : ranges) {
    if (!is_lost(range) || at(range.partition).state != State::owned) continue;
    result.push_back({range.partition, at(range.partition).epoch, range.end});
  }
  return result;
}

std::size_t Tracker::owned() const {
  return static_cast<std::size_t>(std::count_if(partitions_.begin(), partitions_.end(),
                                                [](const auto& each) { return each.state == State::owned; }));
}

}  // namespace pipec::stdlib::kafka
