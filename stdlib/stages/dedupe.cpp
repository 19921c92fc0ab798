// dedupe(.id): the first record of each key passes. Keys are computed on all cores (prepare); one core at a
// time tracks the keys seen (apply).
#include <atomic>
#include <optional>
#include <utility>
#include <variant>

#include "pipec/runtime/evaluate.h"
#include "stdlib/stages/canonical.h"
#include "stdlib/stages/record_values.h"
#include "stdlib/stages/seen_keys.h"
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

struct DedupeSettings {
  std::shared_ptr<const runtime::Program> key;
  std::shared_ptr<const runtime::Program> at;  // null: the clock's time
  SeenLimits limits;
  runtime::OnError on_malformed = runtime::OnError::dead_letter;
  const runtime::Clock* clock = nullptr;
};

class DedupeScratch final : public runtime::Scratch {
 public:
  DedupeScratch(const DedupeSettings& settings, const runtime::Clock& clock) : key(settings.key, clock) {
    if (settings.at) at.emplace(settings.at, clock);
  }
  runtime::Evaluator key;
  std::optional<runtime::Evaluator> at;
  std::string canonical;
};

template <class Key>
struct Keys final : runtime::Prepared {
  std::vector<Key> keys;            // of the batch's records
  std::vector<std::int64_t> times;  // with `at`
};

template <class Index>
class Dedupe final : public runtime::OrderedStage {
 public:
  using Key = typename Index::Key;
  explicit Dedupe(DedupeSettings settings) : settings_(std::move(settings)), seen_(settings_.limits) {}

  Status open(const StateEntries& saved) override {
    secret_ = random_secret();
    for (const runtime::StateEntry& entry : saved) {
      if (entry.key != kSecretKey) continue;
      std::string_view bytes = entry.value;
      const auto key = HashIndex::read(bytes);
      if (!key || !bytes.empty()) return damaged();
      secret_ = {key->low, key->high};
      secret_saved_ = true;
    }
    if (!saved.empty() && !secret_saved_) return damaged();
    if (!seen_.restore(saved)) return damaged();
    held_ = seen_.bytes();
    return {};
  }

  std::unique_ptr<runtime::Scratch> make_scratch() const override {
    return std::make_unique<DedupeScratch>(settings_, clock());
  }

  Result<std::unique_ptr<runtime::Prepared>> prepare(Batch& batch, runtime::Scratch* scratch,
                                                     StageContext& context) const override {
    auto& own = *static_cast<DedupeScratch*>(scratch);
    auto prepared = std::make_unique<Keys<Key>>();
    prepared->keys.reserve(batch.records.size());
    std::size_t kept = 0;
    std::string why;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const Record record = batch.records[i];
      if (settings_.at) {
        const Value value = own.at->evaluate(batch, record);
        if (value.is_failed()) {
          Status status = take_out(settings_.on_malformed, batch, record, own.at->failure(), context);
          if (!status) return status.error();
          continue;
        }
        const auto time = time_of(value, "dedupe", own.at->arena(), why);
        if (!time) {
          context.dead_letter(record, why, &settings_.at->root.place);
          continue;
        }
        prepared->times.push_back(*time);
      }
      const Value value = own.key.evaluate(batch, record);
      own.canonical.clear();
      if (value.is_failed() || !append_canonical(value, own.key.arena(), own.canonical)) {
        if (settings_.at) prepared->times.pop_back();
        const runtime::Failure failure =
            value.is_failed() ? own.key.failure() : runtime::Failure{kMalformedValue, nullptr, true};
        Status status = take_out(settings_.on_malformed, batch, record, failure, context);
        if (!status) return status.error();
        continue;
      }
      if constexpr (std::is_same_v<Index, HashIndex>) {
        prepared->keys.push_back(keyed_hash(own.canonical, secret_));
      } else {
        prepared->keys.push_back(own.canonical);
      }
      batch.records[kept++] = record;
    }
    batch.records.resize(kept);
    batch.outline = {};
    return std::unique_ptr<runtime::Prepared>(std::move(prepared));
  }

  Status apply(Batch& batch, runtime::Prepared* prepared, StageContext& context) override {
    if (!prepared) return {};
    const auto& own = *static_cast<const Keys<Key>*>(prepared);
    const std::int64_t now = settings_.limits.within && !settings_.at ? clock().unix_nanoseconds() : 0;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      if (!seen_.pass(own.keys[i], settings_.at ? own.times[i] : now)) continue;
      batch.records[kept++] = batch.records[i];
    }
    context.count_filtered(batch.records.size() - kept);
    batch.records.resize(kept);
    held_.store(seen_.bytes(), std::memory_order_relaxed);
    return {};
  }

  void snapshot(StateEntries& changes) override {
    const std::size_t before = changes.size();
    seen_.snapshot(changes);
    if (secret_saved_ || changes.size() == before) return;
    std::string secret;
    HashIndex::write({secret_[0], secret_[1]}, secret);
    changes.push_back({kSecretKey, std::move(secret)});
    secret_saved_ = true;
  }

  std::size_t held_bytes() const override { return held_.load(std::memory_order_relaxed); }

 private:
  static Status damaged() {
    return runtime::Error::make(runtime::ErrorCode::checkpoint, "dedupe: its saved state is damaged");
  }
  const runtime::Clock& clock() const {
    return settings_.clock ? *settings_.clock : runtime::Clock::system();
  }

  const DedupeSettings settings_;
  Secret secret_{};
  bool secret_saved_ = false;
  SeenKeys<Index> seen_;
  std::atomic<std::size_t> held_{0};
};

