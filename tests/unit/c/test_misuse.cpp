#include <functional>
#include <string>

#include "tests/unit/c/handle.h"

using namespace pipec::test;

namespace {

void check_misuse(int result, const ErrorSlot& error, const std::string& message) {
  CHECK(result == PIPEC_MISUSE);
  REQUIRE(error);
  CHECK(error->result == PIPEC_MISUSE);
  CHECK(std::string(error->code) == "misuse");
  CHECK(error.message() == message);
}

}  // namespace

TEST_CASE("C2 every function reports a null handle, with and without a place for the error") {
  pipec_pipeline* const none = nullptr;
  const pipec_record record = record_of("1");
  const pipec_record* taken = nullptr;
  std::uint64_t end = 0;
  char* json = nullptr;
  const std::function<int(pipec_error**)> calls[] = {
      [&](pipec_error** e) { return pipec_on_record(none, "out", nullptr, nullptr, e); },
      [&](pipec_error** e) { return pipec_on_dead_letter(none, nullptr, nullptr, e); },
      [&](pipec_error** e) { return pipec_on_error(none, nullptr, nullptr, e); },
      [&](pipec_error** e) { return pipec_on_log(none, nullptr, nullptr, e); },
      [&](pipec_error** e) { return pipec_run(none, e); },
      [&](pipec_error** e) { return pipec_start(none, e); },
      [&](pipec_error** e) { return pipec_wait(none, -1, e); },
      [&](pipec_error** e) { return pipec_stop(none, e); },
      [&](pipec_error** e) { return pipec_push(none, "in", &record, -1, nullptr, e); },
      [&](pipec_error** e) { return pipec_end(none, "in", e); },
      [&](pipec_error** e) { return pipec_committed(none, "in", &end, e); },
      [&](pipec_error** e) { return pipec_take(none, "out", -1, &taken, e); },
      [&](pipec_error** e) { return pipec_release(none, "out", 0, e); },
      [&](pipec_error** e) { return pipec_status(none, &json, e); },
  };
  for (const auto& call : calls) {
    ErrorSlot error;
    check_misuse(call(error()), error, "the pipeline is null");
    CHECK(call(nullptr) == PIPEC_MISUSE);
  }
  CHECK(pipec_close(none, nullptr) == PIPEC_OK);
  pipec_error_free(nullptr);
  pipec_free(nullptr);
}

TEST_CASE("C2 null and unset arguments are misuse") {
  ErrorSlot error;
  pipec_pipeline* pipeline = nullptr;
  check_misuse(pipec_open("flow.pipe", kThrough, 1, nullptr, nullptr, error()), error,
               "the place for the pipeline is null");
  for (const char* name : {static_cast<const char*>(nullptr), ""}) {
    check_misuse(pipec_open(name, kThrough, 1, nullptr, &pipeline, error()), error,
                 "the name is null or empty");
  }
  check_misuse(pipec_open("flow.pipe", nullptr, 1, nullptr, &pipeline, error()), error,
               "the text is null, but its size is not 0");
  const pipec_options unset{};
  check_misuse(pipec_open("flow.pipe", kThrough, 1, &unset, &pipeline, error()), error,
               "struct_size of the options is not set");
  CHECK_FALSE(pipeline);
  CHECK(pipec_open("flow.pipe", nullptr, 0, nullptr, &pipeline, error()) == PIPEC_INVALID);

  Handle flow(kThrough);
  const auto push = [&](const pipec_record* record) {
    return pipec_push(flow, "in", record, 0, nullptr, error());
  };
  check_misuse(push(nullptr), error, "the record is null");
  pipec_record record{};
  check_misuse(push(&record), error, "struct_size of the record is not set");
  record.struct_size = sizeof record;
  record.payload_size = 1;
  check_misuse(push(&record), error, "the payload is null, but its size is not 0");
  record.payload = "1";
  record.header_count = 1;
  check_misuse(push(&record), error, "the headers are null, but their count is not 0");
  const pipec_header unnamed{};
  record.headers = &unnamed;
  check_misuse(push(&record), error, "the name of a header is null");
  check_misuse(flow.push(nullptr, "1"), flow.error, "the channel's name is null");
  check_misuse(pipec_take(flow, "out", 0, nullptr, error()), error, "the place for the record is null");
  check_misuse(pipec_committed(flow, "in", nullptr, error()), error, "the place for the position is null");
  check_misuse(pipec_status(flow, nullptr, error()), error, "the place for the text is null");
  CHECK(flow.committed("in") == 0);
}

