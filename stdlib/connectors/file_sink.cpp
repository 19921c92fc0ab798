// sink file: appends lines to one file, or to those that a template names.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/json.h"
#include "pipec/runtime/paths.h"
#include "stdlib/connectors/connectors.h"
#include "stdlib/connectors/format_options.h"
#include "stdlib/connectors/option_specs.h"
#include "stdlib/connectors/output_file.h"
#include "stdlib/connectors/output_files.h"
#include "stdlib/connectors/output_path.h"
#include "stdlib/connectors/packed_output.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::Error;
using runtime::ErrorCode;
using runtime::Record;
using runtime::Result;
using runtime::StageContext;
using runtime::Status;

constexpr std::chrono::minutes kCloseAfter{5};

Packing packing_of(const runtime::Options& options) {
  Packing packing;
  packing.compression = compression_named(options.string("compress", "none"));
  const bool zstd = packing.compression == Compression::zstd;
  packing.level = static_cast<int>(options.integer("level", zstd ? kZstdLevel : kGzipLevel));
  return packing;
}

OutputOptions output_options(const OutputTemplate& path, const runtime::Options& options,
                             const runtime::ConnectorContext& context) {
  OutputOptions result;
  result.base = path.base;
  result.shape = path;
  result.owners = shared_part<OutputOwners>(context, "output owners");
  result.confined = !path.constant;
  result.is_private = context.is_private;
  // Dead letters are dealt with and removed, as the files of a template are.
  result.finishes = !path.constant || context.is_private;
  result.close_after =
      std::chrono::nanoseconds(options.integer("close_after", std::chrono::nanoseconds(kCloseAfter).count()));
  result.recreate = options.string("on_missing", "fail") == "recreate";
  if (context.clock) result.clock = context.clock;
  result.durable = options.string("fsync", "commit") != "never";
  result.compression = packing_of(options).compression;
  if (result.confined) result.guard = std::make_shared<OutputGuard>(context);
  return result;
}

