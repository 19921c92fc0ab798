// The plan and the graph, in words and as a picture.
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>

#include "compiler/pipec/commands.h"
#include "compiler/pipec/programs.h"
#include "pipec/compiler/compile.h"
#include "pipec/graph/pipeline.h"

extern char** environ;

namespace pipec::cli {
namespace {

std::optional<graph::Plan> compile_one(Console& console, const Arguments& arguments,
                                       const runtime::Registry& registry, int& status) {
  Programs programs;
  compile_files(console, arguments.files, registry, {}, programs);
  show_diagnostics(console, programs, false);
  status = programs.status;
  if (programs.plans.empty()) return std::nullopt;
  return std::move(programs.plans.front());
}

// The graph that would run, built and not opened.
std::optional<graph::Picture> built(Console& console, const graph::Plan& plan) {
  auto pipeline = graph::Pipeline::make(plan, graph::RunOptions{});
  if (pipeline) return (*pipeline)->picture();
  console.error(pipeline.error().message);
  return std::nullopt;
}

// A temporary file without a name.
int nameless_file() {
  return ::open(::getenv("TMPDIR") ? ::getenv("TMPDIR") : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
}

// Passes the picture to Graphviz, which writes to our stdout. Its input is a file, so that neither process
// waits for the other.
int print_svg(Console& console, const std::string& dot) {
  std::string reason;
  const int input = nameless_file();
  if (input < 0 || !write_all(input, dot, reason) || ::lseek(input, 0, SEEK_SET) != 0) {
    console.error(std::string("cannot create a temporary file: ") +
                  (reason.empty() ? std::strerror(errno) : reason));
    if (input >= 0) ::close(input);
    return kFailed;
  }
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  std::string program = "dot";
  std::string format = "-Tsvg";
  char* arguments[] = {program.data(), format.data(), nullptr};
  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, "dot", &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(input);
  if (failed != 0) {
    console.error(
        "SVG output needs Graphviz, which is not installed: apt-get install graphviz, or use --format "
        "mermaid");
    return kFailed;
  }
  int state = 0;
  while (::waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return kDone;
  console.error("Graphviz' `dot` failed");
  return kFailed;
}

}  // namespace

int explain_command(Console& console, const Arguments& arguments, const runtime::Registry& registry) {
  int status = kDone;
  const auto plan = compile_one(console, arguments, registry, status);
  if (!plan) return status;
  if (!arguments.runtime) return print(console, compiler::explain(*plan));
  const auto picture = built(console, *plan);
  return picture ? print(console, compiler::explain(*picture, plan->name)) : kFailed;
}

int graph_command(Console& console, const Arguments& arguments, const runtime::Registry& registry) {
  int status = kDone;
  const auto plan = compile_one(console, arguments, registry, status);
  if (!plan) return status;
  const bool mermaid = arguments.format == "mermaid";
  std::string text;
  if (arguments.runtime) {
    const auto picture = built(console, *plan);
    if (!picture) return kFailed;
    text = mermaid ? compiler::to_mermaid(*picture, plan->name) : compiler::to_dot(*picture, plan->name);
  } else {
    text = mermaid ? compiler::to_mermaid(*plan) : compiler::to_dot(*plan);
  }
  return arguments.format == "svg" ? print_svg(console, text) : print(console, text);
}

}  // namespace pipec::cli
