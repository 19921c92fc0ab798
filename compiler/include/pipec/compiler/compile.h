// Compiles the text of a .pipe file to a plan that the graph runs. All errors that can be found in one pass
// are reported to the sink; there is a result only if no error was reported.
//
// Compiling opens nothing and has no side effects; it only stats the files that the text names, to detect two
// paths to the same file. A compilation runs on the calling thread. Several may run at the same time with one
// registry, which must not change any more. A plan does not refer to the text: the sources may be destroyed
// once their diagnostics are rendered. A plan may be run several times, one run after the other.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipec/dsl/diagnostic.h"
#include "pipec/dsl/source.h"
#include "pipec/graph/picture.h"
#include "pipec/graph/plan.h"
#include "pipec/runtime/connector.h"
#include "pipec/runtime/error.h"
#include "pipec/runtime/place.h"
#include "pipec/runtime/program.h"
#include "pipec/runtime/registry.h"

namespace pipec::compiler {

// Gives the file that a `use` names; `path` is relative to the working directory. The file must outlive the
// compilation and the rendering of its diagnostics, and its id must not be that of any other file.
using UseReader = std::function<runtime::Result<const dsl::SourceFile*>(const std::string& path)>;

// Reads from the disk and keeps the texts in the map, which must outlive the reader. At most 64 MiB a file.
UseReader read_used_files(dsl::SourceMap& sources);

struct CompileOptions {
  // Passed to the connectors' factories when the plan runs. Its pipeline name is filled in by the compiler.
  runtime::ConnectorContext connectors = {};
  UseReader use;           // without one, `use` is an error
  bool needs_flow = true;  // a file without a flow is an error (E0401)
  // Stages keep their state from run to run, so each needs a unique name. False for a plan that is run
  // without a state directory.
  bool keeps_state = true;
};

// A whole file. The plan is named by its `name` directive, else by the file's stem. The registry must outlive
// the plan.
std::optional<graph::Plan> compile(const dsl::SourceFile& source, const runtime::Registry& registry,
                                   const CompileOptions& options, dsl::DiagnosticSink& sink);

// Compiles a pipeline from text, for programs that embed pipelines. `name` is used as the file name
// ("flow.pipe"); files named by `use` are read from the disk unless the options say otherwise. The
// diagnostics are in the error's message (code "compile"), formatted for people. On success, `warnings`
// receives the warnings. Never throws; a registration that Registry::add() refused is an error.
runtime::Result<graph::Plan> compile_text(std::string name, std::string text,
                                          const runtime::Registry& registry, CompileOptions options = {},
                                          std::string* warnings = nullptr);

// Stages as text, for graph::Builder::Stream::stages(): "parse json | dedupe(.id, within: 1h)". The places in
// diagnostics are those of the text, under the name "stages".
runtime::Result<graph::Plan> compile_stages_text(std::string text, const runtime::Registry& registry,
                                                 CompileOptions options = {});

// A result that a `test` block expects.
struct Expected {
  enum class Kind : std::uint8_t { value, dead_letter, nothing };
  Kind kind = Kind::nothing;
  std::string text = {};  // value: JSON; dead_letter: text that the reason contains, may be empty
  runtime::Place place = {};
};

struct TestCase {
  std::vector<std::string> given = {};  // JSON, the records of one run
  runtime::Place place = {};
  std::vector<Expected> expected = {};  // in the order of the text
};

// A `test` block. The plan is its chain between a receive node and sinks, all without factories: the caller
// sets the factories and the dead letter route before running it.
struct Test {
  std::string title = {};
  runtime::Place place = {};
  graph::Plan plan;
  std::vector<TestCase> cases = {};
};

// The tests of a file, which needs no flow. All of the file is checked, as by compile().
std::optional<std::vector<Test>> compile_tests(const dsl::SourceFile& source,
                                               const runtime::Registry& registry,
                                               const CompileOptions& options, dsl::DiagnosticSink& sink);

// The two ends of a one-liner, ready made: nodes of kind receive and sink with their name and factory.
struct StageEnds {
  graph::Node source;
  graph::Node sink;                     // absent if the stages end in their own sink, route or drop
  std::vector<std::string> reads = {};  // the files that the source reads: the stages must not write them
};

// A bare `stage { "|" stage }` between the caller's own source and sink. An empty text passes everything on.
// The dead letters' policy is the caller's to set.
std::optional<graph::Plan> compile_stages(const dsl::SourceFile& source, const runtime::Registry& registry,
                                          const CompileOptions& options, StageEnds ends,
                                          dsl::DiagnosticSink& sink);

// One expression over a record. A constant one is folded: its root is Op::constant.
std::shared_ptr<const runtime::Program> compile_expression(const dsl::SourceFile& source,
                                                           const runtime::Registry& registry,
                                                           dsl::DiagnosticSink& sink);

// The plan as text: for each node its place, its inputs and outputs, how it can dead-letter, and its
// successors. The same plan produces the same text on every machine: files are named without their
// directories.
std::string explain(const graph::Plan& plan);

// The graph as a picture.
std::string to_dot(const graph::Plan& plan);
std::string to_mermaid(const graph::Plan& plan);

// The same of the graph that runs (Pipeline::picture()); `name`: the pipeline's.
std::string explain(const graph::Picture& picture, const std::string& name);
std::string to_dot(const graph::Picture& picture, const std::string& name);
std::string to_mermaid(const graph::Picture& picture, const std::string& name);

}  // namespace pipec::compiler
