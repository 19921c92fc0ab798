// recv stdin: a pipe, a terminal or a redirected file, read forward, and unpacked if it begins like a gzip or
// zstd file. Bytes after the last newline wait for the next block. Whole lines are passed on after a few
// milliseconds, so that slow input is not delayed.
#include "stdlib/connectors/stdin_receiver.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "stdlib/connectors/compress/unpacker.h"
#include "stdlib/connectors/connectors.h"
#include "stdlib/connectors/format_options.h"
#include "stdlib/connectors/lines.h"
#include "stdlib/connectors/long_record.h"
#include "stdlib/connectors/source_head.h"
#include "stdlib/connectors/wakeup.h"

namespace pipec::stdlib {

namespace {

using runtime::Block;
using runtime::Error;
using runtime::ErrorCode;
using runtime::Received;
using runtime::ReceiveLimits;
using runtime::Result;
using runtime::Status;
using std::chrono::milliseconds;

constexpr int kPipeBytes = 1 << 20;
constexpr const char* kName = "standard input";
constexpr std::size_t kSmallestPiece = std::size_t{16} << 10;
constexpr milliseconds kPatience{3};  // how long whole lines wait for more of them

// Two readers would tear records: each would get some of the bytes.
std::atomic<bool> stdin_is_held{false};

class StdinReceiver final : public runtime::Receiver {
 public:
  // `framing`: null for lines.
  StdinReceiver(int fd, const StdinOptions& options, std::unique_ptr<runtime::Framing> framing)
      : fd_(fd),
        options_(options),
        framing_(std::move(framing)),
        packing_known_(options.packing.has_value()) {
    if (framing_) framing_->restart(0, false);
  }
  ~StdinReceiver() override {
    wakeup_.wake();  // the unpacker's thread may wait for input
    release();
  }
  StdinReceiver(const StdinReceiver&) = delete;
  StdinReceiver& operator=(const StdinReceiver&) = delete;

  Status open(const runtime::StateEntries&) override {
    if (fd_ == STDIN_FILENO && !holds_stdin_) {
      if (stdin_is_held.exchange(true)) {
        return Error::make(ErrorCode::io, "another pipeline of this process already reads standard input");
      }
      holds_stdin_ = true;
    }
    if (::fcntl(fd_, F_GETFD) < 0) return runtime::system_error("io", "cannot read", kName, errno);
    ::fcntl(fd_, F_SETPIPE_SZ, kPipeBytes);  // fewer, larger reads; fails harmlessly if it is not a pipe
    return {};
  }

  Result<Received> receive(const ReceiveLimits& limits, Block& block) override {
    auto received = framing_ ? receive_framed(limits, block) : receive_block(limits, block);
    held_.store(carry_.capacity() + (unpacker_ ? unpacker_->held_bytes() : 0), std::memory_order_relaxed);
    return received;
  }

  Status close() override {
    release();
    return {};
  }

  Status commit(std::span<const runtime::PositionRange>) override { return {}; }
  std::size_t queued_bytes() const override { return held_.load(std::memory_order_relaxed); }
  void interrupt() override {
    {
      const std::lock_guard lock(mutex_);
      if (unpacker_) unpacker_->stop();  // first: its read must not be mistaken for the end of the input
    }
    wakeup_.wake();
  }

 private:
  void release() {
    if (std::exchange(holds_stdin_, false)) stdin_is_held.store(false);
  }

  static auto now() { return std::chrono::steady_clock::now(); }

  Result<Received> receive_block(const ReceiveLimits& limits, Block& block) {
    runtime::Buffer& data = *block.data;
    data.clear();
    data.append(carry_);
    carry_.clear();
    start_declared_packing(limits);
    if (long_record_) return pass_long_record(limits, block);
    const std::size_t limit = limits.max_bytes != 0 ? limits.max_bytes : kBlockBytes;
    const LongestRecord longest(options_.max_record, limits.largest_record);
    // The carry may hold whole lines: the last block was full.
    std::size_t searched = 0;
    bool whole_line = has_newline(data, searched);
    auto deadline = now() + (whole_line ? milliseconds(0) : limits.wait);
    while (!ended_ && (data.size() < limit || !whole_line)) {
      const auto left = std::chrono::ceil<milliseconds>(deadline - now());
      auto came = read_more(data, limits, limit, std::max(left, milliseconds(0)));
      if (!came && !whole_line) return came.error();
      if (!came) {
        failed_ = came.error();  // once what came before it is handed out
        break;
      }
      if (!*came) break;
      if (!whole_line && (whole_line = has_newline(data, searched))) deadline = now() + kPatience;
      if (!whole_line && data.size() > longest.bytes()) {
        long_record_.emplace(data);
        return pass_long_record(limits, block);
      }
    }
    return frame(limits, limit, block);
  }

