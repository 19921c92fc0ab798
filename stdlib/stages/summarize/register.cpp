// The options of summarize, their checks and its documentation.
#include "stdlib/stages/record_values.h"
#include "stdlib/stages/stages.h"
#include "stdlib/stages/summarize/aggregate.h"
#include "stdlib/stages/summarize/summarize.h"

namespace pipec::stdlib {

namespace {

using runtime::Options;
using runtime::OptionSpec;
using runtime::Status;
using runtime::Type;
using runtime::Value;

Status refused(std::string why) {
  return runtime::Error::make(runtime::ErrorCode::plan, std::move(why));
}

Status check_window(const Options& options) {
  if (!options.given("every")) {
    for (const char* name : {"over", "at", "late", "idle"}) {
      if (options.given(name)) return refused(std::string("'") + name + "' is for windows: give 'every' too");
    }
    return {};
  }
  const std::int64_t every = options.integer("every", 0);
  if (every <= 0) return refused("'every' is more than 0");
  if (options.given("over")) {
    const std::int64_t over = options.integer("over", 0);
    if (over <= 0 || over % every != 0) return refused("'over' is a multiple of 'every'");
    constexpr std::int64_t kMostWindows = 1000;
    if (over / every > kMostWindows) return refused("'over' is at most 1000 times 'every'");
  }
  if (options.integer("late", 0) < 0) return refused("'late' is not negative");
  if (options.given("idle") && options.integer("idle", 0) <= 0) return refused("'idle' is more than 0");
  if (options.given("late") && !options.given("at"))
    return refused("'late' is for windows by event time: give 'at' too");
  if (options.given("idle") && !options.given("at"))
    return refused("'idle' is for windows by event time: give 'at' too");
  return {};
}

Status check_summarize(const Options& options) {
  for (const Options::Item& field : options.assignments) {
    for (const Options::Call& call : field.calls) {
      const std::string& name = call.function->name;
      if (name == "quantile") {
        const Value& q = call.constants[0];
        const double place = q.type() == Type::integer ? static_cast<double>(q.as_int()) : q.as_float();
        if (!(place >= 0 && place <= 1)) return refused("'q' of quantile is from 0 to 1");
      } else if (!call.constants.empty() && call.constants[0].as_int() < 1) {
        return refused("'" + call.function->parameters[1].name + "' of " + name + " is at least 1");
      }
    }
  }
  return check_window(options);
}

std::vector<std::string> refusals(const Options& options) {
  std::vector<std::string> all;
  for (const Options::Item& field : options.assignments) {
    for (const Options::Call& call : field.calls) {
      const std::string& name = call.function->name;
      const bool numbers =
          name == "sum" || name == "avg" || name == "stddev" || name == "quantile" || name == "median";
      const bool checked = numbers || name == "min" || name == "max" || (name == "count" && call.argument);
      if (checked && all.empty()) all.emplace_back("a value that an aggregate does not take");
    }
  }
  if (options.given("at")) {
    all.emplace_back("a string that is not a time");
    all.emplace_back("a record that is late");
  }
  return all;
}

std::vector<std::string> facts(const Options& options) {
  if (!options.given("every")) return {"its groups leave when the input ends"};
  if (!options.given("at")) {
    return {
        "windows are those of a record's arrival: after a restart, records may be in other windows than in "
        "an "
        "uninterrupted run; give 'at' to prevent that"};
  }
  if (options.given("idle")) {
    return {"'idle' depends on the clock: after a restart, windows may leave at other records"};
  }
  return {};
}

OptionSpec duration(const char* name, const char* doc) {
  OptionSpec spec;
  spec.name = name;
  spec.types = Type::duration;
  spec.doc = doc;
  return spec;
}

}  // namespace

void register_summarize(runtime::Registry& registry) {
  OptionSpec by;
  by.name = "by";
  by.kind = OptionSpec::Kind::named;
  by.doc = "what makes a group: .a, [.a, .b] or {name: e}; compared as by `==` (default: one group)";
  runtime::StageSpec spec;
  spec.name = "summarize";
  spec.doc = "One record for each group of records: its keys, its window, and what the block says";
  spec.options = {
      by,
      duration("every", "the length of windows, aligned to the epoch in UTC (default: none)"),
      duration("over", "how long a window is, if one begins with each 'every' (default: 'every')"),
      at_option("when it arrives"),
      duration("late", "how much later than the greatest time seen a record may be (default: 0s)"),
      duration("idle", "all windows leave if no record comes for so long (default: off)")};
  spec.positional = 0;
  spec.block = runtime::StageSpec::Block::aggregates;
  spec.aggregates = aggregate_functions();
  spec.group_names = [](const Options& options) -> std::vector<std::string> {
    if (!options.given("every")) return {};
    return {"window_start", "window_end"};
  };
  spec.kind = runtime::StageSpec::Kind::ordered;
  spec.check = check_summarize;
  spec.make_ordered = make_summarize;
  spec.refusals = refusals;
  spec.facts = facts;
  spec.examples = {
      {"summarize(by: .status) { n = count() ms = avg(.ms) }",
       {R"({"status":200,"ms":1})", R"({"status":404,"ms":7})", R"({"status":200,"ms":2})"},
       {R"({"status":200,"n":2,"ms":1.5})", R"({"status":404,"n":1,"ms":7.0})"}},
      {"summarize { errors = count(.status >= 500); share = errors / count() }",
       {R"({"status":200})", R"({"status":503})"},
       {R"({"errors":1,"share":0.5})"}},
      {"summarize(by: {user: lower(.user)}, every: 1m, at: .time) { pages = collect(.page) }",
       {R"({"user":"Ann","page":"/","time":"2026-01-02T10:00:01Z"})",
        R"({"user":"ann","page":"/a","time":"2026-01-02T10:00:59Z"})",
        R"({"user":"ann","page":"/b","time":"2026-01-02T10:01:00Z"})"},
       {R"({"user":"ann","window_start":"2026-01-02T10:00:00Z","window_end":"2026-01-02T10:01:00Z","pages":["/","/a"]})",
        R"({"user":"ann","window_start":"2026-01-02T10:01:00Z","window_end":"2026-01-02T10:02:00Z","pages":["/b"]})"}},
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
