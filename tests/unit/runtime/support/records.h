// Batches of given lines, and what a stage said about them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/json.h"
#include "pipec/runtime/stage.h"

namespace pipec::runtime::test {

inline std::string to_json(const Value& value) {
  BufferPool pool(0);
  const BufferRef out = pool.get(64);
  append_json(value, *out);
  return std::string(out->view());
}

// One record per line; positions are byte offsets.
inline std::shared_ptr<Block> block_of(const std::vector<std::string>& lines, BufferPool& pool) {
  auto block = std::make_shared<Block>();
  block->data = pool.get(64);
  for (const std::string& line : lines) {
    block->origins.push_back(
        {static_cast<std::uint32_t>(block->data->size()), static_cast<std::uint32_t>(line.size())});
    block->data->append(line);
    block->data->append('\n');
  }
  block->source = "in.ndjson";
  block->byte_positions = true;
  return block;
}

struct DeadRecord {
  std::uint32_t origin;
  std::string reason;
  std::uint32_t column;  // 0: the stage's own place
  bool operator==(const DeadRecord&) const = default;
};

class Seen final : public StageContext {
 public:
  std::vector<DeadRecord> dead;
  std::uint64_t filtered = 0;
  std::uint64_t errors = 0;
  bool wants_outline = false;

  bool outline_wanted() const override { return wants_outline; }
  void dead_letter(const Record& record, std::string_view reason, const Place* place) override {
    dead.push_back({record.origin, std::string(reason), place ? place->column : 0});
  }
  void count_filtered(std::uint64_t records) override { filtered += records; }
  void count_errors(std::uint64_t records) override { errors += records; }
};

inline std::vector<std::string> lines_of(const Batch& batch) {
  std::vector<std::string> lines;
  for (const Record& record : batch.records) lines.emplace_back(batch.payload(record));
  return lines;
}

// A stage over one batch.
struct Run {
  BufferPool pool;
  std::shared_ptr<Block> block;
  Batch batch;
  Seen seen;
  Status status;

  Run(const Stage& stage, const std::vector<std::string>& lines, bool validated = false)
      : block(block_of(lines, pool)), batch(block, pool) {
    for (Record& record : batch.records) record.validated = validated;
    process(stage);
  }
  Run(const Stage& stage, std::shared_ptr<Block> given) : block(std::move(given)), batch(block, pool) {
    process(stage);
  }
  std::vector<std::string> lines() const { return lines_of(batch); }

 private:
  void process(const Stage& stage) {
    const std::unique_ptr<Scratch> scratch = stage.make_scratch();
    status = stage.process(batch, scratch.get(), seen);
  }
};

// The value of a program for one record as JSON; a failure as "!reason" and, if its column is known,
// "@column".
inline std::string evaluated(std::shared_ptr<const Program> program, const std::string& record,
                             bool validated = false) {
  BufferPool pool;
  Batch batch(block_of({record}, pool), pool);
  batch.records[0].validated = validated;
  Evaluator evaluator(std::move(program));
  const Value value = evaluator.evaluate(batch, batch.records[0]);
  if (!value.is_failed()) return to_json(value);
  const Failure& failure = evaluator.failure();
  std::string text = "!" + std::string(failure.reason);
  if (failure.place && failure.place->known()) text += " @" + std::to_string(failure.place->column);
  return text;
}

}  // namespace pipec::runtime::test
