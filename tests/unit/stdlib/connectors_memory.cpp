// Channels whose records are acknowledged.
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pipec/stdlib/memory.h"
#include "support/catch.h"

using namespace pipec;
using stdlib::MemoryChannel;
using stdlib::MemoryRecord;
using What = MemoryChannel::Next::What;

TEST_CASE("an acknowledged channel keeps a record until it and all before it are acknowledged") {
  MemoryChannel channel(true);
  for (const char* payload : {"a", "b", "c"}) REQUIRE(channel.push({.payload = payload}));
  const auto first = channel.next({}), second = channel.next({});
  CHECK(first.number == 0);
  CHECK_FALSE(channel.acknowledge(2));  // not read yet
  CHECK(channel.acknowledge(1));
  CHECK_FALSE(channel.acknowledge(1));
  CHECK(channel.committed() == 0);
  CHECK(first.record->payload == "a");
  CHECK(second.record->payload == "b");
  CHECK(channel.acknowledge(0));
  CHECK(channel.committed() == 2);
  CHECK_FALSE(channel.acknowledge(0));
  CHECK(channel.next({}).record->payload == "c");
  CHECK(channel.next(std::chrono::milliseconds(0)).what == What::timeout);
  channel.close();
  CHECK(channel.next({}).what == What::end);
}

TEST_CASE("push_numbered() returns at its timeout and leaves the record as it is") {
  MemoryChannel channel;
  channel.set_limit(1);
  MemoryRecord record{.payload = "a"};
  CHECK(channel.push_numbered(MemoryRecord{.payload = "first"}) == 0U);
  CHECK_FALSE(channel.push_numbered(std::move(record), std::chrono::milliseconds(1)));
  CHECK(record.payload == "a");  // NOLINT(bugprone-use-after-move): it was not moved from
  channel.take();
  CHECK(channel.push_numbered(std::move(record), std::chrono::milliseconds(0)) == 1U);
}

TEST_CASE("waiting for acknowledgements ends when all have come, and when interrupted") {
  MemoryChannel channel(true);
  channel.set_limit(1000);
  std::atomic<bool> interrupted{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 2; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 500; ++j) channel.push({.payload = "x"});
    });
    threads.emplace_back([&] {
      for (;;) {
        const MemoryChannel::Next next = channel.next({});
        if (next.what == What::end) break;
        channel.acknowledge(next.number);
      }
    });
  }
  CHECK(channel.wait_for_acknowledgement(1000, interrupted));
  std::thread waiting([&] { CHECK_FALSE(channel.wait_for_acknowledgement(1001, interrupted)); });
  interrupted = true;
  channel.interrupt();
  waiting.join();
  channel.close();
  for (std::thread& thread : threads) thread.join();
  CHECK(channel.committed() == 1000);
  CHECK(channel.held_bytes() == 0);
}
