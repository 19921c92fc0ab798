// The producer against librdkafka's mock cluster in this process.
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "stdlib/connectors/kafka/producer.h"
#include "stdlib/connectors/kafka/properties.h"
#include "support/catch.h"
#include "unit/kafka/cluster.h"

using namespace pipec;
using namespace pipec::stdlib::kafka;
using namespace pipec::test;

namespace {

constexpr std::int16_t kListOffsets = 2;

ProducerSettings settings_of(const Cluster& cluster) {
  ProducerSettings settings;
  settings.brokers = cluster.brokers();
  settings.client_id = "test";
  settings.compression = "none";
  settings.partitioner = "random";
  return settings;
}

// One batch on its way, and how it ended.
struct Batch {
  std::shared_ptr<std::atomic<std::size_t>> queued = std::make_shared<std::atomic<std::size_t>>(0);
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<runtime::Status> ended;
  std::vector<Producer::Letter> letters;

  std::shared_ptr<Producer::Shipment> begin(Producer& producer, std::size_t records) {
    return producer.begin(records, queued,
                          [this](runtime::Status status, std::vector<Producer::Letter> found) {
                            const std::lock_guard lock(mutex);
                            letters = std::move(found);
                            ended = std::move(status);
                            changed.notify_all();
                          });
  }
  runtime::Status wait() {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return ended.has_value(); });
    return *ended;
  }
};

}  // namespace

TEST_CASE("G10 what waits to be sent is counted with what it costs, and counted off when it is there") {
  const Cluster cluster(1);
  Producer producer(settings_of(cluster));
  REQUIRE(producer.open());
  const auto topic = producer.know("in");
  REQUIRE(topic);
  rd_kafka_mock_broker_set_down(cluster.get(), 1);
  Batch batch;
  const auto shipment = batch.begin(producer, 100);
  const std::string payload(50, 'x');
  for (std::uint32_t i = 0; i < 100; ++i) {
    Producer::Record record;
    record.topic = *topic;
    record.payload = payload;
    record.key = "key";
    record.has_key = true;
    bool refused = true;
    REQUIRE(producer.send(*shipment, record, i, refused));
    CHECK_FALSE(refused);
  }
  CHECK(batch.queued->load() >= 100 * (50 + 3 + kProducedCost));
  Producer::close(shipment);
  CHECK(batch.queued->load() == 100 * (50 + 3 + kProducedCost));
  rd_kafka_mock_broker_set_up(cluster.get(), 1);
  CHECK(batch.wait());
  CHECK(batch.letters.empty());
  CHECK(batch.queued->load() == 0);
}

TEST_CASE(
    "G10 a queue that is full holds the writer, which goes on when there is room or it is interrupted") {
  const Cluster cluster(1);
  ProducerSettings settings = settings_of(cluster);
  settings.properties = {{"queue.buffering.max.messages", "10"}, {"linger.ms", "0"}};
  Producer producer(settings);
  REQUIRE(producer.open());
  const auto topic = producer.know("in");
  REQUIRE(topic);
  const bool interrupt = GENERATE(false, true);
  rd_kafka_mock_broker_set_down(cluster.get(), 1);
  Batch batch;
  const auto shipment = batch.begin(producer, 100);
  runtime::Status status;
  std::thread writer([&] {
    for (std::uint32_t i = 0; status && i < 100; ++i) {
      Producer::Record record;
      record.topic = *topic;
      record.payload = "x";
      bool refused = false;
      status = producer.send(*shipment, record, i, refused);
    }
    if (!status) Producer::fail(*shipment, status.error());
    Producer::close(shipment);
  });
  REQUIRE(eventually([&] { return rd_kafka_outq_len(producer.client()) == 10; }));
  if (interrupt) {
    producer.interrupt();
  } else {
    rd_kafka_mock_broker_set_up(cluster.get(), 1);
  }
  writer.join();
  const runtime::Status end = batch.wait();
  CHECK(bool(end) == !interrupt);
  CHECK(batch.queued->load() == 0);
}

TEST_CASE("P4 a record that the queue could never hold is refused as its own fault") {
  const Cluster cluster(1);
  ProducerSettings settings = settings_of(cluster);
  settings.properties = {{"queue.buffering.max.kbytes", "1"}};
  Producer producer(settings);
  REQUIRE(producer.open());
  const auto topic = producer.know("in");
  REQUIRE(topic);
  Batch batch;
  const auto shipment = batch.begin(producer, 1);
  const std::string payload(1025, 'x');
  Producer::Record record;
  record.topic = *topic;
  record.payload = payload;
  bool refused = false;
  CHECK_FALSE(producer.send(*shipment, record, 0, refused));
  CHECK(refused);
  Producer::close(shipment);
  CHECK(batch.wait());
  CHECK(batch.queued->load() == 0);
}

TEST_CASE("P1 before the first record the leaders of a topic are asked until they know that they are") {
  const Cluster cluster(2);
  Producer producer(settings_of(cluster));
  REQUIRE(producer.open());
  const auto unready =
      GENERATE(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
  rd_kafka_mock_push_request_errors(cluster.get(), kListOffsets, 2, unready, unready);
  REQUIRE(producer.know("in"));
  // They were asked, and again: nothing of the errors is left.
  std::int64_t low = 0;
  std::int64_t high = 0;
  CHECK(rd_kafka_query_watermark_offsets(producer.client(), "in", 0, &low, &high, 20'000) ==
        RD_KAFKA_RESP_ERR_NO_ERROR);
}

TEST_CASE("P1 leaders that never come do not keep the other partitions' records") {
  const Cluster cluster(1);
  Producer producer(settings_of(cluster));
  REQUIRE(producer.open());
  std::vector<rd_kafka_resp_err_t> unready(1000, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
  rd_kafka_mock_push_request_errors_array(cluster.get(), kListOffsets, unready.size(), unready.data());
  CHECK(producer.know("in"));
}

TEST_CASE(
    "P2 a message.timeout.ms that is shorter than our linger.ms is taken, and the user's linger.ms left "
    "alone") {
  const Cluster cluster(1);
  ProducerSettings settings = settings_of(cluster);
  const auto linger = [&](Properties properties) {
    settings.properties = std::move(properties);
    const auto conf = producer_conf(settings);
    REQUIRE(conf);
    CHECK(Handle(rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_dup(conf->get()), nullptr, 0)));
    return effective(conf->get(), "linger.ms");
  };
  CHECK(linger({}) == "200");
  CHECK(linger({{"message.timeout.ms", "100"}}) == "0");
  CHECK(linger({{"message.timeout.ms", "0"}}) == "200");
  CHECK(linger({{"linger.ms", "7"}}) == "7");
  CHECK(linger({{"queue.buffering.max.ms", "8"}}) == "8");
}
