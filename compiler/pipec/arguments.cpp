#include "compiler/pipec/arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "compiler/pipec/console.h"
#include "pipec/dsl/suggest.h"
#include "pipec/runtime/registry.h"
#include "pipec/version.h"

namespace pipec::cli {
namespace {

constexpr const char* kIntroduction =
    "pipec runs pipelines written in .pipe files: records flow from a source through stages into sinks.\n"
    "\n"
    "A pipeline is text. Save this as errors.pipe:\n"
    "\n"
    "    recv file(\"access.ndjson\")\n"
    "    | filter .status >= 500\n"
    "    | transform { .client = mask_ip(.remote_ip) }\n"
    "    | sink file(\"errors.ndjson\")\n"
    "\n"
    "    pipec check errors.pipe      # is it right?\n"
    "    pipec run errors.pipe        # run it; a second run resumes where this one ended\n"
    "\n"
    "For a quick look no file is needed:\n"
    "\n"
    "    pipec eval 'filter .status >= 500' access.ndjson\n";

constexpr const char* kEnding =
    "`pipec COMMAND --help` shows a command's options and examples.\n"
    "\n"
    "stdout carries records, or what a command was asked to print; everything else goes to stderr.\n"
    "\n"
    "Exit status: 0 done; 1 an error while running, or fmt --check found something; 2 wrong usage, or a "
    "missing .pipe\n"
    "file; 3 a .pipe file does not compile; 130 after Ctrl-C.\n";

constexpr const char* kRunExamples =
    "Examples:\n"
    "  pipec run errors.pipe                          resume where the last run ended\n"
    "  pipec run errors.pipe --from-start             read the input again; sinks append\n"
    "  pipec run errors.pipe --from-start --truncate  read again, and empty the output files first\n"
    "  pipec run a.pipe b.pipe                        two independent pipelines in one process\n"
    "  pipec run --demo-kafka access=access.ndjson router.pipe   try a Kafka pipeline out without a server\n"
    "\n"
    "Ctrl-C, SIGTERM and SIGHUP stop the sources, then drain and commit everything in flight; a second one "
    "quits\n"
    "immediately and commits nothing more. SIGUSR1 prints the run's progress.\n";

struct CommandSpec {
  Command command;
  const char* name;
  const char* doc;
  const char* examples;
};

constexpr CommandSpec kCommands[] = {
    {Command::run, "run", "Compile and run pipelines", kRunExamples},
    {Command::eval, "eval", "Run one line of stages over stdin or files",
     "Examples:\n"
     "  pipec eval 'filter .status >= 500' access.ndjson\n"
     "  pipec eval 'parse json | transform { keep(.time, .path) }' < access.ndjson\n"
     "  tail -F access.ndjson | pipec eval 'filter .path matches r\"^/api/\"'\n"
     "  pipec eval --framing msgpack --encode json 'filter .ms > 100' events.msgpack\n"
     "\n"
     "Failed records are reported on stderr, the others continue, and the status is 1. No state is kept.\n"},
    {Command::check, "check", "Compile only, and show every error at once",
     "Examples:\n"
     "  pipec check errors.pipe\n"
     "  pipec check --format json *.pipe      for editors: an array of diagnostics on stdout\n"},
    {Command::fmt, "fmt", "Rewrite .pipe files in canonical form",
     "Examples:\n"
     "  pipec fmt errors.pipe                 rewrites the file\n"
     "  pipec fmt --check *.pipe              names the files that would change, status 1\n"
     "  pipec fmt - < errors.pipe             from stdin to stdout\n"},
    {Command::test, "test", "Run the test blocks of .pipe files",
     "Examples:\n"
     "  pipec test router.pipe                each test's records go through its stage chain\n"
     "\n"
     "Reads no source and writes no sink. Compares the records that leave the chain, also through its own "
     "sinks.\n"
     "Status 1 if a test fails.\n"},
    {Command::explain, "explain", "Show the plan: what each stage reads and can reject",
     "Examples:\n"
     "  pipec explain errors.pipe\n"},
    {Command::graph, "graph", "Draw the graph of a pipeline",
     "Examples:\n"
     "  pipec graph errors.pipe                           Graphviz text on stdout\n"
     "  pipec graph errors.pipe --format svg > out.svg    needs Graphviz' `dot`\n"
     "  pipec graph errors.pipe --format mermaid          for Markdown pages\n"},
    {Command::functions, "functions", "The standard library: a list, or one entry with examples",
     "Examples:\n"
     "  pipec functions\n"
     "  pipec functions parse_time\n"
     "  pipec functions strings               a family\n"
     "  pipec functions route                 a stage or a statement\n"
     "  pipec functions gsub                  what another tool calls it\n"},
    {Command::completions, "completions", "Print a completion script for a shell",
     "Examples:\n"
     "  source <(pipec completions bash)\n"
     "  pipec completions zsh > ~/.zfunc/_pipec\n"
     "  pipec completions fish > ~/.config/fish/completions/pipec.fish\n"},
};

// "5s", "250ms", "1m". Returns an error message, or "".
std::string parse_duration(const std::string& text, std::chrono::milliseconds& duration) {
  const std::size_t digits = text.find_first_not_of("0123456789");
  const std::string unit = digits == std::string::npos ? "" : text.substr(digits);
  std::int64_t factor = 0;
  if (unit == "ms") factor = 1;
  if (unit == "s") factor = 1'000;
  if (unit == "m") factor = 60'000;
  if (factor == 0 || digits == 0 || digits > 6) return "a duration is expected: 250ms, 5s, 2m";
  duration = std::chrono::milliseconds(std::strtoll(text.c_str(), nullptr, 10) * factor);
  return {};
}

class CommandLine {
 public:
  CommandLine(const runtime::Registry& registry, Arguments& arguments)
      : registry_(registry), arguments_(arguments), app_(kIntroduction, "pipec") {
    app_.footer(kEnding);
    app_.set_version_flag("--version", "pipec " PIPEC_VERSION);
    app_.require_subcommand(1);
    for (const CommandSpec& spec : kCommands) {
      CLI::App* command = app_.add_subcommand(spec.name, spec.doc);
      command->footer(spec.examples);
      command->callback([this, &spec] { arguments_.command = spec.command; });
      add_options(spec.command, *command);
    }
  }

