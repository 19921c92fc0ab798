#include "pipec/runtime/evaluate.h"
#include "runtime/eval/interpreter.h"
#include "runtime/eval/malformed.h"
#include "runtime/eval/raw_filter.h"
#include "runtime/eval/usage.h"

namespace pipec::runtime {

namespace {

using eval::Interpreter;
using eval::RawFilter;
using eval::RawScan;
using eval::Truth;

class FilterScratch final : public Scratch {
 public:
  FilterScratch(const Program& program, const RawFilter& raw)
      : interpreter(program.fields, program.locals, Clock::system()), scan(raw) {}
  Interpreter interpreter;
  RawScan scan;
};

class FilterStage final : public Stage {
 public:
  explicit FilterStage(FilterOptions options)
      : options_(std::move(options)),
        reads_(eval::reads_record(options_.condition->root)),
        raw_(*options_.condition) {
    if (options_.dead_letter_reason.empty())
      options_.dead_letter_reason = "the filter's condition does not hold";
  }

  std::unique_ptr<Scratch> make_scratch() const override {
    return std::make_unique<FilterScratch>(*options_.condition, raw_);
  }

  Status process(Batch& batch, Scratch* scratch, StageContext& context) const override {
    auto& [interpreter, scan] = *static_cast<FilterScratch*>(scratch);
    const Expression& condition = options_.condition->root;
    const bool judged = scan.judge(batch);
    std::uint64_t filtered = 0;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const RawScan::Answer answer = judged ? scan.answer(i) : RawScan::Answer::unknown;
      if (answer == RawScan::Answer::no && options_.otherwise == FilterOptions::Else::drop) [[likely]] {
        ++filtered;
        continue;
      }
      const Record record = batch.records[i];
      Truth truth = Truth::failed;
      if (answer != RawScan::Answer::unknown) {
        truth = answer == RawScan::Answer::yes ? Truth::yes : Truth::no;
      } else {
        if (interpreter.begin(batch, record, reads_)) truth = interpreter.test(condition);
        // Without the bytes of its keys the condition cannot hold: no match, malformed or not.
        if (interpreter.malformed() && record.format == Format::json && !raw_.may_hold(batch.payload(record)))
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
  FilterOptions options_;
  bool reads_;
  RawFilter raw_;
};

}  // namespace

std::string explain_filter(const Program& condition) {
  return RawFilter(condition).describe();
}

std::shared_ptr<const Stage> make_filter(FilterOptions options) {
  return std::make_shared<FilterStage>(std::move(options));
}

}  // namespace pipec::runtime
