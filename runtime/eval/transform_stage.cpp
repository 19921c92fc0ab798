#include "pipec/runtime/evaluate.h"
#include "runtime/eval/transform_run.h"
#include "runtime/eval/usage.h"

namespace pipec::runtime {

namespace {

class TransformStage final : public Stage {
 public:
  explicit TransformStage(TransformOptions options)
      : options_(std::move(options)),
        reads_(eval::reads_record(options_.program->body)),
        line_(*options_.program) {}

  std::unique_ptr<Scratch> make_scratch() const override {
    return std::make_unique<eval::TransformRun>(*options_.program, reads_,
                                                reads_outline() ? &line_ : nullptr);
  }

  Status process(Batch& batch, Scratch* scratch, StageContext& context) const override {
    Status status = static_cast<eval::TransformRun*>(scratch)->process(batch, options_.on_malformed, context);
    batch.outline = {};
    return status;
  }
  bool reads_outline() const override { return reads_ && line_.usable(); }

 private:
  TransformOptions options_;
  bool reads_;
  eval::StraightLine line_;
};

}  // namespace

std::string explain_transform(const TransformProgram& program) {
  if (!eval::reads_record(program.body)) return "does not look into records";
  const eval::StraightLine line(program);
  if (line.usable()) return "processes many records at once, with one splice plan per record shape";
  return "processes records one by one: " + line.why_not();
}

std::shared_ptr<const Stage> make_transform(TransformOptions options) {
  return std::make_shared<TransformStage>(std::move(options));
}

}  // namespace pipec::runtime
