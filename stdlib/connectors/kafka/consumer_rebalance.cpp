// Rebalancing (K3). Assigning: read the committed position, give the partition its own queue, assign.
// Revoking: stop reading, keep polling for a bounded time while in-flight records are committed, then
// unassign. Lost: commit nothing more.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "stdlib/connectors/kafka/consumer_parts.h"

namespace pipec::stdlib::kafka {

using runtime::Status;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

namespace {

// Longer than the transaction of a process that hangs may stay open. All of them happen between two polls,
// so that none may take more than a part of max.poll.interval.ms.
constexpr milliseconds kReadPositions{180'000};
constexpr milliseconds kSeek{30'000};

}  // namespace

void Consumer::on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t code,
                            rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  // The conf's opaque is the log's; it is a member of the consumer, which knows itself.
  Consumer& self = *static_cast<ClientLog*>(opaque)->owner();
  if (self.handover_) self.finish_handover();
  switch (code) {
    case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
      self.assign(partitions);
      break;
    case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
      self.revoke(partitions);
      break;
    default:
      self.give_up_all();
      break;
  }
}

bool Consumer::cooperative() const {
  const char* protocol = rd_kafka_rebalance_protocol(client_.get());
  return protocol && std::string_view(protocol) == "COOPERATIVE";
}

// `first`: as at the start of the run; else after a rewind, where --from-start no longer counts.
Status Consumer::start_positions(rd_kafka_topic_partition_list_t* list, bool first) {
  const std::int64_t begin =
      options_.from_latest && !options_.from_start ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
  if (first && options_.from_start) {
    for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = begin;
    return {};
  }
  const Time deadline = Clock::now() + std::min(kReadPositions, poll_interval_ / 2);
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  do {
    if (is_interrupted()) {  // reading has stopped, and the group's positions are unknown
      for (int i = 0; i < list->cnt; ++i) list->elems[i].offset = RD_KAFKA_OFFSET_END;
      return {};
    }
    code = rd_kafka_committed(client_.get(), list, 2000);
    for (int i = 0; !code && i < list->cnt; ++i) code = list->elems[i].err;
  } while (code && passes(code) && Clock::now() < deadline);
  if (code) {
    return error(fmt::format("cannot read the group's positions: {}{}", rd_kafka_err2str(code), log_.last()));
  }
  for (int i = 0; i < list->cnt; ++i) {
    if (list->elems[i].offset < 0) list->elems[i].offset = begin;
  }
  return begin == RD_KAFKA_OFFSET_END ? pin_latest(list, deadline) : Status();
}

// A group that begins at the end commits that position immediately. Otherwise the partition's next owner,
// after a crash or a rebalance, would begin at a later end and skip the records in between.
Status Consumer::pin_latest(rd_kafka_topic_partition_list_t* list, Time deadline) {
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  const PartitionList pinned = make_list();
  for (int i = 0; i < list->cnt; ++i) {
    rd_kafka_topic_partition_t& each = list->elems[i];
    if (each.offset != RD_KAFKA_OFFSET_END) continue;
    do {
      if (is_interrupted()) return {};
      code = find_offset(client_.get(), each.topic, each.partition, 2000, each.offset);
    } while (code && passes(code) && Clock::now() < deadline);
    if (code) {
      return error(fmt::format("cannot find the end of {}: {}{}", name_of(each.topic, each.partition),
                               rd_kafka_err2str(code), log_.last()));
    }
    rd_kafka_topic_partition_list_add(pinned.get(), each.topic, each.partition)->offset = each.offset;
  }
  do {
    if (pinned->cnt > 0) code = rd_kafka_commit(client_.get(), pinned.get(), 0);
  } while (code && passes(code) && Clock::now() < deadline);
  if (!code) return {};
  return error(
      fmt::format("cannot commit the group's start position: {}{}", rd_kafka_err2str(code), log_.last()));
}

void Consumer::assign(const rd_kafka_topic_partition_list_t* partitions) {
  rebalancing_ = false;
  assigned_once_ = true;
  const PartitionList list(rd_kafka_topic_partition_list_copy(partitions));
  const PartitionList to_pause = make_list();
  if (list->cnt > 0) {
    // Partitions that this run owned before resume at the committed position, also with --from-start.
    const PartitionList fresh = make_list();
    const PartitionList known = make_list();
    {
      const std::lock_guard lock(mutex_);
      for (int i = 0; i < list->cnt; ++i) {
        const auto& each = list->elems[i];
        const bool is_known = tracker_.at(tracker_.id(each.topic, each.partition)).epoch != 0;
        rd_kafka_topic_partition_list_add((is_known ? known : fresh).get(), each.topic, each.partition);
      }
    }
    for (auto* part : {fresh.get(), known.get()}) {
      if (part->cnt == 0) continue;
      if (Status status = start_positions(part, part == fresh.get()); !status) {
        fail(std::move(status.error()));
        for (int i = 0; i < part->cnt; ++i) part->elems[i].offset = RD_KAFKA_OFFSET_END;
      }
      for (int i = 0; i < part->cnt; ++i) {
        rd_kafka_topic_partition_list_set_offset(list.get(), part->elems[i].topic, part->elems[i].partition,
                                                 part->elems[i].offset);
      }
    }
  }
  for (int i = 0; i < list->cnt; ++i) {
    const auto& each = list->elems[i];
    const std::lock_guard lock(mutex_);
    const std::uint32_t id = tracker_.id(each.topic, each.partition);
    const std::uint64_t begin = each.offset >= 0 ? static_cast<std::uint64_t>(each.offset) : 0;
    tracker_.assign(id, begin);
    if (feeds_.size() <= id) feeds_.resize(id + 1);
    auto feed = std::make_unique<Feed>();
    feed->id = id;
    feed->topic = each.topic;
    feed->number = each.partition;
    feed->position = begin;
    feed->queue.reset(rd_kafka_queue_get_partition(client_.get(), each.topic, each.partition));
    rd_kafka_queue_forward(feed->queue.get(), nullptr);
    static constexpr std::uint64_t kOne = 1;
    rd_kafka_queue_io_event_enable(feed->queue.get(), event_.get(), &kOne, sizeof kOne);
    feed->paused = gate_applied_;
    if (gate_applied_) rd_kafka_topic_partition_list_add(to_pause.get(), each.topic, each.partition);
    feeds_[id] = std::move(feed);
  }
  if (cooperative()) {
    const KafkaError failed(rd_kafka_incremental_assign(client_.get(), list.get()));
    if (failed)
      fail(error(fmt::format("cannot take partitions over: {}", rd_kafka_error_string(failed.get()))));
  } else if (const auto code = rd_kafka_assign(client_.get(), list.get())) {
    fail(error(fmt::format("cannot take partitions over: {}", rd_kafka_err2str(code))));
  }
  apply_gate(true, to_pause.get());
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

void Consumer::revoke(const rd_kafka_topic_partition_list_t* partitions) {
  rebalancing_ = false;  // commits for revoked partitions are allowed until they are released
  flush_request();
  if (rd_kafka_assignment_lost(client_.get()) != 0 || closing_down_) {
    give_up(partitions, true);
    // A transaction that holds some of its records can only be aborted. Abort it immediately: later records
    // wait for it.
    if (options_.transactional && options_.want_commit) options_.want_commit();
    return;
  }
  bool pending = false;
  {
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < partitions->cnt; ++i) {
      const std::uint32_t id = tracker_.id(partitions->elems[i].topic, partitions->elems[i].partition);
      tracker_.begin_revoke(id);
      if (id < feeds_.size() && feeds_[id]) feeds_[id]->stopped = true;
      pending = pending || !tracker_.settled(id);
    }
    urgent_ = pending;
  }
  if (!pending) {
    give_up(partitions, false);
    return;
  }
  handover_ = std::make_unique<Handover>();
  handover_->partitions.reset(rd_kafka_topic_partition_list_copy(partitions));
  handover_->until = Clock::now() + options_.revoke_wait;
  if (options_.want_commit) options_.want_commit();
}

void Consumer::serve_handover(Time now) {
  if (!handover_) return;
  bool settled = true;
  {
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < handover_->partitions->cnt; ++i) {
      const auto& each = handover_->partitions->elems[i];
      settled = settled && tracker_.settled(tracker_.id(each.topic, each.partition));
    }
  }
  if (rd_kafka_assignment_lost(client_.get()) != 0 || settled || now >= handover_->until) finish_handover();
}

void Consumer::finish_handover() {
  const auto over = std::move(handover_);
  give_up(over->partitions.get(), rd_kafka_assignment_lost(client_.get()) != 0);
}

void Consumer::let_go(const rd_kafka_topic_partition_list_t* partitions, bool lost) {
  // librdkafka keeps a returned partition paused and cannot be queried for that, so resume it first.
  const PartitionList paused = make_list();
  {
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < partitions->cnt; ++i) {
      const auto& each = partitions->elems[i];
      const std::uint32_t id = tracker_.id(each.topic, each.partition);
      tracker_.drop(id, lost);
      if (id >= feeds_.size() || !feeds_[id]) continue;
      if (feeds_[id]->paused) rd_kafka_topic_partition_list_add(paused.get(), each.topic, each.partition);
      feeds_[id].reset();
    }
  }
  apply_gate(false, paused.get());
  rebalancing_ = true;
}

