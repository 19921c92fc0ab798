// A complete pipeline in C++: no text, no file, stages are lambdas. Reads log lines from the program's
// memory, splits them into fields, and calls a function for each line that does not parse.
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/graph/builder.h"
#include "pipec/graph/pipeline.h"

using namespace pipec;

namespace {

// A minimal receiver: the records of a vector; a record's position is its index.
class Lines final : public runtime::Receiver {
 public:
  explicit Lines(std::vector<std::string> lines) : lines_(std::move(lines)) {}

  runtime::Status open(const runtime::StateEntries&) override { return {}; }

  runtime::Result<runtime::Received> receive(const runtime::ReceiveLimits& limits,
                                             runtime::Block& block) override {
    if (next_ == lines_.size()) return runtime::Received::end;
    for (; next_ < lines_.size() && !limits.reached_by(block); ++next_)
      block.add_record(lines_[next_], next_);
    return runtime::Received::records;
  }

  // A queue would acknowledge here; a file would save its position (see describe()).
  runtime::Status commit(std::span<const runtime::PositionRange>) override { return {}; }

 private:
  std::vector<std::string> lines_;
  std::size_t next_ = 0;
};

class Print final : public runtime::Sink {
 public:
  runtime::Status write(const runtime::Batch& batch, runtime::StageContext&) override {
    for (const runtime::Record& record : batch.records) {
      const std::string_view payload = batch.payload(record);
      std::printf("%.*s\n", static_cast<int>(payload.size()), payload.data());
    }
    return {};
  }
};

// "ERROR disk: full" -> {"level":"ERROR","what":"disk"}
void parse_line(std::string_view line, graph::Emit& out) {
  const std::size_t space = line.find(' ');
  const std::size_t colon = line.find(':');
  if (space == std::string_view::npos || colon == std::string_view::npos || colon < space) {
    out.dead_letter("a line is LEVEL WHAT: MESSAGE");
    return;
  }
  out.record("{\"level\":\"" + std::string(line.substr(0, space)) + "\",\"what\":\"" +
             std::string(line.substr(space + 1, colon - space - 1)) + "\"}");
}

}  // namespace

int main() {
  const std::vector<std::string> log = {"INFO  start: all well", "ERROR disk: full", "nonsense",
                                        "WARN fan: slow", "ERROR net: down"};

  graph::Builder b("log");
  auto entries =
      b.receive("lines", [&] { return std::make_unique<Lines>(log); }).parse("parse line", parse_line);
  entries  // one record becomes two: a message for each recipient
      .filter_json("errors", [](graph::JsonRecord& record) { return record.text("level") == "ERROR"; })
      .map_json("watchers",
                [](graph::JsonRecord& record, graph::Emit& out) {
                  const std::string what(record.text("what").value_or("?"));
                  out.record("page on-call about " + what);
                  out.record("open a ticket about " + what);
                })
      .sink("actions", [] { return std::make_unique<Print>(); });
  b.on_dead_letter([](const graph::DeadLetterView& letter) -> runtime::Status {
    std::printf("dead letter at position %llu: %s (%s)\n", static_cast<unsigned long long>(letter.position()),
                std::string(letter.original()).c_str(), std::string(letter.reason()).c_str());
    return {};
  });

  auto pipeline = graph::Pipeline::make(b.plan(), {});
  if (!pipeline) {
    std::fprintf(stderr, "%s\n", pipeline.error().message.c_str());
    return 1;
  }
  const graph::Outcome outcome = (*pipeline)->run();
  std::printf("%llu records in, %llu out, %llu dead letters\n",
              static_cast<unsigned long long>(outcome.summary.records_in),
              static_cast<unsigned long long>(outcome.summary.records_out),
              static_cast<unsigned long long>(outcome.summary.dead_letters));
  for (const graph::Watermark& mark : outcome.committed) std::printf("%s\n", mark.to_string().c_str());
  if (outcome.error)
    std::fprintf(stderr, "%s: %s\n", outcome.error->node.c_str(), outcome.error->message.c_str());
  return outcome.error ? 1 : 0;
}
