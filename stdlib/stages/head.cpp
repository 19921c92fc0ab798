// head(10): the first records of the stream pass, counted from run to run.
#include <atomic>
#include <charconv>
#include <utility>

#include "stdlib/stages/stages.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::StateEntries;
using runtime::Status;

constexpr const char* kPassedKey = "passed";

class Head final : public runtime::OrderedStage {
 public:
  explicit Head(std::uint64_t n) : n_(n) {}

  Status open(const StateEntries& saved) override {
    for (const runtime::StateEntry& entry : saved) {
      const char* const end = entry.value.data() + entry.value.size();
      std::uint64_t passed = 0;
      const auto read = std::from_chars(entry.value.data(), end, passed);
      if (entry.key != kPassedKey || read.ec != std::errc{} || read.ptr != end) {
        return runtime::Error::make(runtime::ErrorCode::checkpoint, "head: its saved state is damaged");
      }
      passed_ = saved_ = passed;
    }
    return {};
  }

  Status apply(Batch& batch, runtime::Prepared*, runtime::StageContext& context) override {
    const std::uint64_t passed = passed_.load(std::memory_order_relaxed);
    const std::uint64_t left = n_ > passed ? n_ - passed : 0;
    if (batch.records.size() > left) {
      context.count_filtered(batch.records.size() - left);
      batch.records.resize(static_cast<std::size_t>(left));
      batch.outline = {};
    }
    passed_.store(passed + batch.records.size(), std::memory_order_relaxed);
    return {};
  }

  void snapshot(StateEntries& changes) override {
    const std::uint64_t passed = passed_.load(std::memory_order_relaxed);
    if (std::exchange(saved_, passed) != passed) changes.push_back({kPassedKey, std::to_string(passed)});
  }

  bool passes_no_more() const override { return passed_.load(std::memory_order_relaxed) >= n_; }

 private:
  const std::uint64_t n_;
  std::atomic<std::uint64_t> passed_{0};
  std::uint64_t saved_ = 0;
};

}  // namespace

void register_head(runtime::Registry& registry) {
  runtime::StageSpec spec;
  spec.name = "head";
  spec.doc = "The first n records";
  spec.options = {count_option("how many records pass")};
  spec.positional = 1;
  spec.kind = runtime::StageSpec::Kind::ordered;
  spec.keeps_records = true;
  spec.check = check_count;
  spec.make_ordered =
      [](const runtime::Options& options,
         const runtime::StageSetup&) -> runtime::Result<std::unique_ptr<runtime::OrderedStage>> {
    return std::unique_ptr<runtime::OrderedStage>(
        std::make_unique<Head>(static_cast<std::uint64_t>(options.integer("n", 0))));
  };
  spec.facts = [](const runtime::Options&) -> std::vector<std::string> {
    return {"counts the records that reach it, over all runs"};
  };
  spec.examples = {{"head(2)", {R"({"n":1})", R"({"n":2})", R"({"n":3})"}, {R"({"n":1})", R"({"n":2})"}}};
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
