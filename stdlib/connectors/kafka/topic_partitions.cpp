#include "stdlib/connectors/kafka/topic_partitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace pipec::stdlib::kafka {

namespace {

// An invalid partition, so that librdkafka rejects the record.
constexpr std::int32_t kNotNow = std::numeric_limits<std::int32_t>::max();

// Set while this thread submits a record. librdkafka's own threads call the partitioner too, for accepted
// records.
thread_local TopicPartitions::Sending* sending = nullptr;

using TopicConf = std::unique_ptr<rd_kafka_topic_conf_t, Destroyer<rd_kafka_topic_conf_destroy>>;

}  // namespace

TopicPartitions::Sending::Sending() {
  sending = this;
}

TopicPartitions::Sending::~Sending() {
  sending = nullptr;
}

// The options know no other names.
const TopicPartitions::Kind& TopicPartitions::kind_of(std::string_view partitioner) {
  static constexpr Kind kKinds[] = {
      {"murmur2_random", rd_kafka_msg_partitioner_murmur2_random, true, false},
      {"murmur2", rd_kafka_msg_partitioner_murmur2, false, false},
      {"consistent_random", rd_kafka_msg_partitioner_consistent_random, true, true},
      {"consistent", rd_kafka_msg_partitioner_consistent, false, false},
      {"fnv1a_random", rd_kafka_msg_partitioner_fnv1a_random, true, false},
      {"fnv1a", rd_kafka_msg_partitioner_fnv1a, false, false},
      {"random", rd_kafka_msg_partitioner_random, true, false},
  };
  const Kind* const kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                        [&](const Kind& each) { return each.name == partitioner; });
  return kind == std::end(kKinds) ? kKinds[0] : *kind;
}

TopicPartitions::TopicPartitions(std::string_view partitioner, std::chrono::milliseconds stickiness)
    : kind_(kind_of(partitioner)), stickiness_(stickiness) {}

runtime::Result<Topic> TopicPartitions::make_handle(rd_kafka_t* client, const std::string& name) {
  TopicConf conf(rd_kafka_default_topic_conf_dup(client));
  rd_kafka_topic_conf_set_opaque(conf.get(), this);
  rd_kafka_topic_conf_set_partitioner_cb(conf.get(), choose);
  Topic handle(rd_kafka_topic_new(client, name.c_str(), conf.release()));
  if (!handle) return error(fmt::format("{}: {}", name, rd_kafka_err2str(rd_kafka_last_error())));
  // The first request for a topic determines its configuration.
  if (rd_kafka_topic_opaque(handle.get()) != this) {
    return error(fmt::format("{}: the client uses this topic already", name));
  }
  return handle;
}

TopicPartitions::State& TopicPartitions::state(std::int32_t partition) {
  const auto at = static_cast<std::size_t>(partition);
  if (states_.size() <= at) states_.resize(at + 1, State::fresh);
  return states_[at];
}

std::int32_t TopicPartitions::stay(const rd_kafka_topic_t* topic, std::int32_t count) {
  const Clock::time_point now = Clock::now();
  if (current_ < 0 || current_ >= count || now - since_ >= stickiness_ ||
      !rd_kafka_topic_partition_available(topic, current_)) {
    current_ = rd_kafka_msg_partitioner_random(topic, nullptr, 0, count, nullptr, nullptr);
    since_ = now;
  }
  return current_;
}

std::int32_t TopicPartitions::choose(const rd_kafka_topic_t* topic, const void* key, std::size_t key_size,
                                     std::int32_t count, void* opaque, void* /*slot*/) {
  auto& self = *static_cast<TopicPartitions*>(opaque);
  const std::lock_guard lock(self.mutex_);
  const bool stays = key ? key_size == 0 && self.kind_.empty_stay : self.kind_.keyless_stay;
  const std::int32_t partition =
      stays ? self.stay(topic, count) : self.kind_.choice(topic, key, key_size, count, nullptr, nullptr);
  if (partition < 0) return partition;
  State& state = self.state(partition);
  if (state == State::asked && sending) {
    sending->held_ = true;
    return kNotNow;
  }
  if (state == State::fresh) state = State::asked;
  return partition;
}

bool TopicPartitions::report(const rd_kafka_message_t& message) {
  if (message.partition < 0) return message.err != RD_KAFKA_RESP_ERR_NO_ERROR;
  const auto partition = static_cast<std::size_t>(message.partition);
  if (known_.size() <= partition) known_.resize(partition + 1);
  if (known_[partition]) return true;
  known_[partition] = !message.err && message.offset != RD_KAFKA_OFFSET_INVALID;
  const std::lock_guard lock(mutex_);
  state(message.partition) = known_[partition] ? State::answered : State::fresh;
  return known_[partition] || message.err;
}

}  // namespace pipec::stdlib::kafka