  // A record that is longer than allowed: its head is in the buffer, the rest is discarded as it arrives.
  Result<Received> pass_long_record(const ReceiveLimits& limits, Block& block) {
    runtime::Buffer& data = *block.data;
    const auto deadline = now() + limits.wait;
    while (!long_record_->ended() && !ended_) {
      const auto left = std::chrono::ceil<milliseconds>(deadline - now());
      auto came = read_more(data, limits, long_record_->wanted(), std::max(left, milliseconds(0)));
      if (!came) return came.error();
      long_record_->look(data);
      if (*came || long_record_->ended() || ended_) continue;
      carry_.assign(data.view());
      data.clear();
      return Received::idle;
    }
    carry_.assign(long_record_->rest(data));
    hand_out(long_record_->finish({options_.max_record, limits.largest_record}, block), block);
    long_record_.reset();
    return Received::records;
  }

  // False: nothing more for now.
  Result<bool> read_more(runtime::Buffer& data, const ReceiveLimits& limits, std::size_t limit,
                         milliseconds wait) {
    if (failed_) return *failed_;
    if (unpacker_) {
      const std::size_t before = data.size();
      auto took = unpacker_->take(data, std::max(limit, data.size() + kBlockBytes / 4), wait);
      if (!took) return took.error();
      if (*took == Unpacker::Took::end) ended_ = true;
      return ended_ || data.size() > before;
    }
    if (wakeup_.wait(fd_, POLLIN, wait) != Wakeup::Ready::descriptor) return false;
    if (Status got = read_some(data, limit); !got) return got.error();
    if (!packing_known_) look_for_packing(data, limits);
    return true;
  }

  // The first bytes decide: JSON, or the magic bytes of a compressed file.
  void look_for_packing(runtime::Buffer& data, const ReceiveLimits& limits) {
    constexpr std::size_t kEnough = 4;
    const std::string_view head = data.view();
    const Compression found = compression_of(head);
    const bool could_be = head.empty() || compression_could_begin_with(head.front());
    if (found == Compression::none && head.size() < kEnough && could_be && !ended_) return;
    packing_known_ = true;
    if (found == Compression::none) return;
    start_unpacking(found, std::string(head), limits);
    data.clear();
  }

  void start_declared_packing(const ReceiveLimits& limits) {
    if (unpacker_ || options_.packing.value_or(Compression::none) == Compression::none) return;
    start_unpacking(*options_.packing, {}, limits);
  }

  void start_unpacking(Compression packing, std::string first, const ReceiveLimits& limits) {
    Unpacker::Options options;
    options.compression = packing;
    options.name = kName;
    options.piece_bytes =
        std::clamp(limits.max_bytes != 0 ? limits.max_bytes : kBlockBytes, kSmallestPiece, kBlockBytes);
    options.largest_window = 2 * limits.largest_record;
    options.at_once = true;
    ended_ = false;  // what may have ended is the packed text
    const std::lock_guard lock(mutex_);
    unpacker_.emplace(options, [this, first = std::move(first)](char* to, std::size_t size) mutable {
      return read_packed(first, to, size);
    });
  }

  // On the unpacker's thread.
  Result<std::size_t> read_packed(std::string& first, char* to, std::size_t size) {
    if (!first.empty()) {
      const std::size_t taken = first.copy(to, size);
      first.erase(0, taken);
      return taken;
    }
    for (;;) {
      if (wakeup_.wait(fd_, POLLIN, std::nullopt) == Wakeup::Ready::woken) return std::size_t{0};
      const ssize_t got = ::read(fd_, to, size);
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK) {
        return runtime::system_error("io", "cannot read", kName, errno);
      }
    }
  }

  static bool has_newline(const runtime::Buffer& data, std::size_t& searched) {
    const bool found = data.view().find('\n', searched) != std::string_view::npos;
    searched = data.size();
    return found;
  }

