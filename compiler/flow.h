// Streams, stage chains and flows become nodes and edges. A stream is compiled once, however often it is
// used; a stage chain is inlined at each use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "compiler/connector_options.h"
#include "compiler/context.h"
#include "compiler/names.h"
#include "pipec/dsl/ast.h"
#include "pipec/graph/plan.h"
#include "pipec/runtime/evaluate.h"

namespace pipec::compiler {

// The current end of a stream: the node to which the next stage is attached, and the known facts about its
// records.
struct Position {
  std::uint32_t node = 0;
  bool failed = false;     // reported: later stages are not diagnosed
  bool ended = false;      // a sink, drop or route took everything
  bool validated = false;  // a `parse` has checked whole records
  bool object = false;     // every record is an object
  std::string elsewhere;   // a source that keeps its positions outside of the checkpoint: "recv kafka"
  dsl::Span end;           // of the stage that ended it
};

// One stage to add; its names are resolved in `module`.
struct StageUse {
  const dsl::Stage* stage = nullptr;
  const Module* module = nullptr;
  bool repeated = false;  // its chain was already inlined
};

struct StageList {
  std::vector<StageUse> stages;
  bool broken = false;  // a name in it was reported
  // Stages written as a bare name where a source is also possible: `let a = NAME`.
  std::vector<std::shared_ptr<const dsl::Stage>> made;
};

// Of a node's own text in pictures and plans.
inline constexpr std::size_t kDetailWidth = 60;

// A stage at which a record can become a dead letter.
struct DeadLetterSource {
  dsl::Span span;
  bool unparsed = false;  // by not being JSON
};

class FlowCompiler {
 public:
  // `keeps_state`: of stages, from run to run.
  FlowCompiler(Context& context, Names& names, runtime::ConnectorContext connectors, bool keeps_state)
      : context_(context), names_(names), connectors_(std::move(connectors)), keeps_state_(keeps_state) {
    connectors_.own_files = own_files_;
  }

  void flow(const dsl::Pipeline& pipeline, const Module& module);
  void dead_letters(const dsl::DlqItem& item, const Module& module);
  // Compiles definitions that no flow reached, only for their errors.
  void check_stream(Symbol& symbol) { stream(symbol); }
  void check_chain(Symbol& symbol);
  bool put_in(const Symbol& symbol) const { return chains_used_.count(&symbol) != 0; }

  // The same between a source and a sink that have no factories yet.
  void test_chain(Symbol& symbol);

  // A one-liner: the stages between two ready nodes.
  void stages_between(const dsl::Chain& chain, const Module& module, graph::Node source, graph::Node sink);

  // When all flows are in: what connectors need of each other.
  void join_connectors();
  // The files that the pipeline reads, writes and depends on, for its connectors; `read` are those of a
  // ready-made source that the caller passed in. No file is both read and written by its constant path.
  void collect_own_files(const std::vector<std::string>& read = {});

  graph::Plan& plan() { return plan_; }
  const std::vector<DeadLetterSource>& dead_letter_sources() const { return dead_letter_sources_; }

 private:
  // A stage's name in messages, and its compiled form.
  struct Sink {
    const runtime::SinkSpec* spec = nullptr;
    CompiledOptions options;
    std::string name;  // "sink file"
  };

  // flow.cpp
  Position source(const dsl::Source& source, const Module& module);
  Position stream(Symbol& symbol);
  Position named_source(const dsl::Name& name, const Module& module);
  Position merge(const dsl::Source& source, const Module& module);
  Position stages(Position at, const StageList& list);
  void expand(const dsl::Chain& chain, const Module& module, bool repeated, StageList& out);
  void expand_name(const dsl::NameStage& stage, const Module& module, bool repeated, StageList& out);
  void expand_chain(const Symbol& symbol, bool repeated, StageList& out);
  void expand_source(const dsl::Name& name, const Module& module, bool repeated, StageList& out);
  void must_end(const Position& at, const StageList& list, dsl::Span where, const char* what);
  std::uint32_t add(graph::Node node);
  void attach(const Position& at, std::uint32_t node);
  std::string state_key(const std::string& text);

  // flow_stages.cpp
  Position stage(Position at, const StageUse& use, runtime::OnError on_malformed);
  static runtime::OnError on_error_of(const dsl::ParseStage& parse);
  void filter(graph::Node& node, Position& at, const StageUse& use, runtime::OnError on_malformed);
  void parse(graph::Node& node, Position& at, const StageUse& use);
  void transform(graph::Node& node, Position& at, const StageUse& use, runtime::OnError on_malformed);
  Position route(graph::Node node, Position at, const StageUse& use, runtime::OnError on_malformed);
  void reads(graph::Node& node, const Position& at, const std::vector<std::string>& paths, bool touched);
  void can_dead_letter(graph::Node& node, dsl::Span span, bool malformed, std::vector<std::string> failures);

  // flow_registered.cpp
  void unknown_stage(const dsl::NameStage& stage, const Module& module);
  void registered(graph::Node& node, Position& at, const StageUse& use, runtime::OnError on_malformed);
  bool keep_state(graph::Node& node, const Position& at, const StageUse& use, const runtime::StageSpec& spec,
                  const runtime::Options& options);
  std::string meaning(const StageUse& use, const runtime::StageSpec& spec, const runtime::Options& options);

  // flow_connectors.cpp
  Position recv(const dsl::Source& source, const Module& module);
  void sink(graph::Node& node, const Position& at, const dsl::SinkStage& stage, const Module& module);
  Sink open_sink(const dsl::Connector& connector, const Module& module, const std::string& role);
  std::string sink_key(const Sink& sink, const dsl::Connector& connector, const std::string& role);
  void only_one_reader(const runtime::ReceiverSpec& spec, dsl::Span span);

  // own_files.cpp
  // A path of a connector that has one for all records.
  struct ConstantPath {
    std::string path;
    dsl::Span span;  // of the connector's name; of nothing where the text does not name it
  };
  void check_written(const std::vector<ConstantPath>& read, const std::vector<ConstantPath>& written);
  void add_texts_and_state();

  Context& context_;
  Names& names_;
  runtime::ConnectorContext connectors_;
  std::shared_ptr<runtime::OwnFiles> own_files_ = std::make_shared<runtime::OwnFiles>();
  graph::Plan plan_;
  std::unordered_map<const Symbol*, Position> streams_;
  std::unordered_set<const Symbol*> chains_used_;
  std::vector<runtime::ConnectorUse> uses_;  // every connector of the pipeline
  std::vector<dsl::Span> use_spans_;
  std::map<std::string, dsl::Span> targets_;  // the sinks' targets
  std::map<std::string, dsl::Span> readers_;  // of what only one may read
  std::map<std::string, dsl::Span> state_names_;
  std::map<std::string, dsl::Span> stage_states_;  // the names under which stages keep state
  std::unordered_map<std::string, unsigned> keys_;
  std::vector<DeadLetterSource> dead_letter_sources_;
  std::size_t repeated_stages_ = 0;
  bool keeps_state_;
};

}  // namespace pipec::compiler