  CLI::App& app() { return app_; }

  // The allowed values; empty: any.
  std::vector<std::string> choices(const CLI::Option* option) const {
    const auto found = choices_.find(option);
    return found == choices_.end() ? std::vector<std::string>() : found->second;
  }

 private:
  void add_options(Command command, CLI::App& app) {
    switch (command) {
      case Command::run:
        add_files(app, "The .pipe files; several are independent pipelines")->required();
        app.add_option("--state-dir", arguments_.state_directory,
                       "Where the positions are kept (default: .pipec/<name>)");
        app.add_flag("--from-start", arguments_.from_start, "Read the input again from its beginning");
        app.add_flag("--truncate", arguments_.truncate, "With --from-start: empty the output files first");
        app.add_option(
               "--demo-kafka", arguments_.demo_kafka,
               "A Kafka inside this process: its address is env(\"BROKERS\"), its topics hold the files' "
               "lines, and messages sent to other topics are printed at the end (repeatable)")
            ->type_name("TOPIC=FILE")
            ->allow_extra_args(false);
        add_threads(app);
        app.add_option("--budget", arguments_.budget_bytes,
                       "Limit of bytes in flight, such as 64MiB (default: the governor decides)")
            ->transform(CLI::AsSizeValue(false))
            ->type_name("SIZE");
        add_duration(app, "--commit-interval", arguments_.commit_interval,
                     "How often positions are committed; a crash repeats at most this much (default: 1s)");
        add_duration(app, "--deadline", arguments_.deadline,
                     "How long draining may take after a signal (default: 30s)");
        app.add_flag("-q,--quiet", arguments_.quiet, "Only errors on stderr: no progress, no summary");
        break;
      case Command::eval:
        app.add_option("stages", arguments_.stages, "The stages between recv and sink: 'filter .a > 1'")
            ->required()
            ->type_name("STAGES");
        add_files(app, "Read these instead of stdin; `-` is stdin");
        one_of(app.add_option("--framing", arguments_.framing,
                              "Input framing, where a record ends (default: lines)"),
               format_names(&runtime::FormatSpec::frame))
            ->type_name("NAME");
        one_of(app.add_option("--encode", arguments_.encode, "Output format (default: each record's own)"),
               format_names(&runtime::FormatSpec::encode))
            ->type_name("NAME");
        add_threads(app);
        break;
      case Command::check:
        add_files(app, "The .pipe files")->required();
        add_format(app, {"text", "json"}, "text");
        break;
      case Command::fmt:
        add_files(app, "The .pipe files; `-` is stdin, to stdout")->required();
        app.add_flag("--check", arguments_.check_only, "Change nothing; name the files that would change");
        break;
      case Command::test:
        add_files(app, "The .pipe files")->required();
        break;
      case Command::explain:
        add_files(app, "The .pipe file")->required()->expected(1);
        add_runtime(app);
        break;
      case Command::graph:
        add_files(app, "The .pipe file")->required()->expected(1);
        add_runtime(app);
        add_format(app, {"dot", "svg", "mermaid"}, "dot");
        break;
      case Command::functions:
        app.add_option(
               "name", arguments_.name,
               "A function, family, stage, statement, connector or format, or what another tool calls it")
            ->type_name("NAME");
        break;
      case Command::completions:
        one_of(app.add_option("shell", arguments_.name, "bash, zsh or fish"), {"bash", "zsh", "fish"})
            ->required()
            ->type_name("SHELL");
        break;
    }
  }

