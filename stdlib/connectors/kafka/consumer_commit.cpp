// Commits: one at a time, and none during a rebalance.
#include <fmt/format.h>

#include <utility>

#include "stdlib/connectors/kafka/consumer_parts.h"

namespace pipec::stdlib::kafka {

using runtime::Status;
using Clock = std::chrono::steady_clock;

void Consumer::serve_commit() {
  while (const Event event{rd_kafka_queue_poll(commit_queue_.get(), 0)}) {
    if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_OFFSET_COMMIT) continue;
    rd_kafka_resp_err_t code = rd_kafka_event_error(event.get());
    const rd_kafka_topic_partition_list_t* list = rd_kafka_event_topic_partition_list(event.get());
    for (int i = 0; list && !code && i < list->cnt; ++i) code = list->elems[i].err;
    if (code == RD_KAFKA_RESP_ERR__NO_OFFSET) code = RD_KAFKA_RESP_ERR_NO_ERROR;
    Status status;
    if (code) {
      status = error(fmt::format("the commit was refused: {}{}", rd_kafka_err2str(code), log_.last()),
                     passes(code));
      status.error().code = "commit";
    }
    finish_commit(std::move(status));
  }
  const std::lock_guard lock(mutex_);
  if (!commit_ || commit_->result || commit_->sent) return;
  std::erase_if(commit_->positions, [&](const auto& position) { return !tracker_.live(position); });
  // During a rebalance this librdkafka may lose the assignment over a commit. It is held until the end of it.
  if (rebalancing_ && !commit_->positions.empty() && Clock::now() < commit_->until) return;
  const PartitionList list = make_list(static_cast<int>(commit_->positions.size()));
  for (const Tracker::Position& position : commit_->positions) {
    const Tracker::Partition& partition = tracker_.at(position.id);
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.number)->offset =
        static_cast<std::int64_t>(position.offset);
  }
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  if (list->cnt != 0) {
    code = rd_kafka_commit_queue(client_.get(), list.get(), commit_queue_.get(), nullptr, nullptr);
    commit_->sent = true;
  }
  if (list->cnt == 0 || code) {
    commit_->result =
        code ? Status(error(fmt::format("cannot commit: {}", rd_kafka_err2str(code)), passes(code)))
             : Status();
    changed_.notify_all();
  }
}

void Consumer::finish_commit(Status status) {
  const std::lock_guard lock(mutex_);
  if (!commit_ || !commit_->sent || commit_->result) return;
  if (status) {
    for (const Tracker::Position& position : commit_->positions) tracker_.committed(position);
  }
  commit_->result = std::move(status);
  changed_.notify_all();
}

}  // namespace pipec::stdlib::kafka
