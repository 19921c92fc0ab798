// When the producer sends what fills no batch.
#include "stdlib/connectors/kafka/send_policy.h"

#include "support/catch.h"

using namespace pipec::stdlib::kafka;
using std::chrono::milliseconds;

namespace {

constexpr std::size_t kMuch = SendPolicy::kLittle + 1;

struct Asked {
  SendPolicy policy;
  SendPolicy::Time now{std::chrono::hours(1)};
  std::uint64_t sent = 0;
  std::uint64_t answered = 1;

  bool after(int ms, std::size_t waiting) {
    now += milliseconds(ms);
    return policy.due(now, sent, answered, waiting);
  }
};

}  // namespace

TEST_CASE("fault P4 a trickle is sent every few milliseconds, however long linger.ms is") {
  Asked asked;
  ++asked.sent;
  CHECK(asked.after(0, 100));
  for (int i = 0; i < 10; ++i) {
    ++asked.sent;
    CHECK_FALSE(asked.after(1, 200));  // so often it is not worth it
    ++asked.sent;
    CHECK(asked.after(4, 300));
  }
}

TEST_CASE(
    "fault P4 full batches are left to librdkafka while more records arrive, and flushed when none do") {
  Asked asked;
  for (int i = 0; i < 100; ++i) {
    ++asked.sent;
    CHECK_FALSE(asked.after(3, kMuch));
  }
  CHECK_FALSE(asked.after(4, kMuch));
  CHECK(asked.after(1, kMuch));
  SECTION("once, where no answer comes") {
    for (int i = 0; i < 4; ++i) CHECK_FALSE(asked.after(5, kMuch));
    CHECK(asked.after(5, kMuch));
  }
  SECTION("again when one did: a partition sends one batch at a time") {
    ++asked.answered;
    CHECK(asked.after(5, kMuch));
    CHECK_FALSE(asked.after(5, kMuch));
  }
  SECTION("not while more comes again") {
    ++asked.sent;
    CHECK_FALSE(asked.after(3, kMuch));
    ++asked.sent;
    CHECK_FALSE(asked.after(4, kMuch));
    CHECK(asked.after(5, kMuch));
  }
}
