#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "compiler/pipec/commands.h"
#include "compiler/pipec/programs.h"
#include "compiler/pipec/runner.h"
#include "compiler/pipec/summary.h"
#include "pipec/runtime/json.h"
#include "pipec/stdlib/kafka_demo.h"

namespace pipec::cli {
namespace {

runtime::Result<std::unique_ptr<runtime::CheckpointStore>> open_state(const Arguments& arguments,
                                                                      const std::string& name) {
  const std::string& given = arguments.state_directory;
  const std::string directory = (given.empty() ? ".pipec" : given) + "/" + name;
  if (!given.empty()) {
    // Earlier, a single pipeline's state was in the directory itself.
    auto moved = runtime::CheckpointStore::move_old(given, directory, name, arguments.from_start);
    if (!moved) return moved.error();
  }
  return runtime::CheckpointStore::open(directory, name, arguments.from_start);
}

std::string quoted(std::string_view text) {
  runtime::BufferPool pool;
  const runtime::BufferRef buffer = pool.get(text.size() + 2);
  runtime::append_json(runtime::Value::string(text), *buffer);
  return std::string(buffer->view());
}

// `errors.web key "web" headers {"trace":"abc"}: {"status":500}`
std::string shown_record(const stdlib::KafkaDemo::Shown& record) {
  std::string text = record.topic;
  if (record.key) text += " key " + quoted(*record.key);
  if (!record.headers.empty()) {
    std::string headers;
    for (const auto& [name, value] : record.headers) {
      headers += (headers.empty() ? "" : ",") + quoted(name) + ":" + quoted(value);
    }
    text += " headers {" + headers + "}";
  }
  text += ": ";
  text += record.payload;
  return text + "\n";
}

bool names_differ(Console& console, const std::vector<graph::Plan>& plans) {
  std::vector<std::string> names;
  for (const graph::Plan& plan : plans) {
    if (std::ranges::find(names, plan.name) != names.end()) {
      console.error(fmt::format(
          "two pipelines are named '{}'; a `name \"...\"` line in one of the files distinguishes them",
          plan.name));
      return false;
    }
    names.push_back(plan.name);
  }
  return true;
}

// Two readers would tear records; nothing is started then.
bool stdin_is_shared(Console& console, const std::vector<graph::Plan>& plans, bool reads_text) {
  std::vector<std::string> names;
  for (const graph::Plan& plan : plans) {
    const auto reads = [](const graph::Node& node) { return node.name == "recv stdin"; };
    if (std::ranges::any_of(plan.nodes, reads)) names.push_back(plan.name);
  }
  if (names.size() > 1) {
    console.error(
        fmt::format("the pipelines '{}' and '{}' both read standard input: each would get only part of the "
                    "bytes; run them one by one",
                    names[0], names[1]));
  } else if (reads_text && !names.empty()) {
    console.error(
        "the pipeline's text was read from standard input, so `recv stdin()` has nothing to read; "
        "put the text into a file");
  } else {
    return false;
  }
  return true;
}

// The pipeline finds it under the name that samples use.
runtime::Result<std::unique_ptr<stdlib::KafkaDemo>> start_demo(const std::vector<std::string>& topics) {
  auto demo = stdlib::KafkaDemo::start();
  if (!demo) return demo.error();
  for (const std::string& each : topics) {
    const std::size_t equals = each.find('=');
    if (equals == 0 || equals == std::string::npos || equals + 1 == each.size()) {
      return runtime::Error::make(runtime::ErrorCode::usage,
                                  "--demo-kafka takes TOPIC=FILE, not '" + each + "'");
    }
    runtime::Status filled = (*demo)->fill(each.substr(0, equals), each.substr(equals + 1));
    if (!filled) return filled.error();
  }
  ::setenv("BROKERS", (*demo)->brokers().c_str(), 1);
  return demo;
}

}  // namespace

int run_command(Console& console, const Arguments& arguments, const runtime::Registry& registry) {
  std::unique_ptr<stdlib::KafkaDemo> demo;
  if (!arguments.demo_kafka.empty()) {
    auto started = start_demo(arguments.demo_kafka);
    if (!started) {
      console.error(started.error().message);
      return started.error().code == "usage" ? kWrongUsage : kFailed;
    }
    demo = std::move(*started);
  }
  Programs programs;
  runtime::ConnectorContext connectors;
  connectors.clock = &runtime::Clock::system();
  connectors.from_start = arguments.from_start;
  connectors.state_directory = arguments.state_directory.empty() ? ".pipec" : arguments.state_directory;
  compile_files(console, arguments.files, registry, connectors, programs);
  show_diagnostics(console, programs, !arguments.quiet);
  if (programs.status != kDone) return programs.status;
  if (!names_differ(console, programs.plans)) return kWrongUsage;
  const bool reads_text = std::ranges::find(arguments.files, "-") != arguments.files.end();
  if (stdin_is_shared(console, programs.plans, reads_text)) return kWrongUsage;

  const bool several = programs.plans.size() > 1;
  std::vector<std::unique_ptr<runtime::CheckpointStore>> stores;
  Runner runner(console, arguments);
  for (graph::Plan& plan : programs.plans) {
    const std::string prefix = several ? plan.name + ": " : "";
    auto store = open_state(arguments, plan.name);
    if (!store) {
      console.error(prefix + store.error().message);
      return kFailed;
    }
    stores.push_back(std::move(*store));
    if (!runner.add(std::move(plan), stores.back().get(), prefix)) return kFailed;
  }
  runner.run();
  const int status = runner.report();
  if (!arguments.quiet) {
    for (const Runner::Job& job : runner.jobs()) console.line(job.prefix + summary_line(job.outcome.summary));
    console.line("peak memory " + peak_memory());
  }
  if (demo) {
    std::string text;
    const runtime::Status shown = demo->show([&](const auto& record) { text += shown_record(record); });
    if (!shown) console.error(shown.error().message);
    if (const int printed = print(console, text); status == kDone) return shown ? printed : kFailed;
  }
  return status;
}

}  // namespace pipec::cli
