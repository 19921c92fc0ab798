// sink file: appends lines to one file, or to those that a template names.
#include <fmt/format.h>

#include <string>
#include <utility>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/json.h"
#include "stdlib/connectors/connectors.h"
#include "stdlib/connectors/encode.h"
#include "stdlib/connectors/output_file.h"
#include "stdlib/connectors/output_files.h"
#include "stdlib/connectors/output_path.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::Error;
using runtime::Record;
using runtime::Result;
using runtime::StageContext;
using runtime::Status;

OutputOptions output_options(const OutputTemplate& path, const runtime::Options& options,
                             const runtime::ConnectorContext& context) {
  OutputOptions result;
  result.base = path.base;
  result.confined = !path.constant;
  result.truncate = context.truncate;
  result.is_private = context.is_private;
  result.durable = options.string("fsync", "commit") != "never";
  return result;
}

// What all file sinks share: everything but which file a record goes to.
class FileSink : public runtime::Sink {
 public:
  FileSink(const OutputTemplate& path, const runtime::Options& options,
           const runtime::ConnectorContext& context)
      : files_(output_options(path, options, context)),
        encoder_(encoding_of(options)),
        from_start_(context.from_start) {}

  void keep_ahead(const std::function<Status(const runtime::StateEntries&)>& save) override {
    files_.keep_ahead(save);
  }
  Status open(const runtime::StateEntries& saved) override {
    return files_.open(from_start_ ? runtime::StateEntries{} : saved);
  }
  std::string resume_note() const override { return files_.resume_note(); }
  void snapshot(runtime::StateEntries& out) override { files_.snapshot(out); }
  Status sync() override { return files_.sync(); }
  Status close() override { return files_.close(); }

 protected:
  OutputFiles files_;
  RecordEncoder encoder_;

 private:
  const bool from_start_;
};

class OneFileSink final : public FileSink {
 public:
  OneFileSink(const OutputTemplate& path, const runtime::Options& options,
              const runtime::ConnectorContext& context)
      : FileSink(path, options, context), name_(path.name) {}

  // The file is there, and empty where --truncate asks for it, even if no record comes.
  Status open(const runtime::StateEntries& saved) override {
    if (Status opened = FileSink::open(saved); !opened) return opened;
    OutputFiles::Writer writer(files_);
    std::string refused;
    auto file = writer.find(name_, refused);
    if (!file) return file.error();
    file_ = *file;
    return writer.make(*file_);
  }

  Status write(const Batch& batch, StageContext& context) override {
    OutputFiles::Writer writer(files_);
    for (std::size_t i = 0; i < batch.records.size();) {
      const RecordEncoder::Piece piece = encoder_.next(batch, i);
      if (piece.failed) {
        context.dead_letter(batch.records[i], piece.failed);
      } else if (Status appended = writer.append(*file_, piece.text, piece.newline_follows, piece.line);
                 !appended) {
        return appended;
      }
      i += piece.records;
    }
    return {};
  }

 private:
  const std::string name_;
  OutputFile* file_ = nullptr;  // belongs to files_
};

class TemplateSink final : public FileSink {
 public:
  TemplateSink(const OutputTemplate& path, const runtime::Options& options,
               const runtime::ConnectorContext& context)
      : FileSink(path, options, context),
        base_(path.base),
        evaluator_(options.program("path"), context.clock ? *context.clock : runtime::Clock::system()) {}

