// Opening: looks up the topics, then joins the group.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "stdlib/connectors/kafka/consumer_parts.h"
#include "stdlib/connectors/kafka/topics.h"

namespace pipec::stdlib::kafka {

using runtime::Result;
using runtime::Status;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

namespace {

constexpr milliseconds kLookUp{15'000};

}  // namespace

Status Consumer::open() {
  std::size_t partitions = 0;
  if (Status status = look_up(partitions); !status) return status;
  ConsumerSettings settings = options_.settings;
  settings.prefetch = prefetch_of(options_.prefetch, partitions);
  settings.pattern = std::any_of(options_.topics.begin(), options_.topics.end(), is_pattern);
  Result<Conf> conf = consumer_conf(settings);
  if (!conf) return conf.error();
  poll_interval_ = milliseconds(std::stoll(effective(conf->get(), "max.poll.interval.ms")));
  log_.attach(conf->get());
  rd_kafka_conf_set_rebalance_cb(
      conf->get(), [](rd_kafka_t* client, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list,
                      void* opaque) { on_rebalance(client, code, list, opaque); });
  char text[512];
  client_.reset(rd_kafka_new(RD_KAFKA_CONSUMER, conf->get(), text, sizeof text));
  if (!client_) return error(fmt::format("cannot create a consumer: {}", log_.redacted(text)));
  static_cast<void>(conf->release());
  log_.attached(client_.get());
  rd_kafka_poll_set_consumer(client_.get());
  group_queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
  commit_queue_.reset(rd_kafka_queue_new(client_.get()));
  static constexpr std::uint64_t kOne = 1;
  rd_kafka_queue_io_event_enable(group_queue_.get(), event_.get(), &kOne, sizeof kOne);
  rd_kafka_queue_io_event_enable(commit_queue_.get(), event_.get(), &kOne, sizeof kOne);
  if (Status status = subscribe(); !status) return status;
  if (options_.settings.cooperative && rd_kafka_version() < 0x020a00ff) {
    say(fmt::format(
        "kafka: librdkafka {} has known faults with cooperative assignment (fixed in 2.10); eager is safer",
        rd_kafka_version_str()));
  }
  thread_ = std::thread([self = shared_from_this()] { self->run(); });
  return {};
}

// Uses a separate client, since the prefetch per partition is fixed when the consumer is created.
Status Consumer::look_up(std::size_t& partitions) {
  ConsumerSettings settings = options_.settings;
  settings.instance.clear();
  settings.prefetch = prefetch_of(options_.prefetch, 1);
  Result<Conf> conf = consumer_conf(settings);
  if (!conf) return conf.error();
  log_.attach(conf->get());
  char text[512];
  const Handle client(rd_kafka_new(RD_KAFKA_CONSUMER, conf->get(), text, sizeof text));
  if (!client) return error(fmt::format("cannot create a consumer: {}", log_.redacted(text)));
  static_cast<void>(conf->release());
  log_.attached(client.get());
  rd_kafka_poll_set_consumer(client.get());

  const rd_kafka_metadata_t* metadata = nullptr;
  const Clock::time_point deadline = Clock::now() + kLookUp;
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
  do {
    {
      const std::lock_guard lock(mutex_);
      if (interrupted_) return error("stopped before the brokers were reached");
    }
    code = rd_kafka_metadata(client.get(), 1, nullptr, &metadata, 1000);
    while (Message message{rd_kafka_consumer_poll(client.get(), 0)}) {
      if (message->err) log_.note(rd_kafka_message_errstr(message.get()));
    }
  } while (code && passes(code) && !log_.refused() && Clock::now() < deadline);
  if (code && log_.refused()) {
    return error(fmt::format("no access to {}{}", settings.brokers, log_.last()));
  }
  if (code) {
    return error(fmt::format("cannot reach {}: {}{}", settings.brokers, rd_kafka_err2str(code), log_.last()));
  }
  std::string missing;
  for (const std::string& topic : options_.topics) {
    Result<TopicPattern> pattern = is_pattern(topic) ? TopicPattern::make(topic) : TopicPattern();
    bool found = is_pattern(topic);
    for (int i = 0; pattern && i < metadata->topic_cnt; ++i) {
      const rd_kafka_metadata_topic_t& each = metadata->topics[i];
      if (each.err || !(is_pattern(topic) ? pattern->matches(each.topic) : topic == each.topic)) continue;
      found = true;
      partitions += static_cast<std::size_t>(each.partition_cnt);
    }
    if (!found) missing += (missing.empty() ? "" : ", ") + topic;
  }
  rd_kafka_metadata_destroy(metadata);
  if (!missing.empty()) {
    return error(fmt::format("no topic {} at {} (or no right to see it)", missing, settings.brokers));
  }
  return {};
}

Status Consumer::subscribe() {
  const PartitionList topics = make_list(static_cast<int>(options_.topics.size()));
  for (const std::string& topic : options_.topics) {
    rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  if (const auto code = rd_kafka_subscribe(client_.get(), topics.get())) {
    return error(fmt::format("cannot subscribe: {}", rd_kafka_err2str(code)));
  }
  return {};
}

}  // namespace pipec::stdlib::kafka
