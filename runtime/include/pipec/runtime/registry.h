// Everything a .pipe file can name, as data. The program creates a Registry and passes it in; there is no
// global one.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/connector.h"
#include "pipec/runtime/format.h"
#include "pipec/runtime/function.h"
#include "pipec/runtime/ordered_stage.h"
#include "pipec/runtime/own_files.h"
#include "pipec/runtime/program.h"
#include "pipec/runtime/stage.h"

namespace pipec::runtime {

struct FormatSpec;

// An option of a connector, a format or a stage.
struct OptionSpec {
  enum class Kind : std::uint8_t {
    constant,    // a constant expression of `types`
    per_record,  // evaluated for each record: a path template, a key
    choice,      // one of `choices`, bare or quoted
    path,        // a field that is written: `.a.b`, without computed parts
    named,       // e, [e, ...] or {name: e, ...}, each evaluated for each record: Item::parts
  };
  std::string name = {};
  Kind kind = Kind::constant;
  TypeSet types = TypeSet::any();
  bool required = false;
  // Shown in the reference; Options returns it if the option is omitted. For per_record options it is only
  // shown.
  std::optional<Value> fallback = {};
  std::vector<std::string> choices = {};
  // For a choice: the choices are the registry's formats that sinks can write, or that frame a receiver's
  // input. A format's own options may be given with it: `encode: csv(columns: ["id"])`.
  enum class Formats : std::uint8_t { none, encode, frame };
  Formats formats = Formats::none;
  std::string doc = {};
  bool secret = false;  // never shown by explain, logs, errors
  // For a positional option: it identifies the input or output, and so is part of the key of the connector's
  // state. An option that only sets an amount is not.
  bool identifies = true;
};

// The options as given, checked against their specs. Constants of durations are nanoseconds, sizes bytes.
class Options {
 public:
  // An aggregate in a field of a block: `quantile(.ms, 0.95)`. The field's program reads the result as a
  // local.
  struct Call {
    const Function* function = nullptr;
    std::shared_ptr<const Program> argument = {};  // evaluated for each record; null: count()
    std::vector<Value> constants = {};             // the other arguments, fallbacks filled in
    std::uint32_t local = 0;
    Place place = {};
  };
  struct Item {
    std::string name = {};
    Value value = {};                             // constants and choices (a string)
    std::shared_ptr<const Program> program = {};  // per_record
    Place place = {};
    std::optional<RecordPath> path = {};            // path
    std::shared_ptr<const FormatSpec> format = {};  // of a choice among formats
    std::shared_ptr<const Options> arguments = {};  // its options; null: none
    std::vector<Item> parts = {};                   // named: in order, each with its name and program
    std::vector<Call> calls = {};                   // of an aggregating block's field
  };
  std::vector<Item> items;
  std::vector<Item> assignments;  // of a stage's block: `name = expression`, as per_record options, in order
  std::vector<Item> defaults;     // the fallbacks of omitted options; filled in by the compiler
  std::shared_ptr<Arena> storage = std::make_shared<Arena>();  // the bytes of the values
  Place place;                                                 // of the connector's name
  // The connector of the same pipeline from which this one inherits missing options; see SinkSpec::join.
  std::shared_ptr<const Options> inherited;

  const Item* find(std::string_view name) const;  // null if it was left out
  bool given(std::string_view name) const { return find(name) != nullptr; }
  // The constant; if omitted, the option's fallback, and if it has none, the one passed here.
  std::string_view string(std::string_view name, std::string_view fallback = {}) const;
  std::int64_t integer(std::string_view name, std::int64_t fallback) const;
  double number(std::string_view name, double fallback) const;
  bool boolean(std::string_view name, bool fallback) const;
  std::shared_ptr<const Program> program(std::string_view name) const;
  const RecordPath* path(std::string_view name) const;  // null if it was left out
  // The chosen format with its options; null if the option was omitted and has no fallback.
  const FormatSpec* format(std::string_view name) const;
  const Options& arguments(std::string_view name) const;
  // For options that are not created by a compiler.
  void choose(std::string name, const FormatSpec& format);

