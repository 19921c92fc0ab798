// The functions of pipec/c.h, used as they are meant to be.
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "tests/unit/c/handle.h"

using namespace pipec::test;

namespace {

// A thread with one call that waits.
class Waiting {
 public:
  explicit Waiting(std::function<void()> call)
      : thread_([this, call = std::move(call)] {
          id_ = ::gettid();
          call();
        }) {}
  // Asleep, as the kernel says.
  void until_it_waits() const {
    for (char state = 0; state != 'S'; std::this_thread::yield()) {
      if (id_ == 0) continue;
      std::ifstream file("/proc/self/task/" + std::to_string(id_) + "/stat");
      std::string number, name;
      file >> number >> name >> state;
    }
  }
  void join() { thread_.join(); }

 private:
  std::atomic<pid_t> id_{0};
  std::thread thread_;
};

}  // namespace

TEST_CASE("the library reports the version of its interface") {
  CHECK(pipec_c_version() == PIPEC_C_VERSION);
  CHECK(std::string(pipec_version()).find('.') != std::string::npos);
}

TEST_CASE("a text that does not compile returns every diagnostic, rendered and by place") {
  const std::string text =
      "recv memory(\"in\")\n  | filter nosuch(.a)\n  | filter nosuch(.b)\n  | sink memory(\"out\")\n";
  pipec_pipeline* pipeline = nullptr;
  ErrorSlot error;
  REQUIRE(pipec_open("flow.pipe", text.data(), text.size(), nullptr, &pipeline, error()) == PIPEC_INVALID);
  CHECK_FALSE(pipeline);
  REQUIRE(error);
  CHECK(error->result == PIPEC_INVALID);
  REQUIRE(error->diagnostic_count == 2);
  const pipec_diagnostic& first = error->diagnostics[0];
  CHECK(std::string(first.code) == error->code);
  CHECK(std::string(first.code).front() == 'E');
  CHECK(std::string(first.file) == "flow.pipe");
  CHECK(first.line == 2);
  CHECK(first.column == 12);
  CHECK(error->diagnostics[1].line == 3);
  CHECK(std::string(error->where) == "flow.pipe:2:12");
  CHECK(error->line == 2);
  CHECK(error->column == 12);
  CHECK(error.message().find("^") != std::string::npos);
}

TEST_CASE("payload, key, headers and timestamp pass through a pipeline unchanged") {
  Handle flow(kThrough);
  const std::string key("k\0y", 3);
  const pipec_header headers[] = {{"trace", "abc", 3}, {"flag", nullptr, 0}, {"empty", "", 0}};
  pipec_record record = record_of("{\"a\":1}");
  record.key = key.data();
  record.key_size = key.size();
  record.headers = headers;
  record.header_count = 3;
  record.has_timestamp = 1;
  record.timestamp = 123456789;
  std::uint64_t position = 99;
  REQUIRE(pipec_push(flow, "in", &record, 0, &position, nullptr) == PIPEC_OK);
  CHECK(position == 0);
  REQUIRE(flow.push("in", "") == PIPEC_OK);
  pipec_end(flow, "in", nullptr);
  REQUIRE(pipec_start(flow, nullptr) == PIPEC_OK);
  const pipec_record* got = flow.take("out");
  REQUIRE(got);
  CHECK(std::string(got->payload, got->payload_size) == "{\"a\":1}");
  CHECK(std::string(got->key, got->key_size) == key);
  REQUIRE(got->header_count == 3);
  CHECK(std::string(got->headers[0].name) == "trace");
  CHECK(std::string(got->headers[0].value, got->headers[0].value_size) == "abc");
  CHECK_FALSE(got->headers[1].value);
  CHECK(got->headers[2].value);
  CHECK(got->has_timestamp == 1);
  CHECK(got->timestamp == 123456789);
  const pipec_record* second = flow.take("out");
  REQUIRE(second);
  CHECK(second->payload_size == 0);
  CHECK_FALSE(second->key);
  CHECK(second->has_timestamp == 0);
  CHECK(std::string(got->payload, got->payload_size) == "{\"a\":1}");  // not released yet
  flow.release("out", 0);
  flow.release("out", 1);
  CHECK_FALSE(flow.take("out"));
}

TEST_CASE("take, push and wait return at their timeout") {
  pipec_options options{};
  options.struct_size = sizeof options;
  options.channel_bytes = 1;
  Handle flow(kThrough, &options);
  const pipec_record* record = nullptr;
  CHECK(pipec_take(flow, "out", 0, &record, flow.error()) == PIPEC_TIMEOUT);
  CHECK_FALSE(flow.error);
  CHECK(flow.push("in", "1", 0) == PIPEC_OK);
  CHECK(flow.push("in", "2", 0) == PIPEC_TIMEOUT);
  CHECK(flow.push("in", "2", 1) == PIPEC_TIMEOUT);
  REQUIRE(pipec_start(flow, nullptr) == PIPEC_OK);
  CHECK(pipec_wait(flow, 1, nullptr) == PIPEC_TIMEOUT);
  REQUIRE(flow.take("out"));
  flow.release("out", 0);
  CHECK(flow.push("in", "2") == PIPEC_OK);  // once the first one is committed
  REQUIRE(flow.take("out"));
  flow.release("out", 1);
  pipec_end(flow, "in", nullptr);
  CHECK(pipec_wait(flow, -1, nullptr) == PIPEC_OK);
  CHECK(pipec_wait(flow, -1, nullptr) == PIPEC_OK);
}