TEST_CASE("C2 unknown channels and wrong record numbers are misuse") {
  Handle flow(kThrough);
  check_misuse(flow.push("out", "1"), flow.error, "the text has no recv memory(\"out\")");
  check_misuse(pipec_end(flow, "nosuch", flow.error()), flow.error,
               "the text has no recv memory(\"nosuch\")");
  const pipec_record* record = nullptr;
  check_misuse(pipec_take(flow, "in", 0, &record, flow.error()), flow.error,
               "the text has no sink memory(\"in\")");
  std::uint64_t end = 0;
  check_misuse(pipec_committed(flow, "nosuch", &end, flow.error()), flow.error,
               "the text has no channel 'nosuch'");

  REQUIRE(flow.push("in", "1") == PIPEC_OK);
  pipec_end(flow, "in", nullptr);
  REQUIRE(pipec_start(flow, nullptr) == PIPEC_OK);
  REQUIRE(flow.take("out"));
  check_misuse(pipec_release(flow, "out", 1, flow.error()), flow.error,
               "record 1 of 'out' was not taken, or was already released");
  flow.release("out", 0);
  check_misuse(pipec_release(flow, "out", 0, flow.error()), flow.error,
               "record 0 of 'out' was not taken, or was already released");
}

TEST_CASE("C2 calls in the wrong order are misuse and change nothing") {
  Handle flow(kThrough);
  check_misuse(pipec_wait(flow, -1, flow.error()), flow.error, "there is no run to wait for");
  pipec_end(flow, "in", nullptr);
  check_misuse(flow.push("in", "1"), flow.error, "'in' has ended: cannot push more records");
  REQUIRE(pipec_run(flow, nullptr) == PIPEC_OK);
  check_misuse(pipec_run(flow, flow.error()), flow.error, "a pipeline runs only once: open another one");
  check_misuse(pipec_start(flow, flow.error()), flow.error, "a pipeline runs only once: open another one");
  const auto ignore = [](void*, const char*) {};
  check_misuse(pipec_on_log(flow, ignore, nullptr, flow.error()), flow.error,
               "callbacks must be set before the run");
  check_misuse(pipec_on_record(flow, "out", nullptr, nullptr, flow.error()), flow.error,
               "callbacks must be set before the run");
  check_misuse(flow.push("in", "1"), flow.error, "'in' has ended: cannot push more records");
  CHECK(pipec_wait(flow, -1, nullptr) == PIPEC_OK);
}

TEST_CASE("C2 a callback cannot wait for its own run") {
  Handle flow(kThrough);
  struct Seen {
    pipec_pipeline* pipeline;
    int run, wait, close, stop;
  } seen{flow, 0, 0, 0, -1};
  const auto call = [](void* user, const pipec_record*) {
    Seen& now = *static_cast<Seen*>(user);
    now.run = pipec_run(now.pipeline, nullptr);
    now.wait = pipec_wait(now.pipeline, -1, nullptr);
    now.close = pipec_close(now.pipeline, nullptr);
    now.stop = pipec_stop(now.pipeline, nullptr);
    return 0;
  };
  REQUIRE(pipec_on_record(flow, "out", call, &seen, nullptr) == PIPEC_OK);
  const pipec_record* record = nullptr;
  check_misuse(pipec_take(flow, "out", -1, &record, flow.error()), flow.error,
               "a callback receives the records of 'out'");
  REQUIRE(flow.push("in", "1") == PIPEC_OK);
  CHECK(pipec_run(flow, nullptr) == PIPEC_OK);
  CHECK(seen.run == PIPEC_MISUSE);
  CHECK(seen.wait == PIPEC_MISUSE);
  CHECK(seen.close == PIPEC_MISUSE);
  CHECK(seen.stop == PIPEC_OK);
  CHECK(flow.committed("in") == 1);
}

TEST_CASE("C2 a text that would wait for its own commit does not compile") {
  for (const auto& [text, why] :
       {std::pair{"recv memory(\"x\") | sink memory(\"x\")\n", "the channel 'x' is both read and written"},
        std::pair{"recv memory(\"x\") | sink memory(\"a\")\n"
                  "recv memory(\"x\") | sink memory(\"b\")\n",
                  "the channel 'x' is read twice"}}) {
    ErrorSlot error;
    pipec_pipeline* pipeline = nullptr;
    CHECK(pipec_open("flow.pipe", text, std::string(text).size(), nullptr, &pipeline, error()) ==
          PIPEC_INVALID);
    CHECK(error.message().find(why) != std::string::npos);
    CHECK_FALSE(pipeline);
  }
}

TEST_CASE("C2 a run that cannot start returns its error, and take and push end") {
  pipec_options options{};
  options.struct_size = sizeof options;
  options.state_directory = "/dev/null/state";
  Handle flow(kThrough, &options);
  CHECK(pipec_start(flow, flow.error()) == PIPEC_FAILED);
  CHECK(flow.error.message().find("/dev/null/state") != std::string::npos);
  CHECK(pipec_wait(flow, -1, nullptr) == PIPEC_FAILED);
  CHECK_FALSE(flow.take("out"));
  CHECK(flow.push("in", "1") == PIPEC_END);
}
