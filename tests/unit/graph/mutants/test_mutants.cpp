// Wrong variants of the engine, one at a time: simulator and scenarios together must detect every one of
// them. Each runs in a separate process, since a mutant may abort or hang.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "graph/state/mutant.h"
#include "support/catch.h"
#include "unit/graph/fixture.h"
#include "unit/graph/simulator.h"

using namespace pipec;
using namespace pipec::test;
using graph::Emit;
using graph::Mutant;

namespace {

void refuse_bad(std::string_view payload, Emit& emit) {
  if (payload == "55") {
    emit.dead_letter("bad");
  } else {
    emit.record(payload);
  }
}

bool durable_before_commit() {
  auto journal = std::make_shared<Journal>();
  auto in = source_of(numbered(200), 10);
  auto out = std::make_shared<SinkScript>(), dead = std::make_shared<SinkScript>();
  in->journal = out->journal = dead->journal = journal;
  dead->name = "dlq";
  Builder b;
  b.dead_letters_to("dlq", sink(dead));
  b.receive("in", receiver(in)).map("parse", refuse_bad).sink("out", sink(out));
  if (run(b, options()).error || in->committed() != 200 || dead->records.size() != 1) return false;
  bool out_synced = false, dead_synced = false;
  for (const std::string& event : journal->events()) {
    if (event == "sync out") out_synced = true;
    if (event == "sync dlq") dead_synced = true;
    if (event != "commit in") continue;
    if (!out_synced || !dead_synced) return false;
    out_synced = dead_synced = false;
  }
  return true;
}

bool reject_does_not_commit() {
  auto in = source_of(numbered(200), 10);
  Builder b;
  b.receive("in", receiver(in)).map("parse", refuse_bad).sink("out", sink(std::make_shared<SinkScript>()));
  return code(run(b, options())) == "dead_letter" && in->committed() == 50;
}

bool failed_route_does_not_commit() {
  auto in = source_of(numbered(200), 10);
  auto dead = std::make_shared<SinkScript>();
  dead->fail_write = 1;
  Builder b;
  b.dead_letters_to("dlq", sink(dead));
  b.receive("in", receiver(in)).map("parse", refuse_bad).sink("out", sink(std::make_shared<SinkScript>()));
  return run(b, options()).error && in->committed() == 50;
}

bool input_positions_commit() {
  for (const int copies : {0, 2}) {
    auto in = source_of(numbered(200), 10);
    Builder b;
    b.receive("in", receiver(in))
        .map("copies",
             [copies](std::string_view p, Emit& emit) {
               for (int i = 0; i < copies; ++i) emit.record(p);
             })
        .sink("out", sink(std::make_shared<SinkScript>()));
    if (run(b, options()).error || in->committed() != 200) return false;
  }
  return true;
}

bool sink_error_is_terminal() {
  auto in = source_of(numbered(200), 10);
  auto out = std::make_shared<SinkScript>();
  out->fail_write = 8;
  Builder b;
  b.receive("in", receiver(in)).sink("out", sink(out));
  return code(run(b, options())) == "injected" && out->writes == 8 && in->committed() == 70;
}

bool suite() {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    if (!simulate(seed, 50'000).violation.empty()) return false;
  }
  return durable_before_commit() && reject_does_not_commit() && failed_route_does_not_commit() &&
         input_positions_commit() && sink_error_is_terminal();
}

// Whether the suite passes with this mutant, in a separate process. A crash or a hang is a failure.
bool passes_with(Mutant mutant) {
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const int null = open("/dev/null", O_WRONLY);
    dup2(null, 2);             // an abort's last words
    signal(SIGABRT, SIG_DFL);  // not Catch's
    signal(SIGSEGV, SIG_DFL);
    alarm(120);
    graph::active_mutant = mutant;
    _exit(suite() ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("The suite passes with the engine as it is") {
  CHECK(passes_with(Mutant::none));
}

TEST_CASE("The suite detects every wrong variant of the engine") {
  const std::pair<Mutant, const char*> mutants[] = {
      {Mutant::commit_maximum, "commit the maximum"},
      {Mutant::commit_past_failure, "commit past a failure"},
      {Mutant::commit_before_dead_letters, "commit before the dead letters are durable"},
      {Mutant::commit_before_sync, "commit before the sinks are durable"},
      {Mutant::acknowledge_on_reject, "acknowledge on reject"},
      {Mutant::ignore_dead_letter_route, "ignore a failed dead letter route"},
      {Mutant::count_outputs, "count outputs instead of inputs"},
      {Mutant::skip_empty_batches, "skip empty batches"},
      {Mutant::forget_a_branch, "forget one branch"},
      {Mutant::release_twice, "release twice"},
      {Mutant::leak_on_failure, "leak the lease of a failed batch"},
      {Mutant::sequencer_lets_pass, "let batches overtake before a sink"},
      {Mutant::two_commits_in_flight, "two commits in flight"},
      {Mutant::write_after_failure, "write after a failed batch"},
      {Mutant::ignore_commit_error, "ignore a refused commit"},
  };
  for (const auto& [mutant, what] : mutants) {
    INFO(what);
    CHECK_FALSE(passes_with(mutant));
  }
}