  Status write(const Batch& batch, StageContext& context) override {
    OutputFiles::Writer writer(files_);
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      auto file = file_of(batch, batch.records[i], writer, context);
      if (!file) return file.error();
      if (!*file) continue;
      const RecordEncoder::Piece piece = encoder_.one(batch, i);
      if (piece.failed) {
        context.dead_letter(batch.records[i], piece.failed);
      } else if (Status appended = writer.append(**file, piece.text, piece.newline_follows, piece.line);
                 !appended) {
        return appended;
      }
    }
    return {};
  }

 private:
  // Null: the record was dead-lettered.
  Result<OutputFile*> file_of(const Batch& batch, const Record& record, OutputFiles::Writer& writer,
                              StageContext& context) {
    const runtime::Value value = evaluator_.evaluate(batch, record);
    if (value.is_failed()) {
      context.dead_letter(record, evaluator_.failure().reason, evaluator_.failure().place);
      return nullptr;
    }
    if (value.type() != runtime::Type::string) {
      context.dead_letter(record,
                          fmt::format("the path is no string but {}", runtime::type_name(value.type())));
      return nullptr;
    }
    std::string_view path = runtime::decode_string(value, evaluator_.arena());
    if (last_ && path == last_path_) return last_;
    last_path_ = path;
    last_ = nullptr;
    std::string refused;
    if (!path.starts_with(base_)) {
      refused = fmt::format("the path does not begin with {}", base_);
    } else {
      path.remove_prefix(base_.size());
      if (const char* reason = refuse_output(path)) {
        refused = reason;
      } else {
        auto file = writer.find(path, refused);
        if (!file) return file.error();
        last_ = *file;
      }
    }
    if (!last_) context.dead_letter(record, refused);
    return last_;
  }

  const std::string base_;
  runtime::Evaluator evaluator_;
  std::string last_path_;
  OutputFile* last_ = nullptr;  // of last_path_; belongs to files_
};

Status check_path(const runtime::Options& options) {
  const auto program = options.program("path");
  if (!program) return {};
  const OutputTemplate path = analyse_output(*program);
  const auto wrong = [](const char* what) { return Error{"option", what, {}, {}}; };
  if (path.base.find('\0') != std::string::npos) return wrong("the path holds a NUL character");
  if (!path.constant) return {};
  if (path.name.empty()) return wrong(path.base.empty() ? "the path is empty" : "the path is a directory");
  if (path.name == "." || path.name == "..") return wrong("the path is a directory");
  if (const char* reason = refuse_output(path.name)) return wrong(reason);
  return {};
}

}  // namespace

void register_file_sink(runtime::Registry& registry) {
  using runtime::OptionSpec;
  runtime::SinkSpec spec;
  spec.name = "file";
  spec.doc =
      "Appends to a file, or to the files that a template names: JSON one record a line, MsgPack one value "
      "after another";
  OptionSpec path;
  path.name = "path";
  path.kind = OptionSpec::Kind::per_record;
  path.types = runtime::Type::string;
  path.required = true;
  path.doc =
      "the file; with ${...} each record's own, which cannot leave the directory that is written before it";
  OptionSpec fsync;
  fsync.name = "fsync";
  fsync.kind = OptionSpec::Kind::choice;
  fsync.choices = {"commit", "never"};
  fsync.fallback = runtime::Value::string("commit");
  fsync.doc =
      "commit: what is committed is on disk; never: it survives the end of the process, not of the machine";
  spec.options = {path, encode_option(), fsync};
  spec.positional = 1;
  spec.check = check_path;
  spec.target = [](const runtime::Options& options) -> std::optional<std::string> {
    const auto program = options.program("path");
    if (!program) return std::nullopt;
    const OutputTemplate output = analyse_output(*program);
    if (!output.constant) return std::nullopt;
    return "file:" + plain_path(output.base + output.name);
  };
  spec.make = [](const runtime::Options& options,
                 const runtime::ConnectorContext& context) -> Result<std::unique_ptr<runtime::Sink>> {
    const OutputTemplate output = analyse_output(*options.program("path"));
    if (output.constant) {
      return std::unique_ptr<runtime::Sink>(std::make_unique<OneFileSink>(output, options, context));
    }
    return std::unique_ptr<runtime::Sink>(std::make_unique<TemplateSink>(output, options, context));
  };
  registry.add(std::move(spec));
}

}  // namespace pipec::stdlib
