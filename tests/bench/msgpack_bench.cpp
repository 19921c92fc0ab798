// MsgPack: framing, the check, filters and transforms, and the ways from JSON and back, over the records of a
// file of NDJSON:
//   bench_msgpack [--benchmark_...] [FILE.ndjson]
// Bytes per second are of the input, whichever format that is. simdjson's parse of the same JSON is the
// yardstick. Without a file: flat records made here.
#include <benchmark/benchmark.h>
#include <simdjson.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/compiler/compile.h"
#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"
#include "pipec/stdlib/register.h"
#include "stdlib/connectors/format_options.h"

namespace {

using namespace pipec;

constexpr std::size_t kBlockBytes = std::size_t{256} << 10;

std::string flat_records() {
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    text += R"({"time":"17/May/2015:10:05:)" + std::to_string(10 + i % 50) +
            R"( +0000","remote_ip":"83.149.9.)" + std::to_string(i % 256) +
            R"(","method":"GET","path":"/presentations/logstash/img/)" + std::to_string(i * 7919) +
            R"(.png","status":)" + std::to_string(i % 10 == 0 ? 503 : 200) + R"(,"bytes":)" +
            std::to_string(i * 37) + R"(,"referrer":"-","agent":"Mozilla/5.0 (X11; Linux x86_64) Gecko"})" +
            "\n";
  }
  return text;
}

// One block of the file's first records, in both formats.
struct Input {
  runtime::BufferPool pool;
  std::shared_ptr<runtime::Block> json = std::make_shared<runtime::Block>();
  std::shared_ptr<runtime::Block> msgpack = std::make_shared<runtime::Block>();

  explicit Input(const std::string& text) {
    json->data = pool.get(kBlockBytes);
    msgpack->data = pool.get(kBlockBytes);
    json->single_lines = true;
    msgpack->format = runtime::Format::msgpack;
    for (std::size_t begin = 0; json->data->size() < kBlockBytes;) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      const std::string_view line = std::string_view(text).substr(begin, end - begin);
      add(*json, [&](runtime::Buffer& out) { out.append(line); });
      const std::string_view record = json->original(static_cast<std::uint32_t>(json->origins.size() - 1));
      add(*msgpack, [&](runtime::Buffer& out) { runtime::json_to_msgpack(record, out); });
      json->data->append('\n');
      begin = end + 1 >= text.size() ? 0 : end + 1;
    }
  }

 private:
  template <typename Write>
  static void add(runtime::Block& block, Write write) {
    const std::size_t begin = block.data->size();
    write(*block.data);
    block.origins.push_back(
        {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(block.data->size() - begin)});
  }
};

class NoContext final : public runtime::StageContext {
 public:
  void dead_letter(const runtime::Record&, std::string_view, const runtime::Place*) override {}
  void count_filtered(std::uint64_t) override {}
  void count_errors(std::uint64_t) override {}
};

std::shared_ptr<const runtime::Stage> stage_of(const std::string& text) {
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
  if (!plan) return nullptr;
  for (const graph::Node& node : plan->nodes) {
    if (node.stage) return node.stage;
  }
  return nullptr;
}

void done(benchmark::State& state, const runtime::Block& block) {
  const auto bytes = static_cast<std::int64_t>(block.data->size());
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * bytes);
  state.counters["per_record"] =
      benchmark::Counter(static_cast<double>(block.origins.size()) * static_cast<double>(state.iterations()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void run_stage(benchmark::State& state, Input& input, const std::shared_ptr<runtime::Block>& block,
               const std::string& text) {
  const auto stage = stage_of(text);
  if (!stage) return state.SkipWithError("does not compile");
  const auto scratch = stage->make_scratch();
  NoContext context;
  runtime::Batch batch;
  for (auto _ : state) {
    batch.assign(block, input.pool);
    benchmark::DoNotOptimize(stage->process(batch, scratch.get(), context).ok());
  }
  done(state, *block);
}

void frame(benchmark::State& state, const runtime::Block& block) {
  runtime::Options options;
  runtime::Registry registry;
  stdlib::register_formats(registry);
  options.choose("framing", *registry.format("msgpack"));
  const auto made = stdlib::make_framing(options);
  if (!made) return state.SkipWithError("no framing");
  const auto& framing = *made;
  std::vector<runtime::Slice> origins;
  for (auto _ : state) {
    origins.clear();
    framing->restart(0, false);
    const auto cut = framing->cut(block.data->view(), 0, block.data->size(), 0, true, origins);
    if (cut.taken != block.data->size()) state.SkipWithError("not framed");
  }
  done(state, block);
}

void dom(benchmark::State& state, const runtime::Block& block) {
  simdjson::dom::parser parser;
  for (auto _ : state) {
    for (std::uint32_t i = 0; i < block.origins.size(); ++i) {
      const std::string_view record = block.original(i);
      simdjson::dom::element element;
      if (parser.parse(record.data(), record.size(), false).get(element)) state.SkipWithError("not valid");
    }
  }
  done(state, block);
}

void encode(benchmark::State& state, Input& input, const std::shared_ptr<runtime::Block>& block,
            const char* format) {
  runtime::Batch batch(block, input.pool);
  runtime::Registry registry;
  stdlib::register_formats(registry);
  runtime::Options options;
  options.choose("encode", *registry.format(format));
  const auto made = stdlib::make_encoder(options);
  if (!made) return state.SkipWithError("no encoder");
  runtime::Encoder& encoder = **made;
  for (auto _ : state) {
    for (std::size_t i = 0; i < batch.records.size();) {
      const auto piece = encoder.next(batch, i);
      if (piece.failed) state.SkipWithError(piece.failed);
      benchmark::DoNotOptimize(piece.text.data());
      i += piece.records;
    }
  }
  done(state, *block);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  std::string text = flat_records();
  if (argc > 1) {
    std::ifstream in(argv[1], std::ios::binary);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  Input input(text);
  const auto add = [](const char* name, auto run) { benchmark::RegisterBenchmark(name, run); };
  add("frame MsgPack", [&](benchmark::State& s) { frame(s, *input.msgpack); });
  add("parse msgpack", [&](benchmark::State& s) { run_stage(s, input, input.msgpack, "parse msgpack"); });
  const std::pair<const char*, const char*> stages[] = {
      {"filter", "filter .status >= 500"},
      {"set, compute, rename, delete",
       "transform { .level = if .status >= 500 { \"error\" } else { \"info\" } ; .kib = .bytes / 1024 ; "
       "rename(.remote_ip, .client) ; del(.agent) }"},
  };
  std::vector<std::string> names;
  for (const auto& [name, stage] : stages) {
    for (const auto* block : {&input.json, &input.msgpack}) {
      names.push_back(std::string(name) + (block == &input.json ? ", JSON" : ", MsgPack"));
      benchmark::RegisterBenchmark(names.back().c_str(), [&input, block, stage = stage](benchmark::State& s) {
        run_stage(s, input, *block, stage);
      });
    }
  }
  add("simdjson DOM", [&](benchmark::State& s) { dom(s, *input.json); });
  add("JSON to MsgPack", [&](benchmark::State& s) { encode(s, input, input.json, "msgpack"); });
  add("MsgPack to JSON", [&](benchmark::State& s) { encode(s, input, input.msgpack, "json"); });
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
