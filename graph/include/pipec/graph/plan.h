// A pipeline as plain data: nodes and edges. The compiler creates one from text, the builder from C++.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipec/graph/dead_letter_view.h"
#include "pipec/runtime/clock.h"
#include "pipec/runtime/connector.h"
#include "pipec/runtime/error.h"
#include "pipec/runtime/govern.h"
#include "pipec/runtime/ordered_stage.h"
#include "pipec/runtime/place.h"
#include "pipec/runtime/stage.h"

namespace pipec::graph {

// What a run lends to the receivers, sinks and ordered stages that it makes.
struct RunServices {
  const runtime::Clock* clock = &runtime::Clock::system();
  // One line per event worth knowing, from any thread; does nothing once the run is over.
  std::function<void(const std::string& line)> log = {};
};

// Called once per run, before anything is opened.
template <typename Part>
using Factory = std::function<runtime::Result<std::unique_ptr<Part>>(const RunServices& run)>;

struct Node {
  enum class Kind : std::uint8_t {
    receive,  // a source; exactly one per recv in the text
    stage,    // filter, parse, transform: any number of batches at once
    ordered,  // a stage that sees batches one at a time, in source order, and may keep state
    route,    // one edge per arm, in order
    merge,  // several edges in, one out: records of one batch that arrive on several branches join in source
            // order
    sink,   // the end of a branch
    drop,   // the end of a branch that goes nowhere: counted as filtered
  };
  Kind kind = Kind::stage;
  std::string name = {};    // "recv file", "filter", "sink kafka": for messages, pictures, metrics
  std::string detail = {};  // the node's own text, shortened: ".status >= 500"
  runtime::Place place = {};
  // Edges; several on any kind but sink and drop mean fan-out (route: the arms).
  std::vector<std::uint32_t> next = {};
  // route: the label of each edge in pictures (".level == \"debug\"", "else"); may be empty.
  std::vector<std::string> arms = {};
  std::string state_key = {};  // receive, sink, ordered: the prefix of its checkpoint entries
  bool shares_state = false;   // others may have this state key: the entries' own keys distinguish them

  Factory<runtime::Receiver> make_receiver = {};
  Factory<runtime::Sink> make_sink = {};
  std::shared_ptr<const runtime::Stage> stage = {};
  std::shared_ptr<const runtime::Router> router = {};
  Factory<runtime::OrderedStage> make_ordered = {};
  // ordered: the settings that its state depends on ("dedupe(.id, within: 1h)"). Saved with the state; a
  // different value at the next start is an error that shows both (S7).
  std::string meaning = {};
  bool trusted = false;  // stage and router: pipec's own; the batches of others are checked

  // For `explain`: one fact a line.
  std::vector<std::string> facts = {};
  // filter: the fields without which no record passes, each as its keys.
  std::vector<std::vector<std::string>> needed_fields = {};
  bool can_dead_letter = false;
  bool unordered = false;  // sink: receives batches as they arrive
};

struct DeadLetterPolicy {
  enum class Kind : std::uint8_t { reject, discard, sink, call };
  Kind kind = Kind::reject;
  std::string name = {};    // "dlq file"
  std::string detail = {};  // its own text, shortened; for explain
  runtime::Place place = {};
  std::string state_key = {};
  bool shares_state = false;
  Factory<runtime::Sink> make_sink = {};  // gets records that are dead letters' JSON
  // Kind::call: gets each dead letter before its batch is committed, one at a time, in source order. An error
  // is treated as a sink's.
  std::function<runtime::Status(const DeadLetterView& letter)> call = {};
};

enum class CommitMode : std::uint8_t { automatic, sink };

struct Plan {
  std::string name = {};
  std::vector<Node> nodes = {};  // in the order of the text; edges are acyclic
  DeadLetterPolicy dead_letters = {};
  CommitMode commit = CommitMode::automatic;
  // Sinks, dead letters and positions commit together, in the receiver's commit(). Nothing after a commit
  // point is received before it is committed. Requires a single source.
  bool transactional = false;
  runtime::GovernSettings govern = {};
  std::optional<runtime::Error> problem = {};  // a mistake in building the plan: Pipeline::make() returns it
};

}  // namespace pipec::graph
