// recv file: one regular file after the other, read in blocks that end at a record's end. Every block is read
// at its own offset (pread), so there is no tail to carry from one to the next: the few bytes behind the last
// newline are read again.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>
#include <utility>

#include "stdlib/connectors/connectors.h"
#include "stdlib/connectors/file_identity.h"
#include "stdlib/connectors/framing.h"
#include "stdlib/connectors/input_files.h"
#include "stdlib/connectors/lines.h"

namespace pipec::stdlib {

namespace {

using runtime::Block;
using runtime::Error;
using runtime::Fd;
using runtime::PositionRange;
using runtime::Received;
using runtime::ReceiveLimits;
using runtime::Result;
using runtime::Status;

constexpr std::size_t kSmallestRead = std::size_t{16} << 10;

class FileReceiver final : public runtime::Receiver {
 public:
  // `framing`: null for lines.
  FileReceiver(std::string path, std::unique_ptr<Framing> framing, std::size_t max_record, bool from_start)
      : path_(std::move(path)),
        framing_(std::move(framing)),
        max_record_(max_record),
        from_start_(from_start) {}

  Status open(const runtime::StateEntries& saved) override {
    auto found = find_input_files(path_, from_start_ ? runtime::StateEntries{} : saved);
    if (!found) return found.error();
    input_ = std::move(*found);
    return {};
  }

  Result<Received> receive(const ReceiveLimits& limits, Block& block) override {
    while (current_ < input_.files.size()) {
      if (!fd_) {
        if (Status opened = open_current(); !opened) return opened.error();
      }
      auto more = read_block(limits, block);
      if (!more) return more.error();
      if (*more) return Received::records;
      fd_ = Fd();
      ++current_;
    }
    return Received::end;
  }

  Status commit(std::span<const PositionRange> ranges) override {
    const std::lock_guard guard(mutex_);
    for (const PositionRange& range : ranges) {
      std::erase_if(marks_, [&](const Mark& mark) {
        return mark.partition == range.partition && mark.file.offset <= range.end;
      });
    }
    return {};
  }

  void describe(std::span<const PositionRange> ranges, runtime::StateEntries& out) const override {
    const std::lock_guard guard(mutex_);
    for (const PositionRange& range : ranges) {
      const FileMark* last = nullptr;
      for (const Mark& mark : marks_) {
        if (mark.partition == range.partition && mark.file.offset <= range.end) last = &mark.file;
      }
      if (last) out.push_back(last->entry());
    }
  }

  std::optional<std::uint64_t> total_bytes() const override {
    std::uint64_t bytes = 0;
    for (const InputFile& file : input_.files) bytes += file.size - file.start;
    return bytes;
  }

  std::string resume_note() const override { return input_.note; }

 private:
  // The end of a block that was handed out and is not committed yet.
  struct Mark {
    std::uint32_t partition;
    FileMark file;
  };

  Status open_current() {
    InputFile& expected = input_.files[current_];
    InputFile file;
    auto fd = open_input(expected.path, file);
    if (!fd) return fd.error();
    if (file.device != expected.device || file.inode != expected.inode || file.size < expected.start) {
      return Error{
          "io", fmt::format("{} was replaced or cut while the run was under way", expected.path), {}, {}};
    }
    fd_ = std::move(*fd);
    offset_ = expected.start;
    read_hint_ = 0;
    ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
    return {};
  }

  // Reads until the buffer holds `wanted` bytes of the file from offset_ on. True: the file ends here.
  Result<bool> fill(runtime::Buffer& data, std::size_t wanted) {
    data.reserve(wanted);
    while (data.size() < wanted) {
      const ssize_t got = ::pread(fd_.get(), data.data() + data.size(), wanted - data.size(),
                                  static_cast<off_t>(offset_ + data.size()));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return runtime::system_error("io", "cannot read", path(), errno);
      if (got == 0) return true;
      data.set_size(data.size() + static_cast<std::size_t>(got));
    }
    return false;
  }

  // False: the file is done.
  Result<bool> read_block(const ReceiveLimits& limits, Block& block) {
    runtime::Buffer& data = *block.data;
    data.clear();
    const std::size_t limit = limits.max_bytes != 0 ? limits.max_bytes : kBlockBytes;
    std::size_t wanted = std::max(read_hint_ != 0 ? std::min(read_hint_, limit) : limit, kSmallestRead);
    if (framing_) framing_->restart(offset_);
    for (;;) {
      auto at_end = fill(data, wanted);
      if (!at_end) return at_end.error();
      if (data.size() == 0) return check_not_cut();
      std::size_t open_line = 0;
      std::uint64_t needs = 0;
      auto taken = framing_ ? cut(limits, limit, *at_end, block, needs)
                            : Result<std::size_t>(frame(limits, limit, *at_end, block, open_line));
      if (!taken) return taken.error();
      if (*taken != 0) {
        hand_out(block, *taken, framing_ ? *taken : open_line);
        return true;
      }
      if (data.size() > max_record_ || needs > max_record_) {
        return Error{"io",
                     fmt::format("{}: the {} at byte {} is longer than max_record ({} bytes)", path(),
                                 framing_ ? "record" : "line", offset_, max_record_),
                     {},
                     {}};
      }
      wanted = std::min(wanted * 2, max_record_ + kSmallestRead);
    }
  }

