// tail(10): the last records of the stream, which leave when the input ends.
#include <algorithm>
#include <atomic>
#include <deque>
#include <utility>

#include "stdlib/stages/held_record.h"
#include "stdlib/stages/stages.h"
#include "stdlib/stages/state_bytes.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::StateEntries;
using runtime::Status;

// Records are numbered as they come; those held are the numbers `first_` and up. State: an entry for each
// record held, under its number.
class Tail final : public runtime::OrderedStage {
 public:
  explicit Tail(std::uint64_t n) : n_(n) {}

  Status open(const StateEntries& saved) override {
    std::deque<std::pair<std::uint64_t, const std::string*>> entries;
    for (const runtime::StateEntry& entry : saved) {
      const auto number = read_hexadecimal(entry.key);
      if (!number) return damaged();
      entries.emplace_back(*number, &entry.value);
    }
    std::sort(entries.begin(), entries.end());
    for (const auto& [number, value] : entries) {
      if (held_.empty()) first_ = number;
      std::string_view bytes = *value;
      auto record = HeldRecord::read(bytes);
      if (!record || !bytes.empty() || number != first_ + held_.size()) return damaged();
      hold(std::move(*record));
    }
    saved_from_ = first_;
    saved_to_ = first_ + held_.size();
    return {};
  }

  Status apply(Batch& batch, runtime::Prepared*, runtime::StageContext& context) override {
    const std::size_t came = batch.records.size();
    const std::uint64_t before = held_.size();
    const std::size_t kept = static_cast<std::size_t>(std::min<std::uint64_t>(came, n_));
    if (kept < came) {  // they push out all that was held, and the first of their own
      drop(held_.size());
      first_ += came - kept;
    }
    for (std::size_t i = came - kept; i < came; ++i) {
      hold(HeldRecord::of(batch, batch.records[i]));
      if (held_.size() > n_) drop(1);
    }
    context.count_filtered(before + came - held_.size());
    batch.records.clear();
    batch.outline = {};
    return {};
  }

  void snapshot(StateEntries& changes) override {
    for (; saved_from_ < std::min(first_, saved_to_); ++saved_from_) {
      changes.push_back({hexadecimal(saved_from_), {}});
    }
    saved_from_ = first_;
    for (std::uint64_t i = std::max(saved_to_, first_); i < first_ + held_.size(); ++i) {
      changes.push_back({hexadecimal(i), {}});
      held_[static_cast<std::size_t>(i - first_)].write(changes.back().value);
    }
    saved_to_ = first_ + held_.size();
  }

  Status finish(Batch& out, runtime::StageContext&) override {
    Released released(out, held_bytes());
    for (const HeldRecord& record : held_) {
      if (Status added = released.add(record); !added) return added;
    }
    drop(held_.size());
    return {};
  }

  std::size_t held_bytes() const override { return bytes_.load(std::memory_order_relaxed); }

 private:
  static Status damaged() {
    return runtime::Error::make(runtime::ErrorCode::checkpoint, "tail: its saved state is damaged");
  }
  void hold(HeldRecord&& record) {
    bytes_.fetch_add(record.bytes(), std::memory_order_relaxed);
    held_.push_back(std::move(record));
  }
  void drop(std::size_t count) {
    first_ += count;
    for (; count > 0; --count) {
      bytes_.fetch_sub(held_.front().bytes(), std::memory_order_relaxed);
      held_.pop_front();
    }
  }

  const std::uint64_t n_;
  std::deque<HeldRecord> held_;
  std::uint64_t first_ = 0;
  std::uint64_t saved_from_ = 0;  // the numbers of the entries that the last snapshot left
  std::uint64_t saved_to_ = 0;
  std::atomic<std::size_t> bytes_{0};
};

}  // namespace

void register_tail(runtime::Registry& registry) {
  runtime::StageSpec spec;
  spec.name = "tail";
  spec.doc = "The last n records, when the input ends";
  spec.options = {count_option("how many records pass")};
  spec.positional = 1;
  spec.kind = runtime::StageSpec::Kind::ordered;
  spec.keeps_records = true;
  spec.check = check_count;
  spec.make_ordered =
      [](const runtime::Options& options,
         const runtime::StageSetup&) -> runtime::Result<std::unique_ptr<runtime::OrderedStage>> {
    return std::unique_ptr<runtime::OrderedStage>(
        std::make_unique<Tail>(static_cast<std::uint64_t>(options.integer("n", 0))));
  };
  spec.facts = [](const runtime::Options&) -> std::vector<std::string> {
    return {"holds its records until the input ends"};
  };
  spec.examples = {{"tail(2)", {R"({"n":1})", R"({"n":2})", R"({"n":3})"}, {R"({"n":2})", R"({"n":3})"}}};
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
