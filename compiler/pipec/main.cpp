#include <fmt/format.h>

#include <exception>
#include <new>
#include <system_error>

#include "compiler/pipec/commands.h"
#include "compiler/pipec/signals.h"
#include "pipec/stdlib/register.h"

namespace pipec::cli {
namespace {

int dispatch(Console& console, const Arguments& arguments, const runtime::Registry& registry) {
  switch (arguments.command) {
    case Command::run:
      return run_command(console, arguments, registry);
    case Command::eval:
      return eval_command(console, arguments, registry);
    case Command::check:
      return check_command(console, arguments, registry);
    case Command::test:
      return test_command(console, arguments, registry);
    case Command::explain:
      return explain_command(console, arguments, registry);
    case Command::graph:
      return graph_command(console, arguments, registry);
    case Command::functions:
      return functions_command(console, arguments, registry);
    case Command::completions:
      return completions_command(console, arguments, registry);
    case Command::fmt:
      return fmt_command(console, arguments);
  }
  return kWrongUsage;
}

}  // namespace
}  // namespace pipec::cli

int main(int argc, char** argv) {
  using namespace pipec::cli;
  hold_standard_streams();
  ignore_write_signals();
  Console console;
  try {
    pipec::runtime::Registry registry;
    pipec::stdlib::register_all(registry);
    Arguments arguments;
    if (const auto status = parse_arguments(argc, argv, registry, arguments)) return *status;
    return dispatch(console, arguments, registry);
  } catch (const std::bad_alloc&) {
    console.error("out of memory");
  } catch (const std::system_error& error) {
    // From starting threads; everything else reports errors with messages.
    console.error(fmt::format("cannot start a thread: {}", error.what()));
  } catch (const std::exception& error) {
    console.error(fmt::format("internal error: {}", error.what()));
  }
  return kFailed;
}
