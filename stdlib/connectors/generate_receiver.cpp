// recv generate: records computed from an expression, for tests, load and examples. Record n depends only on
// n and the seed, so a resumed run produces the same records as an uninterrupted one.
#include <fmt/format.h>

#include <atomic>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/json.h"
#include "stdlib/connectors/connectors.h"

namespace pipec::stdlib {

namespace {

using runtime::Block;
using runtime::Error;
using runtime::ErrorCode;
using runtime::Received;
using runtime::ReceiveLimits;
using runtime::Result;
using runtime::Status;

constexpr const char* kSequenceKey = "sequence";

// Neighbouring sequence numbers must not produce related seeds (the finalizer of splitmix64).
std::uint64_t mixed(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15U;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

class GenerateReceiver final : public runtime::Receiver {
 public:
  GenerateReceiver(std::optional<std::uint64_t> count, std::shared_ptr<const runtime::Program> program,
                   std::uint64_t seed, const runtime::ConnectorContext& context)
      : count_(count),
        seed_(seed),
        from_start_(context.from_start),
        evaluator_(std::move(program), context.clock ? *context.clock : runtime::Clock::system()) {}

  Status open(const runtime::StateEntries& saved) override {
    for (const runtime::StateEntry& entry : saved) {
      if (from_start_ || entry.key != kSequenceKey) continue;
      for (const char digit : entry.value) {
        if (digit < '0' || digit > '9') {
          return Error::make(ErrorCode::checkpoint,
                             "the state of recv generate is not a number: " + entry.value);
        }
        next_ = next_ * 10 + static_cast<std::uint64_t>(digit - '0');
      }
    }
    if (next_ != 0) note_ = fmt::format("resuming at record {}", next_);
    if (count_ && next_ >= *count_) {
      note_ = fmt::format("nothing to do: all {} records were generated; --from-start generates them again",
                          *count_);
    }
    return {};
  }

  Result<Received> receive(const ReceiveLimits& limits, Block& block) override {
    if (count_ && next_ >= *count_) return Received::end;
    const std::size_t bytes = limits.max_bytes != 0 ? limits.max_bytes : kBlockBytes;
    const std::size_t records =
        limits.max_records != 0 ? limits.max_records : std::numeric_limits<std::size_t>::max();
    runtime::Buffer& data = *block.data;
    const std::uint64_t first = next_;
    while (block.origins.size() < records && data.size() < bytes && (!count_ || next_ < *count_) &&
           !interrupted_.load(std::memory_order_relaxed)) {
      evaluator_.seed(mixed(seed_ ^ mixed(next_)));
      const runtime::Value value = evaluator_.evaluate_alone(next_);
      if (value.is_failed()) {
        return Error::make("generate", fmt::format("record {}: {}", next_, evaluator_.failure().reason));
      }
      const std::size_t begin = data.size();
      runtime::append_json(value, data);
      block.origins.push_back(
          {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(data.size() - begin)});
      data.append('\n');
      ++next_;
    }
    if (next_ == first) return Received::idle;
    block.first_position = first;
    block.single_lines = true;
    block.ranges.push_back({0, 0, first, next_});
    return Received::records;
  }

  Status commit(std::span<const runtime::PositionRange>) override { return {}; }
  void describe(std::span<const runtime::PositionRange> ranges, runtime::StateEntries& out) const override {
    if (!ranges.empty()) out.push_back({kSequenceKey, std::to_string(ranges.back().end)});
  }
  std::string resume_note() const override { return note_; }
  void interrupt() override { interrupted_ = true; }

 private:
  const std::optional<std::uint64_t> count_;
  const std::uint64_t seed_;
  const bool from_start_;
  runtime::Evaluator evaluator_;
  std::uint64_t next_ = 0;
  std::string note_;
  std::atomic<bool> interrupted_{false};
};

}  // namespace

void register_generate_receiver(runtime::Registry& registry) {
  using runtime::OptionSpec;
  runtime::ReceiverSpec spec;
  spec.name = "generate";
  spec.doc = "Generates records from an expression; @offset is a record's number, random() is seeded";
  OptionSpec count;
  count.name = "count";
  count.types = runtime::Type::integer;
  count.doc = "the number of records (default: unlimited)";
  count.identifies = false;
  OptionSpec record;
  record.name = "template";
  record.kind = OptionSpec::Kind::per_record;
  record.required = true;
  record.doc = "the record";
  OptionSpec seed;
  seed.name = "seed";
  seed.types = runtime::Type::integer;
  seed.fallback = runtime::Value::integer(0);
  seed.doc = "of random()";
  spec.options = {count, record, seed, state_option()};
  spec.positional = 2;
  spec.resumable = true;
  spec.check = [](const runtime::Options& options) -> Status {
    if (options.integer("count", 0) < 0) return Error::make(ErrorCode::option, "count is negative");
    return check_state(options);
  };
  spec.make = [](const runtime::Options& options,
                 const runtime::ConnectorContext& context) -> Result<std::unique_ptr<runtime::Receiver>> {
    std::optional<std::uint64_t> count_option;
    if (options.given("count")) count_option = static_cast<std::uint64_t>(options.integer("count", 0));
    return std::unique_ptr<runtime::Receiver>(
        std::make_unique<GenerateReceiver>(count_option, options.program("template"),
                                           static_cast<std::uint64_t>(options.integer("seed", 0)), context));
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
