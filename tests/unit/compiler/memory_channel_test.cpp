// Two pipelines of one process, joined by a channel.
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "pipec/compiler/compile.h"
#include "pipec/graph/pipeline.h"
#include "pipec/stdlib/memory.h"
#include "pipec/stdlib/register.h"
#include "support/catch.h"

using namespace pipec;

namespace {

std::unique_ptr<graph::Pipeline> make(const std::string& text, const runtime::Registry& registry,
                                      graph::RunOptions options) {
  auto plan = compiler::compile_text("flow.pipe", text, registry);
  if (!plan) throw std::runtime_error(plan.error().message);
  auto made = graph::Pipeline::make(std::move(*plan), std::move(options));
  if (!made) throw std::runtime_error(made.error().message);
  return std::move(*made);
}

}  // namespace

TEST_CASE(
    "G12 two pipelines joined by a full channel both end, whatever governs them and however rarely they "
    "commit") {
  constexpr int kRecords = 3000;
  enum class How { own, shared, off };
  for (const How how : {How::own, How::shared, How::off}) {
    for (const int interval : {0, 3600}) {
      INFO(static_cast<int>(how) << " " << interval);
      runtime::Registry registry;
      const auto channels = std::make_shared<stdlib::MemoryChannels>();
      stdlib::register_memory(registry, channels);
      stdlib::register_all(registry);
      const auto joint = channels->channel("joint");
      joint->set_limit(10'000);
      const auto results = channels->channel("results");
      graph::RunOptions options;
      options.threads = 2;
      options.commit_interval = std::chrono::seconds(interval);
      if (how == How::off) options.govern.emplace().on = false;
      if (how == How::own) options.govern.emplace().memory = std::size_t{1} << 40;
      if (how == How::shared)
        options.governor = std::make_shared<runtime::SharedGovernor>(std::size_t{1} << 40);
      const auto writer = make("dlq discard\nrecv generate(count: " + std::to_string(kRecords) +
                                   ", template: {n: @offset, p: \"" + std::string(100, 'x') +
                                   "\"}) | sink memory(\"joint\")\n",
                               registry, options);
      const auto reader =
          make("dlq discard\nrecv memory(\"joint\") | filter .n >= 0 | sink memory(\"results\")\n", registry,
               options);
      graph::Outcome written, read;
      std::thread first([&] {
        written = writer->run();
        joint->close();
      });
      std::thread second([&] { read = reader->run(); });
      std::size_t records = 0;
      for (;;) {
        const auto taken = results->wait_and_take();
        if (taken.empty()) break;
        records += taken.size();
      }
      first.join();
      second.join();
      CHECK_FALSE(written.error);
      CHECK_FALSE(read.error);
      CHECK(records == kRecords);
      CHECK(joint->held_bytes() == 0);
      CHECK(joint->committed() == kRecords);
    }
  }
}
