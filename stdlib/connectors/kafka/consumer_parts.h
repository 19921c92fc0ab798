// The state of the consumer's thread: one feed per assigned partition, the request being filled, the commit
// and the revocation in progress.
#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "stdlib/connectors/kafka/consumer.h"

namespace pipec::stdlib::kafka {

// A partition's own queue, drained only into a block that has space.
struct Consumer::Feed {
  std::uint32_t id = 0;
  std::string topic;
  std::int32_t number = 0;
  Queue queue;
  std::deque<rd_kafka_message_t*> waiting;  // taken from the queue, not yet copied: at most one pop's
  std::size_t waiting_bytes = 0;
  double mean_bytes = 0;                // of the last messages; 0: none yet
  std::uint64_t position = 0;           // one past the last record that was copied
  std::optional<std::uint64_t> end_at;  // its end was reported, at this position
  bool ended = false;
  bool paused = false;
  bool stopped = false;  // being reassigned to another member

  ~Feed() { clear(); }
  static std::size_t size_of(const rd_kafka_message_t* message) { return message->len + message->key_len; }
  void take(rd_kafka_message_t* message) {
    waiting.push_back(message);
    waiting_bytes += size_of(message);
    if (message->err) return;
    const auto size = static_cast<double>(size_of(message));
    mean_bytes = mean_bytes == 0 ? size : mean_bytes + (size - mean_bytes) / 32;
  }
  double expected_bytes() const { return mean_bytes == 0 ? 1024 : mean_bytes; }
  Message next() {
    Message message(waiting.front());
    waiting.pop_front();
    waiting_bytes -= size_of(message.get());
    return message;
  }
  void clear() {
    while (!waiting.empty()) next();
  }
  bool has_data() const { return !stopped && (!waiting.empty() || rd_kafka_queue_length(queue.get()) > 0); }
};

struct Consumer::Request {
  static constexpr std::chrono::milliseconds kLinger{5};  // a partial block is passed on after this time

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

// Partitions being revoked: released when their in-flight records are committed, or at the deadline.
struct Consumer::Handover {
  PartitionList partitions;
  Time until;
};

}  // namespace pipec::stdlib::kafka
