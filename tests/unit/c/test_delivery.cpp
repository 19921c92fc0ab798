// At-least-once delivery across the C interface.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/temp_dir.h"
#include "tests/unit/c/handle.h"

using namespace pipec::test;

TEST_CASE("C1 a position is committed when its record is released, not when it is taken") {
  const pipec_options options = no_drain();
  Handle flow(kThrough, &options);
  REQUIRE(pipec_start(flow, nullptr) == PIPEC_OK);
  for (const char* payload : {"1", "2", "3"}) {  // each in a separate batch
    REQUIRE(flow.push("in", payload) == PIPEC_OK);
    const pipec_record* record = flow.take("out");
    REQUIRE(record);
    CHECK(std::string(record->payload, record->payload_size) == payload);
    if (record->number != 0) continue;
    CHECK(flow.committed("in") == 0);
    flow.release("out", 0);
    flow.wait_for_commit("in", 1);
  }
  pipec_stop(flow, nullptr);
  CHECK(pipec_wait(flow, -1, flow.error()) == PIPEC_FAILED);
  CHECK(std::string(flow.error->code) == "deadline");
  CHECK(flow.committed("in") == 1);
  CHECK(flow.committed("out") == 1);
}

TEST_CASE("C1 records may be released in any order; commits cover the contiguous prefix") {
  Handle flow(kThrough);
  REQUIRE(pipec_start(flow, nullptr) == PIPEC_OK);
  for (const char* payload : {"1", "2", "3"}) {
    REQUIRE(flow.push("in", payload) == PIPEC_OK);
    REQUIRE(flow.take("out"));
  }
  flow.release("out", 2);
  flow.release("out", 1);
  CHECK(flow.committed("out") == 0);
  CHECK(flow.committed("in") == 0);
  flow.release("out", 0);
  CHECK(flow.committed("out") == 3);
  flow.wait_for_commit("in", 3);
  pipec_end(flow, "in", nullptr);
  CHECK_FALSE(flow.take("out"));
  CHECK(pipec_wait(flow, -1, nullptr) == PIPEC_OK);
}

TEST_CASE("C1 closing a pipeline commits no unreleased record of a file") {
  const TempDir directory;
  write_file(directory / "lines", "1\n2\n3\n");
  const std::string state = directory / "state";
  pipec_options options = no_drain();
  options.state_directory = state.c_str();
  const std::string text = "recv file(\"" + (directory / "lines") + "\") | sink memory(\"out\")\n";
  for (int attempt = 0; attempt < 2; ++attempt) {
    Handle flow(text, &options);
    REQUIRE(pipec_start(flow, nullptr) == PIPEC_OK);
    for (int i = 0; i < 3; ++i) REQUIRE(flow.take("out"));  // again, in the second attempt
  }
  Handle last(text, &options);
  REQUIRE(pipec_start(last, nullptr) == PIPEC_OK);
  CHECK(last.drain("out") == std::vector<std::string>{"1", "2", "3"});
  REQUIRE(pipec_wait(last, -1, nullptr) == PIPEC_OK);
  last.close();
  Handle after(text, &options);
  REQUIRE(pipec_start(after, nullptr) == PIPEC_OK);
  CHECK(after.drain("out").empty());
}

TEST_CASE("C1 a callback commits a record by returning 0, and ends the run otherwise") {
  struct Seen {
    std::vector<std::string> payloads;
    int errors = 0;
    std::string message;
  } seen;
  for (const bool all : {true, false}) {
    Handle flow(kThrough);
    seen = {};
    const auto take = [](void* user, const pipec_record* record) {
      auto& payloads = static_cast<Seen*>(user)->payloads;
      payloads.emplace_back(record->payload, record->payload_size);
      return payloads.back() == "bad" ? 7 : 0;
    };
    REQUIRE(pipec_on_record(flow, "out", take, &seen, nullptr) == PIPEC_OK);
    const auto fail = [](void* user, const pipec_error* error) {
      static_cast<Seen*>(user)->errors++;
      static_cast<Seen*>(user)->message = error->message;
    };
    REQUIRE(pipec_on_error(flow, fail, &seen, nullptr) == PIPEC_OK);
    for (const char* payload : {"1", "2", all ? "3" : "bad", "4"})
      REQUIRE(flow.push("in", payload) == PIPEC_OK);
    pipec_end(flow, "in", nullptr);
    const int result = pipec_run(flow, flow.error());
    CHECK(result == (all ? PIPEC_OK : PIPEC_FAILED));
    CHECK(flow.committed("in") == (all ? 4U : 0U));
    CHECK(seen.payloads.size() == (all ? 4U : 3U));
    CHECK(seen.errors == (all ? 0 : 1));
    if (all) continue;
    CHECK(seen.message == "the callback of 'out' returned 7");
    CHECK(std::string(flow.error->code) == "sink");
    CHECK(std::string(flow.error->node) == "sink memory");
    CHECK(std::string(flow.error->where) == "flow.pipe:1:21");
    CHECK(flow.error->line == 1);
    CHECK(flow.error->column == 21);
  }
}

