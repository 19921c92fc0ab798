// The consumer against librdkafka's mock cluster in this process. Joining a group takes the mock three
// seconds.
#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "stdlib/connectors/kafka/consumer.h"
#include "support/catch.h"
#include "unit/kafka/cluster.h"

using namespace pipec;
using namespace pipec::stdlib::kafka;
using namespace pipec::test;
using runtime::PositionRange;
using runtime::Received;
using std::chrono::milliseconds;

namespace {

constexpr std::int16_t kOffsetCommit = 8;

// One member of the group, and what it read.
class Member {
 public:
  Member(
      const Cluster& cluster, const std::function<void(ConsumerOptions&)>& change = [](ConsumerOptions&) {}) {
    ConsumerOptions options;
    options.settings.brokers = cluster.brokers();
    options.settings.group = "g";
    options.settings.client_id = "test";
    options.settings.properties = {{"session.timeout.ms", "6000"}, {"heartbeat.interval.ms", "200"}};
    options.topics = {"in"};
    options.log = [this](const std::string& line) { log.push_back(line); };
    change(options);
    consumer = std::make_shared<Consumer>(std::move(options));
    const auto opened = consumer->open();
    INFO((opened ? std::string() : opened.error().message));
    REQUIRE(opened);
  }
  ~Member() { leave(); }
  Member(const Member&) = delete;
  Member& operator=(const Member&) = delete;

  void leave() const { CHECK(consumer->close()); }
  double gauge(const std::string& name) const {
    for (const runtime::Gauge& each : consumer->gauges()) {
      if (each.name == name) return each.value;
    }
    FAIL("no gauge " << name);
    return 0;
  }
  // One receive; the positions must follow each other.
  Received read(std::size_t bytes = std::size_t{64} << 10) {
    runtime::Block block;
    block.data = pool_.get(bytes);
    runtime::ReceiveLimits limits;
    limits.max_bytes = bytes;
    limits.wait = milliseconds(20);
    const auto received = consumer->receive(limits, block);
    INFO((received ? std::string() : received.error().message));
    REQUIRE(received);
    if (*received != Received::records) return *received;
    for (const std::uint64_t position : block.positions) {
      CHECK(position == next[{block.topic, block.partition}]++);
      ++records;
    }
    ranges.insert(ranges.end(), block.ranges.begin(), block.ranges.end());
    return *received;
  }
  bool read_until(std::size_t count) {
    return eventually([&] { return read() != Received::end && records >= count; });
  }

  std::vector<std::string> log;  // written by the consumer's thread; look when it is closed
  std::shared_ptr<Consumer> consumer;
  std::map<std::pair<std::string, std::uint32_t>, std::uint64_t> next;
  std::size_t records = 0;
  std::vector<PositionRange> ranges;

 private:
  runtime::BufferPool pool_;
};

}  // namespace

TEST_CASE("G10 prefetched records are counted until they are read, and stay within their bound") {
  constexpr std::size_t kMemory = std::size_t{1} << 20;
  constexpr std::size_t kSize = 500;
  Cluster cluster(1);
  cluster.fill(0, 4000, kSize);
  Member member(cluster, [&](ConsumerOptions& options) { options.prefetch = kMemory; });
  REQUIRE(eventually([&] { return member.read(kSize) == Received::records; }));
  const std::size_t bound = prefetch_of(kMemory, 1).bound(1, kSize);
  REQUIRE(bound < 4000 * kSize);  // there is far more than it may hold
  CHECK(eventually([&] { return member.consumer->queued_bytes() > kMemory / 2; }));
  CHECK(
      eventually([&] { return member.gauge("lag_records") == static_cast<double>(4000 - member.records); }));
  while (member.records < 4000) {
    member.read();
    CHECK(member.consumer->queued_bytes() <= bound);
  }
  CHECK(eventually([&] { return member.consumer->queued_bytes() == 0; }));
  CHECK(eventually([&] { return member.gauge("lag_records") == 0; }));
}