void Consumer::give_up(const rd_kafka_topic_partition_list_t* partitions, bool lost) {
  if (lost && !closing_down_) {
    say(
        fmt::format("kafka: the group took {} partition{} away without waiting; their uncommitted records "
                    "are delivered again",
                    partitions->cnt, partitions->cnt == 1 ? "" : "s"));
  }
  let_go(partitions, lost);
  if (cooperative()) {
    const KafkaError failed(rd_kafka_incremental_unassign(client_.get(), partitions));
    if (failed) log_.note(rd_kafka_error_string(failed.get()));
  } else {
    rd_kafka_assign(client_.get(), nullptr);
  }
}

// The group is in trouble: nothing is ours any more.
void Consumer::give_up_all() {
  flush_request();
  const PartitionList all = make_list();
  for (const auto& feed : feeds_) {
    if (feed) rd_kafka_topic_partition_list_add(all.get(), feed->topic.c_str(), feed->number);
  }
  let_go(all.get(), true);
  rd_kafka_assign(client_.get(), nullptr);
}

// Exactly once, after an aborted transaction.
void Consumer::serve_rewind() {
  {
    const std::lock_guard lock(mutex_);
    if (!rewind_wanted_) return;
    rewind_wanted_ = false;
  }
  const PartitionList list = make_list();
  for (const auto& feed : feeds_) {
    if (feed && !feed->stopped)
      rd_kafka_topic_partition_list_add(list.get(), feed->topic.c_str(), feed->number);
  }
  Status status;
  if (list->cnt > 0) status = start_positions(list.get(), false);
  if (status && list->cnt > 0) {
    const milliseconds seek = std::min(kSeek, poll_interval_ / 4);
    const KafkaError failed(
        rd_kafka_seek_partitions(client_.get(), list.get(), static_cast<int>(seek.count())));
    if (failed) status = error(fmt::format("cannot rewind: {}", rd_kafka_error_string(failed.get())));
    for (int i = 0; status && i < list->cnt; ++i) {
      if (list->elems[i].err) {
        status = error(fmt::format("cannot rewind: {}", rd_kafka_err2str(list->elems[i].err)));
      }
    }
  }
  const std::lock_guard lock(mutex_);
  for (const auto& feed : feeds_) {
    if (!feed || feed->stopped) continue;
    feed->clear();
    feed->end_at.reset();
    feed->ended = false;
    tracker_.assign(feed->id);
    const auto* found = rd_kafka_topic_partition_list_find(list.get(), feed->topic.c_str(), feed->number);
    feed->position = found && found->offset >= 0 ? static_cast<std::uint64_t>(found->offset) : 0;
  }
  // A partition being revoked took part in the aborted transaction: none of its positions can be committed.
  for (const auto& feed : feeds_) {
    if (feed && feed->stopped) tracker_.forget(feed->id);
  }
  rewound_ = std::move(status);
  changed_.notify_all();
}

}  // namespace pipec::stdlib::kafka
