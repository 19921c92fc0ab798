// The JSON kernels against simdjson and against a bare search for newlines, over files of NDJSON:
//   bench_json [--benchmark_...] [FILE.ndjson...]
// Each file is repeated in memory to at least 32 MiB. Without a file: flat records made here.
#include <benchmark/benchmark.h>
#include <simdjson.h>

#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/json.h"
#include "runtime/json/field_index.h"
#include "runtime/record/record_view.h"

namespace {

using namespace pipec::runtime;
using json::FieldIndex;
using json::Kernel;
using record::RecordView;
using record::Shape;

struct Input {
  std::string name;
  std::string bytes;  // padded
  std::vector<std::string_view> records;
  std::size_t size = 0;
  std::string field;  // one that every record has
  std::string last;
};

Input make_input(std::string name, const std::string& text, std::string field, std::string last) {
  constexpr std::size_t kWanted = std::size_t{32} << 20;
  Input input;
  input.name = std::move(name);
  input.field = std::move(field);
  input.last = std::move(last);
  while (input.bytes.size() < kWanted) input.bytes += text;
  input.size = input.bytes.size();
  input.bytes.append(Buffer::kPadding, '\0');
  const char* at = input.bytes.data();
  const char* const end = at + input.size;
  while (at < end) {
    const auto* newline = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)));
    if (!newline) newline = end;
    input.records.emplace_back(at, static_cast<std::size_t>(newline - at));
    at = newline + 1;
  }
  return input;
}

std::string flat_records() {
  std::string text;
  for (int i = 0; i < 1000; ++i) {
    text += R"({"time":"17/May/2015:10:05:)" + std::to_string(10 + i % 50) +
            R"( +0000","remote_ip":"83.149.9.)" + std::to_string(i % 256) +
            R"(","method":"GET","path":"/presentations/logstash/images/)" + std::to_string(i * 7919) +
            R"(.png","status":)" + std::to_string(200 + i % 5 * 75) + R"(,"bytes":)" +
            std::to_string(i * 104729 % 300000) +
            R"(,"agent":"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_9_1) AppleWebKit/537.36 (KHTML"})" + "\n";
  }
  return text;
}

void done(benchmark::State& state, const Input& input) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) *
                          static_cast<std::int64_t>(input.size));
  state.counters["ns_per_record"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * static_cast<double>(input.records.size()) * 1e-9,
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void newlines(benchmark::State& state, const Input& input) {
  for (auto _ : state) {
    std::size_t count = 0;
    const char* at = input.bytes.data();
    const char* const end = at + input.size;
    while ((at = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(end - at)))))
      ++at, ++count;
    benchmark::DoNotOptimize(count);
  }
  done(state, input);
}

void index_fields(benchmark::State& state, const Input& input, const std::vector<std::string>& keys,
                  const Kernel& kernel) {
  FieldSet fields;
  for (const std::string& key : keys) fields.slot_of(key);
  FieldIndex index(fields, kernel);
  for (auto _ : state) {
    std::size_t found = 0;
    for (const std::string_view record : input.records) {
      if (index.scan(record) == Shape::object) found += index.slot(0).found();
    }
    if (found != input.records.size()) state.SkipWithError("a field was not found");
  }
  done(state, input);
}

void on_demand(benchmark::State& state, const Input& input) {
  simdjson::ondemand::parser parser;
  for (auto _ : state) {
    std::size_t found = 0;
    for (const std::string_view record : input.records) {
      simdjson::ondemand::document document;
      simdjson::ondemand::value value;
      if (parser.iterate(record.data(), record.size(), record.size() + 64).get(document)) continue;
      if (!document.find_field_unordered(input.field).get(value)) ++found;
    }
    if (found != input.records.size()) state.SkipWithError("a field was not found");
  }
  done(state, input);
}

void dom(benchmark::State& state, const Input& input) {
  simdjson::dom::parser parser;
  for (auto _ : state) {
    std::size_t valid = 0;
    for (const std::string_view record : input.records) {
      valid += parser.parse(record.data(), record.size(), false).error() == simdjson::SUCCESS;
    }
    if (valid != input.records.size()) state.SkipWithError("not valid");
  }
  done(state, input);
}

