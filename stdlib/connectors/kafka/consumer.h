// The consumer and the one thread that uses it. The engine's threads leave requests (fill a block, commit,
// pause, rewind) and wait. The thread always polls the group's queue, however long the sinks take (K4), and
// copies messages from the partitions' own queues only when there is a block to fill. While the engine grants
// no credit, the queues fill up to their limit and librdkafka stops fetching. That is the first level of the
// gate; the second is in pause_policy.h.
//
//   consumer.cpp            the engine's side
//   consumer_open.cpp       looking up topics, joining
//   consumer_loop.cpp       the thread: polling, events, the gate
//   consumer_fill.cpp       messages into blocks
//   consumer_commit.cpp     commits
//   consumer_rebalance.cpp  partitions come and go
//   consumer_report.cpp     figures and diagnoses
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "pipec/runtime/connector.h"
#include "pipec/runtime/fd.h"
#include "stdlib/connectors/kafka/client_log.h"
#include "stdlib/connectors/kafka/pause_policy.h"
#include "stdlib/connectors/kafka/properties.h"
#include "stdlib/connectors/kafka/tracker.h"

namespace pipec::stdlib::kafka {

struct ConsumerOptions {
  ConsumerSettings settings;
  std::vector<std::string> topics;
  std::size_t prefetch = default_prefetch();  // bytes of memory, all partitions together
  bool from_latest = false;
  bool from_start = false;  // --from-start: the committed positions are not used
  bool stop_at_end = false;
  bool transactional = false;
  runtime::Format format = runtime::Format::json;  // of the payloads
  std::chrono::milliseconds revoke_wait{10'000};
  std::chrono::milliseconds pause_after{1'500};  // that a hold lasts
  std::chrono::milliseconds idle_after{10'000};  // without a partition: logged
  std::chrono::milliseconds come_back{60'000};   // wait for partitions that were lost after the end
  std::function<void(const std::string&)> log;
  std::function<void()> want_commit;
};

class Consumer : public std::enable_shared_from_this<Consumer> {
 public:
  explicit Consumer(ConsumerOptions options);
  ~Consumer();
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;

  // Looks the topics up (so that a wrong address, name or password is reported immediately), then joins the
  // group.
  runtime::Status open();
  runtime::Result<runtime::Received> receive(const runtime::ReceiveLimits& limits, runtime::Block& block);
  runtime::Status commit(std::span<const runtime::PositionRange> ranges);
  void pause(bool on);
  void interrupt();
  runtime::Status close();

  // For transactions: the positions to send. `dead` empty: all of them are still ours.
  struct Offsets {
    PartitionList list;
    GroupMetadata group;
    std::vector<Tracker::Position> positions;
    bool dead = false;  // some were revoked in the meantime: the transaction must not commit
  };
  Offsets offsets(std::span<const runtime::PositionRange> ranges);
  void committed(const std::vector<Tracker::Position>& positions);

  // Any thread. Bytes that librdkafka holds: the number of messages times the average size of the partition's
  // last ones, without messages already passed to us.
  std::size_t queued_bytes() const { return figures_.queued.load(std::memory_order_relaxed); }
  std::vector<runtime::Gauge> gauges() const;
  // All partitions go back to the group's committed positions, with new epochs. Nothing is in flight.
  runtime::Status rewind();
  // stop_at_end: receive() has returned the end, and nothing more will be read.
  bool ended() const {
    const std::lock_guard lock(mutex_);
    return ended_;
  }

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Feed;
  struct Request;
  struct CommitJob;
  struct Handover;

  // open
  runtime::Status look_up(std::size_t& partitions);
  runtime::Status subscribe();

  // The engine's side, with the lock held.
  runtime::Status commit_now(std::unique_lock<std::mutex>& lock, std::vector<Tracker::Position> due);
  bool wait_for_return(std::unique_lock<std::mutex>& lock, std::span<const runtime::PositionRange> ranges,
                       Time until);

  // The thread.
  void run();
  bool poll_group();
  void take_event(rd_kafka_message_t* message);
  void serve_commit();
  void finish_commit(runtime::Status status);
  void serve_gate(Time now);
  void serve_rewind();
  void serve_handover(Time now);
  bool serve_request(Time now);
  bool may_end();
  std::size_t messages_for(const Feed& feed, const Request& request) const;
  bool fill_from(Feed& feed, Request& request);
  bool append(Feed& feed, Request& request, rd_kafka_message_t* message);
  void finish_request(runtime::Received received);
  void flush_request();
  void fail(runtime::Error error);
  void wait(Time until);
  void shut();
  void keep_for_ever();

  // Rebalances.
  static void on_rebalance(rd_kafka_t* client, rd_kafka_resp_err_t code,
                           rd_kafka_topic_partition_list_t* partitions, void* opaque);
  void assign(const rd_kafka_topic_partition_list_t* partitions);
  void revoke(const rd_kafka_topic_partition_list_t* partitions);
  void give_up(const rd_kafka_topic_partition_list_t* partitions, bool lost);
  void give_up_all();
  void let_go(const rd_kafka_topic_partition_list_t* partitions, bool lost);
  bool is_interrupted() const;
  runtime::Status pin_latest(rd_kafka_topic_partition_list_t* list, Time deadline);
  runtime::Status start_positions(rd_kafka_topic_partition_list_t* list, bool first);
  void finish_handover();
  bool cooperative() const;
  void apply_gate(bool paused, const rd_kafka_topic_partition_list_t* list);
  void measure(Time now);
  void report_idle(Time now);
  std::string gap(const char* topic, std::int32_t partition) const;
  void wake();
  void say(const std::string& line) const;

  const ConsumerOptions options_;
  ClientLog log_;
  Handle client_;
  Queue group_queue_;
  Queue commit_queue_;
  runtime::Fd event_;
  std::thread thread_;

  // The thread's own.
  std::vector<std::unique_ptr<Feed>> feeds_;  // by partition number; null: not assigned
  std::size_t next_feed_ = 0;
  std::unique_ptr<Handover> handover_;
  bool rebalancing_ = false;
  bool closing_down_ = false;
  bool gate_applied_ = false;
  bool assigned_once_ = false;
  std::optional<Time> without_since_;
  std::optional<Time> told_idle_;
  Time measured_{};
  PausePolicy pause_policy_;
  std::chrono::milliseconds poll_interval_{300'000};  // max.poll.interval.ms
  std::vector<rd_kafka_message_t*> popped_;

  struct Figures {
    std::atomic<std::size_t> queued{0};
    std::atomic<std::int64_t> partitions{0}, lag{0}, paused{0};
    std::atomic<bool> limited{false};
  };
  Figures figures_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Tracker tracker_;
  std::unique_ptr<Request> request_;
  std::unique_ptr<CommitJob> commit_;
  std::optional<runtime::Status> rewound_;
  bool rewind_wanted_ = false;
  bool paused_ = false;
  bool interrupted_ = false;
  bool ended_ = false;  // stop_at_end: the end was given
  bool closing_ = false;
  bool closed_ = false;
  bool urgent_ = false;  // a partition is being revoked: receive() must return soon
  std::optional<runtime::Error> error_;
};

}  // namespace pipec::stdlib::kafka
