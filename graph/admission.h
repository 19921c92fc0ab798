// Assigns batches their place: the next number in the total order, one in the order of each sink and ordered
// stage that they reach, and whether they are a commit point.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "graph/connectors.h"
#include "graph/ledger.h"
#include "graph/nodes/commit_points_node.h"
#include "graph/shared.h"

namespace pipec::graph {

class Admission {
 public:
  Admission(const Shared& shared, const Connectors& connectors, Ledger& ledger);

  // Before the run.
  void send_through(const CommitPointsNode& node) { commit_points_ = &node; }

  // The time of the commit interval begins.
  void start() { last_commit_point_ = shared_.options.clock->steady_now(); }

  // Admits a batch received for `source` into the total order. The caller sends the returned view on.
  BatchView* admit(std::uint32_t source, InFlightBatch& in_flight) noexcept;
  // Begins a receive that is split into parts, with no commit point between them.
  void begin_parts();
  // Admits and sends a batch that begins at an ordered stage, without records yet.
  void admit_own(std::uint32_t feed, InFlightBatch::Call call) noexcept;
  // Admits an empty batch that visits only the serial places: at the end of the input, when a source becomes
  // idle, or on request. Does nothing if no batch was admitted since the last one.
  void admit_commit_point() noexcept;

  // Requested by a connector. A transaction is ended by the source's own thread, between two receives.
  void want_commit() noexcept;
  void end_transaction_when_due();

  // Notifies time-dependent stages.
  void let_time_pass() noexcept;
  // The source has ended: stages without another active source release the records they hold.
  void source_ended(std::uint32_t source) noexcept;

 private:
  using Time = std::chrono::steady_clock::time_point;
  bool is_commit_point();
  void number(InFlightBatch& in_flight, std::uint32_t& visits);
  void visit(std::uint32_t place, InFlightBatch& in_flight);
  BatchView* enter(InFlightBatch& in_flight) noexcept;

  const Shared& shared_;
  const Connectors& connectors_;
  Ledger& ledger_;
  const CommitPointsNode* commit_points_ = nullptr;

  std::mutex mutex_;  // defines the total order
  std::uint64_t next_sequence_ = 0;
  std::vector<std::uint64_t> next_numbers_;  // of each serial place
  std::vector<bool> ended_;                  // sources
  bool behind_commit_point_ = false;         // batches were admitted since the last one
  std::size_t open_parts_ = 0;               // receives whose parts are not all admitted yet
  Time last_commit_point_{};
  std::atomic<bool> commit_wanted_{false};  // transactional: by the receiver
};

}  // namespace pipec::graph
