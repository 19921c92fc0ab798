// The cluster of `pipec run --demo-kafka`.
#include <fmt/format.h>
#include <librdkafka/rdkafka.h>
// After rdkafka.h:
#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "pipec/stdlib/kafka_demo.h"
#include "stdlib/connectors/kafka/handles.h"

namespace pipec::stdlib {

namespace {

using runtime::Result;
using runtime::Status;

constexpr int kDemoPartitions = 4;
constexpr int kDemoPatience = 10'000;  // milliseconds

kafka::Handle make_client(rd_kafka_type_t type, const std::vector<std::pair<const char*, std::string>>& all) {
  kafka::Conf conf(rd_kafka_conf_new());
  for (const auto& [name, value] : all) rd_kafka_conf_set(conf.get(), name, value.c_str(), nullptr, 0);
  rd_kafka_conf_set_log_cb(conf.get(), [](const rd_kafka_t*, int, const char*, const char*) {});
  kafka::Handle client(rd_kafka_new(type, conf.get(), nullptr, 0));
  if (client) static_cast<void>(conf.release());
  return client;
}

class Demo final : public KafkaDemo {
 public:
  ~Demo() override {
    if (cluster_) rd_kafka_mock_cluster_destroy(cluster_);
  }

  Status start() {
    client_ = make_client(RD_KAFKA_PRODUCER, {{"client.id", "demo"}});
    if (client_) cluster_ = rd_kafka_mock_cluster_new(client_.get(), 1);
    return cluster_ ? Status() : Status(kafka::error("cannot start the demo's Kafka"));
  }

  std::string brokers() const override { return rd_kafka_mock_cluster_bootstraps(cluster_); }

  Status fill(const std::string& topic, const std::string& file) override {
    if (const auto code = rd_kafka_mock_topic_create(cluster_, topic.c_str(), kDemoPartitions, 1)) {
      return kafka::error(fmt::format("cannot create the topic {}: {}", topic, rd_kafka_err2str(code)));
    }
    filled_.push_back(topic);
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> lines(std::fopen(file.c_str(), "re"), std::fclose);
    if (!lines) return kafka::error(fmt::format("cannot read {}: {}", file, std::strerror(errno)));
    const kafka::Handle producer = make_client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers()}});
    std::int32_t next = 0;
    char* line = nullptr;
    std::size_t room = 0;
    Status status;
    for (ssize_t size = 0; status && (size = ::getline(&line, &room, lines.get())) >= 0;) {
      if (size > 0 && line[size - 1] == '\n') --size;
      const auto code = rd_kafka_producev(
          producer.get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(next++ % kDemoPartitions),
          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY | RD_KAFKA_MSG_F_BLOCK),
          RD_KAFKA_V_VALUE(line, static_cast<std::size_t>(size)), RD_KAFKA_V_END);
      if (code) status = kafka::error(fmt::format("cannot fill {}: {}", topic, rd_kafka_err2str(code)));
      rd_kafka_poll(producer.get(), 0);
    }
    std::free(line);
    if (status && rd_kafka_flush(producer.get(), kDemoPatience))
      status = kafka::error("cannot fill " + topic);
    return status;
  }

  Status show(const std::function<void(const Shown&)>& each) override {
    const kafka::Handle consumer = make_client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers()},
                                                                   {"group.id", "demo"},
                                                                   {"enable.auto.commit", "false"},
                                                                   {"enable.partition.eof", "true"}});
    const rd_kafka_metadata_t* metadata = nullptr;
    if (const auto code = rd_kafka_metadata(consumer.get(), 1, nullptr, &metadata, kDemoPatience)) {
      return kafka::error(rd_kafka_err2str(code));
    }
    std::vector<std::string> topics;
    for (int i = 0; i < metadata->topic_cnt; ++i) {
      const std::string name = metadata->topics[i].topic;
      if (std::find(filled_.begin(), filled_.end(), name) == filled_.end()) topics.push_back(name);
    }
    rd_kafka_metadata_destroy(metadata);
    std::sort(topics.begin(), topics.end());
    for (const std::string& topic : topics) {
      for (std::int32_t partition = 0; partition < kDemoPartitions; ++partition) {
        if (Status status = show_one(consumer.get(), topic, partition, each); !status) return status;
      }
    }
    rd_kafka_consumer_close(consumer.get());
    return {};
  }

 private:
  static std::vector<std::pair<std::string, std::string>> headers_of(const rd_kafka_message_t* message) {
    std::vector<std::pair<std::string, std::string>> found;
    rd_kafka_headers_t* headers = nullptr;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return found;
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0; ++i) {
      found.emplace_back(name, std::string(static_cast<const char*>(value), value ? size : 0));
    }
    return found;
  }

  static Status show_one(rd_kafka_t* consumer, const std::string& topic, std::int32_t partition,
                         const std::function<void(const Shown&)>& each) {
    const kafka::PartitionList list = kafka::make_list(1);
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset =
        RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(consumer, list.get());
    for (;;) {
      const kafka::Message message(rd_kafka_consumer_poll(consumer, kDemoPatience));
      if (!message) return kafka::error("the demo's Kafka does not answer");
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) return {};
      if (message->err) return kafka::error(rd_kafka_message_errstr(message.get()));
      Shown shown;
      shown.topic = topic;
      if (message->key) shown.key.emplace(static_cast<const char*>(message->key), message->key_len);
      shown.headers = headers_of(message.get());
      shown.payload = {static_cast<const char*>(message->payload), message->payload ? message->len : 0};
      each(shown);
    }
  }

  kafka::Handle client_;
  rd_kafka_mock_cluster_t* cluster_ = nullptr;
  std::vector<std::string> filled_;
};

}  // namespace

Result<std::unique_ptr<KafkaDemo>> KafkaDemo::start() {
  auto demo = std::make_unique<Demo>();
  if (Status status = demo->start(); !status) return status.error();
  return std::unique_ptr<KafkaDemo>(std::move(demo));
}

}  // namespace pipec::stdlib
