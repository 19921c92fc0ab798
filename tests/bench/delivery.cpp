// What the delivery machinery costs: the same receiver, stages and sink once through the graph (total order, sequencer,
// leases, barrier, commits) and once by plain threads without any of it (no order, no positions, no limit). Runs take
// turns, medians are printed.
//
//   bench_delivery [rounds]      default 7
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "pipec/graph/builder.h"
#include "pipec/graph/pipeline.h"

using namespace pipec;

namespace {

using Clock = std::chrono::steady_clock;

struct Job {
  std::string batch;                    // the bytes of each batch
  std::vector<runtime::Slice> records;  // in it
  std::size_t batches = 0;
  std::vector<std::shared_ptr<const runtime::Stage>> stages;
};

class Repeat final : public runtime::Receiver {
 public:
  explicit Repeat(const Job& job) : job_(job) {}
  runtime::Status open(const runtime::StateEntries&) override { return {}; }
  runtime::Result<runtime::Received> receive(const runtime::ReceiveLimits&, runtime::Block& block) override {
    if (next_ == job_.batches) return runtime::Received::end;
    block.data->append(job_.batch);
    block.origins = job_.records;
    block.first_position = next_ * job_.records.size();
    block.ranges.push_back({0, 0, block.first_position, block.first_position + job_.records.size()});
    ++next_;
    return runtime::Received::records;
  }
  runtime::Status commit(std::span<const runtime::PositionRange>) override { return {}; }

 private:
  const Job& job_;
  std::size_t next_ = 0;
};

// Copies what it gets, as a sink that fills its output buffer does.
class Copy final : public runtime::Sink {
 public:
  runtime::Status write(const runtime::Batch& batch, runtime::StageContext&) override {
    out_.clear();
    for (const runtime::Record& record : batch.records) {
      out_.append(batch.payload(record));
      out_.push_back('\n');
    }
    return {};
  }

 private:
  std::string out_;
};

class NoContext final : public runtime::StageContext {
 public:
  void dead_letter(const runtime::Record&, std::string_view, const runtime::Place*) override {}
  void count_filtered(std::uint64_t) override {}
  void count_errors(std::uint64_t) override {}
};

double seconds(const std::function<void()>& work) {
  const Clock::time_point began = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - began).count();
}

void through_graph(const Job& job, unsigned threads) {
  graph::Builder b;
  auto stream = b.receive("in", [&] { return std::make_unique<Repeat>(job); });
  for (const auto& stage : job.stages) stream = stream.stage("stage", stage);
  stream.sink("out", [] { return std::make_unique<Copy>(); });
  graph::RunOptions options;
  options.threads = threads;
  auto pipeline = graph::Pipeline::make(b.plan(), options);
  if (!pipeline || (*pipeline)->run().error) std::abort();
}

// One thread receives, as in the graph; the workers share a queue of filled blocks.
void plain(const Job& job, unsigned threads) {
  runtime::BufferPool pool(4 * threads + 8);
  Repeat source(job);
  Copy sink;
  std::mutex receiving, writing;
  const auto worker = [&] {
    NoContext context;
    runtime::Batch batch;
    std::vector<std::unique_ptr<runtime::Scratch>> scratch;
    for (const auto& stage : job.stages) scratch.push_back(stage->make_scratch());
    auto block = std::make_shared<runtime::Block>();
    for (;;) {
      block->clear();
      block->data = pool.get(job.batch.size());
      {
        const std::lock_guard lock(receiving);
        const auto received = source.receive({}, *block);
        if (!received || *received == runtime::Received::end) return;
      }
      batch.assign(block, pool);
      for (std::size_t i = 0; i < job.stages.size(); ++i) {
        if (!job.stages[i]->process(batch, scratch[i].get(), context)) std::abort();
      }
      {
        const std::lock_guard lock(writing);
        if (!sink.write(batch, context)) std::abort();
      }
      batch.release();
    }
  };
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < threads; ++i) workers.emplace_back(worker);
  for (std::thread& each : workers) each.join();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

struct Pair {
  double graph, plain;
};

Pair measure(const Job& job, unsigned threads, unsigned rounds) {
  std::vector<double> with, without, ratios;
  plain(job, threads);  // warms up
  for (unsigned i = 0; i < rounds; ++i) {
    without.push_back(seconds([&] { plain(job, threads); }));
    with.push_back(seconds([&] { through_graph(job, threads); }));
  }
  return {median(with), median(without)};
}

// NDJSON of about `bytes`, lines of about 230 bytes.
Job make_job(std::size_t bytes, std::size_t batches) {
  Job job;
  job.batches = batches;
  for (int n = 0; job.batch.empty() || job.batch.size() < bytes; ++n) {
    const std::size_t begin = job.batch.size();
    job.batch += "{\"n\":" + std::to_string(n) + ",\"status\":" + (n % 20 ? "200" : "503") + ",\"text\":\"" +
                 std::string(bytes < 1000 ? 4 : 190, 'x') + "\"}";
    job.records.push_back(
        {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(job.batch.size() - begin)});
    job.batch += '\n';
  }
  return job;
}

std::shared_ptr<const runtime::Stage> stage_of(graph::Builder::MapBatch map) {
  graph::Builder b;
  b.receive("in", [] { return nullptr; }).batches("stage", std::move(map));
  return b.plan().nodes[1].stage;
}

// A filter that looks at every byte, and one that decodes nothing: about what the fastest real stages cost.
std::shared_ptr<const runtime::Stage> contains(std::string text) {
  return stage_of([text = std::move(text)](runtime::Batch& batch, runtime::StageContext&) -> runtime::Status {
    std::erase_if(batch.records, [&](const runtime::Record& record) {
      return batch.payload(record).find(text) == std::string_view::npos;
    });
    return {};
  });
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned rounds = argc > 1 ? static_cast<unsigned>(std::max(1, std::atoi(argv[1]))) : 7;
  std::printf("%-40s %8s %12s %12s %8s\n", "job", "workers", "graph", "plain", "ratio");
  for (const unsigned threads : {1u, 2u}) {
    Job job = make_job(std::size_t{256} << 10, 600);
    job.stages = {contains("\"status\":"), contains("\"text\":\"x")};
    const Pair pair = measure(job, threads, rounds);
    const double megabytes = static_cast<double>(job.batch.size() * job.batches) / 1e6;
    std::printf("%-40s %8u %7.0f MB/s %7.0f MB/s %8.3f\n", "two filters, batches of 256 KiB", threads,
                megabytes / pair.graph, megabytes / pair.plain, pair.plain / pair.graph);
  }
  for (const unsigned threads : {1u, 2u}) {
    Job job = make_job(1, 60'000);
    job.stages = {contains("\"status\":"), contains("\"text\":\"x")};
    const Pair pair = measure(job, threads, rounds);
    const double batches = static_cast<double>(job.batches);
    std::printf("%-40s %8u %9.2f us %9.2f us %8s\n", "two filters, one record a batch: per batch", threads,
                pair.graph / batches * 1e6, pair.plain / batches * 1e6, "");
  }
  return 0;
}
