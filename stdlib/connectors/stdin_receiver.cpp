// recv stdin: a pipe, a terminal or a redirected file, read forward. What lies behind the last newline waits
// for the next block; what is whole is handed on after a few milliseconds, so that a trickle is not held
// back.
#include "stdlib/connectors/stdin_receiver.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include "stdlib/connectors/connectors.h"
#include "stdlib/connectors/framing.h"
#include "stdlib/connectors/lines.h"
#include "stdlib/connectors/wakeup.h"

namespace pipec::stdlib {

namespace {

using runtime::Block;
using runtime::Error;
using runtime::Received;
using runtime::ReceiveLimits;
using runtime::Result;
using runtime::Status;
using std::chrono::milliseconds;

constexpr int kPipeBytes = 1 << 20;
constexpr milliseconds kPatience{3};  // how long whole lines wait for more of them

class StdinReceiver final : public runtime::Receiver {
 public:
  // `framing`: null for lines.
  StdinReceiver(int fd, std::size_t max_record, std::unique_ptr<Framing> framing)
      : fd_(fd), max_record_(max_record), framing_(std::move(framing)) {
    if (framing_) framing_->restart(0);
  }

  Status open(const runtime::StateEntries&) override {
    if (::fcntl(fd_, F_GETFD) < 0) return runtime::system_error("io", "cannot read", "standard input", errno);
    ::fcntl(fd_, F_SETPIPE_SZ, kPipeBytes);  // fewer, larger reads; fails where it is no pipe, which is fine
    return {};
  }

  Result<Received> receive(const ReceiveLimits& limits, Block& block) override {
    if (framing_) return receive_framed(limits, block);
    runtime::Buffer& data = *block.data;
    data.clear();
    data.append(carry_);
    carry_.clear();
    const std::size_t limit = limits.max_bytes != 0 ? limits.max_bytes : kBlockBytes;
    // The carry may hold whole lines: the last block was full.
    std::size_t searched = 0;
    bool whole_line = has_newline(data, searched);
    const auto now = [] { return std::chrono::steady_clock::now(); };
    auto deadline = now() + (whole_line ? milliseconds(0) : limits.wait);
    while (!ended_ && (data.size() < limit || !whole_line)) {
      const auto left = std::chrono::ceil<milliseconds>(deadline - now());
      const Wakeup::Ready ready = wakeup_.wait(fd_, POLLIN, std::max(left, milliseconds(0)));
      if (ready != Wakeup::Ready::descriptor) break;
      if (Status got = read_some(data, limit); !got) return got.error();
      if (!whole_line && (whole_line = has_newline(data, searched))) deadline = now() + kPatience;
      if (!whole_line && data.size() > max_record_) {
        return Error{"io",
                     fmt::format("standard input: the line at byte {} is longer than max_record ({} bytes)",
                                 offset_, max_record_),
                     {},
                     {}};
      }
    }
    return frame(limits, limit, block);
  }

  Status commit(std::span<const runtime::PositionRange>) override { return {}; }
  void interrupt() override { wakeup_.wake(); }

 private:
  static bool has_newline(const runtime::Buffer& data, std::size_t& searched) {
    const bool found = data.view().find('\n', searched) != std::string_view::npos;
    searched = data.size();
    return found;
  }

