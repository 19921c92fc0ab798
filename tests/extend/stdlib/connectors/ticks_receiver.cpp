// recv ticks(3): {"tick":0} {"tick":1} {"tick":2}.
#include <string>
#include <utility>

#include "stdlib/connectors/connectors.h"

namespace pipec::stdlib {

namespace {

using namespace runtime;

class Ticks final : public Receiver {
 public:
  explicit Ticks(std::uint64_t count) : count_(count) {}

  Status open(const StateEntries& saved) override {
    if (!saved.empty()) next_ = std::stoull(saved.front().value);
    return {};
  }
  Result<Received> receive(const ReceiveLimits&, Block& block) override {
    if (next_ == count_) return Received::end;
    const auto begin = static_cast<std::uint32_t>(block.data->size());
    block.data->append("{\"tick\":" + std::to_string(next_) + "}");
    block.origins.push_back({begin, static_cast<std::uint32_t>(block.data->size()) - begin});
    block.data->append('\n');
    block.first_position = next_;
    block.ranges.push_back({0, 0, next_, next_ + 1});
    ++next_;
    return Received::records;
  }
  Status commit(std::span<const PositionRange>) override { return {}; }
  void describe(std::span<const PositionRange> ranges, StateEntries& out) const override {
    out.push_back({"next", std::to_string(ranges.back().end)});
  }

 private:
  const std::uint64_t count_;
  std::uint64_t next_ = 0;
};

}  // namespace

void register_ticks_receiver(Registry& registry) {
  OptionSpec count;
  count.name = "count";
  count.types = Type::integer;
  count.required = true;
  count.identifies = false;
  count.doc = "how many";
  ReceiverSpec spec;
  spec.name = "ticks";
  spec.doc = "Makes numbered records";
  spec.options = {count};
  spec.positional = 1;
  spec.resumable = true;
  spec.make = [](const Options& options, const ConnectorContext&) -> Result<std::unique_ptr<Receiver>> {
    return std::unique_ptr<Receiver>(
        std::make_unique<Ticks>(static_cast<std::uint64_t>(options.integer("count", 0))));
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