TEST_CASE("C1 a dead letter is committed when its callback returns 0") {
  for (const int answer : {0, 1}) {
    Handle flow("recv memory(\"in\") | parse json | sink memory(\"out\")\n");
    struct Seen {
      std::string letter;
      int answer = 0;
    } seen{"", answer};
    const auto take = [](void* user, const char* text, std::size_t size) {
      static_cast<Seen*>(user)->letter.assign(text, size);
      return static_cast<Seen*>(user)->answer;
    };
    REQUIRE(pipec_on_dead_letter(flow, take, &seen, nullptr) == PIPEC_OK);
    REQUIRE(flow.push("in", "no json") == PIPEC_OK);
    pipec_end(flow, "in", nullptr);
    CHECK(pipec_run(flow, flow.error()) == (answer == 0 ? PIPEC_OK : PIPEC_FAILED));
    CHECK(seen.letter.find("no json") != std::string::npos);
    CHECK(flow.committed("in") == (answer == 0 ? 1U : 0U));
  }
}

TEST_CASE("C1 dead letters of `dlq memory` are committed when they are released") {
  for (const bool released : {true, false}) {
    pipec_options options = no_drain();
    if (released) options.drain_ms = 0;  // the default: this run drains, on a busy machine too
    Handle flow("dlq memory(\"dead\")\nrecv memory(\"in\") | parse json | sink memory(\"out\")\n", &options);
    REQUIRE(flow.push("in", "no json") == PIPEC_OK);
    REQUIRE(pipec_start(flow, nullptr) == PIPEC_OK);
    REQUIRE(flow.take("dead"));
    if (released) {
      flow.release("dead", 0);
      flow.wait_for_commit("in", 1);
    }
    pipec_stop(flow, nullptr);
    CHECK(pipec_wait(flow, -1, nullptr) == (released ? PIPEC_OK : PIPEC_FAILED));
    CHECK(flow.committed("in") == (released ? 1U : 0U));
  }
}

TEST_CASE("C1 with full channels and many threads every record arrives once and in order") {
  constexpr int kThreads = 3, kRecords = 3000;
  pipec_options options{};
  options.struct_size = sizeof options;
  options.channel_bytes = 10'000;
  Handle flow(kThrough, &options);
  REQUIRE(pipec_start(flow, nullptr) == PIPEC_OK);
  std::atomic<int> refused{0};
  std::vector<std::thread> pushers, takers;
  for (int thread = 0; thread < kThreads; ++thread) {
    pushers.emplace_back([&, thread] {
      for (int i = 0; i < kRecords; ++i) {
        const std::string payload = "[" + std::to_string(thread) + "," + std::to_string(i) + "]";
        const pipec_record record = record_of(payload);
        if (pipec_push(flow, "in", &record, -1, nullptr, nullptr) != PIPEC_OK) ++refused;
      }
    });
  }
  std::vector<std::string> got(kThreads * kRecords);
  for (int thread = 0; thread < kThreads; ++thread) {
    takers.emplace_back([&] {
      const pipec_record* record = nullptr;
      while (pipec_take(flow, "out", -1, &record, nullptr) == PIPEC_OK) {
        const std::uint64_t number = record->number;
        got[number].assign(record->payload, record->payload_size);
        if (pipec_release(flow, "out", number, nullptr) != PIPEC_OK) ++refused;
      }
    });
  }
  for (std::thread& thread : pushers) thread.join();
  pipec_end(flow, "in", nullptr);
  for (std::thread& thread : takers) thread.join();
  CHECK(pipec_wait(flow, -1, nullptr) == PIPEC_OK);
  CHECK(refused == 0);
  CHECK(flow.committed("in") == std::uint64_t{kThreads} * kRecords);
  int next[kThreads] = {};
  for (const std::string& payload : got) {
    REQUIRE(payload.size() > 3);
    const int thread = payload[1] - '0';
    REQUIRE(payload == "[" + std::to_string(thread) + "," + std::to_string(next[thread]++) + "]");
  }
}