// A constant path is resolved to the file itself, so that a link and its target, or "x" and "./x", are one
// output. Other than regular files (a device, a pipe) keep their name.
OutputTemplate canonical(OutputTemplate path) {
  const std::string full = path.base + path.name;
  struct stat info;
  if (::stat(full.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) return path;
  const std::string named = runtime::state_path(full);
  const std::size_t slash = named.rfind('/');
  path.base = slash == std::string::npos ? std::string() : named.substr(0, slash + 1);
  path.name = named.substr(path.base.size());
  return path;
}

// As much of it as holds the head of a format; "" where it cannot be read.
std::string beginning_of(const std::string& path) {
  constexpr std::size_t kBeginning = std::size_t{64} << 10;
  std::string text(kBeginning, '\0');
  const runtime::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const ssize_t got = fd ? ::pread(fd.get(), text.data(), text.size(), 0) : 0;
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  return text;
}

// The common part of file sinks: everything except the choice of a record's file.
class FileSink : public runtime::Sink {
 public:
  FileSink(const OutputTemplate& path, const runtime::Options& options,
           const runtime::ConnectorContext& context, std::unique_ptr<runtime::Encoder> encoder)
      : files_(output_options(path, options, context)), encoder_(std::move(encoder)) {
    const Packing packing = packing_of(options);
    if (packing.compression != Compression::none) packed_.emplace(packing);
  }

  void keep_ahead(const std::function<Status(const runtime::StateEntries&)>& save) override {
    files_.keep_ahead(save);
  }
  void keep_queue_limit(std::size_t bytes) override {
    // Half for the files' buffers, half for what packs.
    files_.keep_limit(bytes / 2);
    if (packed_) packed_->keep_limit(bytes / 2);
  }
  void keep_beginning(const runtime::Beginning& beginning) override { files_.keep_beginning(beginning); }
  Status open(const runtime::StateEntries& saved) override { return files_.open(saved); }
  Status begin(runtime::StateEntries& changes) override { return files_.begin(changes); }
  std::string resume_note() const override { return files_.resume_note(); }
  void snapshot(runtime::StateEntries& out) override {
    takes_snapshots_.store(true);
    // sync() returns the error.
    [[maybe_unused]] const Status flushed = flush_packed(false);
    files_.snapshot(out);
  }
  std::optional<std::string> kept_entry(const std::string& key) override { return files_.kept_entry(key); }
  bool wants_commit() const override { return files_.wants_commit(); }
  bool wants_small_batches() const override { return files_.wants_small_batches(); }
  void finish(runtime::StateEntries& changes) override { files_.finish(changes); }
  // Without snapshots (dead letters with `commit sink`) it is called between writes, and everything written
  // must still become durable.
  Status sync() override {
    if (!takes_snapshots_.load()) {
      if (Status flushed = flush_packed(true); !flushed) return flushed;
    }
    return files_.sync();
  }
  Status close() override {
    Status flushed = flush_packed(true);
    Status closed = files_.close();
    return flushed ? std::move(closed) : std::move(flushed);
  }
  std::size_t queued_bytes() const override {
    return files_.held_bytes() + (packed_ ? packed_->held_bytes() : 0);
  }

 protected:
  // `piece`: of the batch from `at` on.
  Status append(OutputFiles::Writer& writer, OutputFile& file, const runtime::Encoder::Piece& piece,
                const Batch& batch, std::size_t at) {
    if (!file.headed) {
      if (Status begun = begin_file(writer, file, encoder_->head(batch, at)); !begun) return begun;
    }
    if (packed_) return packed_->append(writer, file, piece.text, piece.line);
    return writer.append(file, piece.text, piece.newline_follows, piece.line);
  }

  OutputFiles files_;
  const std::unique_ptr<runtime::Encoder> encoder_;
  std::optional<PackedOutput> packed_;  // compress: gzip, zstd

 private:
  // An empty file begins with the header of its format.
  Status begin_file(OutputFiles::Writer& writer, OutputFile& file, std::string_view head) {
    file.headed = true;
    if (head.empty()) return {};
    if (Status made = writer.make(file); !made) return made;
    if (file.length() != 0) return {};
    return packed_ ? packed_->append(writer, file, head, false) : writer.append(file, head, false, false);
  }

  Status flush_packed(bool writing) {
    if (!packed_) return {};
    if (Status failed = files_.failure(); !failed) return failed;
    OutputFiles::Writer writer(files_);
    return packed_->flush(writer, writing);
  }

  std::atomic<bool> takes_snapshots_{false};
};

class OneFileSink final : public FileSink {
 public:
  OneFileSink(const OutputTemplate& path, const runtime::Options& options,
              const runtime::ConnectorContext& context, std::unique_ptr<runtime::Encoder> encoder)
      : FileSink(path, options, context, std::move(encoder)), base_(path.base), name_(path.name) {}

  Status open(const runtime::StateEntries& saved) override {
    Status opened = FileSink::open(saved);
    return opened ? find() : std::move(opened);
  }
  // Creates the file even if no record arrives, and empties it if --truncate is set.
  Status begin(runtime::StateEntries& changes) override {
    if (Status begun = FileSink::begin(changes); !begun) return begun;
    OutputFiles::Writer writer(files_);
    if (Status made = writer.make(*file_); !made) return made;
    if (packed_ && file_->regular && file_->length() == 0) packed_->begin(*file_);
    if (!packed_ && file_->regular && file_->length() != 0) encoder_->continues(beginning_of(base_ + name_));
    return {};
  }
  // A finished file counts as a new one when a record for it arrives later.
  void snapshot(runtime::StateEntries& out) override {
    FileSink::snapshot(out);
    file_ = nullptr;
  }

  Status write(const Batch& batch, StageContext& context) override {
    if (!file_ && !batch.records.empty()) {
      if (Status found = find(); !found) return found;
    }
    OutputFiles::Writer writer(files_);
    for (std::size_t i = 0; i < batch.records.size();) {
      const runtime::Encoder::Piece piece = encoder_->next(batch, i);
      if (piece.failed) {
        context.dead_letter(batch.records[i], piece.failed);
      } else if (Status appended = append(writer, *file_, piece, batch, i); !appended) {
        return appended;
      }
      i += piece.records;
    }
    return {};
  }

 private:
  Status find() {
    OutputFiles::Writer writer(files_);
    std::string refused;
    auto file = writer.find(name_, refused);
    if (!file) return file.error();
    file_ = *file;
    return {};
  }

  const std::string base_;
  const std::string name_;
  OutputFile* file_ = nullptr;  // belongs to files_; null: to be found
};

class TemplateSink final : public FileSink {
 public:
  TemplateSink(const OutputTemplate& path, const runtime::Options& options,
               const runtime::ConnectorContext& context, std::unique_ptr<runtime::Encoder> encoder)
      : FileSink(path, options, context, std::move(encoder)),
        base_(path.base),
        evaluator_(options.program("path"), context.clock ? *context.clock : runtime::Clock::system()) {}

  void snapshot(runtime::StateEntries& out) override {
    FileSink::snapshot(out);
    last_ = nullptr;
  }

  Status write(const Batch& batch, StageContext& context) override {
    files_.make_way();
    OutputFiles::Writer writer(files_);
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      auto file = file_of(batch, batch.records[i], writer, context);
      if (!file) return file.error();
      if (!*file) continue;
      const runtime::Encoder::Piece piece = encoder_->one(batch, i);
      if (piece.failed) {
        context.dead_letter(batch.records[i], piece.failed);
      } else if (Status appended = append(writer, **file, piece, batch, i); !appended) {
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
                          fmt::format("the path is not a string but {}", runtime::type_name(value.type())));
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
  const auto wrong = [](const char* what) { return Error::make(ErrorCode::option, what); };
  const Compression compression = compression_named(options.string("compress", "none"));
  if (options.given("level")) {
    const std::int64_t level = options.integer("level", 0);
    if (compression == Compression::none)
      return wrong("level sets how hard to compress; compress is missing");
    if (compression == Compression::gzip && (level < 1 || level > kMostGzipLevel)) {
      return wrong("gzip has levels 1 to 9");
    }
    if (level < 1 || level > kMostZstdLevel) return wrong("zstd has levels 1 to 19");
  }
  if (options.given("close_after") && options.integer("close_after", 0) <= 0)
    return wrong("close_after is a duration above 0");
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
      "Appends to a file, or to the files that a template names: JSON with one record per line, MsgPack as "
      "consecutive values";
  OptionSpec path;
  path.name = "path";
  path.kind = OptionSpec::Kind::per_record;
  path.types = runtime::Type::string;
  path.required = true;
  path.doc =
      "the file; with ${...}, one per record, always inside the directory that precedes the first ${...}";
  const OptionSpec fsync = choice_option(
      "fsync", "commit", {"never"},
      "commit: committed data is on disk; never: it survives a crash of the process, but not of the machine");
  const OptionSpec compress =
      choice_option("compress", "none", {"gzip", "zstd"},
                    "compresses the file, in gzip members or zstd frames of about 512 KiB of text, less if "
                    "memory is short; every commit ends one");
  const OptionSpec level =
      constant_option("level", runtime::Type::integer,
                      "how hard to compress: gzip 1 to 9 (default 6), zstd 1 to 19 (default 3)");
  const OptionSpec close_after =
      constant_option("close_after", runtime::Type::duration,
                      "a file of a template is finished after this time without writes (default 5m): it may "
                      "be moved, compressed or removed, and is created again when a record arrives for it");
  const OptionSpec on_missing = choice_option(
      "on_missing", "fail", {"recreate"},
      "what to do at the start if a file in use no longer exists: fail stops with an error; recreate creates "
      "it again, without its old content");
  spec.options = {path, encode_option(), compress, level, fsync, close_after, on_missing};
  spec.positional = 1;
  spec.shared_state = "output";
  spec.check = check_path;
  spec.target = [](const runtime::Options& options) -> std::optional<std::string> {
    const auto program = options.program("path");
    if (!program) return std::nullopt;
    const OutputTemplate output = analyse_output(*program);
    if (!output.constant) return std::nullopt;
    return "file:" + plain_path(output.base + output.name);
  };
  spec.writes = [](const runtime::Options& options) -> std::vector<runtime::PathPieces> {
    const auto program = options.program("path");
    if (!program) return {};
    OutputTemplate output = analyse_output(*program);
    output.pieces.front().insert(0, output.base);
    return {std::move(output.pieces)};
  };
  spec.make = [](const runtime::Options& options,
                 const runtime::ConnectorContext& context) -> Result<std::unique_ptr<runtime::Sink>> {
    auto encoder = make_encoder(options);
    if (!encoder) return encoder.error();
    const OutputTemplate output = analyse_output(*options.program("path"));
    if (output.constant) {
      return std::unique_ptr<runtime::Sink>(
          std::make_unique<OneFileSink>(canonical(output), options, context, std::move(*encoder)));
    }
    return std::unique_ptr<runtime::Sink>(
        std::make_unique<TemplateSink>(output, options, context, std::move(*encoder)));
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
