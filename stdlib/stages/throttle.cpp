// throttle(100, per: 1m, key: .rule, else: drop): at most so many records of each key in a period. Keys and
// times are computed on all cores (prepare); one core at a time counts (apply).
#include <atomic>
#include <optional>
#include <utility>

#include "pipec/runtime/evaluate.h"
#include "stdlib/stages/canonical.h"
#include "stdlib/stages/period_counts.h"
#include "stdlib/stages/record_values.h"
#include "stdlib/stages/stages.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::OptionSpec;
using runtime::Record;
using runtime::Result;
using runtime::StageContext;
using runtime::StateEntries;
using runtime::Status;
using runtime::Type;
using runtime::Value;

constexpr std::int64_t kThrottlePeriod = 1'000'000'000;

struct ThrottleSettings {
  std::uint64_t limit = 0;
  std::int64_t per = 0;
  bool dead_letters = false;
  std::shared_ptr<const runtime::Program> key;  // null: one limit for all
  std::shared_ptr<const runtime::Program> at;   // null: the clock's time
  runtime::OnError on_malformed = runtime::OnError::dead_letter;
  const runtime::Clock* clock = nullptr;
};

struct ThrottleScratch final : runtime::Scratch {
  ThrottleScratch(const ThrottleSettings& settings, const runtime::Clock& clock) {
    if (settings.key) key.emplace(settings.key, clock);
    if (settings.at) at.emplace(settings.at, clock);
  }
  std::optional<runtime::Evaluator> key;
  std::optional<runtime::Evaluator> at;
  std::string canonical;
};

struct Counted final : runtime::Prepared {
  std::vector<Hash128> keys;          // of the batch's records, with `key`
  std::vector<std::int64_t> periods;  // with `at`
};

class Throttle final : public runtime::OrderedStage {
 public:
  explicit Throttle(ThrottleSettings settings, std::string reason)
      : settings_(std::move(settings)), reason_(std::move(reason)), counts_(settings_.limit) {}

  Status open(const StateEntries& saved) override {
    secret_ = random_secret();
    for (const runtime::StateEntry& entry : saved) {
      if (PeriodCounts::is_own(entry.key)) {
        if (!counts_.restore(entry)) return damaged();
        continue;
      }
      std::string_view bytes = entry.value;
      const auto secret = HashIndex::read(bytes);
      if (entry.key != kSecretKey || !secret || !bytes.empty()) return damaged();
      secret_ = {secret->low, secret->high};
      secret_saved_ = true;
    }
    if (!saved.empty() && !secret_saved_) return damaged();
    held_ = counts_.bytes();
    return {};
  }

  std::unique_ptr<runtime::Scratch> make_scratch() const override {
    return std::make_unique<ThrottleScratch>(settings_, clock());
  }

  Result<std::unique_ptr<runtime::Prepared>> prepare(Batch& batch, runtime::Scratch* scratch,
                                                     StageContext& context) const override {
    auto& own = *static_cast<ThrottleScratch*>(scratch);
    auto prepared = std::make_unique<Counted>();
    std::size_t kept = 0;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const Record record = batch.records[i];
      const auto counted = count(batch, record, own, *prepared, context);
      if (!counted) return counted.error();
      if (*counted) batch.records[kept++] = record;
    }
    batch.records.resize(kept);
    batch.outline = {};
    return std::unique_ptr<runtime::Prepared>(std::move(prepared));
  }

  Status apply(Batch& batch, runtime::Prepared* prepared, StageContext& context) override {
    if (!prepared) return {};
    const auto& own = *static_cast<const Counted*>(prepared);
    const std::int64_t now = settings_.at ? 0 : period_of(clock().unix_nanoseconds());
    std::size_t kept = 0;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const Record& record = batch.records[i];
      if (counts_.pass(settings_.at ? own.periods[i] : now, settings_.key ? own.keys[i] : Hash128{})) {
        batch.records[kept++] = record;
      } else if (settings_.dead_letters) {
        context.dead_letter(record, reason_);
      }
    }
    if (!settings_.dead_letters) context.count_filtered(batch.records.size() - kept);
    batch.records.resize(kept);
    held_.store(counts_.bytes(), std::memory_order_relaxed);
    return {};
  }

  void snapshot(StateEntries& changes) override {
    const std::size_t before = changes.size();
    counts_.snapshot(changes);
    if (secret_saved_ || changes.size() == before) return;
    std::string secret;
    HashIndex::write({secret_[0], secret_[1]}, secret);
    changes.push_back({kSecretKey, std::move(secret)});
    secret_saved_ = true;
  }

  std::size_t held_bytes() const override { return held_.load(std::memory_order_relaxed); }

 private:
  static Status damaged() {
    return runtime::Error::make(runtime::ErrorCode::checkpoint, "throttle: its saved state is damaged");
  }
  const runtime::Clock& clock() const {
    return settings_.clock ? *settings_.clock : runtime::Clock::system();
  }
  // Periods are aligned to the epoch.
  std::int64_t period_of(std::int64_t time) const {
    return time / settings_.per - (time % settings_.per < 0 ? 1 : 0);
  }

  // Appends the record's key and period; false: it is out of the batch.
  Result<bool> count(const Batch& batch, const Record& record, ThrottleScratch& own, Counted& prepared,
                     StageContext& context) const {
    const auto failed = [&](const runtime::Failure& failure) -> Result<bool> {
      Status status = take_out(settings_.on_malformed, batch, record, failure, context);
      if (!status) return std::move(status.error());
      return false;
    };
    std::optional<std::int64_t> time;
    if (own.at) {
      const Value value = own.at->evaluate(batch, record);
      if (value.is_failed()) return failed(own.at->failure());
      std::string why;
      time = time_of(value, "throttle", own.at->arena(), why);
      if (!time) return failed({why, &settings_.at->root.place, false});
    }
    if (own.key) {
      const Value value = own.key->evaluate(batch, record);
      if (value.is_failed()) return failed(own.key->failure());
      own.canonical.clear();
      if (!append_canonical(value, own.key->arena(), own.canonical))
        return failed({kMalformedValue, nullptr, true});
      prepared.keys.push_back(keyed_hash(own.canonical, secret_));
    }
    if (time) prepared.periods.push_back(period_of(*time));
    return true;
  }

  const ThrottleSettings settings_;
  const std::string reason_;
  Secret secret_{};
  bool secret_saved_ = false;
  PeriodCounts counts_;
  std::atomic<std::size_t> held_{0};
};

