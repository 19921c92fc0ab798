#include "compiler/pipec/eval_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

namespace pipec::cli {
namespace {

// A pipe, such as from `<(...)`, or a terminal: read forward once, like stdin.
bool is_stream(const std::string& file) {
  struct stat state {};
  return ::stat(file.c_str(), &state) == 0 && (S_ISFIFO(state.st_mode) || S_ISCHR(state.st_mode));
}

// Opens the next file when the one before it has ended; records keep the order of the files.
class FilesInTurn : public runtime::Receiver {
 public:
  FilesInTurn(const runtime::Registry& registry, std::vector<std::string> files, std::string framing,
              InputSample* sample, std::function<bool()> enough)
      : registry_(registry),
        files_(std::move(files)),
        framing_(std::move(framing)),
        sample_(sample),
        enough_(std::move(enough)) {
    if (files_.empty()) files_.emplace_back("-");
  }

  // Opens every file once before reading, so that a missing one is reported immediately.
  runtime::Status open(const runtime::StateEntries& saved) override {
    std::uint64_t total = 0;
    bool known = true;
    for (const std::string& file : files_) {
      if (file == "-" || is_stream(file)) {
        known = false;
        continue;
      }
      auto receiver = make_file(file);
      if (!receiver) return receiver.error();
      if (auto opened = (*receiver)->open(saved); !opened) return opened;
      const auto bytes = (*receiver)->total_bytes();
      known = known && bytes.has_value();
      total += bytes.value_or(0);
      if (auto closed = (*receiver)->close(); !closed) return closed;
    }
    if (known) total_ = total;
    return next();
  }

  runtime::Result<runtime::Received> receive(const runtime::ReceiveLimits& limits,
                                             runtime::Block& block) override {
    for (;;) {
      if (enough_()) return runtime::Received::end;
      auto received = current_->receive(limits, block);
      if (!received || *received != runtime::Received::end) {
        // Each file numbers its partitions from 0; they must not be confused with those of the previous file.
        for (runtime::PositionRange& range : block.ranges) range.partition += opened_ * kPartitionsPerFile;
        if (sample_ && received && *received == runtime::Received::records) sample_->add(block);
        return received;
      }
      if (opened_ == files_.size()) return runtime::Received::end;
      if (auto closed = current_->close(); !closed) return closed.error();
      if (auto opened = next(); !opened) return opened.error();
      block.clear();
    }
  }

  // Nothing is kept: a one-liner has no state.
  runtime::Status commit(std::span<const runtime::PositionRange>) override { return {}; }

  std::size_t queued_bytes() const override {
    const std::lock_guard lock(mutex_);
    return current_ ? current_->queued_bytes() : 0;
  }

  void interrupt() override {
    const std::lock_guard lock(mutex_);
    if (current_) current_->interrupt();
  }

  runtime::Status close() override {
    runtime::Status closed = current_ ? current_->close() : runtime::Status();
    if (own_stdin_ >= 0) ::close(own_stdin_);
    own_stdin_ = -1;
    return closed;
  }
  std::optional<std::uint64_t> total_bytes() const override { return total_; }

 private:
  static constexpr std::uint32_t kPartitionsPerFile = 1U << 16;

  runtime::Result<std::unique_ptr<runtime::Receiver>> make_file(const std::string& file) const {
    const runtime::ReceiverSpec* spec = registry_.receiver("file");
    runtime::Options options = framing_option();
    add_text(options, spec->options.front().name, file);
    add_text(options, "on_bad_file", "fail");  // given, so that no message recommends it
    return spec->make(options, context_of_eval());
  }

  runtime::Result<std::unique_ptr<runtime::Receiver>> make_stdin() const {
    return registry_.receiver("stdin")->make(framing_option(), context_of_eval());
  }

  // The stream replaces stdin, which is kept in case "-" follows.
  runtime::Result<std::unique_ptr<runtime::Receiver>> make_stream(const std::string& file) {
    if (own_stdin_ < 0) own_stdin_ = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    // O_NONBLOCK: opening a pipe without a writer would block, and signals would not be handled.
    const int descriptor =
        file == "-" ? own_stdin_ : ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0 || ::dup2(descriptor, STDIN_FILENO) < 0) {
      return runtime::Error::make(runtime::ErrorCode::io,
                                  "cannot read " + file + ": " + std::strerror(errno));
    }
    if (descriptor != own_stdin_) ::close(descriptor);
    return make_stdin();
  }

  static void add_text(runtime::Options& options, const std::string& name, const std::string& text) {
    options.items.push_back({.name = name,
                             .value = runtime::Value::string(options.storage->copy(text)),
                             .program = nullptr,
                             .place = {}});
  }

  runtime::Options framing_option() const {
    runtime::Options options;
    if (!framing_.empty()) options.choose("framing", *registry_.format(framing_));
    return options;
  }

  static runtime::ConnectorContext context_of_eval() {
    runtime::ConnectorContext context;
    context.pipeline = "eval";
    context.clock = &runtime::Clock::system();
    return context;
  }

  runtime::Status next() {
    const std::string& file = files_[opened_];
    const bool stream = is_stream(file) || (file == "-" && own_stdin_ >= 0);
    auto receiver = stream ? make_stream(file) : file == "-" ? make_stdin() : make_file(file);
    if (!receiver) return receiver.error();
    if (auto opened = (*receiver)->open({}); !opened) return opened;
    const std::lock_guard lock(mutex_);
    current_ = std::move(*receiver);
    ++opened_;
    return {};
  }

  const runtime::Registry& registry_;
  std::vector<std::string> files_;
  const std::string framing_;
  InputSample* const sample_;
  const std::function<bool()> enough_;
  std::uint32_t opened_ = 0;
  int own_stdin_ = -1;  // what stdin was before a stream took its place
  std::optional<std::uint64_t> total_;
  mutable std::mutex
      mutex_;  // guards changes of the current receiver: interrupt() is called from other threads
  std::unique_ptr<runtime::Receiver> current_;
};

}  // namespace

std::unique_ptr<runtime::Receiver> make_eval_input(const runtime::Registry& registry,
                                                   std::vector<std::string> files, std::string framing,
                                                   InputSample* sample, std::function<bool()> enough) {
  return std::make_unique<FilesInTurn>(registry, std::move(files), std::move(framing), sample,
                                       std::move(enough));
}

}  // namespace pipec::cli
