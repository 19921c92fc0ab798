#include "graph/ledger.h"

#include <fmt/format.h>

#include "pipec/runtime/guarded.h"

namespace pipec::graph {

using runtime::PositionRange;

void Ledger::admit(const InFlightBatch& in_flight, bool ends_transaction) {
  const std::lock_guard lock(mutex_);
  const bool has_positions = !in_flight.bare && in_flight.block;
  const std::vector<PositionRange> none;
  barrier_.admit(in_flight.sequence, in_flight.feed, has_positions ? in_flight.block->ranges : none,
                 in_flight.commit_point);
  in_flight_.fetch_add(1, std::memory_order_relaxed);
  if (ends_transaction) transaction_open_ = true;
  // For messages only.
  if (has_positions) {
    static_cast<void>(runtime::guarded([&] { note_names(in_flight.feed, *in_flight.block); }));
  }
}

// The lock is held.
void Ledger::note_names(std::uint32_t source, const runtime::Block& block) {
  for (const PositionRange& range : block.ranges) {
    PositionName& name = names_[{source, range.partition}];
    if (!block.topic.empty()) {
      if (name.name.empty()) name.name = fmt::format("{}[{}]", block.topic, block.partition);
    } else if (name.name != block.source) {
      name.name = block.source;
    }
    name.bytes = block.byte_positions;
  }
}

void Ledger::settle(InFlightBatch& in_flight, bool done, const std::function<void()>& out_of_memory) {
  const std::lock_guard lock(mutex_);
  try {
    done ? barrier_.done(in_flight.sequence, std::move(in_flight.entries))
         : barrier_.fail(in_flight.sequence);
  } catch (...) {
    barrier_.spoil();
    out_of_memory();
  }
}

// Sequentially consistent with drain(), which sets draining_ and then reads in_flight_: one of the two sees
// the other's write.
bool Ledger::leave() {
  finished_.fetch_add(1, std::memory_order_relaxed);
  return in_flight_.fetch_sub(1) == 1 && draining_.load();
}

bool Ledger::drain() {
  draining_.store(true);
  return drained();
}

std::optional<Commit> Ledger::take() {
  const std::lock_guard lock(mutex_);
  return barrier_.take();
}

void Ledger::end(const Commit& commit, CommitEnd how) {
  const std::lock_guard lock(mutex_);
  transaction_open_ = false;
  transaction_ended_.notify_all();
  if (how == CommitEnd::refused) return barrier_.refused();
  barrier_.committed();
  if (how == CommitEnd::rewound) return;
  // For the outcome only.
  static_cast<void>(runtime::guarded([&] {
    for (const SourceRanges& own : commit.sources) {
      for (const PositionRange& range : own.ranges) committed_[{own.source, range.partition}] = range;
    }
  }));
}

void Ledger::wait_transaction_ended(const std::function<bool()>& ending) {
  constexpr std::chrono::milliseconds kLook{50};  // an ending run does not notify
  std::unique_lock lock(mutex_);
  while (transaction_open_ && !ending()) transaction_ended_.wait_for(lock, kLook);
}

std::vector<Ledger::Committed> Ledger::committed() const {
  const std::lock_guard lock(mutex_);
  std::vector<Committed> all;
  for (const auto& [key, range] : committed_) {
    const auto found = names_.find(key);
    const PositionName name = found == names_.end() ? PositionName() : found->second;
    all.push_back({key.first, key.second, range.end, name.name, name.bytes});
  }
  return all;
}

}  // namespace pipec::graph
