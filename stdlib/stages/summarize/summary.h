// What a summarize stage computes, as its options say.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/registry.h"
#include "stdlib/stages/summarize/groups.h"
#include "stdlib/stages/summarize/windows.h"

namespace pipec::stdlib {

struct Summary {
  Summary(const runtime::Options& options, const runtime::StageSetup& setup);
  Summary(const Summary&) = delete;
  Summary& operator=(const Summary&) = delete;

  std::vector<std::string> keys;                // the names of the `by` fields
  std::vector<runtime::Options::Item> fields;   // of the block, in order
  std::shared_ptr<const runtime::Program> row;  // of a record: the keys, the time, the aggregates' arguments
  std::optional<std::size_t> time;              // its place in the row; none: arrival
  std::vector<std::optional<std::size_t>> arguments;  // the aggregates' places in the row; none: count()
  std::vector<const runtime::Options::Call*> calls;   // into `fields`
  Secret secret{};                                    // of hashes; set when the run opens
  AggregateList aggregates;
  WindowShape shape;
  std::int64_t late = 0;
  std::int64_t idle = 0;  // 0: off
  runtime::OnError on_malformed = runtime::OnError::dead_letter;
  const runtime::Clock& clock;

  bool windowed() const { return shape.every != 0; }
};

// One record's key, time and arguments. One per thread.
class Row final : public runtime::Scratch {
 public:
  explicit Row(const Summary& summary) : summary_(summary), evaluator_(summary.row, summary.clock) {}

  // False: the record is out of the batch. An error ends the run.
  runtime::Result<bool> read(const runtime::Batch& batch, const runtime::Record& record,
                             runtime::StageContext& context);
  std::string_view key() const { return key_; }
  std::uint64_t hash() const { return hash_; }
  std::int64_t time() const { return time_; }

  // The first aggregate that does not take the record; nothing if all do. `group`: null if it has none yet.
  std::optional<std::size_t> refused(const Group* group) const;
  std::string refusal(const Group* group, std::size_t aggregate) const;
  void add_to(Group& group, bool is_new);

 private:
  runtime::Value argument(std::size_t aggregate) const;
  const void* state(const Group* group, std::size_t aggregate) const;
  bool is_well_formed(const runtime::Record& record);

  const Summary& summary_;
  runtime::Evaluator evaluator_;
  const runtime::Value* values_ = nullptr;
  std::string key_;
  std::uint64_t hash_ = 0;
  std::int64_t time_ = 0;
  mutable Groups none_{summary_.aggregates};  // one group without records
};

}  // namespace pipec::stdlib