 private:
  const Item* given_or_default(std::string_view name) const;
};

// Objects that the connectors of one pipeline share (a producer, a transaction), by name. An object lives as
// long as a connector holds it, so a second run of the same plan gets a new one. Each name has one type.
class SharedParts {
 public:
  template <typename T>
  std::shared_ptr<T> find(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return std::static_pointer_cast<T>(parts_[name].lock());
  }
  template <typename T, typename Make>
  std::shared_ptr<T> find_or_make(const std::string& name, Make&& make) {
    const std::lock_guard lock(mutex_);
    std::weak_ptr<void>& part = parts_[name];
    if (auto found = std::static_pointer_cast<T>(part.lock())) return found;
    std::shared_ptr<T> made = make();
    part = made;
    return made;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<void>> parts_;
};

// Passed to a connector's factory, in addition to its options.
struct ConnectorContext {
  std::string pipeline = {};  // its name
  const Clock* clock = nullptr;
  bool from_start = false;  // --from-start: do not go on where the last run ended
  bool is_private = false;  // the pipeline's dlq: it gets whole records, so only the owner may read it
  std::shared_ptr<SharedParts> shared = {};               // the pipeline's; filled in by the compiler
  std::function<void(const std::string& line)> log = {};  // one line per event worth knowing; may be empty
  // The directory in which the pipelines of the process keep their state, each in a directory of its name; ""
  // if none does.
  std::string state_directory = {};
  // The files that the pipeline reads, writes and depends on; filled in by the compiler, complete when a
  // factory runs.
  std::shared_ptr<const OwnFiles> own_files = {};
};

// A connector among the others of its pipeline.
struct ConnectorUse {
  enum class Role : std::uint8_t { receiver, sink, dead_letters };
  Role role = Role::sink;
  std::string_view name = {};  // "kafka"
  std::shared_ptr<Options> options = {};
};

struct PipelineTraits {
  bool commit_sink = false;    // input: the text contains `commit sink`
  bool transactional = false;  // set by a sink: see Plan::transactional
};

struct ReceiverSpec {
  std::string name = {};
  std::string doc = {};
  std::vector<OptionSpec> options = {};  // the first `positional` may be given without a name
  std::size_t positional = 0;
  // Positions are kept in the state directory (describe() returns them).
  bool resumable = false;
  // Positions are kept where it reads from, so that no checkpoint holds them and a stage's state together.
  bool commits_elsewhere = false;
  // If not empty, all receivers of a pipeline without a `state:` name keep their entries under this one key
  // and distinguish them by the entries' own keys, so that renaming a source in the text has no effect. If
  // empty, each has its own key.
  std::string shared_state = {};
  std::function<Result<std::unique_ptr<Receiver>>(const Options&, const ConnectorContext&)> make = {};
  // Checks options that only the connector understands, when compiling; touches nothing outside.
  std::function<Status(const Options&)> check = {};
  // The files that it reads, if the text names them individually; the receiver itself filters a glob's
  // matches (ConnectorContext::own_files).
  std::function<std::vector<std::string>(const Options&)> reads = {};
  // If not empty, its input exists once per process ("standard input"), so two receivers would take records
  // from each other.
  std::string only_one = {};
};

struct SinkSpec {
  std::string name = {};
  std::string doc = {};
  std::vector<OptionSpec> options = {};
  std::size_t positional = 0;
  std::string shared_state = {};  // as in ReceiverSpec
  std::function<Result<std::unique_ptr<Sink>>(const Options&, const ConnectorContext&)> make = {};
  std::function<Status(const Options&)> check = {};
  // Its target, if constant ("file:out.ndjson"). Two sinks with the same target do not compile.
  std::function<std::optional<std::string>(const Options&)> target = {};
  // The files that it writes.
  std::function<std::vector<PathPieces>(const Options&)> writes = {};
  // Called when the whole pipeline is compiled: checks the requirements of this sink (`all[self]`) on the
  // others. It may complete its own options from theirs.
  std::function<Status(std::size_t self, std::span<const ConnectorUse> all, PipelineTraits& traits)> join;
  // An error of a per_record option dead-letters the record, so the compiler knows that this sink can; see
  // FormatSpec::Encode::refuses too.
};

// One of the three operations of a format. (Not nested in FormatSpec: there clang would not take them for
// default constructible in time.)
struct FormatRole {
  std::string doc = {};
  std::vector<OptionSpec> options = {};  // the first `positional` may be given without a name
  std::size_t positional = 0;
};

// `parse NAME`.
struct FormatParse : FormatRole {
  // The stage that parses and validates all records of a batch; bad records are dead-lettered, skipped, or
  // fail the batch, depending on the common option `on_error: dlq | skip | fail` (which every parser has).
  std::function<Result<std::unique_ptr<Stage>>(const Options&)> make = {};
  bool can_fail = true;        // false: every record parses
  bool makes_strings = false;  // its fields are strings (text, csv, logfmt, regex)
};

// `encode: NAME` of sinks.
struct FormatEncode : FormatRole {
  std::function<Result<std::unique_ptr<Encoder>>(const Options&)> make = {};
  // Why it may reject a well-formed record ("a number beyond 64 bits"); empty: never. Such a record becomes a
  // dead letter, so the compiler must know that this sink can produce one.
  std::string refuses = {};
};

// `framing: NAME` of receivers.
struct FormatFrame : FormatRole {
  // Empty: by lines, which receivers do themselves.
  std::function<Result<std::unique_ptr<Framing>>(const Options&)> make = {};
  bool whole = false;  // an input is one document: nothing may follow when it was read
};

// A format: any of the three, each with its own options.
struct FormatSpec {
  using Role = FormatRole;
  using Parse = FormatParse;
  using Encode = FormatEncode;
  using Frame = FormatFrame;
  std::string name = {};
  std::optional<Parse> parse = {};
  std::optional<Encode> encode = {};
  std::optional<Frame> frame = {};
};

// Passed to a stage's factory, in addition to its options.
struct StageSetup {
  // The action for a malformed record (no `parse` before): that of the next `parse`.
  OnError on_malformed = OnError::dead_letter;
  const Clock* clock = nullptr;
};

// A stage and its output, for the documentation; the tests run it.
struct StageExample {
  std::string stage = {};                // "unroll(.items)"
  std::vector<std::string> given = {};   // records
  std::vector<std::string> result = {};  // the output records, in order
};

// The option of ordered stages that names their state.
inline constexpr const char* kStateOption = "state";

// A stage `NAME(options) { name = expression }`.
struct StageSpec {
  enum class Kind : std::uint8_t {
    stateless,  // `make`: any number of batches at once
    ordered,    // `make_ordered`: in source order, with state. Takes an option `state`, which add() adds
  };
  enum class Block : std::uint8_t {
    none,
    assignments,  // `{ name = expression }`, evaluated for each record: Options::assignments
    aggregates,   // the same, evaluated for each group, with calls of StageSpec::aggregates
  };
  std::string name = {};
  std::string doc = {};
  std::vector<OptionSpec> options = {};  // the first `positional` may be given without a name
  std::size_t positional = 0;
  Block block = Block::none;
  // Block::aggregates: signatures only. The first argument is evaluated for each record, the others are
  // constants. A field's program begins with these locals: the parts of `named` options, then
  // `group_names()`, then the fields above it.
  std::deque<Function> aggregates = {};
  std::function<std::vector<std::string>(const Options&)> group_names = {};
  Kind kind = Kind::stateless;
  // Called once, when compiling.
  std::function<Result<std::shared_ptr<const Stage>>(const Options&, const StageSetup&)> make = {};
  // Called once for each run.
  std::function<Result<std::unique_ptr<OrderedStage>>(const Options&, const StageSetup&)> make_ordered = {};
  // Checks options that only the stage understands, when compiling; touches nothing outside.
  std::function<Status(const Options&)> check = {};
  // Records are passed on unchanged or dropped, so known facts about them hold after the stage too.
  bool keeps_records = false;
  // Why a record may become a dead letter, apart from options that fail on it ("a value that is not an
  // array").
  std::function<std::vector<std::string>(const Options&)> refusals = {};
  // Further lines for `explain`, one fact each.
  std::function<std::vector<std::string>(const Options&)> facts = {};
  std::vector<StageExample> examples = {};
};

class Registry {
 public:
  // Fails, without adding anything, if the name is empty or already used by an entry of the same kind, or if
  // there is no code to call. This includes the names that pipec itself registers.
  Status add(Function function);
  Status add(ReceiverSpec receiver);
  Status add(SinkSpec sink);
  Status add(FormatSpec format);
  Status add(StageSpec stage);
  // The first error of add(), for callers that ignored it; compile_text() returns it.
  const Status& problem() const { return problem_; }

