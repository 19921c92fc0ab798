// Builds a Plan in C++ from your own receivers and sinks, with lambdas as stages. A Stream is the open end of
// a branch; using it twice is fan-out.
//
//   Builder b;
//   auto lines = b.receive("lines", [] { return std::make_unique<MyReceiver>(); });
//   auto errors = lines.filter("errors", [](std::string_view line) { return line.starts_with("E"); });
//   errors.sink("out", [] { return std::make_unique<MySink>(); });
//   auto pipeline = Pipeline::make(b.plan(), RunOptions{});
//
// Names appear in errors, graphs and dead letters. The name of a source or sink also prefixes its checkpoint
// entries, so it must be unique in the pipeline and stay the same from run to run.
//
// Threads: a stage's lambda runs on several threads at once, each call with its own batch, so its captures
// must be read-only or synchronized. The lambda lives as long as the pipeline. An exception thrown by a
// lambda ends the run with an error that names the stage (D12). The payload and the lambda's other arguments
// are valid only during the call.
//
// A stage sees only records. The engine manages positions, order, dead letters and bytes in flight: none of
// them is lost, whatever a stage returns (D1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/graph/json_record.h"
#include "pipec/graph/ordered.h"
#include "pipec/graph/plan.h"
#include "pipec/runtime/batch.h"
#include "pipec/runtime/connector.h"
#include "pipec/runtime/stage.h"

namespace pipec::graph {

// Receives the output of a record-level stage for one record: any number of records (none drops it), each
// with the key, headers and timestamp of the input record, or a dead letter.
class Emit {
 public:
  virtual ~Emit() = default;
  // The bytes are copied. A record and its batch's output are at most 4 GiB.
  virtual void record(std::string_view payload) = 0;
  // With its own key, headers and timestamp.
  virtual void record(std::string_view payload, const runtime::Metadata& metadata) = 0;
  // Sends the record to the dead letters, with its original bytes. Records already emitted for it stay.
  virtual void dead_letter(std::string_view reason) = 0;
};

class Builder {
 public:
  using OnError = runtime::OnError;
  // Called once per run, before anything is opened. An exception or a null pointer is the run's error.
  using MakeReceiver = std::function<std::unique_ptr<runtime::Receiver>()>;
  using MakeSink = std::function<std::unique_ptr<runtime::Sink>()>;
  using KeepRecord = std::function<bool(std::string_view payload)>;
  using MapRecord = std::function<void(std::string_view payload, Emit& out)>;
  using KeepJson = std::function<bool(JsonRecord& record)>;
  using MapJson = std::function<void(JsonRecord& record, Emit& out)>;
  // Any processing of a batch's records: filter, parse, transform, split. Records are in source order and
  // must stay so. An error fails the batch and the run.
  using MapBatch = std::function<runtime::Status(runtime::Batch& batch, runtime::StageContext& context)>;
  // Stages with state: one record at a time, in source order, by one thread at a time.
  using MakeState = std::function<std::unique_ptr<StageState>()>;
  using ApplyRecord = std::function<void(StageState& state, const RecordView& record, Emit& out)>;
  // Returns the arm of a record; a number that is not an arm drops the record and counts it as filtered.
  using ChooseArm = std::function<std::size_t(std::string_view payload)>;

  class Stream {
   public:
    // One record at a time.
    Stream filter(std::string name, KeepRecord keep) const;
    Stream map(std::string name, MapRecord map) const;  // 1 to N, N to 0
    // As map, but Emit::dead_letter("why") means that the record does not parse: "parse error: why" goes the
    // way of `on_error` (P4 dead letter, P5 counted alone, P6 the run ends).
    Stream parse(std::string name, MapRecord parse, OnError on_error = OnError::dead_letter) const;

    // Pre-parsed (P2): every record is checked completely, once; later stages know that it is valid JSON.
    Stream parse_json(OnError on_error = OnError::dead_letter) const;
    // On demand (P1): a record is validated when the lambda asks for a field, unless a parse_json() comes
    // first.
    Stream filter_json(std::string name, KeepJson keep, OnError on_error = OnError::dead_letter) const;
    Stream map_json(std::string name, MapJson map, OnError on_error = OnError::dead_letter) const;

    // A batch at a time, or with scratch memory per worker.
    Stream batches(std::string name, MapBatch map) const;
    Stream stage(std::string name, std::shared_ptr<const runtime::Stage> stage) const;

    // Stages written in the language, compiled by compiler::compile_stages_text(): those of pipec, and those
    // that the program registered. What is wrong with the text is an error of Pipeline::make(). Their dead
    // letters go where the builder says.
    //
    //   lines.stages(compiler::compile_stages_text("parse json | dedupe(.id, within: 1h)", registry))
    Stream stages(runtime::Result<Plan> compiled) const;

    // In source order, with a state that is saved with the positions (S1, S2). `name` is also the key of its
    // state in the checkpoint: unique in the pipeline, the same from run to run.
    Stream ordered(std::string name, MakeState make_state, ApplyRecord apply) const;
    // The same with a state of type State, which `apply(State&, const RecordView&, Emit&)` gets.
    template <typename State, typename Apply>
    Stream ordered(std::string name, Apply apply) const {
      return ordered(
          std::move(name), [] { return std::make_unique<State>(); },
          [apply = std::move(apply)](StageState& state, const RecordView& record, Emit& out) {
            apply(static_cast<State&>(state), record, out);
          });
    }

    std::vector<Stream> route(std::string name, std::size_t arms, ChooseArm choose) const;
    // `unordered`: receives batches as they arrive. Commits stay in order (D6).
    void sink(std::string name, MakeSink make, bool unordered = false) const;
    // The end of a branch that goes nowhere: counted as filtered.
    void drop() const;

   private:
    friend class Builder;
    Stream(Builder& builder, std::uint32_t node) : builder_(&builder), node_(node) {}
    Stream add_stage(std::string name, std::shared_ptr<const runtime::Stage> stage, bool trusted) const;
    template <typename Function>
    void need(const std::string& name, const Function& function) const;
    Builder* builder_;  // must not move while a stream of it is in use
    std::uint32_t node_;
  };

  explicit Builder(std::string name = "pipeline") { plan_.name = std::move(name); }

  Stream receive(std::string name, MakeReceiver make);
  // Records of one source that arrive on several branches are joined in source order.
  Stream merge(const std::vector<Stream>& streams);

  // Dead letters end the run (P8) unless one of these is called. To a sink, each as one line of JSON: it is
  // made durable before its batch is committed, and an error of it ends the run (P9).
  void dead_letters_to(std::string name, MakeSink make);
  // To a function of the program, before the batch is committed: one at a time, in source order. An error
  // ends the run, unless it says that it is retriable (RetryLimits). After a crash a letter may come again.
  using TakeDeadLetter = std::function<runtime::Status(const DeadLetterView& letter)>;
  void on_dead_letter(TakeDeadLetter take);
  void discard_dead_letters() { plan_.dead_letters.kind = DeadLetterPolicy::Kind::discard; }
  // The engine commits nothing. The only sink receives every batch in order, including empty ones, after the
  // batch's dead letters, with the positions in batch.block().ranges. The sink decides when to commit them
  // (D5).
  void commit_by_sink() { plan_.commit = CommitMode::sink; }

  // Returns a copy, so the builder can still be used. Mistakes (a stage without a function, a stream of
  // another builder) are reported by Pipeline::make().
  Plan plan() const { return plan_; }

 private:
  std::uint32_t add(Node node);
  Stream follow(const Stream& stream, Node node);
  void report(const std::string& node, std::string message);

  Plan plan_;
};

}  // namespace pipec::graph