TEST_CASE("G7 pausing and resuming loses and duplicates nothing") {
  Cluster cluster(2);
  cluster.fill(0, 500, 100);
  cluster.fill(1, 500, 100);
  Member member(cluster, [](ConsumerOptions& options) { options.pause_after = milliseconds(0); });
  REQUIRE(eventually([&] { return member.read(1000) == Received::records; }));
  REQUIRE(eventually([&] { return member.consumer->queued_bytes() > 900 * (100 + kFetchedCost); }));
  for (int round = 0; round < 5; ++round) {
    member.consumer->pause(true);
    REQUIRE(eventually([&] { return member.gauge("partitions_paused") == 2; }));
    // The memory is given back, but for what was taken from the queues already.
    CHECK(eventually([&] { return member.consumer->queued_bytes() <= 256 * (100 + kFetchedCost); }));
    cluster.fill(round % 2, 100, 100);
    member.consumer->pause(false);
    REQUIRE(member.read_until(member.records + 50));
    REQUIRE(eventually([&] { return member.gauge("partitions_paused") == 0; }));
  }
  REQUIRE(member.read_until(1500));
  CHECK(member.read() == Received::idle);
  CHECK(member.records == 1500);
}

TEST_CASE(
    "G7 a partition that was revoked while paused flows when it is back, and one assigned during a hold "
    "waits") {
  Cluster cluster(2);
  Member stays(cluster, [](ConsumerOptions& options) { options.pause_after = milliseconds(0); });
  REQUIRE(eventually([&] { return stays.gauge("partitions") == 2; }));
  stays.consumer->pause(true);
  REQUIRE(eventually([&] { return stays.gauge("partitions_paused") == 2; }));
  {
    Member leaves(cluster);
    REQUIRE(eventually([&] { return stays.gauge("partitions") == 1 && leaves.gauge("partitions") == 1; }));
    CHECK(stays.gauge("partitions_paused") == 1);
    stays.consumer->pause(false);
    REQUIRE(eventually([&] { return stays.gauge("partitions_paused") == 0; }));
  }
  REQUIRE(eventually([&] { return stays.gauge("partitions") == 2; }));
  cluster.fill(0, 10, 100);
  cluster.fill(1, 10, 100);
  CHECK(stays.read_until(20));

  {
    Member leaves(cluster);
    REQUIRE(eventually([&] { return stays.gauge("partitions") == 1; }));
    stays.consumer->pause(true);
    REQUIRE(eventually([&] { return stays.gauge("partitions_paused") == 1; }));
  }
  REQUIRE(
      eventually([&] { return stays.gauge("partitions") == 2 && stays.gauge("partitions_paused") == 2; }));
}

TEST_CASE("K1 a group that begins at the end commits that offset before it has read anything") {
  Cluster cluster(1);
  cluster.fill(0, 50, 100);
  {
    Member member(cluster, [](ConsumerOptions& options) { options.from_latest = true; });
    REQUIRE(eventually([&] { return member.gauge("partitions") == 1; }));
    CHECK(eventually([&] { return cluster.committed(0) == 50; }));
  }
  cluster.fill(0, 5, 100);  // the group has no member
  Member next(cluster, [](ConsumerOptions& options) { options.from_latest = true; });
  next.next[{"in", 0}] = 50;
  CHECK(next.read_until(5));
}

TEST_CASE("K1 a member whose partition's leader is dead does not wait for its end without an end") {
  Cluster cluster(1, "in", 2);
  REQUIRE(rd_kafka_mock_partition_set_leader(cluster.get(), "in", 0, 2) == RD_KAFKA_RESP_ERR_NO_ERROR);
  REQUIRE(rd_kafka_mock_coordinator_set(cluster.get(), "group", "g", 1) == RD_KAFKA_RESP_ERR_NO_ERROR);
  REQUIRE(rd_kafka_mock_broker_set_down(cluster.get(), 2) == RD_KAFKA_RESP_ERR_NO_ERROR);
  {
    const Member member(cluster, [](ConsumerOptions& options) { options.from_latest = true; });
    CHECK_FALSE(eventually([&] { return cluster.committed(0) >= 0; }, milliseconds(6000)));
    member.consumer->interrupt();
    member.leave();
    for (const std::string& line : member.log) CHECK(line.find("takes too long") == std::string::npos);
  }
  REQUIRE(rd_kafka_mock_broker_set_up(cluster.get(), 2) == RD_KAFKA_RESP_ERR_NO_ERROR);
  const Member member(cluster, [](ConsumerOptions& options) { options.from_latest = true; });
  CHECK(eventually([&] { return cluster.committed(0) == 0; }));
}

