// What each stage costs, in ns for each record, over batches of 64 KiB to 4 MiB in memory: no source, no
// sink, no graph.
//   bench_stages [--benchmark_...] [FILE.ndjson]
// Without a file: flat records made here. Reported time is for a batch; `per_record` and
// `bytes_per_second` say more.
#include <benchmark/benchmark.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/compiler/compile.h"
#include "pipec/dsl/diagnostic.h"
#include "pipec/dsl/source.h"
#include "pipec/stdlib/register.h"

namespace {

using namespace pipec;

struct NoContext final : runtime::StageContext {
  bool wanted = false;
  bool outline_wanted() const override { return wanted; }
  void dead_letter(const runtime::Record&, std::string_view, const runtime::Place*) override {}
  void count_filtered(std::uint64_t) override {}
  void count_errors(std::uint64_t) override {}
};

std::string flat_records() {
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    text += R"({"time":"17/May/2015:10:05:)" + std::to_string(10 + i % 50) +
            R"( +0000","remote_ip":"83.149.9.)" + std::to_string(i % 256) +
            R"(","method":"GET","path":"/presentations/logstash/images/kibana-search.png","status":)" +
            std::to_string(i % 20 == 0 ? 503 : 200) + R"(,"bytes":)" + std::to_string(20'000 + i * 97) +
            R"(,"agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML"})"
            "\n";
  }
  return text;
}

std::shared_ptr<runtime::Block> block_of(const std::string& text, std::size_t size,
                                         runtime::BufferPool& pool) {
  auto block = std::make_shared<runtime::Block>();
  block->data = pool.get(size + text.size());
  while (block->data->size() < size) block->data->append(text);
  const std::string_view all = block->data->view();
  for (std::size_t begin = 0; begin < size;) {
    const std::size_t end = all.find('\n', begin);
    if (end == std::string_view::npos) break;
    block->origins.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin)});
    begin = end + 1;
  }
  block->single_lines = true;
  return block;
}

using Stages = std::vector<std::shared_ptr<const runtime::Stage>>;

// The stages of a flow.
Stages stages_of(const std::string& text) {
  static runtime::Registry* const registry = [] {
    auto* made = new runtime::Registry;
    stdlib::register_all(*made);
    return made;
  }();
  dsl::SourceMap sources;
  dsl::DiagnosticSink sink;
  compiler::CompileOptions options;
  const auto plan =
      compiler::compile(sources.add("bench.pipe", "dlq discard recv stdin() | " + text + " | sink null()"),
                        *registry, options, sink);
  Stages stages;
  if (!plan) return stages;
  for (const graph::Node& node : plan->nodes) {
    if (node.stage) stages.push_back(node.stage);
  }
  return stages;
}

// `outline`: stages leave each other what they find of the records' structure, as they do in the graph.
void run(benchmark::State& state, const std::string& text, const std::string& stages_text, bool outline) {
  const Stages stages = stages_of(stages_text);
  if (stages.empty()) {
    state.SkipWithError("does not compile");
    return;
  }
  runtime::BufferPool pool;
  const auto block = block_of(text, static_cast<std::size_t>(state.range(0)), pool);
  std::vector<std::unique_ptr<runtime::Scratch>> scratches;
  for (const auto& stage : stages) scratches.push_back(stage->make_scratch());
  NoContext context;
  runtime::Batch batch;
  for (auto _ : state) {
    batch.assign(block, pool);
    for (std::size_t i = 0; i < stages.size(); ++i) {
      context.wanted = outline && i + 1 < stages.size() && stages[i + 1]->reads_outline();
      benchmark::DoNotOptimize(stages[i]->process(batch, scratches[i].get(), context).ok());
    }
  }
  const auto records = static_cast<double>(block->origins.size());
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
  state.counters["per_record"] =
      benchmark::Counter(records * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  std::string text = flat_records();
  if (argc > 1) {
    std::ifstream in(argv[1], std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  const std::string edits =
      "transform { .level = if .status >= 500 { \"error\" } else { \"info\" } ; .kib = .bytes / 1024 ; "
      "rename(.remote_ip, .client) ; del(.agent) }";
  const std::pair<const char*, std::string> stages[] = {
      {"filter, int", "filter .status >= 500"},
      {"filter, string", "filter .method == \"POST\""},
      {"filter, no such key", "filter .level == \"error\""},
      {"filter, by the index", "filter .status + 0 >= 500"},
      {"parse json", "parse json"},
      {"set a field", "transform { .level = \"info\" }"},
      {"delete a field", "transform { del(.agent) }"},
      {"compute a field", "transform { .kib = .bytes / 1024 }"},
      {"set, compute, rename, delete", edits},
      {"set a nested field", "transform { .meta.level = \"info\" }"},
      {"chain: filter, edits", "filter .status < 500 | " + edits},
      {"chain: parse, filter, edits", "parse json | filter .status < 500 | " + edits},
      {"chain: parse, edits", "parse json | " + edits},
      {"chain: three filters", "filter .status < 500 | filter .method == \"GET\" | filter has(.agent)"},
  };
  const auto add = [&text](const std::string& name, const std::string& stages_text, bool outline) {
    auto* made = benchmark::RegisterBenchmark(
        name.c_str(),
        [&text, stages_text, outline](benchmark::State& state) { run(state, text, stages_text, outline); });
    for (const long size : {64L << 10, 256L << 10, 1L << 20, 4L << 20}) made->Arg(size);
  };
  for (const auto& [name, stage] : stages) {
    add(name, stage, true);
    if (stage.find('|') != std::string::npos) add(std::string(name) + ", each for itself", stage, false);
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
