// Collects the pipeline's files from its connectors' options, so that connectors do not touch them by
// accident.
#include <utility>

#include "compiler/flow.h"
#include "pipec/runtime/guarded.h"

namespace pipec::compiler {

using dsl::Code;
using runtime::ConnectorUse;
using runtime::OwnFile;

void FlowCompiler::collect_own_files(const std::vector<std::string>& read) {
  std::vector<ConstantPath> reads;
  std::vector<ConstantPath> writes;
  for (const std::string& path : read) reads.push_back({path, {}});
  for (std::size_t i = 0; i < uses_.size(); ++i) {
    const ConnectorUse& use = uses_[i];
    if (use.role == ConnectorUse::Role::receiver) {
      const runtime::ReceiverSpec* spec = context_.registry.receiver(use.name);
      if (!spec->reads) continue;
      const runtime::Status status = runtime::guarded([&] {
        for (std::string& path : spec->reads(*use.options)) reads.push_back({std::move(path), use_spans_[i]});
      });
      if (!status) {
        context_.report.add(Code::refused_option, use_spans_[i],
                            "recv " + std::string(use.name) + ": " + status.error().message);
      }
      continue;
    }
    const runtime::SinkSpec* spec = context_.registry.sink(use.name);
    if (!spec->writes) continue;
    const bool letters = use.role == ConnectorUse::Role::dead_letters;
    const runtime::Status status = runtime::guarded([&] {
      for (runtime::PathPieces& pieces : spec->writes(*use.options)) {
        if (pieces.size() == 1) writes.push_back({pieces.front(), use_spans_[i]});
        own_files_->files.push_back(
            {letters ? OwnFile::Role::dead_letters : OwnFile::Role::sink, std::move(pieces)});
      }
    });
    if (!status) {
      context_.report.add(
          Code::refused_option, use_spans_[i],
          (letters ? "dlq " : "sink ") + std::string(use.name) + ": " + status.error().message);
    }
  }
  for (const ConstantPath& path : reads) own_files_->files.push_back({OwnFile::Role::source, {path.path}});
  add_texts_and_state();
  check_written(reads, writes);
}

void FlowCompiler::add_texts_and_state() {
  for (const compiler::Module& module : names_.modules) {
    const std::string& name = module.file->name();
    // "<stdin>" is not a file.
    if (!name.starts_with('<')) own_files_->files.push_back({OwnFile::Role::text, {name}});
  }
  const std::string& directory = connectors_.state_directory;
  if (directory.empty()) return;
  // The default directory contains only state, including that of other pipelines.
  const bool nothing_else = directory == ".pipec" || directory.ends_with("/.pipec");
  own_files_->state_directories.push_back(nothing_else ? directory : directory + "/" + connectors_.pipeline);
  // A single pipeline's state may be in the directory itself.
  for (const char* name : {"checkpoint", "checkpoint.new", "checkpoint.prev", "lock"}) {
    own_files_->files.push_back({OwnFile::Role::state, {directory + "/" + name}});
  }
}

void FlowCompiler::check_written(const std::vector<ConstantPath>& read,
                                 const std::vector<ConstantPath>& written) {
  for (std::size_t i = 0; i < written.size(); ++i) {
    for (const ConstantPath& source : read) {
      if (!runtime::same_file(source.path, written[i].path)) continue;
      auto& diagnostic = context_.report.add(Code::reads_own_output, written[i].span,
                                             "this writes the file that the pipeline reads");
      if (source.span.end != 0) diagnostic.also(source.span, "read here");
      if (source.path != written[i].path) {
        diagnostic.note("'" + source.path + "' and '" + written[i].path + "' are the same file");
      }
      diagnostic.hint("write to another file");
    }
    for (std::size_t k = 0; k < i; ++k) {
      // Where both are spelt alike this was reported already, and is not heard again.
      if (!runtime::same_file(written[k].path, written[i].path)) continue;
      context_.report.add(Code::same_target, written[i].span, "two sinks write to '" + written[i].path + "'")
          .also(written[k].span, "the other one")
          .note("'" + written[k].path + "' and '" + written[i].path + "' are the same file")
          .hint("merge the streams before one sink: merge(a, b) | sink ...");
    }
  }
}

}  // namespace pipec::compiler