TEST_CASE("K8 a member without a partition has a gauge that shows it, and logs it once") {
  Cluster cluster(1);
  const auto at_once = [](ConsumerOptions& options) { options.idle_after = milliseconds(0); };
  Member one(cluster, at_once);
  REQUIRE(eventually([&] { return one.gauge("partitions") == 1; }));
  Member two(cluster, at_once);
  const auto limited = [&] { return one.gauge("partition_limited") + two.gauge("partition_limited"); };
  REQUIRE(
      eventually([&] { return limited() == 1 && one.gauge("partitions") + two.gauge("partitions") == 1; }));
  Member& idle = one.gauge("partition_limited") == 1 ? one : two;
  Member& busy = one.gauge("partition_limited") == 1 ? two : one;
  CHECK(busy.gauge("partitions") == 1);
  CHECK(idle.gauge("partitions") == 0);
  busy.leave();
  CHECK(eventually([&] { return idle.gauge("partition_limited") == 0 && idle.gauge("partitions") == 1; }));
  idle.leave();
  CHECK(std::count_if(idle.log.begin(), idle.log.end(), [](const std::string& line) {
          return line.find("has no partition") != std::string::npos;
        }) == 1);
}

TEST_CASE("K3 positions that were lost after the end are committed when the group returns the partition") {
  Cluster cluster(1);
  cluster.fill(0, 50, 100);
  const auto code = GENERATE(RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
  Member member(cluster, [](ConsumerOptions& options) { options.stop_at_end = true; });
  REQUIRE(eventually([&] { return member.read() == Received::end; }));
  REQUIRE(member.records == 50);
  rd_kafka_mock_push_request_errors_array(cluster.get(), kOffsetCommit, 1, &code);
  // Retries retriable errors, as the engine does.
  runtime::Status status;
  REQUIRE(eventually([&] {
    status = member.consumer->commit(member.ranges);
    return status || !status.error().retriable;
  }));
  CHECK(status);
  CHECK(cluster.committed(0) == 50);
}

TEST_CASE("K3 a partition that was lost after the end and does not come back is an error") {
  Cluster cluster(1);
  cluster.fill(0, 50, 100);
  Member member(cluster, [](ConsumerOptions& options) {
    options.stop_at_end = true;
    options.come_back = milliseconds(0);
  });
  REQUIRE(eventually([&] { return member.read() == Received::end; }));
  const rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION;
  rd_kafka_mock_push_request_errors_array(cluster.get(), kOffsetCommit, 1, &code);
  runtime::Status status;
  REQUIRE(eventually([&] {
    status = member.consumer->commit(member.ranges);
    return status || !status.error().retriable;
  }));
  REQUIRE_FALSE(status);
  CHECK(status.error().message.find("took partitions away") != std::string::npos);
  CHECK(cluster.committed(0) < 0);
}

TEST_CASE("K3 a member that leaves before it was assigned a partition leaves cleanly") {
  constexpr std::int16_t kSyncGroup = 14;
  constexpr std::size_t kErrors = 100;
  const bool cooperative = GENERATE(false, true);
  Cluster cluster(1);
  for (std::size_t i = 0; i < kErrors; ++i) {
    rd_kafka_mock_broker_push_request_error_rtts(cluster.get(), 1, kSyncGroup, 1,
                                                 RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, 0);
  }
  const Member member(cluster, [&](ConsumerOptions& options) { options.settings.cooperative = cooperative; });
  REQUIRE(eventually([&] {
    std::size_t left = kErrors;
    rd_kafka_mock_broker_error_stack_cnt(cluster.get(), 1, kSyncGroup, &left);
    return left < kErrors;
  }));
  CHECK(member.gauge("partitions") == 0);
  member.leave();
}

TEST_CASE("K7 a pattern reads the topics that match, also those that come later, and others besides") {
  Cluster cluster(1, "access-1");
  cluster.add_topic("other", 1);
  cluster.add_topic("not-access-9", 1);
  cluster.fill(0, 10, 100, "access-1");
  cluster.fill(0, 10, 100, "not-access-9");
  cluster.fill(0, 10, 100, "other");
  Member member(cluster, [](ConsumerOptions& options) {
    options.topics = {"^access-[0-9]{1,2}$", "other"};
    // If it were shorter than joining takes, each refresh would restart the joining.
    options.settings.properties.emplace_back("topic.metadata.refresh.interval.ms", "2000");
  });
  REQUIRE(member.read_until(20));
  CHECK(eventually([&] { return bool(member.consumer->commit(member.ranges)); }));
  cluster.add_topic("access-2", 1);
  cluster.fill(0, 10, 100, "access-2");
  REQUIRE(member.read_until(30));
  CHECK(member.next.size() == 3);
  CHECK(member.next[{"access-2", 0}] == 10);
  CHECK(member.next[{"other", 0}] == 10);
}
