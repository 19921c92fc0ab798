#include "compiler/pipec/commands.h"
#include "compiler/pipec/programs.h"
#include "pipec/dsl/render.h"

namespace pipec::cli {

int check_command(Console& console, const Arguments& arguments, const runtime::Registry& registry) {
  Programs programs;
  compile_files(console, arguments.files, registry, {}, programs);
  if (arguments.format != "json") {
    show_diagnostics(console, programs, true);
    return programs.status;
  }
  const int printed = print(console, dsl::render_json(programs.diagnostics, programs.sources));
  return printed == kDone ? programs.status : printed;
}

}  // namespace pipec::cli