TEST_CASE("the status has counters and the committed position of each source") {
  Handle flow("name \"count \\\"me\\\"\"\nrecv memory(\"in\") | filter .a > 1 | sink memory(\"out\")\n");
  const auto status = [&] {
    char* text = nullptr;
    REQUIRE(pipec_status(flow, &text, nullptr) == PIPEC_OK);
    const auto json = nlohmann::json::parse(text);
    pipec_free(text);
    return json;
  };
  CHECK(status()["state"] == "ready");
  for (const char* payload : {R"({"a":1})", R"({"a":2})", R"({"a":3})"})
    REQUIRE(flow.push("in", payload) == PIPEC_OK);
  pipec_end(flow, "in", nullptr);
  REQUIRE(pipec_start(flow, nullptr) == PIPEC_OK);
  REQUIRE(flow.take("out"));
  CHECK(status()["state"] == "running");
  flow.release("out", 0);
  CHECK(flow.drain("out").size() == 1);
  REQUIRE(pipec_wait(flow, -1, nullptr) == PIPEC_OK);
  const auto last = status();
  CHECK(last["pipeline"] == "count \"me\"");
  CHECK(last["state"] == "done");
  CHECK(last["records_in"] == 3);
  CHECK(last["records_out"] == 2);
  CHECK(last["channels"] == nlohmann::json::parse(R"([
    {"name":"in","direction":"push","records":3,"committed":3},{"name":"out","direction":"take","records":2,"committed":2}])"));
  CHECK(last["committed"] ==
        nlohmann::json::parse(R"([{"source":"recv memory","name":"","partition":0,"end":3}])"));
}

TEST_CASE("the log receives warnings of the compiler") {
  for (const bool keeps_letters : {false, true}) {
    Handle flow("let unused = parse json\nrecv memory(\"in\") | parse json | sink memory(\"out\")\n");
    std::string lines;
    const auto take = [](void*, const char*, std::size_t) { return 0; };
    if (keeps_letters) REQUIRE(pipec_on_dead_letter(flow, take, nullptr, nullptr) == PIPEC_OK);
    const auto keep = [](void* user, const char* line) { *static_cast<std::string*>(user) += line; };
    REQUIRE(pipec_on_log(flow, keep, &lines, nullptr) == PIPEC_OK);
    pipec_end(flow, "in", nullptr);
    REQUIRE(pipec_run(flow, nullptr) == PIPEC_OK);
    CHECK(lines.find("W0501") != std::string::npos);
    CHECK((lines.find("W0505") == std::string::npos) ==
          keeps_letters);  // nothing stops at a dead letter then
  }
}

TEST_CASE("a stop before or during a run ends it, and pending takes with it") {
  {
    Handle flow(kThrough);
    REQUIRE(pipec_stop(flow, nullptr) == PIPEC_OK);
    CHECK(pipec_run(flow, nullptr) == PIPEC_OK);
    CHECK(flow.push("in", "1") == PIPEC_END);
    CHECK_FALSE(flow.take("out"));
  }
  {
    Handle flow(kThrough);
    REQUIRE(pipec_start(flow, nullptr) == PIPEC_OK);
    std::thread other([&] { pipec_stop(flow, nullptr); });
    CHECK_FALSE(flow.take("out"));
    CHECK(pipec_wait(flow, -1, nullptr) == PIPEC_OK);
    other.join();
  }
}

TEST_CASE("close ends waiting calls of other threads") {
  for (const bool started : {true, false}) {
    pipec_options options = no_drain();
    options.channel_bytes = 1;
    Handle flow(kThrough, &options);
    REQUIRE(flow.push("in", "1") == PIPEC_OK);
    if (started) {
      REQUIRE(pipec_start(flow, nullptr) == PIPEC_OK);
      REQUIRE(flow.take("out"));  // not released: there is no room for another one, and nothing more to take
    }
    pipec_pipeline* handle = flow;
    int taken = 0, pushed = 0;
    Waiting taker([&] {
      const pipec_record* record = nullptr;
      taken = pipec_take(handle, "out", -1, &record, nullptr);
    });
    Waiting pusher([&] {
      const pipec_record record = record_of("2");
      pushed = pipec_push(handle, "in", &record, -1, nullptr, nullptr);
    });
    taker.until_it_waits();
    pusher.until_it_waits();
    flow.close();
    taker.join();
    pusher.join();
    CHECK(taken == PIPEC_END);
    CHECK(pushed == PIPEC_END);
  }
}
