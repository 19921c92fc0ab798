#include <algorithm>

#include "pipec/runtime/evaluate.h"
#include "runtime/eval/interpreter.h"
#include "runtime/eval/malformed.h"
#include "runtime/eval/usage.h"

namespace pipec::runtime {

namespace {

using eval::Interpreter;
using eval::Truth;

class FilterScratch final : public Scratch {
 public:
  explicit FilterScratch(const Program& program)
      : interpreter(program.fields, program.locals, Clock::system()) {}
  Interpreter interpreter;
};

class FilterStage final : public Stage {
 public:
  explicit FilterStage(FilterOptions options)
      : options_(std::move(options)),
        reads_(eval::reads_record(options_.condition->root)),
        required_(eval::required_keys(*options_.condition)) {
    if (options_.dead_letter_reason.empty())
      options_.dead_letter_reason = "the filter's condition does not hold";
  }

  std::unique_ptr<Scratch> make_scratch() const override {
    return std::make_unique<FilterScratch>(*options_.condition);
  }

  Status process(Batch& batch, Scratch* scratch, StageContext& context) const override {
    Interpreter& interpreter = static_cast<FilterScratch*>(scratch)->interpreter;
    const Expression& condition = options_.condition->root;
    std::uint64_t filtered = 0;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const Record record = batch.records[i];
      Truth truth = Truth::failed;
      if (interpreter.begin(batch, record, reads_)) {
        truth = interpreter.test(condition);
      } else if (lacks_required_key(batch, record)) {
        truth = Truth::no;
      }
      if (truth == Truth::yes) {
        batch.records[kept++] = record;
      } else if (truth == Truth::no) {
        if (options_.otherwise == FilterOptions::Else::drop) {
          ++filtered;
        } else {
          context.dead_letter(record, options_.dead_letter_reason);
        }
      } else if (interpreter.malformed()) {
        Status status = eval::reject_malformed(batch, record, options_.on_malformed, context);
        if (!status) return status;
      } else {
        context.dead_letter(record, interpreter.failure().reason, interpreter.failure().place);
      }
    }
    batch.records.resize(kept);
    if (filtered != 0) context.count_filtered(filtered);
    return {};
  }

 private:
  // Without these bytes the condition cannot hold: the record is no match, malformed or not.
  bool lacks_required_key(const Batch& batch, const Record& record) const {
    if (record.format != Format::json) return false;
    const std::string_view payload = batch.payload(record);
    return std::any_of(required_.begin(), required_.end(),
                       [&](const std::string& key) { return !eval::may_hold_key(payload, key); });
  }

  FilterOptions options_;
  bool reads_;
  std::vector<std::string> required_;
};

}  // namespace

std::shared_ptr<const Stage> make_filter(FilterOptions options) {
  return std::make_shared<FilterStage>(std::move(options));
}

}  // namespace pipec::runtime
