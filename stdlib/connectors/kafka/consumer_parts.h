// What the consumer's thread keeps: one feed per assigned partition, the request it is filling, the commit
// and the hand-over under way.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "stdlib/connectors/kafka/consumer.h"

namespace pipec::stdlib::kafka {

// A partition's own queue, drained only when there is room.
struct Consumer::Feed {
  std::uint32_t id = 0;
  std::string topic;
  std::int32_t number = 0;
  Queue queue;
  std::deque<rd_kafka_message_t*> waiting;  // taken from the queue, not yet copied: at most one pop's
  std::uint64_t position = 0;               // one past the last record that was copied
  std::optional<std::uint64_t> end_at;      // its end was reported, at this position
  bool ended = false;
  bool paused = false;
  bool stopped = false;  // on its way to another member

  ~Feed() { clear(); }
  void clear() {
    for (rd_kafka_message_t* message : waiting) rd_kafka_message_destroy(message);
    waiting.clear();
  }
  bool has_data() const { return !stopped && (!waiting.empty() || rd_kafka_queue_length(queue.get()) > 0); }
};

struct Consumer::Request {
  runtime::Block* block = nullptr;
  std::size_t max_bytes = 0;
  std::size_t max_records = 0;
  Time until;
  std::optional<Time> begun;  // of the first record
  Feed* feed = nullptr;
  std::uint32_t id = 0;
  std::uint64_t first = 0;
  std::uint64_t end = 0;
  bool has_range = false;
  bool interrupted = false;
  bool done = false;
  runtime::Received received = runtime::Received::idle;

  bool records() const { return has_range; }
};

struct Consumer::CommitJob {
  std::vector<Tracker::Position> positions;
  Time until;
  bool sent = false;
  std::optional<runtime::Status> result;
};

// Partitions that were asked back: given up when what is in flight of them is committed, or at the deadline.
struct Consumer::Handover {
  PartitionList partitions;
  Time until;
};

}  // namespace pipec::stdlib::kafka
