// The producer against librdkafka's mock cluster in this process.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <numeric>
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

using std::chrono::milliseconds;

constexpr std::int16_t kProduce = 0;

ProducerSettings settings_of(const Cluster& cluster) {
  ProducerSettings settings;
  settings.brokers = cluster.brokers();
  settings.client_id = "test";
  settings.compression = "none";
  settings.partitioner = "random";
  return settings;
}

// One batch in flight, and its outcome.
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

// Records with their numbers as payload and without a key. `taken`: how many were.
runtime::Status send_all(Producer& producer, Producer::Shipment& shipment, rd_kafka_topic_t* topic,
                         std::uint32_t count, std::atomic<std::uint32_t>* taken = nullptr) {
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::string payload = std::to_string(i);
    Producer::Record record;
    record.topic = topic;
    record.payload = payload;
    bool refused = false;
    if (runtime::Status status = producer.send(shipment, record, i, refused); !status) return status;
    if (taken) ++*taken;
  }
  return {};
}

// A batch of them, until it has ended.
void deliver(Producer& producer, rd_kafka_topic_t* topic, std::uint32_t count, Batch& batch) {
  const auto shipment = batch.begin(producer, count);
  REQUIRE(send_all(producer, *shipment, topic, count));
  Producer::close(shipment);
  REQUIRE(batch.wait());
}

// The partitions answer from here on.
void answer(Producer& producer, rd_kafka_topic_t* topic) {
  Batch batch;
  deliver(producer, topic, 1, batch);
}

// Of a client that has just been made.
rd_kafka_topic_t* open(Producer& producer) {
  REQUIRE(producer.open());
  const auto topic = producer.know("in");
  REQUIRE(topic);
  return *topic;
}