  // Finds the records of the buffer. Returns how many bytes they take, 0 where no record is whole.
  // `open_line` is where the last record begins if it has no newline, else the number of bytes taken.
  std::size_t frame(const ReceiveLimits& limits, std::size_t limit, bool at_end, Block& block,
                    std::size_t& open_line) {
    const runtime::Buffer& data = *block.data;
    std::size_t scanned = std::min(data.size(), limit);
    std::size_t taken = find_lines(data.data(), scanned, limits.max_records, block.origins);
    if (taken == 0 && scanned < data.size()) {
      // One record larger than the limit.
      const void* newline = std::memchr(data.data() + scanned, '\n', data.size() - scanned);
      scanned = newline ? static_cast<std::size_t>(static_cast<const char*>(newline) - data.data()) + 1
                        : data.size();
      taken = find_lines(data.data(), scanned, 1, block.origins);
    }
    open_line = taken;
    const bool full = limits.max_records != 0 && block.origins.size() >= limits.max_records;
    read_hint_ = full ? taken + taken / 32 + kSmallestRead / 4 : 0;
    if (at_end && !full && scanned == data.size() && taken < data.size()) {
      add_last_line(data.data(), taken, data.size(), block.origins);
      taken = data.size();
    }
    if (offset_ == 0) skip_byte_order_mark(block);
    return taken;
  }

  // The same for what is not read line by line. What is malformed is an error once all records before it are
  // out.
  Result<std::size_t> cut(const ReceiveLimits& limits, std::size_t limit, bool at_end, Block& block,
                          std::uint64_t& needs) {
    const Framing::Cut cut =
        framing_->cut(block.data->view(), 0, limit, limits.max_records, at_end, block.origins);
    if (!cut.error.empty() && cut.taken == 0)
      return Error{"io", fmt::format("{}: byte {}: {}", path(), offset_ + cut.error_at, cut.error), {}, {}};
    needs = cut.needs;
    const bool full = limits.max_records != 0 && block.origins.size() >= limits.max_records;
    read_hint_ = full ? cut.taken + cut.taken / 32 + kSmallestRead / 4 : 0;
    return cut.taken;
  }

  void hand_out(Block& block, std::size_t taken, std::size_t open_line) {
    const auto partition = static_cast<std::uint32_t>(current_);
    block.data->set_size(taken);
    block.source = path();
    block.first_position = offset_;
    block.byte_positions = true;
    block.single_lines = !framing_;
    if (framing_) block.format = framing_->format();
    block.ranges.push_back({partition, 0, offset_, offset_ + taken});

    FileMark mark;
    mark.device = input_.files[current_].device;
    mark.inode = input_.files[current_].inode;
    mark.offset = offset_ + taken;
    mark.open_line = offset_ + open_line;
    mark.path = path();
    const std::size_t tail = std::min<std::uint64_t>(mark.offset, kFingerprintBytes);
    mark.tail_hash = tail <= taken ? fingerprint({block.data->data() + taken - tail, tail})
                                   : fingerprint_of(fd_.get(), mark.offset).value_or(0);
    offset_ += taken;
    const std::lock_guard guard(mutex_);
    marks_.push_back({partition, std::move(mark)});
  }

  // At the end of the file: false, or the error that it ended before the place that was read already.
  Result<bool> check_not_cut() const {
    struct stat info;
    if (::fstat(fd_.get(), &info) != 0) return runtime::system_error("io", "cannot stat", path(), errno);
    if (static_cast<std::uint64_t>(info.st_size) < offset_) {
      return Error{
          "io",
          fmt::format("{} was cut to {} bytes while it was read (to byte {})", path(), info.st_size, offset_),
          {},
          {}};
    }
    return false;
  }

  const std::string& path() const { return input_.files[current_].path; }

  const std::string path_;
  const std::unique_ptr<Framing> framing_;
  const std::size_t max_record_;
  const bool from_start_;
  InputFiles input_;
  std::size_t current_ = 0;  // its number is its partition
  Fd fd_;                    // of the current file
  std::uint64_t offset_ = 0;
  std::size_t read_hint_ = 0;  // where max_records ended the last block: about what the next one takes
  mutable std::mutex mutex_;   // marks_: the source's and the committing thread
  std::deque<Mark> marks_;
};

}  // namespace

void register_file_receiver(runtime::Registry& registry) {
  using runtime::OptionSpec;
  runtime::ReceiverSpec spec;
  spec.name = "file";
  spec.doc = "Reads files record by record: one, or all that a glob matches, sorted by name";
  OptionSpec path;
  path.name = "path";
  path.types = runtime::Type::string;
  path.required = true;
  path.doc = "the file, or a glob";
  spec.options = {path, framing_option(), max_record_option()};
  spec.positional = 1;
  spec.resumable = true;
  spec.check = [](const runtime::Options& options) -> Status {
    const std::string_view name = options.string("path");
    if (options.given("path") && name.empty()) return Error{"option", "the path is empty", {}, {}};
    if (name.find('\0') != std::string_view::npos)
      return Error{"option", "the path holds a NUL character", {}, {}};
    return check_max_record(options);
  };
  spec.make = [](const runtime::Options& options,
                 const runtime::ConnectorContext& context) -> Result<std::unique_ptr<runtime::Receiver>> {
    return std::unique_ptr<runtime::Receiver>(std::make_unique<FileReceiver>(
        std::string(options.string("path")), make_framing(options),
        static_cast<std::size_t>(options.integer("max_record", kDefaultMaxRecord)), context.from_start));
  };
  registry.add(std::move(spec));
}

}  // namespace pipec::stdlib
