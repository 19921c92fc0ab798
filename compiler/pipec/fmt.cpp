#include "pipec/dsl/format.h"

#include <algorithm>

#include "compiler/pipec/commands.h"
#include "compiler/pipec/text_files.h"
#include "pipec/dsl/render.h"

namespace pipec::cli {
namespace {

// The status of one file.
int format_file(Console& console, const std::string& path, bool check_only) {
  std::string reason;
  std::optional<std::string> text = read_text(path, reason);
  if (!text) {
    console.error("cannot read " + path + ": " + reason);
    return kWrongUsage;
  }
  dsl::SourceMap sources;
  dsl::DiagnosticSink sink;
  const dsl::SourceFile& source = sources.add(path == "-" ? "<stdin>" : path, std::move(*text));
  const std::optional<std::string> formatted = dsl::format(source, sink);
  if (!formatted) {
    console.text(dsl::render_text(sink.all(), sources, {.color = console.color(), .width = 100}));
    return kDoesNotCompile;
  }
  const bool changed = *formatted != source.text();
  if (check_only) return changed ? std::max(kFailed, print(console, source.name() + "\n")) : kDone;
  if (path == "-") return print(console, *formatted);
  if (!changed || replace_text(path, *formatted, reason)) return kDone;
  console.error("cannot write " + path + ": " + reason);
  return kFailed;
}

}  // namespace

int fmt_command(Console& console, const Arguments& arguments) {
  int status = kDone;
  for (const std::string& path : arguments.files) {
    status = std::max(status, format_file(console, path, arguments.check_only));
  }
  return status;
}

}  // namespace pipec::cli
