// Collects what a stage or sink reports to the engine while it processes one batch. The reports take effect
// only when the work succeeds, so retrying a batch does not report anything twice.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "graph/in_flight.h"
#include "pipec/graph/plan.h"
#include "pipec/runtime/stage.h"

namespace pipec::graph {

class VisitContext final : public runtime::StageContext {
 public:
  VisitContext(InFlightBatch& in_flight, const std::string& name, const runtime::Place& place,
               std::uint32_t node)
      : in_flight_(in_flight), name_(name), place_(place), node_(node) {}

  void dead_letter(const runtime::Record& record, std::string_view reason,
                   const runtime::Place* place) override {
    if (!in_flight_.block || record.origin >= in_flight_.block->origins.size()) {
      if (!foreign_) foreign_ = std::string(reason);
      return;
    }
    letters_.push_back({{record.origin, std::string(reason), name_, place ? *place : place_}, node_});
    letter_bytes_ += sizeof(RoutedLetter) + reason.size() + name_.size() + place_.file.size();
  }
  void count_filtered(std::uint64_t records) override { filtered_ += records; }
  void count_errors(std::uint64_t records) override { errors_ += records; }
  std::shared_ptr<runtime::Completion> defer() override {
    if (deferrable_ && !deferred_) deferred_ = deferrable_();
    return deferred_;
  }

  bool outline_wanted() const override { return outline_wanted_; }
  void want_outline(bool wanted) { outline_wanted_ = wanted; }
  std::size_t output_allowance() const override { return allowance_; }
  runtime::ArenaBounds evaluation_bounds() const override { return evaluation_; }
  void bound_evaluation(const runtime::ArenaBounds& bounds) { evaluation_ = bounds; }
  void leave_rest(std::span<const runtime::Record> rest) override { rest_.assign(rest.begin(), rest.end()); }
  void allow_output(std::size_t bytes) { allowance_ = bytes; }
  // The records that the stage has left unprocessed.
  std::vector<runtime::Record>& rest() { return rest_; }

  // Lets the sink finish the batch later.
  void allow_defer(std::function<std::shared_ptr<runtime::Completion>()> make) {
    deferrable_ = std::move(make);
  }

  std::uint64_t filtered() const { return filtered_; }
  std::uint64_t errors() const { return errors_; }
  std::size_t letters() const { return letters_.size(); }
  // The memory they use until they are written.
  std::size_t letter_bytes() const { return letter_bytes_; }
  // The reason of a dead letter that was reported of a record that is none of the batch's.
  const std::optional<std::string>& foreign() const { return foreign_; }

  // Without memory it throws and has done nothing.
  void hand_over() {
    if (letters_.empty()) return;
    const std::lock_guard lock(in_flight_.mutex);
    std::vector<RoutedLetter>& all = in_flight_.letters;
    const std::size_t needed = all.size() + letters_.size();
    if (needed > all.capacity()) all.reserve(std::max(needed, 2 * all.capacity()));
    std::move(letters_.begin(), letters_.end(), std::back_inserter(all));
    letters_.clear();
  }

 private:
  InFlightBatch& in_flight_;
  const std::string& name_;
  const runtime::Place& place_;
  std::uint32_t node_;
  std::vector<RoutedLetter> letters_;
  std::size_t letter_bytes_ = 0;
  std::uint64_t filtered_ = 0;
  std::uint64_t errors_ = 0;
  std::optional<std::string> foreign_;
  bool outline_wanted_ = false;
  std::size_t allowance_ = SIZE_MAX;
  runtime::ArenaBounds evaluation_;
  std::vector<runtime::Record> rest_;
  std::function<std::shared_ptr<runtime::Completion>()> deferrable_;
  std::shared_ptr<runtime::Completion> deferred_;
};

}  // namespace pipec::graph