void validate(benchmark::State& state, const Input& input) {
  for (auto _ : state) {
    std::size_t valid = 0;
    for (const std::string_view record : input.records) valid += validate_json(record) == nullptr;
    if (valid != input.records.size()) state.SkipWithError("not valid");
  }
  done(state, input);
}

// Sets one field, deletes one, adds one and renames one.
void transform(benchmark::State& state, const Input& input, bool validated) {
  FieldSet fields;
  const std::uint32_t set = fields.slot_of(input.field);
  const std::uint32_t gone = fields.slot_of(input.last);
  const std::uint32_t added = fields.slot_of("level");
  const std::uint32_t from = fields.slot_of("method");
  const std::uint32_t to = fields.slot_of("verb");
  RecordView view(fields);
  Arena arena;
  BufferPool pool;
  BufferRef out = pool.get(std::size_t{1} << 20);
  for (auto _ : state) {
    for (const std::string_view record : input.records) {
      if (out->size() > (std::size_t{256} << 10)) out->clear();
      arena.reset();
      if (validated && validate_json(record)) state.SkipWithError("not valid");
      if (view.open(record, validated, arena) != Shape::object) state.SkipWithError("no object");
      view.set(set, {}, Value::integer(7));
      view.remove(gone, {});
      view.set(added, {}, Value::string("info"));
      view.rename(from, {}, to, {});
      view.write(*out);
      out->append('\n');
    }
    benchmark::DoNotOptimize(out->data());
  }
  done(state, input);
}

void add(const Input& input) {
  const auto name = [&](const std::string& what) { return what + "/" + input.name; };
  const std::vector<std::string> one = {input.field};
  const std::vector<std::string> five = {input.field, "level", "verb", "method", input.last};
  benchmark::RegisterBenchmark(name("newlines").c_str(), [&](benchmark::State& s) { newlines(s, input); });
  for (const Kernel* kernel : json::usable_kernels()) {
    benchmark::RegisterBenchmark(
        name(std::string("index_1_") + kernel->name).c_str(),
        [&input, one, kernel](benchmark::State& s) { index_fields(s, input, one, *kernel); });
    benchmark::RegisterBenchmark(
        name(std::string("index_5_") + kernel->name).c_str(),
        [&input, five, kernel](benchmark::State& s) { index_fields(s, input, five, *kernel); });
  }
  benchmark::RegisterBenchmark(name("simdjson_on_demand_1").c_str(),
                               [&](benchmark::State& s) { on_demand(s, input); });
  benchmark::RegisterBenchmark(name("validate").c_str(), [&](benchmark::State& s) { validate(s, input); });
  benchmark::RegisterBenchmark(name("simdjson_dom").c_str(), [&](benchmark::State& s) { dom(s, input); });
  benchmark::RegisterBenchmark(name("transform").c_str(),
                               [&](benchmark::State& s) { transform(s, input, false); });
  benchmark::RegisterBenchmark(name("validate_transform").c_str(),
                               [&](benchmark::State& s) { transform(s, input, true); });
}

// The first and the last top-level key of the first record.
Input from_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!text.empty() && text.back() != '\n') text += '\n';
  Arena arena;
  ObjectWalker walker(Value::json_object(std::string_view(text).substr(0, text.find('\n'))), arena);
  std::string first;
  std::string last;
  std::string_view key;
  Value value;
  while (walker.next(key, value)) {
    if (first.empty()) first = key;
    last = key;
    if (key == "status" || key == "type" || key == "text") first = key;
  }
  return make_input(path.substr(path.rfind('/') + 1), text, first, last);
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  std::vector<std::unique_ptr<Input>> inputs;
  for (int i = 1; i < argc; ++i) inputs.push_back(std::make_unique<Input>(from_file(argv[i])));
  if (inputs.empty())
    inputs.push_back(std::make_unique<Input>(make_input("flat", flat_records(), "status", "agent")));
  for (const auto& input : inputs) add(*input);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