  // For input that is not read line by line: records are cut as they arrive. Malformed input is an error once
  // all records before it were returned.
  Result<Received> receive_framed(const ReceiveLimits& limits, Block& block) {
    runtime::Buffer& data = *block.data;
    data.clear();
    data.append(carry_);
    carry_.clear();
    start_declared_packing(limits);
    const std::size_t limit = limits.max_bytes != 0 ? limits.max_bytes : kBlockBytes;
    const LongestRecord longest(options_.max_record, limits.largest_record);
    auto deadline = now() + limits.wait;
    runtime::Framing::Cut cut;
    for (;;) {
      if (offset_ == 0 && framing_->is_text() && begins_like_utf16(data.view())) return utf16_error(kName);
      cut = framing_->cut(data.view(), cut.taken, limit, limits.max_records, ended_, block.origins);
      const bool full = limits.max_records != 0 && block.origins.size() >= limits.max_records;
      if (ended_ || full || !cut.error.empty() || (cut.taken != 0 && data.size() >= limit)) break;
      if (std::max<std::uint64_t>(data.size() - cut.taken, cut.needs) > longest.bytes()) {
        if (cut.taken != 0) break;
        // Nobody knows where the next record begins.
        return Error::make(
            ErrorCode::io,
            fmt::format("{}: the record at byte {} is longer than {} ({} bytes)", kName, offset_,
                        longest.by_memory() ? "an eighth of the usable memory" : "max_record",
                        longest.bytes()));
      }
      if (cut.taken != 0) deadline = std::min(deadline, now() + kPatience);
      const auto left = std::chrono::ceil<milliseconds>(deadline - now());
      auto came = read_more(data, limits, std::max(limit, data.size()), std::max(left, milliseconds(0)));
      if (!came && cut.taken == 0) return came.error();
      if (!came) failed_ = came.error();  // once what came before it is handed out
      if (!came || !*came) break;
    }
    if (!cut.error.empty() && cut.taken == 0) {
      return Error::make(ErrorCode::io,
                         fmt::format("{}: byte {}: {}", kName, offset_ + cut.error_at, cut.error));
    }
    carry_.assign(data.view().substr(cut.taken));
    if (cut.taken == 0) {
      data.clear();
      return ended_ ? Received::end : Received::idle;
    }
    data.set_size(cut.taken);
    hand_out(cut.taken, block);
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
      return runtime::system_error("io", "cannot read", kName, errno);
    }
    return {};
  }

  Result<Received> frame(const ReceiveLimits& limits, std::size_t limit, Block& block) {
    runtime::Buffer& data = *block.data;
    if (offset_ == 0 && begins_like_utf16(data.view())) return utf16_error(kName);
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
    if (offset_ == 0) skip_byte_order_mark(block);
    hand_out(taken, block);
    return Received::records;
  }

  void hand_out(std::uint64_t taken, Block& block) {
    block.first_position = offset_;
    block.byte_positions = true;
    block.single_lines = !framing_;
    if (framing_) block.format = framing_->format();
    if (!head_passed_ && !block.origins.empty()) {
      head_passed_ = true;
      head_ = head_of(block, false);
    }
    block.head = head_;
    block.ranges.push_back({0, 0, offset_, offset_ + taken});
    offset_ += taken;
  }

  const int fd_;
  bool holds_stdin_ = false;
  const StdinOptions options_;
  const std::unique_ptr<runtime::Framing> framing_;
  Wakeup wakeup_;
  std::string carry_;         // read, not returned yet
  std::uint64_t offset_ = 0;  // bytes returned
  std::shared_ptr<const runtime::SourceHead> head_;
  bool head_passed_ = false;  // a block that was returned holds it
  bool ended_ = false;
  std::optional<runtime::Error> failed_;
  bool packing_known_;
  std::optional<LongRecord> long_record_;  // its head is the carry
  std::atomic<std::size_t> held_{0};
  std::mutex mutex_;  // guards unpacker_: interrupt() is called from other threads
  std::optional<Unpacker> unpacker_;
};

}  // namespace

std::unique_ptr<runtime::Receiver> make_stdin_receiver(int fd, const StdinOptions& options,
                                                       std::unique_ptr<runtime::Framing> framing) {
  return std::make_unique<StdinReceiver>(fd, options, std::move(framing));
}

void register_stdin_receiver(runtime::Registry& registry) {
  runtime::ReceiverSpec spec;
  spec.name = "stdin";
  spec.doc = "Reads standard input record by record; it can only be read once, so nothing is resumed";
  spec.options = {framing_option(), decompress_option(), max_record_option()};
  spec.check = check_max_record;
  spec.reads = [](const runtime::Options&) -> std::vector<std::string> { return {"/dev/stdin"}; };
  spec.only_one = kName;
  spec.make = [](const runtime::Options& options,
                 const runtime::ConnectorContext&) -> Result<std::unique_ptr<runtime::Receiver>> {
    StdinOptions made;
    made.packing = decompression_of(options);
    made.max_record = static_cast<std::size_t>(options.integer("max_record", kDefaultMaxRecord));
    auto framing = make_framing(options);
    if (!framing) return framing.error();
    return make_stdin_receiver(STDIN_FILENO, made, std::move(*framing));
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
