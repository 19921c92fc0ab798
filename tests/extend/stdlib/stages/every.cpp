// every(10): each tenth record passes, counted in source order and from run to run.
#include <charconv>
#include <utility>

#include "stdlib/stages/stages.h"

namespace pipec::stdlib {

namespace {

using namespace runtime;

constexpr const char* kCount = "count";

class Every final : public OrderedStage {
 public:
  explicit Every(std::int64_t n) : n_(n) {}

  Status open(const StateEntries& saved) override {
    for (const StateEntry& entry : saved) {
      if (entry.key == kCount)
        std::from_chars(entry.value.data(), entry.value.data() + entry.value.size(), seen_);
    }
    return {};
  }

  Status apply(Batch& batch, Prepared*, StageContext& context) override {
    const std::size_t came = batch.records.size();
    std::erase_if(batch.records, [this](const Record&) { return ++seen_ % n_ != 0; });
    context.count_filtered(came - batch.records.size());
    return {};
  }

  void snapshot(StateEntries& changes) override {
    if (std::exchange(saved_, seen_) != seen_) changes.push_back({kCount, std::to_string(seen_)});
  }

 private:
  const std::int64_t n_;
  std::int64_t seen_ = 0;
  std::int64_t saved_ = 0;
};

}  // namespace

void register_every(Registry& registry) {
  OptionSpec n;
  n.name = "n";
  n.types = Type::integer;
  n.required = true;
  n.doc = "how many records come for each that passes";
  StageSpec spec;
  spec.name = "every";
  spec.doc = "Each n-th record passes";
  spec.options = {n};
  spec.positional = 1;
  spec.kind = StageSpec::Kind::ordered;
  spec.keeps_records = true;
  spec.check = [](const Options& options) -> Status {
    if (options.integer("n", 0) >= 1) return {};
    return Error{"option", "'n' is at least 1", {}, {}};
  };
  spec.make_ordered = [](const Options& options, const StageSetup&) -> Result<std::unique_ptr<OrderedStage>> {
    return std::unique_ptr<OrderedStage>(std::make_unique<Every>(options.integer("n", 1)));
  };
  spec.examples = {{"every(2)", {"1", "2", "3", "4"}, {"2", "4"}}};
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
