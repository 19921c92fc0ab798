// `pipec test`: the records of each `given` of a test go through its chain in a separate pipeline; the
// records that leave it, through any sink, are compared with the expected ones.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "compiler/pipec/commands.h"
#include "compiler/pipec/difference.h"
#include "compiler/pipec/programs.h"
#include "compiler/pipec/text_files.h"
#include "pipec/compiler/compile.h"
#include "pipec/graph/pipeline.h"
#include "pipec/runtime/arena.h"
#include "pipec/runtime/json.h"

namespace pipec::cli {
namespace {

using compiler::Expected;
using runtime::Status;

class GivenReceiver final : public runtime::Receiver {
 public:
  explicit GivenReceiver(std::vector<std::string> records) : records_(std::move(records)) {}
  Status open(const runtime::StateEntries&) override { return {}; }
  runtime::Result<runtime::Received> receive(const runtime::ReceiveLimits&, runtime::Block& block) override {
    if (std::exchange(given_, true)) return runtime::Received::end;
    for (std::size_t i = 0; i < records_.size(); ++i) block.add_record(records_[i], i);
    block.single_lines = true;
    return runtime::Received::records;
  }
  Status commit(std::span<const runtime::PositionRange>) override { return {}; }

 private:
  std::vector<std::string> records_;
  bool given_ = false;
};

// The output of a chain; sinks of several branches may write concurrently.
struct Results {
  std::mutex mutex;
  std::vector<std::string> records;
};

class ResultSink final : public runtime::Sink {
 public:
  explicit ResultSink(Results& results) : results_(results) {}
  Status write(const runtime::Batch& batch, runtime::StageContext&) override {
    const std::lock_guard lock(results_.mutex);
    for (const runtime::Record& record : batch.records) {
      results_.records.emplace_back(batch.payload(record));
    }
    return {};
  }

 private:
  Results& results_;
};

struct CaseResult {
  std::vector<std::string> records;
  std::vector<std::string> reasons;  // of dead letters
  std::string error;                 // the run ended with
};

std::string reason_of(const std::string& letter) {
  runtime::Arena arena;
  const auto value = runtime::read_json(letter);
  if (!value) return letter;
  const runtime::Value reason = runtime::find_member(*value, "reason", arena).value;
  return std::string(runtime::decode_string(reason, arena));
}

CaseResult run_case(graph::Plan plan, const std::vector<std::string>& given) {
  Results records;
  Results letters;
  const auto collect = [](Results& into) {
    return [&into](const graph::RunServices&) -> runtime::Result<std::unique_ptr<runtime::Sink>> {
      return std::make_unique<ResultSink>(into);
    };
  };
  for (graph::Node& node : plan.nodes) {
    if (node.kind == graph::Node::Kind::receive) {
      node.make_receiver =
          [&given](const graph::RunServices&) -> runtime::Result<std::unique_ptr<runtime::Receiver>> {
        return std::make_unique<GivenReceiver>(given);
      };
    } else if (node.kind == graph::Node::Kind::sink) {
      node.make_sink = collect(records);
    }
  }
  plan.dead_letters = {};
  plan.dead_letters.kind = graph::DeadLetterPolicy::Kind::sink;
  plan.dead_letters.name = "dead letters";
  plan.dead_letters.make_sink = collect(letters);

  CaseResult result;
  graph::RunOptions options;
  options.threads = 1;
  auto pipeline = graph::Pipeline::make(std::move(plan), options);
  if (!pipeline) {
    result.error = pipeline.error().message;
    return result;
  }
  const graph::Outcome outcome = (*pipeline)->run();
  if (outcome.error) result.error = outcome.error->message;
  result.records = std::move(records.records);
  for (const std::string& letter : letters.records) result.reasons.push_back(reason_of(letter));
  return result;
}

std::string shown(const Expected& expected) {
  switch (expected.kind) {
    case Expected::Kind::value:
      return expected.text;
    case Expected::Kind::dead_letter:
      return expected.text.empty() ? "a dead letter" : fmt::format("a dead letter: {}", expected.text);
    case Expected::Kind::nothing:
      break;
  }
  return "nothing";
}

void note(std::string& out, const char* label, const std::string& text) {
  out += fmt::format("    {:<9} {}\n", label, text);
}

// A description of the difference from the expected result; empty if there is none. Records are compared with
// the expected values in order, and dead letters with the expected reasons.
std::string mismatch(const compiler::TestCase& test, const CaseResult& result) {
  if (!result.error.empty()) return fmt::format("    the run failed: {}\n", result.error);
  std::vector<const Expected*> values;
  std::vector<const Expected*> letters;
  for (const Expected& expected : test.expected) {
    if (expected.kind == Expected::Kind::value) values.push_back(&expected);
    if (expected.kind == Expected::Kind::dead_letter) letters.push_back(&expected);
  }
  bool same = values.size() == result.records.size() && letters.size() == result.reasons.size();
  std::vector<std::string> details;
  for (std::size_t i = 0; i < std::min(values.size(), result.records.size()); ++i) {
    for (std::string& line : json_differences(values[i]->text, result.records[i])) {
      same = false;
      details.push_back(std::move(line));
    }
  }
  for (std::size_t i = 0; same && i < letters.size(); ++i) {
    same = result.reasons[i].find(letters[i]->text) != std::string::npos;
  }
  if (same) return {};
  std::string out;
  for (const std::string& given : test.given) note(out, "given", given);
  for (const Expected& expected : test.expected) note(out, "expected", shown(expected));
  if (test.expected.empty()) note(out, "expected", "nothing");
  for (const std::string& record : result.records) note(out, "got", record);
  for (const std::string& reason : result.reasons) note(out, "got", "a dead letter: " + reason);
  if (result.records.empty() && result.reasons.empty()) note(out, "got", "nothing");
  for (const std::string& line : details) out += "      " + line + "\n";
  return out;
}

struct Tally {
  std::size_t run = 0;
  std::size_t failed = 0;
};

void run_test(const compiler::Test& test, Tally& tally, std::string& out) {
  std::string wrong;
  for (const compiler::TestCase& each : test.cases) {
    const std::string text = mismatch(each, run_case(test.plan, each.given));
    if (!text.empty()) wrong += fmt::format("  {}\n{}", each.place.to_string(), text);
  }
  ++tally.run;
  if (!wrong.empty()) ++tally.failed;
  out += fmt::format("{}  {}\n{}", wrong.empty() ? "ok  " : "FAIL", test.title, wrong);
}

}  // namespace

int test_command(Console& console, const Arguments& arguments, const runtime::Registry& registry) {
  Programs programs;
  std::vector<compiler::Test> tests;
  compiler::CompileOptions options;
  options.use = compiler::read_used_files(programs.sources);
  read_programs(console, arguments.files, programs,
                [&](const dsl::SourceFile& source, dsl::DiagnosticSink& sink) {
                  auto found = compiler::compile_tests(source, registry, options, sink);
                  if (!found) return false;
                  std::move(found->begin(), found->end(), std::back_inserter(tests));
                  return true;
                });
  show_diagnostics(console, programs, false);
  if (programs.status != kDone) return programs.status;

  Tally tally;
  std::string out;
  for (const compiler::Test& test : tests) run_test(test, tally, out);
  if (const int printed = print(console, out); printed != kDone) return printed;
  console.line(fmt::format("{} {}, {} failed", tally.run, tally.run == 1 ? "test" : "tests", tally.failed));
  return tally.failed == 0 ? kDone : kFailed;
}

}  // namespace pipec::cli