  CLI::Option* add_files(CLI::App& app, const char* doc) {
    return app.add_option("files", arguments_.files, doc)->type_name("FILE");
  }

  void add_runtime(CLI::App& app) {
    app.add_flag(
        "--runtime", arguments_.runtime,
        "The graph that runs: every node and edge, with the limiter, the commit barrier and the rest");
  }

  void add_threads(CLI::App& app) {
    app.add_option("--threads", arguments_.threads, "Worker threads (default: all usable CPUs)")
        ->type_name("N")
        ->check(CLI::Range(1U, 1024U));
  }

  static void add_duration(CLI::App& app, const char* name, std::chrono::milliseconds& duration,
                           const char* doc) {
    app.add_option_function<std::string>(
           name,
           [name, &duration](const std::string& text) {
             const std::string wrong = parse_duration(text, duration);
             if (!wrong.empty()) throw CLI::ValidationError(name, wrong);
           },
           doc)
        ->type_name("DURATION");
  }

  void add_format(CLI::App& app, std::vector<std::string> formats, const char* fallback) {
    std::string doc = "One of";
    for (const std::string& format : formats) doc += " " + format;
    // Set when parsing, so that the other commands' default is not ours.
    app.preparse_callback([this, fallback](std::size_t) { arguments_.format = fallback; });
    one_of(app.add_option("--format", arguments_.format, doc + " (default: " + fallback + ")"),
           std::move(formats))
        ->type_name("FORMAT");
  }

  CLI::Option* one_of(CLI::Option* option, std::vector<std::string> choices) {
    option->check(CLI::IsMember(choices));
    choices_[option] = std::move(choices);
    return option;
  }

  // Those that have this role.
  template <typename Role>
  std::vector<std::string> format_names(std::optional<Role> runtime::FormatSpec::*role) const {
    std::vector<std::string> names;
    for (const runtime::FormatSpec& format : registry_.formats()) {
      if (format.*role) names.push_back(format.name);
    }
    return names;
  }

  const runtime::Registry& registry_;