Status check_dedupe(const runtime::Options& options) {
  const auto refused = [](const char* why) { return runtime::Error::make(runtime::ErrorCode::plan, why); };
  if (options.given("within") && options.integer("within", 0) <= 0) return refused("'within' is more than 0");
  if (options.given("last") && options.integer("last", 0) <= 0) return refused("'last' is at least 1");
  if (options.given("at") && !options.given("within")) {
    return refused("'at' sets the time of records, which only 'within' uses");
  }
  return {};
}

Result<std::unique_ptr<runtime::OrderedStage>> make_dedupe(const runtime::Options& options,
                                                           const runtime::StageSetup& setup) {
  DedupeSettings settings;
  settings.key = options.program("key");
  settings.at = options.program("at");
  settings.on_malformed = setup.on_malformed;
  settings.clock = setup.clock;
  if (options.given("within")) settings.limits.within = options.integer("within", 0);
  if (options.given("last")) settings.limits.last = static_cast<std::uint64_t>(options.integer("last", 0));
  if (options.boolean("exact", false)) {
    return std::unique_ptr<runtime::OrderedStage>(std::make_unique<Dedupe<TextIndex>>(std::move(settings)));
  }
  return std::unique_ptr<runtime::OrderedStage>(std::make_unique<Dedupe<HashIndex>>(std::move(settings)));
}

std::vector<std::string> facts(const runtime::Options& options) {
  if (options.given("within") && !options.given("at")) {
    return {
        "'within' counts from a record's arrival: after a restart, other records may pass than in an "
        "uninterrupted run; give 'at' to prevent that"};
  }
  if (options.given("within") || options.given("last")) return {};
  return {"keys are kept for the life of its state"};
}

std::vector<OptionSpec> options() {
  OptionSpec key;
  key.name = "key";
  key.kind = OptionSpec::Kind::per_record;
  key.required = true;
  key.doc =
      "the key that identifies duplicates: compared as by `==`, null is a key like any other; [.a, .b] "
      "for several fields";
  OptionSpec within;
  within.name = "within";
  within.types = Type::duration;
  within.doc =
      "how long a key is remembered, counted from the record that passed (default: for the life of the "
      "state)";
  OptionSpec last;
  last.name = "last";
  last.types = Type::integer;
  last.doc = "how many keys are remembered at most; the oldest is forgotten first";
  OptionSpec exact;
  exact.name = "exact";
  exact.types = Type::boolean;
  exact.fallback = Value::boolean(false);
  exact.doc = "keeps the keys themselves instead of 128-bit hashes of them";
  return {key, within, last, at_option("when it arrives"), exact};
}

}  // namespace

void register_dedupe(runtime::Registry& registry) {
  runtime::StageSpec spec;
  spec.name = "dedupe";
  spec.doc = "The first record of each key passes, in the order of the source";
  spec.options = options();
  spec.positional = 1;
  spec.kind = runtime::StageSpec::Kind::ordered;
  spec.keeps_records = true;
  spec.make_ordered = make_dedupe;
  spec.check = check_dedupe;
  spec.facts = facts;
  spec.refusals = [](const runtime::Options& given) -> std::vector<std::string> {
    if (!given.given("at")) return {};
    return {"a string that is not a time"};
  };
  spec.examples = {
      {"dedupe(.id)",
       {R"({"id":1,"n":"a"})", R"({"id":2,"n":"b"})", R"({"id":1.0,"n":"c"})"},
       {R"({"id":1,"n":"a"})", R"({"id":2,"n":"b"})"}},
      {"dedupe([.user, .page], within: 1h, at: .time)",
       {R"({"user":"u","page":"/","time":"2026-01-02T10:00:00Z"})",
        R"({"user":"u","page":"/","time":"2026-01-02T10:59:59Z"})",
        R"({"user":"u","page":"/","time":"2026-01-02T11:00:00Z"})"},
       {R"({"user":"u","page":"/","time":"2026-01-02T10:00:00Z"})",
        R"({"user":"u","page":"/","time":"2026-01-02T11:00:00Z"})"}},
      {"dedupe(.id, last: 1)",
       {R"({"id":1})", R"({"id":1})", R"({"id":2})", R"({"id":1})"},
       {R"({"id":1})", R"({"id":2})", R"({"id":1})"}},
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
