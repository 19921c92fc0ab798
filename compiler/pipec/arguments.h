// The command line as data. CLI11 is seen by arguments.cpp alone: it is expensive to compile.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace pipec::runtime {
class Registry;
}

namespace pipec::cli {

enum class Command { run, check, fmt, test, explain, graph, functions, eval, completions };

struct Arguments {
  Command command = Command::run;
  std::vector<std::string> files;
  bool quiet = false;
  // run, eval
  std::string state_directory;  // empty: .pipec/<name>
  bool from_start = false;
  bool truncate = false;
  std::vector<std::string> demo_kafka;  // "topic=file"; none: no demo
  unsigned threads = 0;                 // 0: all usable
  std::size_t budget_bytes = 0;         // in flight at most; 0: as the governor sees fit
  // A commit makes files durable: once per second limits both its cost and the work that a crash repeats.
  std::chrono::milliseconds commit_interval{1'000};
  std::chrono::milliseconds deadline{30'000};
  // eval
  std::string stages;
  std::string framing;  // empty: lines
  std::string encode;   // empty: each record's own format
  // check, graph
  std::string format;
  bool runtime = false;     // graph, explain: the graph that runs
  bool check_only = false;  // fmt --check
  std::string name;         // functions: of what; completions: the shell
};

// Fills `arguments`, or prints help or the version to stdout, or an error to stderr, and returns the exit
// status.
std::optional<int> parse_arguments(int argc, const char* const* argv, const runtime::Registry& registry,
                                   Arguments& arguments);

// For the shell completions.
struct OptionHelp {
  std::string name;                  // "--format"
  std::vector<std::string> choices;  // empty: anything
};
struct CommandHelp {
  std::string name;
  std::string doc;
  std::vector<OptionHelp> options;
  std::vector<std::string> first;  // the choices of its first argument; empty: anything
};
std::vector<CommandHelp> describe_commands(const runtime::Registry& registry);

}  // namespace pipec::cli
