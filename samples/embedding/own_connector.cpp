// A connector of the program's own, by name in the text, and text among lambdas. The rows of a table are read
// with `recv table`; the checkpoint keeps the row to resume at, so that a second run reads only what is new.
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include "pipec/pipec.h"

using namespace pipec;

namespace {

std::vector<std::string> table = {"ann,3", "bob,1", "ann,3"};

// One record for each row, numbered from 0.
class Table final : public runtime::Receiver {
 public:
  explicit Table(const runtime::Options& options) : user_(options.string("user")) {}

  runtime::Status open(const runtime::StateEntries& saved) override {
    for (const runtime::StateEntry& entry : saved) next_ = std::stoull(entry.value);
    return {};
  }
  runtime::Result<runtime::Received> receive(const runtime::ReceiveLimits& limits,
                                             runtime::Block& block) override {
    if (next_ == table.size()) return runtime::Received::end;
    for (; next_ < table.size() && !limits.reached_by(block); ++next_) {
      const std::string& row = table[next_];
      const std::size_t comma = row.find(',');
      runtime::JsonWriter json;
      json.begin_object().key("name").value(row.substr(0, comma)).key("n").raw(row.substr(comma + 1));
      json.key("reader").value(user_).end_object();
      block.add_record(json.text(), next_);
    }
    return runtime::Received::records;
  }
  runtime::Status commit(std::span<const runtime::PositionRange>) override { return {}; }
  void describe(std::span<const runtime::PositionRange> ranges, runtime::StateEntries& out) const override {
    out.push_back({"next", std::to_string(ranges.back().end)});
  }

 private:
  std::string user_;
  std::uint64_t next_ = 0;
};

runtime::Status run(runtime::Result<graph::Plan> plan, runtime::CheckpointStore* checkpoint) {
  if (!plan) return plan.error();
  auto pipeline = graph::Pipeline::make(std::move(*plan), {.checkpoint = checkpoint});
  if (!pipeline) return pipeline.error();
  const graph::Outcome outcome = (*pipeline)->run();
  return outcome.error ? runtime::Status(*outcome.error) : runtime::Status();
}

int complain(const runtime::Status& status) {
  std::fprintf(stderr, "%s\n", status.error().message.c_str());
  return 1;
}

class Print final : public runtime::Sink {
 public:
  runtime::Status write(const runtime::Batch& batch, runtime::StageContext&) override {
    for (const runtime::Record& record : batch.records) {
      std::printf("%s\n", std::string(batch.payload(record)).c_str());
    }
    return {};
  }
};

}  // namespace

int main() {
  runtime::Registry registry;
  stdlib::register_all(registry);
  const runtime::OptionSpec user = {.name = "user", .types = runtime::Type::string, .required = true};
  if (auto added = runtime::register_receiver<Table>(registry, "table", {user}); !added)
    return complain(added);
  if (auto added = runtime::register_sink<Print>(registry, "print"); !added) return complain(added);

  std::filesystem::remove_all("table-state");
  for (int i = 0; i < 2; ++i) {
    std::printf("run %d\n", i + 1);
    auto store = runtime::CheckpointStore::open("table-state", "rows");
    if (!store) return complain(store.error());
    auto plan = compiler::compile_text("rows.pipe", "recv table(user: \"me\") | filter .n > 1 | sink print()",
                                       registry);
    if (auto done = run(std::move(plan), store->get()); !done) return complain(done);
    table.push_back("eve,7");
  }

  // The same table in C++, with a stage of pipec in the middle, and an edit by JSON Pointer.
  std::printf("first of each name\n");
  runtime::Options options;
  graph::Builder b;
  b.receive("table", [&] { return std::make_unique<Table>(options); })
      .stages(compiler::compile_stages_text("dedupe(.name)", registry))
      .map_json("rename",
                [](graph::JsonRecord& record, graph::Emit& out) {
                  record.set_at("/owner/name", record["name"]);
                  out.record(record.payload());
                })
      .sink("print", [] { return std::make_unique<Print>(); });
  if (auto done = run(b.plan(), nullptr); !done) return complain(done);
  return 0;
}
