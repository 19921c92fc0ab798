// A mock cluster in this process.
#pragma once

#include <librdkafka/rdkafka.h>
// After rdkafka.h:
#include <librdkafka/rdkafka_mock.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "stdlib/connectors/kafka/properties.h"
#include "support/catch.h"

namespace pipec::test {

using stdlib::kafka::Conf;
using stdlib::kafka::Destroyer;
using stdlib::kafka::Handle;
using stdlib::kafka::make_list;
using stdlib::kafka::PartitionList;
using stdlib::kafka::Properties;

// Other threads get there by themselves.
inline bool eventually(const std::function<bool()>& reached,
                       std::chrono::milliseconds patience = std::chrono::seconds(60)) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!reached()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

inline Handle client(rd_kafka_type_t type, const Properties& properties) {
  Conf conf(rd_kafka_conf_new());
  for (const auto& [name, value] : properties) {
    REQUIRE(rd_kafka_conf_set(conf.get(), name.c_str(), value.c_str(), nullptr, 0) == RD_KAFKA_CONF_OK);
  }
  rd_kafka_conf_set_log_cb(conf.get(), [](const rd_kafka_t*, int, const char*, const char*) {});
  Handle made(rd_kafka_new(type, conf.get(), nullptr, 0));
  REQUIRE(made);
  static_cast<void>(conf.release());
  return made;
}

class Cluster {
 public:
  explicit Cluster(int partitions, const char* topic = "in", int brokers = 1) {
    cluster_.reset(rd_kafka_mock_cluster_new(owner_.get(), brokers));
    REQUIRE(cluster_);
    add_topic(topic, partitions);
  }
  void add_topic(const char* topic, int partitions) {
    REQUIRE(rd_kafka_mock_topic_create(cluster_.get(), topic, partitions, 1) == RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  std::string brokers() const { return rd_kafka_mock_cluster_bootstraps(cluster_.get()); }
  void fill(std::int32_t partition, int count, std::size_t size, const char* topic = "in") {
    // In small batches: a fetch returns whole ones, however little it asks for.
    const Handle producer =
        client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers()}, {"batch.num.messages", "50"}});
    const std::string payload(size, 'x');
    for (int i = 0; i < count; ++i) {
      REQUIRE(rd_kafka_producev(producer.get(), RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                RD_KAFKA_V_VALUE(const_cast<char*>(payload.data()), payload.size()),
                                RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR);
    }
    REQUIRE(rd_kafka_flush(producer.get(), 20'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  std::int64_t committed(std::int32_t partition) const {
    const Handle asks = client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers()}, {"group.id", "g"}});
    const PartitionList list = make_list(1);
    rd_kafka_topic_partition_list_add(list.get(), "in", partition);
    REQUIRE(rd_kafka_committed(asks.get(), list.get(), 20'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
    return list->elems[0].offset;
  }
  rd_kafka_mock_cluster_t* get() const { return cluster_.get(); }

 private:
  Handle owner_ = client(RD_KAFKA_PRODUCER, {{"client.id", "mock"}});
  std::unique_ptr<rd_kafka_mock_cluster_t, Destroyer<rd_kafka_mock_cluster_destroy>> cluster_;
};

}  // namespace pipec::test
