// Partitions come and go (K3). Taking over: read the committed position, make the queue the partition's own,
// assign. Giving back: stop reading, let what is in flight be committed within a bound while polling goes on,
// then unassign. Lost: nothing of it is committed any more.
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "stdlib/connectors/kafka/consumer_parts.h"

namespace pipec::stdlib::kafka {

using runtime::Status;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

namespace {

// Longer than the transaction of a process that hangs may stay open, and well below max.poll.interval.ms.
constexpr milliseconds kReadPositions{180'000};
constexpr milliseconds kIdleMember{10'000};

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
      rd_kafka_assign(self.client_.get(), nullptr);
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
  const Time deadline = Clock::now() + kReadPositions;
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  do {
    {
      const std::lock_guard lock(mutex_);
      if (interrupted_) break;
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
  return {};
}

void Consumer::assign(const rd_kafka_topic_partition_list_t* partitions) {
  rebalancing_ = false;
  assigned_once_ = true;
  const PartitionList list(rd_kafka_topic_partition_list_copy(partitions));
  const PartitionList to_pause = make_list();
  std::vector<bool> first;
  if (list->cnt > 0) {
    // Partitions that this run had before go on at what was committed, also with --from-start.
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
    tracker_.assign(id);
    if (feeds_.size() <= id) feeds_.resize(id + 1);
    auto feed = std::make_unique<Feed>();
    feed->id = id;
    feed->topic = each.topic;
    feed->number = each.partition;
    feed->position = each.offset >= 0 ? static_cast<std::uint64_t>(each.offset) : 0;
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
}

void Consumer::revoke(const rd_kafka_topic_partition_list_t* partitions) {
  rebalancing_ = false;  // commits of what is given back are allowed until it is
  flush_request();
  if (rd_kafka_assignment_lost(client_.get()) != 0 || closing_down_) {
    give_up(partitions, true);
    // A transaction that holds some of it can only be aborted: at once, since others wait for what is behind
    // it.
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
  give_up(over->partitions.get(), false);
}

void Consumer::give_up(const rd_kafka_topic_partition_list_t* partitions, bool lost) {
  {
    const std::lock_guard lock(mutex_);
    for (int i = 0; i < partitions->cnt; ++i) {
      const std::uint32_t id = tracker_.id(partitions->elems[i].topic, partitions->elems[i].partition);
      tracker_.drop(id, lost);
      if (id < feeds_.size()) feeds_[id].reset();
    }
    if (request_ && !request_->done && request_->feed == nullptr) request_->id = 0;
  }
  rebalancing_ = true;
  if (cooperative()) {
    const KafkaError failed(rd_kafka_incremental_unassign(client_.get(), partitions));
    if (failed) log_.note(rd_kafka_error_string(failed.get()));
  } else {
    rd_kafka_assign(client_.get(), nullptr);
  }
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
    const KafkaError failed(rd_kafka_seek_partitions(client_.get(), list.get(), 30'000));
    if (failed) status = error(fmt::format("cannot go back: {}", rd_kafka_error_string(failed.get())));
    for (int i = 0; status && i < list->cnt; ++i) {
      if (list->elems[i].err) {
        status = error(fmt::format("cannot go back: {}", rd_kafka_err2str(list->elems[i].err)));
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
  // A partition on its way out had its part in the aborted transaction: nothing of it can be committed.
  for (const auto& feed : feeds_) {
    if (feed && feed->stopped) tracker_.forget(feed->id);
  }
  rewound_ = std::move(status);
  changed_.notify_all();
}

// K8: more members than partitions. Said once, since nothing but the user can change it.
void Consumer::report_idle(Time now) {
  if (told_idle_ || !assigned_once_) return;
  const bool idle =
      std::none_of(feeds_.begin(), feeds_.end(), [](const auto& feed) { return feed != nullptr; });
  if (!idle || rebalancing_) {
    without_since_.reset();
    return;
  }
  if (!without_since_) without_since_ = now;
  if (now - *without_since_ < kIdleMember) return;
  told_idle_ = true;
  say(
      fmt::format("kafka: this process has no partition: group '{}' has more members than {} has partitions; "
                  "more processes will not make it faster, more partitions may",
                  options_.settings.group, options_.topics.size() == 1 ? options_.topics[0] : "its topics"));
}

// K11: what is gone, in numbers.
std::string Consumer::gap(const char* topic, std::int32_t partition) const {
  std::int64_t low = -1;
  std::int64_t high = -1;
  const auto code = rd_kafka_query_watermark_offsets(client_.get(), topic, partition, &low, &high, 5'000);
  std::uint64_t wanted = 0;
  for (const auto& feed : feeds_) {
    if (feed && feed->topic == topic && feed->number == partition) wanted = feed->position;
  }
  if (code) return fmt::format("{}: position {} is not there", name_of(topic, partition), wanted);
  if (static_cast<std::int64_t>(wanted) > high) {
    return fmt::format(
        "{}: position {} lies behind the end ({}): the topic was made anew or cut; --from-start reads it "
        "again",
        name_of(topic, partition), wanted, high);
  }
  return fmt::format(
      "{}: the records {} to {} are gone before they were read (retention overtook this group); the "
      "partition "
      "now begins at {}. Nothing is skipped silently: set the group's offset, or use another group, to go on",
      name_of(topic, partition), wanted, low - 1, low);
}

}  // namespace pipec::stdlib::kafka
