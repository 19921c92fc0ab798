// sample(0.1, key: .trace_id): a share of the records, decided by a hash, so that it is repeatable.
#include <xxhash.h>

#include <optional>
#include <utility>

#include "pipec/runtime/evaluate.h"
#include "stdlib/stages/canonical.h"
#include "stdlib/stages/record_values.h"
#include "stdlib/stages/stages.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::OptionSpec;
using runtime::Record;
using runtime::Result;
using runtime::StageContext;
using runtime::Status;
using runtime::Value;

// Without a seed of the process: every run and every machine keeps the same records.
std::uint64_t hash_of(std::string_view bytes, std::uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

class Sample final : public runtime::Stage {
 public:
  Sample(double rate, std::shared_ptr<const runtime::Program> key, const runtime::StageSetup& setup)
      : rate_(rate), key_(std::move(key)), setup_(setup) {}

  std::unique_ptr<runtime::Scratch> make_scratch() const override {
    return key_ ? std::make_unique<Keys>(key_, setup_.clock) : nullptr;
  }

  Status process(Batch& batch, runtime::Scratch* scratch, StageContext& context) const override {
    const runtime::Block& block = batch.block();
    const std::uint64_t source = hash_of(block.source, block.partition);
    std::size_t kept = 0;
    std::size_t failed = 0;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const Record record = batch.records[i];
      std::uint64_t hash = 0;
      if (key_) {
        auto& keys = *static_cast<Keys*>(scratch);
        const Value key = keys.evaluator.evaluate(batch, record);
        keys.canonical.clear();
        if (key.is_failed() || !append_canonical(key, keys.evaluator.arena(), keys.canonical)) {
          const runtime::Failure failure =
              key.is_failed() ? keys.evaluator.failure() : runtime::Failure{kMalformedValue, nullptr, true};
          ++failed;
          if (Status status = take_out(setup_.on_malformed, batch, record, failure, context); !status)
            return status;
          continue;
        }
        hash = hash_of(keys.canonical);
      } else {
        const std::uint64_t position = block.position(record.origin);
        hash = hash_of({reinterpret_cast<const char*>(&position), sizeof position}, source);
      }
      if (static_cast<double>(hash >> 11) * 0x1p-53 < rate_) batch.records[kept++] = record;
    }
    context.count_filtered(batch.records.size() - kept - failed);
    batch.records.resize(kept);
    batch.outline = {};
    return {};
  }

 private:
  struct Keys final : runtime::Scratch {
    Keys(const std::shared_ptr<const runtime::Program>& key, const runtime::Clock* clock)
        : evaluator(key, clock ? *clock : runtime::Clock::system()) {}
    runtime::Evaluator evaluator;
    std::string canonical;
  };

  const double rate_;
  const std::shared_ptr<const runtime::Program> key_;  // null: by position
  const runtime::StageSetup setup_;
};

Status check_sample(const runtime::Options& options) {
  const double rate = options.number("rate", 0);
  if (rate >= 0 && rate <= 1) return {};
  return runtime::Error::make(runtime::ErrorCode::plan,
                              "'rate' is the share of records to keep, from 0 to 1: 0.1 keeps a tenth");
}

Result<std::shared_ptr<const runtime::Stage>> make_sample(const runtime::Options& options,
                                                          const runtime::StageSetup& setup) {
  return std::shared_ptr<const runtime::Stage>(
      std::make_shared<Sample>(options.number("rate", 0), options.program("key"), setup));
}

}  // namespace

void register_sample(runtime::Registry& registry) {
  OptionSpec rate;
  rate.name = "rate";
  rate.types = runtime::Type::floating;
  rate.required = true;
  rate.doc = "the share of the records to keep, from 0 to 1";
  OptionSpec key;
  key.name = "key";
  key.kind = OptionSpec::Kind::per_record;
  key.doc = "keeps all or none of the records with the same key (default: decides by source and position)";
  runtime::StageSpec spec;
  spec.name = "sample";
  spec.doc = "A share of the records; the same input always gives the same records";
  spec.options = {rate, key};
  spec.positional = 1;
  spec.keeps_records = true;
  spec.check = check_sample;
  spec.make = make_sample;
  spec.examples = {
      {"sample(0.5, key: .trace)",
       {R"({"trace":"d","n":1})", R"({"trace":"b","n":2})", R"({"trace":"e","n":3})",
        R"({"trace":"d","n":4})"},
       {R"({"trace":"d","n":1})", R"({"trace":"d","n":4})"}},
      {"sample(1)", {R"({"n":1})", R"({"n":2})"}, {R"({"n":1})", R"({"n":2})"}},
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
