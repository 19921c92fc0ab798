// How much the clients may hold, and when partitions are paused.
#include <algorithm>
#include <chrono>
#include <string>

#include "stdlib/connectors/kafka/pause_policy.h"
#include "stdlib/connectors/kafka/prefetch.h"
#include "stdlib/connectors/kafka/properties.h"
#include "support/catch.h"

using namespace pipec::stdlib::kafka;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

}  // namespace

TEST_CASE("G10 prefetched records stay within their memory, whatever the records' size and the partitions") {
  for (const std::size_t memory : {8 * kMiB, 64 * kMiB, 256 * kMiB, 1024 * kMiB}) {
    for (const std::size_t partitions : {1, 4, 12, 50}) {
      if (memory / partitions < kMiB / 2) continue;
      const Prefetch prefetch = prefetch_of(memory, partitions);
      for (const std::size_t record : {1, 20, 200, 352, 1000, 10'000, 100'000}) {
        CAPTURE(memory, partitions, record);
        // An eighth more for the answers that are being taken apart.
        CHECK(prefetch.bound(partitions, record) <= memory + memory / 8 + kMiB);
      }
      // It is used, too: of records of 1 KB more than a third of the memory is payload.
      const std::size_t records = std::min(prefetch.queued_messages, prefetch.queued_bytes / 1000);
      CHECK(records * 1000 * partitions * 3 > memory);
    }
  }
}

TEST_CASE("G10 with more partitions than memory is for, each has a little") {
  const Prefetch prefetch = prefetch_of(kMiB, 1000);
  CHECK(prefetch.queued_bytes >= 32 * 1024);
  CHECK(prefetch.queued_messages >= 100);
  CHECK(prefetch.fetch_partition >= 8 * 1024);
}

TEST_CASE("G10 the producer's queue is sized from its memory, and the longest record always fits") {
  ProducerSettings settings;
  settings.brokers = "b";
  settings.client_id = "c";
  settings.compression = "none";
  settings.partitioner = "random";
  const auto value = [&](const char* name) {
    const auto conf = producer_conf(settings);
    REQUIRE(conf);
    return std::stoull(effective(conf->get(), name));
  };
  for (const std::size_t memory : {kMiB, 16 * kMiB, 64 * kMiB, 4096 * kMiB}) {
    settings.memory = memory;
    const std::size_t bytes = value("queue.buffering.max.kbytes") << 10;
    const std::size_t messages = value("queue.buffering.max.messages");
    CAPTURE(memory);
    CHECK(bytes + messages * kProducedCost <= std::clamp(memory, kLeastProduced, kMostProduced));
    CHECK(bytes >= 1'000'000);  // message.max.bytes
  }
  settings.memory = kMiB;
  settings.properties = {{"message.max.bytes", "50000000"}};
  CHECK(value("queue.buffering.max.kbytes") << 10 >= 50'000'000);
  settings.properties.emplace_back("queue.buffering.max.kbytes", "100");
  CHECK(value("queue.buffering.max.kbytes") == 100);  // as the user says
}

TEST_CASE("G7 partitions are paused when a hold lasts, and go on when it ends") {
  PausePolicy policy(milliseconds(1500));
  PausePolicy::Time now{};
  CHECK_FALSE(policy.paused(now));
  policy.hold(true, now);
  CHECK_FALSE(policy.paused(now));
  REQUIRE(policy.next());
  CHECK(*policy.next() - now == milliseconds(1500));
  policy.hold(true, now += milliseconds(1499));  // told again: the hold is the same
  CHECK_FALSE(policy.paused(now));
  CHECK(policy.paused(now += milliseconds(1)));
  CHECK_FALSE(policy.next());
  policy.hold(false, now);
  CHECK_FALSE(policy.paused(now));
  CHECK_FALSE(policy.next());
}

TEST_CASE("G7 short holds never pause: fetched records are kept") {
  PausePolicy policy(milliseconds(1500));
  PausePolicy::Time now{};
  for (int i = 0; i < 1000; ++i) {
    policy.hold(true, now);
    CHECK_FALSE(policy.paused(now += milliseconds(1400)));
    policy.hold(false, now);
    CHECK_FALSE(policy.paused(now += milliseconds(10)));
  }
}

TEST_CASE("G7 under lasting pressure, a pause is not repeated until records were delivered") {
  PausePolicy policy(milliseconds(100));
  PausePolicy::Time now{};
  const auto hold = [&](int time) {
    policy.hold(true, now);
    const bool paused = policy.paused(now += milliseconds(time));
    policy.hold(false, now);
    policy.paused(now);
    return paused;
  };
  CHECK(hold(200));
  CHECK_FALSE(hold(200));  // nothing was delivered in between: records fetched now stay for the next round
  CHECK_FALSE(hold(10'000));
  policy.handed();
  CHECK(hold(200));
}
