// The cost of the delivery guarantees: the same receiver, stages and sink once through the graph (total
// order, sequencer, leases, barrier, commits) and once by plain threads without any of it (no order, no
// positions, no limit). Runs alternate; prints medians.
//
//   bench_delivery [rounds]      default 7
//   bench_delivery once graph|plain WORKERS search|json BATCHES
//                                one run of 256 KiB batches, for delivery_instructions, which counts
//                                instructions
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
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

// Of all threads. On a machine that others use too it moves less than the time on the wall.
double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Cost {
  double wall = 0, cpu = 0;
};

Cost cost(const std::function<void()>& work) {
  const double cpu = cpu_seconds();
  const Clock::time_point began = Clock::now();
  work();
  return {std::chrono::duration<double>(Clock::now() - began).count(), cpu_seconds() - cpu};
}

void through_graph(const Job& job, unsigned threads, bool governed = true) {
  graph::Builder b;
  auto stream = b.receive("in", [&] { return std::make_unique<Repeat>(job); });
  for (const auto& stage : job.stages) stream = stream.stage("stage", stage);
  stream.sink("out", [] { return std::make_unique<Copy>(); });
  graph::RunOptions options;
  options.threads = threads;
  options.commit_interval = std::chrono::seconds(1);  // the command line's default
  options.govern.emplace().on = governed;
  auto pipeline = graph::Pipeline::make(b.plan(), options);
  if (!pipeline || (*pipeline)->run().error) std::abort();
}