Status check_throttle(const runtime::Options& options) {
  const auto refused = [](const char* why) { return runtime::Error::make(runtime::ErrorCode::plan, why); };
  if (options.integer("n", 0) < 1) return refused("'n' is at least 1");
  if (options.integer("per", 0) < 1) return refused("'per' is more than 0");
  return {};
}

Result<std::unique_ptr<runtime::OrderedStage>> make_throttle(const runtime::Options& options,
                                                             const runtime::StageSetup& setup) {
  ThrottleSettings settings;
  settings.limit = static_cast<std::uint64_t>(options.integer("n", 0));
  settings.per = options.integer("per", kThrottlePeriod);
  settings.dead_letters = options.string("else") == "dlq";
  settings.key = options.program("key");
  settings.at = options.program("at");
  settings.on_malformed = setup.on_malformed;
  settings.clock = setup.clock;
  std::string reason = "throttle: more than " + std::to_string(settings.limit) + " in a period";
  return std::unique_ptr<runtime::OrderedStage>(
      std::make_unique<Throttle>(std::move(settings), std::move(reason)));
}

std::vector<OptionSpec> options() {
  OptionSpec n = count_option("how many records of each key pass in a period");
  OptionSpec per;
  per.name = "per";
  per.types = Type::duration;
  per.fallback = Value::duration(kThrottlePeriod);
  per.doc = "the length of a period; periods are aligned to the epoch, in UTC";
  OptionSpec key;
  key.name = "key";
  key.kind = OptionSpec::Kind::per_record;
  key.doc = "each key has a limit of its own; compared as by `==` (default: one limit for all records)";
  OptionSpec otherwise;
  otherwise.name = "else";
  otherwise.kind = OptionSpec::Kind::choice;
  otherwise.choices = {"drop", "dlq"};
  otherwise.required = true;
  otherwise.doc = "what becomes of the other records";
  return {n, per, key, at_option("when it arrives"), otherwise};
}

}  // namespace

void register_throttle(runtime::Registry& registry) {
  runtime::StageSpec spec;
  spec.name = "throttle";
  spec.doc = "At most n records of each key in a period: the first ones, in the order of the source";
  spec.options = options();
  spec.positional = 1;
  spec.kind = runtime::StageSpec::Kind::ordered;
  spec.keeps_records = true;
  spec.check = check_throttle;
  spec.make_ordered = make_throttle;
  spec.refusals = [](const runtime::Options& given) {
    std::vector<std::string> all;
    if (given.string("else") == "dlq") all.emplace_back("a record beyond the limit");
    if (given.given("at")) all.emplace_back("a string that is not a time");
    return all;
  };
  spec.facts = [](const runtime::Options& given) -> std::vector<std::string> {
    if (given.given("at")) return {};
    return {
        "periods are those of a record's arrival: after a restart, other records may pass than in an "
        "uninterrupted run; give 'at' to prevent that"};
  };
  spec.examples = {
      {"throttle(1, per: 1m, key: .rule, at: .time, else: drop)",
       {R"({"rule":"a","time":"2026-01-02T10:00:00Z"})", R"({"rule":"a","time":"2026-01-02T10:00:59Z"})",
        R"({"rule":"b","time":"2026-01-02T10:00:59Z"})", R"({"rule":"a","time":"2026-01-02T10:01:00Z"})"},
       {R"({"rule":"a","time":"2026-01-02T10:00:00Z"})", R"({"rule":"b","time":"2026-01-02T10:00:59Z"})",
        R"({"rule":"a","time":"2026-01-02T10:01:00Z"})"}},
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
