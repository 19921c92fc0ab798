// Builds a Plan in C++: own receivers and sinks, lambdas as stages. A Stream is the end of a branch that is
// being written; using one twice is fan-out.
//
//   Builder b;
//   auto lines = b.receive("lines", [] { return std::make_unique<MyReceiver>(); });
//   auto errors = lines.filter("errors", [](std::string_view line) { return line.starts_with("E"); });
//   errors.sink("out", [] { return std::make_unique<MySink>(); });
//   auto pipeline = Pipeline::make(b.plan(), RunOptions{});
//
// Stage lambdas run on several threads at once. An exception in one ends the run with an error that names the
// stage.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/graph/plan.h"
#include "pipec/runtime/batch.h"
#include "pipec/runtime/connector.h"
#include "pipec/runtime/stage.h"

namespace pipec::graph {

// What a record-level stage makes of one record: any number of records, or a dead letter.
class Emit {
 public:
  virtual ~Emit() = default;
  virtual void record(std::string_view payload) = 0;
  virtual void dead_letter(std::string_view reason) = 0;
};

class Builder {
 public:
  using MakeReceiver = std::function<std::unique_ptr<runtime::Receiver>()>;
  using MakeSink = std::function<std::unique_ptr<runtime::Sink>()>;
  using KeepRecord = std::function<bool(std::string_view payload)>;
  using MapRecord = std::function<void(std::string_view payload, Emit& out)>;
  using MapBatch = std::function<runtime::Status(runtime::Batch& batch, runtime::StageContext& context)>;
  // The arm of a record; a number that is no arm drops the record and counts it as filtered.
  using ChooseArm = std::function<std::size_t(std::string_view payload)>;

  class Stream {
   public:
    Stream filter(std::string name, KeepRecord keep) const;
    Stream map(std::string name, MapRecord map) const;
    Stream batches(std::string name, MapBatch map) const;
    Stream stage(std::string name, std::shared_ptr<const runtime::Stage> stage) const;
    std::vector<Stream> route(std::string name, std::size_t arms, ChooseArm choose) const;
    void sink(std::string name, MakeSink make, bool unordered = false) const;
    void drop() const;

   private:
    friend class Builder;
    Stream(Builder& builder, std::uint32_t node) : builder_(&builder), node_(node) {}
    Builder* builder_;
    std::uint32_t node_;
  };

  explicit Builder(std::string name = "pipeline") { plan_.name = std::move(name); }

  Stream receive(std::string name, MakeReceiver make);
  // Records of one source that came along several branches are joined in source order.
  Stream merge(const std::vector<Stream>& streams);
  void dead_letters_to(std::string name, MakeSink make);
  void discard_dead_letters() { plan_.dead_letters.kind = DeadLetterPolicy::Kind::discard; }
  void commit_by_sink() { plan_.commit = CommitMode::sink; }

  // A copy: the builder may go on.
  Plan plan() const { return plan_; }

 private:
  std::uint32_t add(Node node);
  Stream follow(const Stream& stream, Node node);

  Plan plan_;
};

}  // namespace pipec::graph
