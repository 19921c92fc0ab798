// sink stdout and sink null. A reader that went away is an error of this sink, never a signal that ends the
// process.
#include "stdlib/connectors/stream_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <utility>

#include "pipec/runtime/fd.h"
#include "stdlib/connectors/connectors.h"
#include "stdlib/connectors/format_options.h"
#include "stdlib/connectors/no_sigpipe.h"
#include "stdlib/connectors/wakeup.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::Error;
using runtime::Result;
using runtime::Status;

constexpr std::size_t kUncopiedBytes = std::size_t{16} << 10;  // a piece this long is not copied first

class StreamSink final : public runtime::Sink {
 public:
  StreamSink(int fd, std::string name, std::unique_ptr<runtime::Encoder> encoder)
      : fd_(fd), name_(std::move(name)), encoder_(std::move(encoder)) {}

  Status open(const runtime::StateEntries&) override {
    struct stat info;
    if (::fstat(fd_, &info) != 0) return runtime::system_error("sink", "cannot write", name_, errno);
    if (S_ISFIFO(info.st_mode)) {
      // Our own open file description can be non-blocking without changing the one we share with other
      // processes.
      own_ = runtime::Fd(
          ::open(fmt::format("/proc/self/fd/{}", fd_).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
      if (own_) fd_ = own_.get();
    }
    return {};
  }

  Status write(const Batch& batch, runtime::StageContext& context) override {
    for (std::size_t i = 0; i < batch.records.size();) {
      const runtime::Encoder::Piece piece = encoder_->next(batch, i);
      if (piece.failed) {
        context.dead_letter(batch.records[i], piece.failed);
        i += piece.records;
        continue;
      }
      if (!begun_) {
        begun_ = true;
        pending_.append(encoder_->head(batch, i));
      }
      if (piece.text.size() < kUncopiedBytes || (piece.line && !piece.newline_follows)) {
        pending_.append(piece.text);
        if (piece.line) pending_.push_back('\n');
      } else {
        if (Status flushed = flush(); !flushed) return flushed;
        const std::size_t newline = piece.line ? 1 : 0;
        if (Status put = put_all({piece.text.data(), piece.text.size() + newline}); !put) return put;
      }
      i += piece.records;
    }
    return flush();
  }

  void interrupt() override { wakeup_.wake(); }

 private:
  Status flush() {
    Status status = put_all(pending_);
    pending_.clear();
    if (pending_.capacity() > (std::size_t{1} << 20)) pending_.shrink_to_fit();
    return status;
  }

  Status put_all(std::string_view bytes) {
    // Two sinks on one descriptor (two branches to stdout) must not cut into each other's lines.
    static std::mutex one_at_a_time;
    const std::lock_guard lock(one_at_a_time);
    const NoSigpipe guard;
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written > 0) {
        bytes.remove_prefix(static_cast<std::size_t>(written));
      } else if (written == 0 || errno == EPIPE) {
        return Error{"sink", name_ + " was closed by its reader", {}, {}};
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        if (wakeup_.wait(fd_, POLLOUT, std::nullopt) == Wakeup::Ready::woken) {
          return Error{"sink", name_ + ": the write was interrupted, its reader is too slow", {}, {}};
        }
      } else if (errno != EINTR) {
        return runtime::system_error("sink", "cannot write", name_, errno);
      }
    }
    return {};
  }

  int fd_;
  runtime::Fd own_;
  const std::string name_;
  const std::unique_ptr<runtime::Encoder> encoder_;
  bool begun_ = false;  // something was written
  Wakeup wakeup_;
  std::string pending_;  // empty between two writes
};

class NullSink final : public runtime::Sink {
 public:
  Status write(const Batch&, runtime::StageContext&) override { return {}; }
};

}  // namespace

std::unique_ptr<runtime::Sink> make_stream_sink(int fd, std::string name,
                                                std::unique_ptr<runtime::Encoder> encoder) {
  return std::make_unique<StreamSink>(fd, std::move(name), std::move(encoder));
}

void register_stream_sinks(runtime::Registry& registry) {
  runtime::SinkSpec out;
  out.name = "stdout";
  out.doc = "Writes to standard output: JSON with one record per line, MsgPack as consecutive values";
  out.options = {encode_option()};
  out.writes = [](const runtime::Options&) -> std::vector<runtime::PathPieces> { return {{"/dev/stdout"}}; };
  out.make = [](const runtime::Options& options,
                const runtime::ConnectorContext&) -> Result<std::unique_ptr<runtime::Sink>> {
    auto encoder = make_encoder(options);
    if (!encoder) return encoder.error();
    return make_stream_sink(STDOUT_FILENO, "stdout", std::move(*encoder));
  };
  static_cast<void>(registry.add(std::move(out)));

  runtime::SinkSpec none;
  none.name = "null";
  none.doc = "Discards everything";
  none.make = [](const runtime::Options&,
                 const runtime::ConnectorContext&) -> Result<std::unique_ptr<runtime::Sink>> {
    return std::unique_ptr<runtime::Sink>(std::make_unique<NullSink>());
  };
  static_cast<void>(registry.add(std::move(none)));
}

}  // namespace pipec::stdlib