  Arguments& arguments_;
  CLI::App app_;
  std::map<const CLI::Option*, std::vector<std::string>> choices_;
};

CLI::App* find_command(CLI::App& app, std::string_view name) {
  for (const CommandSpec& spec : kCommands) {
    if (name == spec.name) return app.get_subcommand(spec.name);
  }
  return nullptr;
}

// A suggestion for the first argument that is not a known command or option; "" if nothing is similar.
std::string advice(CLI::App& app, int argc, const char* const* argv) {
  if (argc < 2) return {};
  const std::string_view first = argv[1];
  CLI::App* command = find_command(app, argv[1]);
  std::vector<std::string> candidates;
  if (command == nullptr) {
    if (first.ends_with(".pipe")) return "did you mean 'pipec run " + std::string(first) + "'?";
    for (const CommandSpec& spec : kCommands) candidates.emplace_back(spec.name);
    return dsl::did_you_mean(first, candidates);
  }
  for (const CLI::Option* option : command->get_options()) {
    for (const std::string& name : option->get_lnames()) candidates.push_back("--" + name);
  }
  for (int at = 2; at < argc; ++at) {
    const std::string_view word = std::string_view(argv[at]).substr(0, std::string_view(argv[at]).find('='));
    if (!word.starts_with("--") || std::ranges::find(candidates, word) != candidates.end()) continue;
    return dsl::did_you_mean(word, candidates);
  }
  return {};
}

std::string short_help() {
  std::string text = "Usage: pipec COMMAND ...\n\n";
  for (const CommandSpec& spec : kCommands) text += fmt::format("  {:<12} {}\n", spec.name, spec.doc);
  return text +
         "\nFor example: pipec eval 'filter .status >= 500' access.ndjson\n"
         "`pipec --help` shows more, `pipec COMMAND --help` a command's options and examples.\n";
}

int usage_error(CLI::App& app, std::string message, int argc, const char* const* argv) {
  Console console;
  const bool known = argc > 1 && find_command(app, argv[1]) != nullptr;
  if (argc > 1 && !known && argv[1][0] != '-') {
    message = "there is no command '" + std::string(argv[1]) + "'";
  }
  if (const std::string hint = advice(app, argc, argv); !hint.empty()) message += "; " + hint;
  console.error(message);
  console.line(known ? "`pipec " + std::string(argv[1]) + " --help` shows what it takes"
                     : std::string("`pipec --help` shows the commands"));
  return kWrongUsage;
}

}  // namespace

std::optional<int> parse_arguments(int argc, const char* const* argv, const runtime::Registry& registry,
                                   Arguments& arguments) {
  if (argc < 2) {
    Console().text(short_help());
    return kWrongUsage;
  }
  CommandLine line(registry, arguments);
  try {
    line.app().parse(argc, argv);
  } catch (const CLI::Success& wanted) {
    // Help and version: CLI11 determines which, and for which command.
    std::ostringstream out;
    line.app().exit(wanted, out, out);
    Console console;
    return print(console, out.str());
  } catch (const CLI::ParseError& error) {
    return usage_error(line.app(), error.what(), argc, argv);
  }
  if (arguments.truncate && !arguments.from_start) {
    return usage_error(
        line.app(), "--truncate needs --from-start: it empties the files that a resumed run would continue",
        argc, argv);
  }
  return std::nullopt;
}

std::vector<CommandHelp> describe_commands(const runtime::Registry& registry) {
  Arguments unused;
  CommandLine line(registry, unused);
  std::vector<CommandHelp> commands;
  for (const CommandSpec& spec : kCommands) {
    CommandHelp command{spec.name, spec.doc, {}, {}};
    for (const CLI::Option* option : line.app().get_subcommand(spec.name)->get_options()) {
      const std::vector<std::string> choices = line.choices(option);
      for (const std::string& name : option->get_lnames()) command.options.push_back({"--" + name, choices});
      if (option->get_positional() && !choices.empty()) command.first = choices;
    }
    commands.push_back(std::move(command));
  }
  return commands;
}

}  // namespace pipec::cli
