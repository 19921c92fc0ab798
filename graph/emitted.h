// The output of lambdas.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/graph/builder.h"
#include "pipec/runtime/batch.h"
#include "pipec/runtime/stage.h"

namespace pipec::graph {

// Collects what lambdas emit, in one output buffer of the batch.
class Emitted : public Emit {
 public:
  Emitted(runtime::Batch& batch, runtime::StageContext& context) : batch_(batch), context_(context) {
    made_.reserve(batch.records.size());
  }
  void begin(const runtime::Record& record) {
    record_ = record;
    first_ = made_.size();
  }
  void record(std::string_view payload) override {
    if (buffer_ == 0) buffer_ = batch_.add_buffer(batch_.block().bytes());
    runtime::Buffer& buffer = *batch_.buffers[buffer_];
    if (payload.size() > std::numeric_limits<std::uint32_t>::max() - buffer.size()) {
      throw std::length_error("a stage's output for one batch is larger than 4 GiB");
    }
    runtime::Record made = record_;
    made.buffer = buffer_;
    made.begin = static_cast<std::uint32_t>(buffer.size());
    made.size = static_cast<std::uint32_t>(payload.size());
    made.validated = false;
    buffer.append(payload);
    made_.push_back(made);
  }
  void record(std::string_view payload, const runtime::Metadata& metadata) override {
    record(payload);
    batch_.metadata.push_back(metadata);
    made_.back().metadata = static_cast<std::uint32_t>(batch_.metadata.size());
  }
  void dead_letter(std::string_view reason) override { context_.dead_letter(record_, reason); }
  std::size_t written() const { return buffer_ == 0 ? 0 : batch_.buffers[buffer_]->size(); }
  // Discards the output for the current record.
  void take_back() { made_.resize(first_); }
  void finish() { batch_.records = std::move(made_); }

 protected:
  runtime::Batch& batch_;
  runtime::StageContext& context_;
  runtime::Record record_;

 private:
  std::vector<runtime::Record> made_;
  std::size_t first_ = 0;
  std::uint16_t buffer_ = 0;  // 0: none made yet
};

}  // namespace pipec::graph
