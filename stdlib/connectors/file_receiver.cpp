// recv file: one regular file after the other, read in blocks that end at a record's end. Where the bytes
// come from, a file or an unpacker, is the ByteSource's; the few behind the last newline are put back into
// it.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "stdlib/connectors/byte_source.h"
#include "stdlib/connectors/connectors.h"
#include "stdlib/connectors/file_identity.h"
#include "stdlib/connectors/framing.h"
#include "stdlib/connectors/input_files.h"
#include "stdlib/connectors/lines.h"
#include "stdlib/connectors/long_record.h"

namespace pipec::stdlib {

namespace {

using runtime::Block;
using runtime::Error;
using runtime::PositionRange;
using runtime::Received;
using runtime::ReceiveLimits;
using runtime::Result;
using runtime::Status;

// "out.ndjson, dead.ndjson and 3 more".
std::string some_of(const std::vector<std::string>& paths) {
  constexpr std::size_t kShown = 3;
  std::string text;
  for (std::size_t i = 0; i < paths.size() && i < kShown; ++i) text += (i == 0 ? "" : ", ") + paths[i];
  if (paths.size() > kShown) text += fmt::format(" and {} more", paths.size() - kShown);
  return text;
}

constexpr std::size_t kSmallestRead = std::size_t{16} << 10;

class FileReceiver final : public runtime::Receiver {
 public:
  // `framing`: null for lines.
  FileReceiver(InputPaths paths, std::optional<Compression> packing, std::unique_ptr<Framing> framing,
               std::size_t max_record, const runtime::ConnectorContext& context)
      : paths_(std::move(paths)),
        packing_(packing),
        framing_(std::move(framing)),
        max_record_(max_record),
        from_start_(context.from_start),
        log_(context.log) {
    if (!context.own_files) return;
    paths_.leave_out = [this, own = context.own_files](std::vector<std::string>& found) {
      const std::vector<std::string> taken = runtime::OwnFileIndex(*own).take_out(found);
      left_out_.insert(left_out_.end(), taken.begin(), taken.end());
    };
  }

  Status open(const runtime::StateEntries& saved) override {
    auto found = find_input_files(paths_, packing_, from_start_ ? runtime::StateEntries{} : saved);
    if (!found) return found.error();
    input_ = std::move(*found);
    if (log_ && !left_out_.empty()) {
      log_(fmt::format(
          "warning: not read, because this pipeline writes it or lives on it, though the path matches it: {}",
          some_of(left_out_)));
    }
    return {};
  }