  const Function* function(std::string_view name) const;
  const ReceiverSpec* receiver(std::string_view name) const;
  const SinkSpec* sink(std::string_view name) const;
  const StageSpec* stage(std::string_view name) const;
  const FormatSpec* format(std::string_view name) const;
  // The allowed values of an option of Kind::choice.
  std::vector<std::string> choices(const OptionSpec& option) const;

  // In the order of registration; pointers stay valid as long as the registry.
  const std::deque<Function>& functions() const { return functions_; }
  const std::deque<ReceiverSpec>& receivers() const { return receivers_; }
  const std::deque<SinkSpec>& sinks() const { return sinks_; }
  const std::deque<FormatSpec>& formats() const { return formats_; }
  const std::deque<StageSpec>& stages() const { return stages_; }

  // Compiles the pattern of `matches`; set by the library that links a regex engine.
  std::function<Result<std::shared_ptr<const Matcher>>(std::string_view pattern)> compile_pattern;

 private:
  Status refuse(std::string why);

  std::deque<Function> functions_;
  std::deque<ReceiverSpec> receivers_;
  std::deque<SinkSpec> sinks_;
  std::deque<FormatSpec> formats_;
  std::deque<StageSpec> stages_;
  std::map<std::string, const Function*, std::less<>> function_names_;
  Status problem_;
};

}  // namespace pipec::runtime