  // What is not read line by line: records are cut as they come. What is malformed is an error once all
  // records before it are out.
  Result<Received> receive_framed(const ReceiveLimits& limits, Block& block) {
    runtime::Buffer& data = *block.data;
    data.clear();
    data.append(carry_);
    carry_.clear();
    const std::size_t limit = limits.max_bytes != 0 ? limits.max_bytes : kBlockBytes;
    const auto now = [] { return std::chrono::steady_clock::now(); };
    auto deadline = now() + limits.wait;
    Framing::Cut cut;
    for (;;) {
      cut = framing_->cut(data.view(), cut.taken, limit, limits.max_records, ended_, block.origins);
      const bool full = limits.max_records != 0 && block.origins.size() >= limits.max_records;
      if (ended_ || full || !cut.error.empty() || (cut.taken != 0 && data.size() >= limit)) break;
      if (std::max<std::uint64_t>(data.size() - cut.taken, cut.needs) > max_record_) {
        if (cut.taken != 0) break;
        return Error{"io",
                     fmt::format("standard input: the record at byte {} is longer than max_record ({} bytes)",
                                 offset_, max_record_),
                     {},
                     {}};
      }
      if (cut.taken != 0) deadline = std::min(deadline, now() + kPatience);
      const auto left = std::chrono::ceil<milliseconds>(deadline - now());
      if (wakeup_.wait(fd_, POLLIN, std::max(left, milliseconds(0))) != Wakeup::Ready::descriptor) break;
      if (Status got = read_some(data, std::max(limit, data.size())); !got) return got.error();
    }
    if (!cut.error.empty() && cut.taken == 0) {
      return Error{
          "io", fmt::format("standard input: byte {}: {}", offset_ + cut.error_at, cut.error), {}, {}};
    }
    carry_.assign(data.view().substr(cut.taken));
    if (cut.taken == 0) {
      data.clear();
      return ended_ ? Received::end : Received::idle;
    }
    data.set_size(cut.taken);
    block.first_position = offset_;
    block.byte_positions = true;
    block.format = framing_->format();
    block.ranges.push_back({0, 0, offset_, offset_ + cut.taken});
    offset_ += cut.taken;
    return Received::records;
  }

  Status read_some(runtime::Buffer& data, std::size_t limit) {
    const std::size_t room = std::max(limit > data.size() ? limit - data.size() : 0, kBlockBytes / 4);
    char* to = data.extend(room);
    const ssize_t got = ::read(fd_, to, room);
    if (got > 0) {
      data.set_size(data.size() + static_cast<std::size_t>(got));
    } else if (got == 0) {
      ended_ = true;
    } else if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
      return runtime::system_error("io", "cannot read", "standard input", errno);
    }
    return {};
  }

  Result<Received> frame(const ReceiveLimits& limits, std::size_t limit, Block& block) {
    runtime::Buffer& data = *block.data;
    std::size_t taken =
        find_lines(data.data(), std::min(data.size(), limit), limits.max_records, block.origins);
    if (taken == 0) taken = find_lines(data.data(), data.size(), 1, block.origins);
    const bool full = limits.max_records != 0 && block.origins.size() >= limits.max_records;
    if (ended_ && !full && data.view().find('\n', taken) == std::string_view::npos && taken < data.size()) {
      add_last_line(data.data(), taken, data.size(), block.origins);
      taken = data.size();
    }
    carry_.assign(data.view().substr(taken));
    if (taken == 0) {
      data.clear();
      return ended_ ? Received::end : Received::idle;
    }
    data.set_size(taken);
    block.first_position = offset_;
    block.byte_positions = true;
    block.single_lines = true;
    block.ranges.push_back({0, 0, offset_, offset_ + taken});
    if (offset_ == 0) skip_byte_order_mark(block);
    offset_ += taken;
    return Received::records;
  }

  const int fd_;
  const std::size_t max_record_;
  const std::unique_ptr<Framing> framing_;
  Wakeup wakeup_;
  std::string carry_;         // read, not handed out yet
  std::uint64_t offset_ = 0;  // bytes handed out
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<runtime::Receiver> make_stdin_receiver(int fd, std::size_t max_record,
                                                       std::unique_ptr<Framing> framing) {
  return std::make_unique<StdinReceiver>(fd, max_record, std::move(framing));
}

void register_stdin_receiver(runtime::Registry& registry) {
  runtime::ReceiverSpec spec;
  spec.name = "stdin";
  spec.doc = "Reads standard input record by record; it can only be read once, so nothing is resumed";
  spec.options = {framing_option(), max_record_option()};
  spec.check = check_max_record;
  spec.make = [](const runtime::Options& options,
                 const runtime::ConnectorContext&) -> Result<std::unique_ptr<runtime::Receiver>> {
    return make_stdin_receiver(STDIN_FILENO,
                               static_cast<std::size_t>(options.integer("max_record", kDefaultMaxRecord)),
                               make_framing(options));
  };
  registry.add(std::move(spec));
}

}  // namespace pipec::stdlib