// What partition 0 of "in" holds, from its beginning.
std::vector<std::string> payloads(const Cluster& cluster, std::size_t count) {
  const Handle reader =
      client(RD_KAFKA_CONSUMER, {{"bootstrap.servers", cluster.brokers()}, {"group.id", "g"}});
  const PartitionList list = make_list(1);
  rd_kafka_topic_partition_list_add(list.get(), "in", 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
  REQUIRE(rd_kafka_assign(reader.get(), list.get()) == RD_KAFKA_RESP_ERR_NO_ERROR);
  std::vector<std::string> found;
  while (found.size() < count) {
    const Message message(rd_kafka_consumer_poll(reader.get(), 20'000));
    if (!message || message->err) break;
    found.emplace_back(static_cast<const char*>(message->payload), message->len);
  }
  return found;
}

std::vector<std::int64_t> counts(const Producer& producer, const char* topic, int partitions) {
  std::vector<std::int64_t> found;
  for (int i = 0; i < partitions; ++i) {
    std::int64_t end = RD_KAFKA_OFFSET_END;
    REQUIRE(find_offset(producer.client(), topic, i, 20'000, end) == RD_KAFKA_RESP_ERR_NO_ERROR);
    found.push_back(end);
  }
  return found;
}

}  // namespace

TEST_CASE("G10 unsent records count with their overhead until they are delivered") {
  const Cluster cluster(1);
  Producer producer(settings_of(cluster));
  rd_kafka_topic_t* const topic = open(producer);
  answer(producer, topic);
  rd_kafka_mock_broker_set_down(cluster.get(), 1);
  Batch batch;
  const auto shipment = batch.begin(producer, 100);
  const std::string payload(50, 'x');
  const bool lasting = GENERATE(false, true);  // then it is the batch's, and counted with that
  const std::size_t each = (lasting ? 0 : 50) + 3 + kProducedCost;
  for (std::uint32_t i = 0; i < 100; ++i) {
    Producer::Record record;
    record.topic = topic;
    record.payload = payload;
    record.lasting = lasting;
    record.key = "key";
    record.has_key = true;
    bool refused = true;
    REQUIRE(producer.send(*shipment, record, i, refused));
    CHECK_FALSE(refused);
  }
  CHECK(batch.queued->load() >= 100 * each);
  Producer::close(shipment);
  CHECK(batch.queued->load() == 100 * each);
  rd_kafka_mock_broker_set_up(cluster.get(), 1);
  CHECK(batch.wait());
  CHECK(batch.letters.empty());
  std::vector<std::string> sent(100, payload);
  sent.insert(sent.begin(), "0");  // of answer()
  CHECK(payloads(cluster, 101) == sent);
  CHECK(batch.queued->load() == 0);
}

TEST_CASE("G10 a full queue holds the writer, which resumes when there is space or it is interrupted") {
  const Cluster cluster(1);
  ProducerSettings settings = settings_of(cluster);
  settings.properties = {{"queue.buffering.max.messages", "10"}, {"linger.ms", "0"}};
  Producer producer(settings);
  rd_kafka_topic_t* const topic = open(producer);
  answer(producer, topic);
  const bool interrupt = GENERATE(false, true);
  rd_kafka_mock_broker_set_down(cluster.get(), 1);
  Batch batch;
  const auto shipment = batch.begin(producer, 100);
  runtime::Status status;
  std::thread writer([&] {
    status = send_all(producer, *shipment, topic, 100);
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

TEST_CASE("fault P4 a record that the queue could never hold is refused as its own fault") {
  const Cluster cluster(1);
  ProducerSettings settings = settings_of(cluster);
  settings.properties = {{"queue.buffering.max.kbytes", "1"}};
  Producer producer(settings);
  rd_kafka_topic_t* const topic = open(producer);
  Batch batch;
  const auto shipment = batch.begin(producer, 1);
  const std::string payload(1025, 'x');
  Producer::Record record;
  record.topic = topic;
  record.payload = payload;
  bool refused = false;
  CHECK_FALSE(producer.send(*shipment, record, 0, refused));
  CHECK(refused);
  Producer::close(shipment);
  CHECK(batch.wait());
  CHECK(batch.queued->load() == 0);
}

TEST_CASE(
    "fault P1 until a partition has answered, only one record is in flight to it, and later ones wait") {
  const Cluster cluster(1);
  ProducerSettings settings = settings_of(cluster);
  settings.properties = {{"linger.ms", "0"}};
  Producer producer(settings);
  rd_kafka_topic_t* const topic = open(producer);
  const auto refusal = GENERATE(RD_KAFKA_RESP_ERR_NO_ERROR, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE);
  if (refusal) rd_kafka_mock_push_request_errors(cluster.get(), kProduce, 2, refusal, refusal);
  rd_kafka_mock_broker_set_down(cluster.get(), 1);
  Batch batch;
  std::atomic<std::uint32_t> taken{0};
  std::thread writer([&] {
    const auto shipment = batch.begin(producer, 100);
    runtime::Status status = send_all(producer, *shipment, topic, 100, &taken);
    if (!status) Producer::fail(*shipment, status.error());
    Producer::close(shipment);
  });
  CHECK(eventually([&] { return taken == 1; }));
  CHECK_FALSE(eventually([&] { return taken > 1; }, milliseconds(300)));
  rd_kafka_mock_broker_set_up(cluster.get(), 1);
  writer.join();
  CHECK(batch.wait());
  std::vector<std::string> expected;
  for (int i = 0; i < 100; ++i) expected.push_back(std::to_string(i));
  CHECK(payloads(cluster, 100) == expected);
}

TEST_CASE("fault P1 a first record that Kafka refuses leaves the partition to the next one") {
  const Cluster cluster(1);
  Producer producer(settings_of(cluster));
  rd_kafka_topic_t* const topic = open(producer);
  rd_kafka_mock_push_request_errors(cluster.get(), kProduce, 2, RD_KAFKA_RESP_ERR_INVALID_RECORD,
                                    RD_KAFKA_RESP_ERR_INVALID_RECORD);
  Batch batch;
  deliver(producer, topic, 5, batch);
  REQUIRE(batch.letters.size() == 2);
  CHECK(batch.letters[0].origin == 0);
  CHECK(batch.letters[1].origin == 1);
  CHECK(payloads(cluster, 3) == std::vector<std::string>{"2", "3", "4"});
}

TEST_CASE("K9 a topic that could not be written to when it was asked for can be when it is asked for again") {
  const Cluster cluster(1);
  Producer producer(settings_of(cluster));
  REQUIRE(producer.open());
  rd_kafka_mock_topic_set_error(cluster.get(), "in", RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
  CHECK_FALSE(producer.know("in"));
  CHECK_FALSE(producer.know("in"));
  rd_kafka_mock_topic_set_error(cluster.get(), "in", RD_KAFKA_RESP_ERR_NO_ERROR);
  const auto topic = producer.know("in");
  REQUIRE(topic);
  answer(producer, *topic);
  CHECK(payloads(cluster, 1) == std::vector<std::string>{"0"});
}

TEST_CASE("K5 a record goes to the partition that librdkafka's own partitioner chooses") {
  const auto name = GENERATE(as<std::string>(), "murmur2_random", "murmur2", "consistent_random",
                             "consistent", "fnv1a_random", "fnv1a");
  constexpr int kPartitions = 7;
  Cluster cluster(kPartitions);
  cluster.add_topic("theirs", kPartitions);
  ProducerSettings settings = settings_of(cluster);
  settings.partitioner = name;
  Producer producer(settings);
  rd_kafka_topic_t* const topic = open(producer);
  const Handle theirs =
      client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", cluster.brokers()}, {"partitioner", name}});
  Batch batch;
  const auto shipment = batch.begin(producer, 30);
  for (std::uint32_t i = 0; i < 30; ++i) {
    const std::string key = "key " + std::to_string(i);
    Producer::Record record;
    record.topic = topic;
    record.key = key;
    record.has_key = true;
    bool refused = false;
    REQUIRE(producer.send(*shipment, record, i, refused));
    REQUIRE(rd_kafka_producev(theirs.get(), RD_KAFKA_V_TOPIC("theirs"),
                              RD_KAFKA_V_KEY(key.data(), key.size()),
                              RD_KAFKA_V_END) == RD_KAFKA_RESP_ERR_NO_ERROR);
  }
  Producer::close(shipment);
  CHECK(batch.wait());
  REQUIRE(rd_kafka_flush(theirs.get(), 20'000) == RD_KAFKA_RESP_ERR_NO_ERROR);
  CHECK(counts(producer, "in", kPartitions) == counts(producer, "theirs", kPartitions));
}

TEST_CASE("K5 records without a key stay at a partition for a time, or go to any") {
  const Cluster cluster(4);
  ProducerSettings settings = settings_of(cluster);
  const bool stay = GENERATE(true, false);
  settings.properties = {{"sticky.partitioning.linger.ms", stay ? "900000" : "0"}};
  Producer producer(settings);
  rd_kafka_topic_t* const topic = open(producer);
  answer(producer, topic);  // a partition whose broker is not connected yet is left
  Batch batch;
  deliver(producer, topic, 199, batch);
  const std::vector<std::int64_t> found = counts(producer, "in", 4);
  CHECK(std::accumulate(found.begin(), found.end(), std::int64_t{0}) == 200);
  CHECK(std::count(found.begin(), found.end(), 0) == (stay ? 3 : 0));
}

TEST_CASE(
    "fault P2 a message.timeout.ms that is shorter than our linger.ms is taken, and the user's linger.ms "
    "left "
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
