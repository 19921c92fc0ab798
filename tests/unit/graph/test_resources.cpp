// Fault M6 and similar ones: no memory, no thread. Every allocation of a run, and every start of
// a thread, is made to fail once.
#include "support/catch.h"
#include "unit/graph/failing.h"
#include "unit/graph/hooked.h"

using namespace pipec;
using namespace pipec::test;

namespace {

// Fan-out, a stage that makes records, a route, a merge, a dead letter, a checkpoint.
struct Whole {
  std::shared_ptr<SourceScript> in = source_of(numbered(30), 5);
  std::shared_ptr<SinkScript> out = std::make_shared<SinkScript>(), other = std::make_shared<SinkScript>(),
                              dead = std::make_shared<SinkScript>();
  MemoryCheckpoint checkpoint;

  std::unique_ptr<Pipeline> make(unsigned workers, bool governed, bool late_reading) {
    in->leaves_unread = late_reading;
    Builder b;
    auto lines = b.receive("in", receiver(in)).map("copy", [](std::string_view record, graph::Emit& emit) {
      if (record == "7") return emit.dead_letter("seven");
      emit.record(record);
    });
    auto arms = lines.route("by length", 2, [](std::string_view record) { return record.size() - 1; });
    b.merge(arms).sink("out", sink(out));
    lines.sink("other", sink(other), true);
    b.dead_letters_to("dlq", sink(dead));
    RunOptions o = options(workers);
    o.checkpoint = &checkpoint;
    o.govern.emplace().on = governed;
    if (governed) o.govern->memory = std::size_t{1} << 40;
    return test::make(b, o);
  }
};

// Whatever happened: nothing is committed that is not out.
[[maybe_unused]] void check_commits(const Whole& whole) {
  const std::uint64_t committed = whole.in->committed();
  CHECK(whole.out->records.size() + (committed > 7 ? 1 : 0) >= committed);
  CHECK(whole.other->records.size() + (committed > 7 ? 1 : 0) >= committed);
  if (committed > 7) CHECK(whole.dead->records.size() == 1);
}

}  // namespace

// The plain threads that replace TBB under the thread sanitizer do not survive it, and a TBB node
// whose constructor throws leaks, which the address sanitizer reports.
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
TEST_CASE(
    "D12 G2 fault M6: an allocation that fails anywhere in a run ends it with an error, no lease is left") {
  for (const bool governed : {false, true}) {
    for (const bool late_reading : {false, true}) {
      long count = 0;
      {
        Whole whole;
        auto pipeline = whole.make(2, governed, late_reading);
        failing_allocations.arm(0);
        CHECK(message(pipeline->run()) == "");
        count = failing_allocations.disarm();
        CHECK(count > 100);
      }
      std::size_t failed = 0;
      for (long n = 1; n <= count; ++n) {
        INFO(n << " of " << count << (governed ? ", governed" : ""));
        Whole whole;
        auto pipeline = whole.make(2, governed, late_reading);
        failing_allocations.arm(n);
        const Outcome outcome = pipeline->run();
        failing_allocations.disarm();
        if (outcome.error) {
          ++failed;
          CHECK(outcome.error->code == "memory");
        } else {
          CHECK(whole.in->committed() == 30);
          CHECK(whole.out->records.size() == 29);
        }
        check_commits(whole);
      }
      CHECK(failed > static_cast<std::size_t>(count) / 2);
    }
  }
}

TEST_CASE("D12 fault M6: run(), progress() and metrics() do not throw without memory") {
  Whole whole;
  auto pipeline = whole.make(2, true, false);
  for (long n = 1; n <= 200; ++n) {
    failing_allocations.arm(n);
    const auto metrics = pipeline->metrics();
    const auto progress = pipeline->progress();
    pipeline->stop();
    failing_allocations.disarm();
    CHECK(progress.records_in == 0);
  }
  CHECK_FALSE(pipeline->metrics().empty());
}
#endif

#ifdef PIPEC_THREADS_MAY_FAIL
TEST_CASE("D12 a thread that cannot be started ends the run at once with an error that reports it") {
  std::size_t failed = 0;
  for (long n = 1; n <= 9;
       ++n) {  // opening, four workers that are tried, timer, governor, source; a spare one
    INFO(n);
    Whole whole;
    auto pipeline = whole.make(4, true, false);
    failing_threads.arm(n);
    const Outcome outcome = pipeline->run();
    failing_threads.disarm();
    check_commits(whole);
    CHECK(whole.in->close_calls == whole.in->open_calls);
    if (!outcome.error) continue;
    ++failed;
    CHECK(outcome.error->code == "resources");
    CHECK(message(outcome).find("cannot start a thread") == 0);
    CHECK(message(outcome).find("pids.max") != std::string::npos);
  }
  CHECK(failed >= 8);
}
#endif
