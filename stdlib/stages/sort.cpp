// sort(.ms, order: desc, limit: 10): the records in the order of a key, when the input ends. Keys are
// computed on all cores (prepare); one core at a time keeps the records (apply).
#include <atomic>
#include <map>
#include <utility>

#include "pipec/runtime/evaluate.h"
#include "stdlib/stages/held_record.h"
#include "stdlib/stages/order_key.h"
#include "stdlib/stages/record_values.h"
#include "stdlib/stages/stages.h"
#include "stdlib/stages/state_bytes.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::OptionSpec;
using runtime::Record;
using runtime::Result;
using runtime::StageContext;
using runtime::StateEntries;
using runtime::Status;
using runtime::Value;

constexpr std::size_t kMostBytes = std::size_t{2} << 30;

struct SortSettings {
  std::shared_ptr<const runtime::Program> key;
  bool descending = false;
  std::uint64_t limit = UINT64_MAX;
  runtime::OnError on_malformed = runtime::OnError::dead_letter;
  const runtime::Clock* clock = nullptr;
};

struct SortScratch final : runtime::Scratch {
  SortScratch(const SortSettings& settings, const runtime::Clock& clock) : key(settings.key, clock) {}
  runtime::Evaluator key;
};

struct SortKeys final : runtime::Prepared {
  std::vector<std::string> keys;  // of the batch's records
};

// A record's place: by key, then by arrival (whatever the direction: the sort is stable).
struct Place {
  std::string key;
  std::uint64_t number;
};

struct Before {
  bool descending;
  bool operator()(const Place& a, const Place& b) const {
    const int order = a.key.compare(b.key);
    return order == 0 ? a.number < b.number : descending ? order > 0 : order < 0;
  }
};

class Sort final : public runtime::OrderedStage {
 public:
  explicit Sort(SortSettings settings)
      : settings_(std::move(settings)), held_(Before{settings_.descending}) {}

  Status open(const StateEntries& saved) override {
    saved_to_ = UINT64_MAX;
    for (const runtime::StateEntry& entry : saved) {
      const auto number = read_hexadecimal(entry.key);
      std::string_view bytes = entry.value;
      const auto key = read_text(bytes);
      auto record = key ? HeldRecord::read(bytes) : std::nullopt;
      if (!number || !record || !bytes.empty()) {
        return runtime::Error::make(runtime::ErrorCode::checkpoint, "sort: its saved state is damaged");
      }
      next_ = std::max(next_, *number + 1);
      hold({std::string(*key), *number}, std::move(*record));
    }
    saved_to_ = next_;
    return {};
  }

  std::unique_ptr<runtime::Scratch> make_scratch() const override {
    return std::make_unique<SortScratch>(settings_,
                                         settings_.clock ? *settings_.clock : runtime::Clock::system());
  }