// One thread receives, as in the graph; the workers take the blocks from a queue, eight at most.
void plain(const Job& job, unsigned threads) {
  constexpr std::size_t kMost = 8;
  runtime::BufferPool pool(2 * kMost);
  Repeat source(job);
  Copy sink;
  std::mutex queue_mutex, writing;
  std::condition_variable filled, taken;
  std::deque<std::shared_ptr<runtime::Block>> queue;
  std::vector<std::shared_ptr<runtime::Block>> unused;
  bool over = false;
  const auto receive = [&] {
    for (;;) {
      std::shared_ptr<runtime::Block> block;
      {
        std::unique_lock lock(queue_mutex);
        taken.wait(lock, [&] { return queue.size() < kMost; });
        if (!unused.empty()) {
          block = std::move(unused.back());
          unused.pop_back();
        }
      }
      if (!block) block = std::make_shared<runtime::Block>();
      block->clear();
      block->data = pool.get(job.batch.size());
      const auto received = source.receive({}, *block);
      const std::lock_guard lock(queue_mutex);
      over = !received || *received == runtime::Received::end;
      if (!over) queue.push_back(std::move(block));
      filled.notify_all();
      if (over) return;
    }
  };
  const auto work = [&] {
    NoContext context;
    runtime::Batch batch;
    std::vector<std::unique_ptr<runtime::Scratch>> scratch;
    for (const auto& stage : job.stages) scratch.push_back(stage->make_scratch());
    std::shared_ptr<runtime::Block> block;
    for (;;) {
      {
        std::unique_lock lock(queue_mutex);
        if (block) unused.push_back(std::move(block));
        filled.wait(lock, [&] { return over || !queue.empty(); });
        if (queue.empty()) return;
        block = std::move(queue.front());
        queue.pop_front();
        if (queue.size() <= kMost / 2) taken.notify_one();
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
      block->data = {};
    }
  };
  std::vector<std::thread> all;
  all.emplace_back(receive);
  for (unsigned i = 0; i < threads; ++i) all.emplace_back(work);
  for (std::thread& each : all) each.join();
}

Cost median(std::vector<Cost> costs) {
  const auto middle = [&](double Cost::*part) {
    std::sort(costs.begin(), costs.end(), [&](const Cost& a, const Cost& b) { return a.*part < b.*part; });
    return costs[costs.size() / 2].*part;
  };
  return {middle(&Cost::wall), middle(&Cost::cpu)};
}

struct Pair {
  Cost graph, plain;
};

Pair measure(const Job& job, unsigned threads, unsigned rounds) {
  std::vector<Cost> with, without;
  plain(job, threads);  // warms up
  for (unsigned i = 0; i < rounds; ++i) {
    without.push_back(cost([&] { plain(job, threads); }));
    with.push_back(cost([&] { through_graph(job, threads); }));
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

using Stages = std::vector<std::shared_ptr<const runtime::Stage>>;

Stages stages_of(const std::function<void(graph::Builder::Stream)>& build) {
  graph::Builder b;
  build(b.receive("in", [] { return nullptr; }));
  Stages stages;
  for (const graph::Node& node : b.plan().nodes) {
    if (node.stage) stages.push_back(node.stage);
  }
  return stages;
}

// Searches that end early in each record: less than any real stage does.
Stages two_searches() {
  return stages_of([](graph::Builder::Stream in) {
    in.filter("status", [](std::string_view p) {
        return p.find("\"status\":") != std::string_view::npos;
      }).filter("text", [](std::string_view p) { return p.find("\"text\":\"x") != std::string_view::npos; });
  });
}

Stages json_filter_and_map() {
  return stages_of([](graph::Builder::Stream in) {
    in.parse_json()
        .filter_json("status", [](graph::JsonRecord& r) { return r.integer("status") == 200; })
        .map_json("map",
                  [](graph::JsonRecord& r, graph::Emit& out) { out.record(r.text("text").value_or("")); });
  });
}

void compare(const char* name, const Job& job, unsigned threads, unsigned rounds) {
  const Pair pair = measure(job, threads, rounds);
  const double megabytes = static_cast<double>(job.batch.size() * job.batches) / 1e6;
  const double each = 1e6 / static_cast<double>(job.batches);
  std::printf(
      "%-28s %u workers: graph %5.0f MB/s, %6.1f us CPU a batch; plain %5.0f MB/s, %6.1f us CPU; "
      "rate %.3f, by CPU %.3f\n",
      name, threads, megabytes / pair.graph.wall, pair.graph.cpu * each, megabytes / pair.plain.wall,
      pair.plain.cpu * each, pair.plain.wall / pair.graph.wall, pair.plain.cpu / pair.graph.cpu);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 6 && std::string_view(argv[1]) == "once") {
    Job job = make_job(std::size_t{256} << 10, static_cast<std::size_t>(std::max(1, std::atoi(argv[5]))));
    job.stages = std::string_view(argv[4]) == "json" ? json_filter_and_map() : two_searches();
    const auto workers = static_cast<unsigned>(std::max(1, std::atoi(argv[3])));
    // Without the governor: it works by the clock, and callgrind makes seconds of milliseconds.
    std::string_view(argv[2]) == "graph" ? through_graph(job, workers, false) : plain(job, workers);
    return 0;
  }
  const unsigned rounds = argc > 1 ? static_cast<unsigned>(std::max(1, std::atoi(argv[1]))) : 7;
  for (const unsigned threads : {1u, 2u}) {
    Job job = make_job(std::size_t{256} << 10, 1'000);
    job.stages = two_searches();
    compare("256 KiB, two searches", job, threads, rounds);
    job.batches = 200;
    job.stages = json_filter_and_map();
    compare("256 KiB, JSON filter and map", job, threads, rounds);
  }
  for (const unsigned threads : {1u, 2u}) {
    Job job = make_job(1, 100'000);
    job.stages = two_searches();
    const Pair pair = measure(job, threads, rounds);
    const double each = 1e6 / static_cast<double>(job.batches);
    std::printf(
        "one record, two searches     %u workers: graph %.2f us a batch, %.2f CPU; plain %.2f us, %.2f CPU\n",
        threads, pair.graph.wall * each, pair.graph.cpu * each, pair.plain.wall * each,
        pair.plain.cpu * each);
  }
  return 0;
}
