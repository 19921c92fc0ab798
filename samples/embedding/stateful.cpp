// A stage with state that the program adds to the language. Its state is saved together with the
// positions that it reflects: kill the program at any moment, start it again, and each record counts
// exactly once.
//
//   stateful DIRECTORY     numbers the lines of DIRECTORY/in.txt into DIRECTORY/out.txt
#include <cstdio>
#include <memory>
#include <string>

#include "pipec/compiler/compile.h"
#include "pipec/graph/pipeline.h"
#include "pipec/runtime/checkpoint.h"
#include "pipec/stdlib/register.h"

using namespace pipec;

namespace {

// Writes a number before each record. One object for each run; apply() sees the records in source order.
class Numbers final : public runtime::OrderedStage {
 public:
  runtime::Status open(const runtime::StateEntries& saved) override {
    for (const runtime::StateEntry& entry : saved) next_ = std::stoull(entry.value);
    return {};
  }
  runtime::Status apply(runtime::Batch& batch, runtime::Prepared*, runtime::StageContext&) override {
    const std::uint16_t number = batch.add_buffer(2 * batch.block().bytes());
    runtime::Buffer& out = *batch.buffers[number];
    for (runtime::Record& record : batch.records) {
      const std::string text = std::to_string(next_++) + " " + std::string(batch.payload(record));
      record.buffer = number;
      record.begin = static_cast<std::uint32_t>(out.size());
      record.size = static_cast<std::uint32_t>(text.size());
      out.append(text);
    }
    return {};
  }
  void snapshot(runtime::StateEntries& changes) override {
    changes.push_back({"next", std::to_string(next_)});
  }

 private:
  std::uint64_t next_ = 1;
};

int complain(const runtime::Error& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2)
    return complain(runtime::Error::make(runtime::ErrorCode::usage, "usage: stateful DIRECTORY"));
  const std::string directory = argv[1];

  runtime::Registry registry;
  stdlib::register_all(registry);
  runtime::StageSpec numbers;
  numbers.name = "number";
  numbers.doc = "Writes a number before each record";
  numbers.kind = runtime::StageSpec::Kind::ordered;
  numbers.make_ordered = [](const runtime::Options&, const runtime::StageSetup&)
      -> runtime::Result<std::unique_ptr<runtime::OrderedStage>> { return std::make_unique<Numbers>(); };
  if (const auto added = registry.add(numbers); !added) return complain(added.error());

  auto plan = compiler::compile_text(
      "numbered.pipe",
      "recv file(\"" + directory + "/in.txt\")\n| number\n" + "| sink file(\"" + directory + "/out.txt\")\n",
      registry);
  if (!plan) return complain(plan.error());
  auto store = runtime::CheckpointStore::open(directory + "/state", "numbered");
  if (!store) return complain(store.error());
  graph::RunOptions options;
  options.checkpoint = store->get();
  options.commit_interval = std::chrono::milliseconds(20);
  auto pipeline = graph::Pipeline::make(std::move(*plan), options);
  if (!pipeline) return complain(pipeline.error());
  const graph::Outcome outcome = (*pipeline)->run();
  if (outcome.error) return complain(*outcome.error);
  std::printf("numbered up to the end of the input\n");
  return 0;
}