  Result<std::unique_ptr<runtime::Prepared>> prepare(Batch& batch, runtime::Scratch* scratch,
                                                     StageContext& context) const override {
    auto& own = *static_cast<SortScratch*>(scratch);
    auto prepared = std::make_unique<SortKeys>();
    std::size_t kept = 0;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const Record record = batch.records[i];
      const Value value = own.key.evaluate(batch, record);
      std::string key;
      if (value.is_failed() || !append_order_key(value, own.key.arena(), key)) {
        const runtime::Failure failure =
            value.is_failed() ? own.key.failure() : runtime::Failure{kMalformedValue, nullptr, true};
        Status status = take_out(settings_.on_malformed, batch, record, failure, context);
        if (!status) return status.error();
        continue;
      }
      prepared->keys.push_back(std::move(key));
      batch.records[kept++] = record;
    }
    batch.records.resize(kept);
    batch.outline = {};
    return std::unique_ptr<runtime::Prepared>(std::move(prepared));
  }

  Status apply(Batch& batch, runtime::Prepared* prepared, StageContext& context) override {
    if (!prepared) return {};
    auto& own = *static_cast<SortKeys*>(prepared);
    const std::size_t before = held_.size();
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      Place place{std::move(own.keys[i]), next_++};
      if (held_.size() < settings_.limit) {
        hold(std::move(place), HeldRecord::of(batch, batch.records[i]));
      } else if (held_.key_comp()(place, std::prev(held_.end())->first)) {
        drop(std::prev(held_.end()));
        hold(std::move(place), HeldRecord::of(batch, batch.records[i]));
      }
    }
    context.count_filtered(before + batch.records.size() - held_.size());
    batch.records.clear();
    batch.outline = {};
    if (held_bytes() <= kMostBytes) return {};
    return runtime::Error::make(
        runtime::ErrorCode::resources,
        "sort: " + std::to_string(held_.size()) +
            " records take more than 2 GiB; 'limit' keeps the first ones only, and 'filter' before it fewer");
  }

  void snapshot(StateEntries& changes) override {
    for (const std::uint64_t number : removed_) changes.push_back({hexadecimal(number), {}});
    removed_.clear();
    for (auto& [number, place] : unsaved_) {
      changes.push_back({hexadecimal(number), {}});
      write_text(place->first.key, changes.back().value);
      place->second.write(changes.back().value);
    }
    unsaved_.clear();
    saved_to_ = next_;
  }

  Status finish(Batch& out, StageContext&) override {
    Released released(out, held_bytes());
    while (!held_.empty()) {
      if (Status added = released.add(held_.begin()->second); !added) return added;
      drop(held_.begin());
    }
    return {};
  }

  std::size_t held_bytes() const override { return bytes_.load(std::memory_order_relaxed); }

 private:
  using Held = std::map<Place, HeldRecord, Before>;
  static std::size_t size_of(const Held::value_type& each) {
    return each.first.key.capacity() + each.second.bytes() + sizeof(Held::value_type) + 4 * sizeof(void*);
  }
  void hold(Place&& place, HeldRecord&& record) {
    const std::uint64_t number = place.number;
    const auto at = held_.emplace(std::move(place), std::move(record)).first;
    bytes_.fetch_add(size_of(*at), std::memory_order_relaxed);
    if (number >= saved_to_) unsaved_.emplace(number, at);
  }
  void drop(Held::iterator at) {
    const std::uint64_t number = at->first.number;
    if (unsaved_.erase(number) == 0) removed_.push_back(number);
    bytes_.fetch_sub(size_of(*at), std::memory_order_relaxed);
    held_.erase(at);
  }

  const SortSettings settings_;
  Held held_;
  std::map<std::uint64_t, Held::iterator> unsaved_;
  std::vector<std::uint64_t> removed_;  // that are saved
  std::uint64_t next_ = 0;
  std::uint64_t saved_to_ = 0;  // records with a number below are saved
  std::atomic<std::size_t> bytes_{0};
};

Status check_sort(const runtime::Options& options) {
  if (!options.given("limit") || options.integer("limit", 0) >= 1) return {};
  return runtime::Error::make(runtime::ErrorCode::plan, "'limit' is at least 1");
}

Result<std::unique_ptr<runtime::OrderedStage>> make_sort(const runtime::Options& options,
                                                         const runtime::StageSetup& setup) {
  SortSettings settings;
  settings.key = options.program("key");
  settings.descending = options.string("order") == "desc";
  if (options.given("limit")) settings.limit = static_cast<std::uint64_t>(options.integer("limit", 1));
  settings.on_malformed = setup.on_malformed;
  settings.clock = setup.clock;
  return std::unique_ptr<runtime::OrderedStage>(std::make_unique<Sort>(std::move(settings)));
}

}  // namespace

void register_sort(runtime::Registry& registry) {
  OptionSpec key;
  key.name = "key";
  key.kind = OptionSpec::Kind::per_record;
  key.required = true;
  key.doc =
      "what to sort by: null, false, true, numbers, strings, timestamps, arrays, objects; [.a, .b] for "
      "several";
  OptionSpec order;
  order.name = "order";
  order.kind = OptionSpec::Kind::choice;
  order.choices = {"asc", "desc"};
  order.fallback = Value::string("asc");
  order.doc = "the direction; records with equal keys stay in the order in which they came";
  OptionSpec limit;
  limit.name = "limit";
  limit.types = runtime::Type::integer;
  limit.doc = "how many records leave at most: only so many are held (default: all, up to 2 GiB)";
  runtime::StageSpec spec;
  spec.name = "sort";
  spec.doc = "The records in the order of a key, when the input ends";
  spec.options = {key, order, limit};
  spec.positional = 1;
  spec.kind = runtime::StageSpec::Kind::ordered;
  spec.keeps_records = true;
  spec.check = check_sort;
  spec.make_ordered = make_sort;
  spec.facts = [](const runtime::Options&) -> std::vector<std::string> {
    return {"holds its records until the input ends"};
  };
  spec.examples = {
      {"sort(.ms)",
       {R"({"ms":10})", R"({"ms":9.5})", R"({"ms":null})"},
       {R"({"ms":null})", R"({"ms":9.5})", R"({"ms":10})"}},
      {"sort(.ms, order: desc, limit: 2)",
       {R"({"ms":1,"n":1})", R"({"ms":7,"n":2})", R"({"ms":7,"n":3})"},
       {R"({"ms":7,"n":2})", R"({"ms":7,"n":3})"}},
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