  Result<Received> receive(const ReceiveLimits& limits, Block& block) override {
    while (current_ < input_.files.size()) {
      if (!source_) {
        if (Status opened = open_current(limits); !opened) return opened.error();
      }
      auto received = read_block(limits, block);
      held_.store(source_->held_bytes(), std::memory_order_relaxed);
      if (!received || *received != Received::end) return received;
      const std::lock_guard guard(mutex_);
      source_.reset();
      held_.store(0, std::memory_order_relaxed);
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
    for (const InputFile& file : input_.files) {
      if (file.compression != Compression::none && file.packed_start.packed != file.size) return std::nullopt;
      if (file.compression == Compression::none) bytes += file.size - file.start;
    }
    return bytes;
  }

  std::size_t queued_bytes() const override { return held_.load(std::memory_order_relaxed); }
  void interrupt() override {
    const std::lock_guard guard(mutex_);
    interrupted_ = true;
    if (source_) source_->interrupt();
  }

  std::string resume_note() const override { return input_.note; }

 private:
  // The end of a block that was handed out and is not committed yet.
  struct Mark {
    std::uint32_t partition;
    FileMark file;
  };

  Status open_current(const ReceiveLimits& limits) {
    InputFile& expected = input_.files[current_];
    InputFile file;
    auto fd = open_input(expected.path, packing_, file);
    if (!fd) return fd.error();
    const std::uint64_t read =
        expected.compression == Compression::none ? expected.start : expected.packed_start.packed;
    if (file.device != expected.device || file.inode != expected.inode || file.size < read ||
        (file.compression != expected.compression && expected.size != 0)) {
      return Error{
          "io", fmt::format("{} was replaced or cut while the run was under way", expected.path), {}, {}};
    }
    expected.compression = file.compression;
    SourceLimits source_limits;
    source_limits.piece_bytes = std::clamp(block_limit(limits), kSmallestRead, kBlockBytes);
    source_limits.largest_window = 2 * limits.largest_record;
    auto source = make_byte_source(std::move(*fd), expected, source_limits);
    offset_ = expected.start;
    read_hint_ = 0;
    const std::lock_guard guard(mutex_);
    source_ = std::move(source);
    if (interrupted_) source_->interrupt();
    return {};
  }

  static std::size_t block_limit(const ReceiveLimits& limits) {
    return limits.max_bytes != 0 ? limits.max_bytes : kBlockBytes;
  }

  Result<Received> read_block(const ReceiveLimits& limits, Block& block) {
    runtime::Buffer& data = *block.data;
    data.clear();
    const std::size_t limit = block_limit(limits);
    const LongestRecord longest(max_record_, limits.largest_record);
    // The first block may begin with a byte order mark.
    if (!framing_ && offset_ != 0 && read_hint_ == 0 && input_.files[current_].open_end == 0) {
      const std::size_t left = source_->leave_lines(limit, limits.max_records, block, tail_);
      if (left != 0) return hand_out(block, left, left, false, tail_);
    }
    if (input_.files[current_].open_end != 0) {
      if (Status passed = pass_open_line(longest, data); !passed) return passed.error();
    }
    std::size_t wanted = std::max(read_hint_ != 0 ? std::min(read_hint_, limit) : limit, kSmallestRead);
    if (framing_) framing_->restart(offset_);
    for (;;) {
      auto filled = source_->fill(data, wanted);
      if (!filled) return filled.error();
      if (*filled == ByteSource::Filled::interrupted) return Received::idle;
      const bool at_end = *filled == ByteSource::Filled::end;
      if (data.size() == 0 && at_end) {
        if (Status there = source_->check_end(); !there) return there.error();
        return Received::end;
      }
      std::size_t open_line = 0;
      std::uint64_t needs = 0;
      auto taken = framing_ ? cut(limits, limit, at_end, block, needs)
                            : Result<std::size_t>(frame(limits, limit, at_end, block, open_line));
      if (!taken) return taken.error();
      if (*taken != 0) {
        const bool ended = at_end && *taken == data.size();
        if (*taken < data.size()) source_->put_back(data.view().substr(*taken));
        data.set_size(*taken);
        return hand_out(block, *taken, framing_ ? *taken : open_line, ended, data.view());
      }
      const std::size_t most = longest.bytes();
      if (framing_ && (data.size() > most || needs > most)) return too_long(longest);
      if (data.size() > most) return reject_long_record(longest, at_end, block);
      wanted = std::min(std::max(wanted, data.size()) * 2, most + kSmallestRead);
    }
  }

  // The buffer holds the beginning of a record that is longer than allowed. It is thrown away up to its end;
  // its head is a dead letter.
  Result<Received> reject_long_record(const LongestRecord& longest, bool at_end, Block& block) {
    runtime::Buffer& data = *block.data;
    LongRecord record(data);
    while (!record.ended() && !at_end) {
      auto filled = source_->fill(data, record.wanted());
      if (!filled) return filled.error();
      if (*filled == ByteSource::Filled::interrupted) return Received::idle;
      at_end = *filled == ByteSource::Filled::end;
      record.look(data);
    }
    const bool nothing_behind = record.rest(data).empty();
    if (!nothing_behind) source_->put_back(record.rest(data));
    const std::uint64_t taken = record.finish(longest, block);
    return hand_out(block, taken, record.ended() ? taken : 0, at_end && nothing_behind, {});
  }

  // The file goes on behind a last line that had no newline and was delivered all the same. If all that comes
  // is the newline it was whole, else it is delivered again, whole: better twice than torn. One that is too
  // long to be held is a dead letter again.
  Status pass_open_line(const LongestRecord& longest, runtime::Buffer& data) {
    InputFile& file = input_.files[current_];
    const auto line = static_cast<std::size_t>(std::exchange(file.open_end, 0) - file.start);
    if (line > longest.bytes()) return {};
    auto filled = source_->fill(data, line + 2);
    if (!filled) return filled.error();
    const std::string_view next = data.view().substr(std::min(data.size(), line));
    std::size_t whole = 0;
    if (next.starts_with('\n')) whole = line + 1;
    if (next == "\r\n") whole = line + 2;
    source_->put_back(data.view().substr(whole));
    offset_ += whole;
    data.clear();
    return {};
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

  // Nobody knows where the next record begins.
  Error too_long(const LongestRecord& longest) const {
    return {"io",
            fmt::format("{}: the record at byte {} is longer than {} ({} bytes)", path(), offset_,
                        longest.by_memory() ? "an eighth of the memory that may be used" : "max_record",
                        longest.bytes()),
            {},
            {}};
  }

  // `last`: the last bytes of what was taken, as far as they are at hand.
  Result<Received> hand_out(Block& block, std::uint64_t taken, std::uint64_t open_line, bool ended,
                            std::string_view last) {
    const auto partition = static_cast<std::uint32_t>(current_);
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
    if (Status known = source_->identify(mark, last, ended); !known) return known.error();
    offset_ += taken;
    const std::lock_guard guard(mutex_);
    marks_.push_back({partition, std::move(mark)});
    return Received::records;
  }

  const std::string& path() const { return input_.files[current_].path; }

  InputPaths paths_;
  const std::optional<Compression> packing_;
  const std::unique_ptr<Framing> framing_;
  const std::size_t max_record_;
  const bool from_start_;
  std::vector<std::string> left_out_;  // of what globs found: the pipeline's own files
  const std::function<void(const std::string&)> log_;
  InputFiles input_;
  std::size_t current_ = 0;             // its number is its partition
  std::unique_ptr<ByteSource> source_;  // of the current file; replaced under the mutex
  std::uint64_t offset_ = 0;            // of the next block
  std::string tail_;                    // of a block that is left to be read
  std::size_t read_hint_ = 0;  // where max_records ended the last block: about what the next one takes
  std::atomic<std::size_t> held_{0};
  mutable std::mutex mutex_;  // the source's thread, the committing one, and who interrupts
  std::deque<Mark> marks_;
  bool interrupted_ = false;
};

}  // namespace

void register_file_receiver(runtime::Registry& registry) {
  using runtime::OptionSpec;
  runtime::ReceiverSpec spec;
  spec.name = "file";
  spec.doc = "Reads files record by record: one, or all that a glob matches, sorted by name";
  OptionSpec path;
  path.name = "path";
  path.types = runtime::TypeSet(runtime::Type::string) | runtime::Type::array;
  path.required = true;
  path.doc = "the file, a glob (* ? [...] {a,b}, ** through directories), or a list of them";
  OptionSpec exclude;
  exclude.name = "exclude";
  exclude.types = path.types;
  exclude.doc =
      "what the globs match and is not read: a glob or a list of them; one without a slash is about names";
  spec.options = {path, framing_option(), decompress_option(), max_record_option(), exclude};
  spec.positional = 1;
  spec.resumable = true;
  spec.check = [](const runtime::Options& options) -> Status {
    if (Status paths = check_input_paths(options); !paths) return paths;
    return check_max_record(options);
  };
  spec.reads = [](const runtime::Options& options) -> std::vector<std::string> {
    return constant_paths_of(input_paths_of(options));
  };
  spec.make = [](const runtime::Options& options,
                 const runtime::ConnectorContext& context) -> Result<std::unique_ptr<runtime::Receiver>> {
    return std::unique_ptr<runtime::Receiver>(std::make_unique<FileReceiver>(
        input_paths_of(options), decompression_of(options), make_framing(options),
        static_cast<std::size_t>(options.integer("max_record", kDefaultMaxRecord)), context));
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
