// A chain of stages, compiled over the standard library and driven as the engine does: one after the other,
// batch by batch; ordered stages with their state.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pipec/compiler/compile.h"
#include "pipec/runtime/registry.h"

namespace pipec::compiler::test {

using Lines = std::vector<std::string>;

const runtime::Registry& standard_library();

class StageRun {
 public:
  // `text`: "unroll(.items) | dedupe(.id)". If it does not compile, `problem` has the message.
  explicit StageRun(const std::string& text, const runtime::Registry& registry = standard_library());

  // Processes the records of one batch; returns its output.
  Lines batch(const Lines& records, runtime::Format format = runtime::Format::json);
  // All batches are prepared before the first is applied, on several threads, the last one first.
  Lines batches(const std::vector<Lines>& batches);

  // The end of the input: the records that the stages have held back.
  Lines finish();
  // Time passes for the ordered stages that want it.
  Lines on_time(std::int64_t now);

  // The contents of a checkpoint after the batches so far, and a run that resumes from it.
  std::map<std::string, runtime::StateEntries> save();
  void open(const std::map<std::string, runtime::StateEntries>& saved);

  std::string problem;
  graph::Plan plan;
  std::vector<std::pair<std::string, std::string>> dead;  // original and reason
  std::uint64_t filtered = 0;
  std::string error;  // of the run

 private:
  struct Context;
  struct Node {
    std::shared_ptr<const runtime::Stage> stage;
    std::unique_ptr<runtime::OrderedStage> ordered;
    std::map<std::string, std::string> saved;  // its entries
  };
  void make_nodes();
  void apply(std::size_t from, runtime::Batch& batch, std::unique_ptr<runtime::Prepared> prepared,
             bool is_prepared);
  template <class Call>
  Lines released(Call&& call);
  Lines lines(const runtime::Batch& batch) const;

  std::vector<Node> nodes_;
  std::vector<std::string> names_;
  std::unique_ptr<runtime::BufferPool> pool_;
};

}  // namespace pipec::compiler::test
