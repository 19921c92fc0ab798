// recv file: reads regular files one after the other, in blocks that end at a record's end. A ByteSource
// supplies the bytes, from a file or an unpacker; the few after the last newline are put back into it.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "stdlib/connectors/byte_source.h"
#include "stdlib/connectors/connectors.h"
#include "stdlib/connectors/file_identity.h"
#include "stdlib/connectors/format_options.h"
#include "stdlib/connectors/input_files.h"
#include "stdlib/connectors/input_resume.h"
#include "stdlib/connectors/lines.h"
#include "stdlib/connectors/long_record.h"
#include "stdlib/connectors/option_specs.h"
#include "stdlib/connectors/source_head.h"

namespace pipec::stdlib {

namespace {

using runtime::Block;
using runtime::Error;
using runtime::ErrorCode;
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

struct FileOptions {
  InputRequest input;
  std::unique_ptr<runtime::Framing> framing;  // null for lines
  std::size_t max_record = 0;
  bool wait_partial = false;  // a last line without a newline is left for the next run
  const runtime::Clock* clock = nullptr;
  std::shared_ptr<const runtime::OwnFiles> own_files;
};

class FileReceiver final : public runtime::Receiver {
 public:
  explicit FileReceiver(FileOptions options)
      : request_(std::move(options.input)),
        framing_(std::move(options.framing)),
        max_record_(options.max_record),
        wait_partial_(options.wait_partial),
        clock_(options.clock ? *options.clock : runtime::Clock::system()) {
    if (!options.own_files) return;
    request_.paths.leave_out = [this, own = options.own_files](std::vector<std::string>& found) {
      const std::vector<std::string> taken = runtime::OwnFileIndex(*own).take_out(found);
      left_out_.insert(left_out_.end(), taken.begin(), taken.end());
    };
  }

  Status open(const runtime::StateEntries& saved) override {
    request_.now =
        static_cast<std::uint64_t>(std::max<std::int64_t>(clock_.unix_nanoseconds(), 0)) / 1'000'000'000;
    resume_ = std::make_unique<InputResume>(saved, request_);
    auto found = find_input_files(request_, *resume_);
    if (!found) return found.error();
    input_ = std::move(*found);
    if (request_.log && !left_out_.empty()) {
      request_.log(fmt::format(
          "warning: not read although the path matches, because this pipeline writes it or depends on it: {}",
          some_of(left_out_)));
    }
    return {};
  }

  Result<Received> receive(const ReceiveLimits& limits, Block& block) override {
    while (current_ < input_.files.size()) {
      if (!source_ && is_done(input_.files[current_])) {
        close_current();
        continue;
      }
      auto received = receive_from_current(limits, block);
      if (!received && received.error().code == kBadFile) {
        if (!request_.skip_bad) return with_hint(received.error(), request_);
        skip_rest(received.error());
        block.clear();
        continue;
      }
      if (!received || *received != Received::end) return received;
      close_current();
    }
    return Received::end;
  }

  Status commit(std::span<const PositionRange> ranges) override {
    const std::lock_guard guard(mutex_);
    for (const PositionRange& range : ranges) {
      const auto found = marks_.find(range.partition);
      if (found == marks_.end()) continue;
      std::vector<FileMark>& marks = found->second;
      const auto first_left = std::find_if(marks.begin(), marks.end(),
                                           [&](const FileMark& mark) { return mark.offset > range.end; });
      marks.erase(marks.begin(), first_left);
      if (marks.empty()) marks_.erase(found);
    }
    if (std::exchange(described_, false)) input_.to_save.clear();
    std::erase_if(skipped_, [](const Skipped& skipped) { return skipped.described; });
    return {};
  }

  void describe(std::span<const PositionRange> ranges, runtime::StateEntries& out) const override {
    const std::lock_guard guard(mutex_);
    out = input_.to_save;
    described_ = true;
    if (resume_) {
      for (runtime::StateEntry& entry : resume_->look_after_rest()) out.push_back(std::move(entry));
      input_.to_save = out;
      resume_.reset();
    }
    for (const PositionRange& range : ranges) {
      const auto found = marks_.find(range.partition);
      if (found == marks_.end()) continue;
      const FileMark* last = nullptr;
      for (const FileMark& mark : found->second) {
        if (mark.offset > range.end) break;
        last = &mark;
      }
      if (last) out.push_back(last->entry());
    }
    // Only after everything read from the file is committed: otherwise a crash would lose the rest.
    for (Skipped& skipped : skipped_) {
      const auto found = marks_.find(skipped.partition);
      const auto covers = [&](const PositionRange& range) {
        return range.partition == skipped.partition && range.end >= found->second.back().offset;
      };
      skipped.described = found == marks_.end() || std::any_of(ranges.begin(), ranges.end(), covers);
      if (skipped.described) out.push_back(skipped.entry);
    }
  }

  std::optional<std::uint64_t> total_bytes() const override {
    std::uint64_t bytes = 0;
    for (const InputFile& file : input_.files) {
      if (file.size_unknown) return std::nullopt;
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
  struct Skipped {
    std::uint32_t partition;
    runtime::StateEntry entry;
    bool described;
  };

  // Still: one that has changed since the run began is opened.
  bool is_done(const InputFile& file) const {
    struct stat info;
    return file.done && !framing_ && ::stat(file.path.c_str(), &info) == 0 && info.st_dev == file.device &&
           info.st_ino == file.inode && static_cast<std::uint64_t>(info.st_size) == file.size;
  }

  Result<Received> receive_from_current(const ReceiveLimits& limits, Block& block) {
    if (!source_) {
      if (Status opened = open_current(limits); !opened) return opened.error();
    }
    auto received = read_block(limits, block);
    held_.store(source_->held_bytes(), std::memory_order_relaxed);
    return received;
  }

  void close_current() {
    const std::lock_guard guard(mutex_);
    source_.reset();
    held_.store(0, std::memory_order_relaxed);
    ++current_;
  }

  // Records already returned from this file stay; reading continues with the next file.
  void skip_rest(const Error& error) {
    if (request_.log) request_.log("skipped the rest of a file: " + error.message);
    {
      const std::lock_guard guard(mutex_);
      skipped_.push_back(
          {static_cast<std::uint32_t>(current_), bad_file_entry(input_.files[current_]), false});
    }
    close_current();
  }

  Status open_current(const ReceiveLimits& limits) {
    InputFile& expected = input_.files[current_];
    InputFile file;
    // A file's compression is detected once, unless the file was empty then.
    auto fd = open_input(expected.path,
                         expected.size != 0 ? std::optional(expected.compression) : request_.packing, file);
    if (!fd) return fd.error();
    const std::uint64_t read =
        expected.compression == Compression::none ? expected.start : expected.packed_start.packed;
    if (file.device != expected.device || file.inode != expected.inode || file.size < read) {
      return Error::make(ErrorCode::io,
                         fmt::format("{} was replaced or truncated during the run", expected.path));
    }
    expected.compression = file.compression;
    SourceLimits source_limits;
    source_limits.piece_bytes = std::clamp(block_limit(limits), kSmallestRead, kBlockBytes);
    source_limits.largest_window = 2 * limits.largest_record;
    auto source = make_byte_source(std::move(*fd), expected, source_limits);
    offset_ = expected.start;
    closed_ = expected.closed;
    ended_ = false;
    read_hint_ = 0;
    head_.reset();
    head_passed_ = expected.start != 0;
    if (head_passed_ && is_text()) {
      auto head = read_head(expected, framing_.get(), request_.skip_bad);
      if (!head) return head.error();
      head_ = std::move(*head);
    }
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
    if (ended_) return end_of_file(limits, block);
    const std::size_t limit = block_limit(limits);
    const LongestRecord longest(max_record_, limits.largest_record);
    // The first block may begin with a byte order mark, and holds the head.
    if (!framing_ && head_passed_ && read_hint_ == 0 && input_.files[current_].open_end == 0) {
      const std::size_t left = source_->leave_lines(limit, limits.max_records, block, tail_);
      if (left != 0) return hand_out(block, left, left, false, tail_);
    }
    if (input_.files[current_].open_end != 0) {
      if (Status passed = pass_open_line(longest, data); !passed) return passed.error();
    }
    std::size_t wanted = std::max(read_hint_ != 0 ? std::min(read_hint_, limit) : limit, kSmallestRead);
    if (framing_) framing_->restart(offset_, closed_);
    for (;;) {
      auto filled = source_->fill(data, wanted);
      if (!filled) return filled.error();
      if (*filled == ByteSource::Filled::interrupted) return Received::idle;
      const bool at_end = *filled == ByteSource::Filled::end;
      if (offset_ == 0 && begins_like_utf16(data.view()) && is_text()) return utf16_error(path());
      if (data.size() == 0 && at_end) return end_of_file(limits, block);
      std::size_t open_line = 0;
      std::uint64_t needs = 0;
      auto taken = framing_ ? cut(limits, limit, at_end, block, needs)
                            : Result<std::size_t>(frame(limits, limit, at_end, block, open_line));
      if (!taken) return taken.error();
      if (*taken != 0) {
        const bool ended = at_end && *taken == data.size();
        ended_ = ended && !framing_;
        if (*taken < data.size()) source_->put_back(data.view().substr(*taken));
        data.set_size(*taken);
        return hand_out(block, *taken, framing_ ? *taken : open_line, ended, data.view());
      }
      if (at_end && leaves_partial()) return end_of_file(limits, block);
      const std::size_t most = longest.bytes();
      if (framing_ && (data.size() > most || needs > most)) return too_long(longest);
      if (data.size() > most) return reject_long_record(longest, at_end, block);
      wanted = std::min(std::max(wanted, data.size()) * 2, most + kSmallestRead);
    }
  }

  // Text in a framing that a byte order mark would break.
  bool is_text() const { return !framing_ || framing_->is_text(); }
  // An archive is complete: no process will write the rest of its last line.
  bool leaves_partial() const {
    return wait_partial_ && input_.files[current_].compression == Compression::none;
  }

  Result<Received> end_of_file(const ReceiveLimits& limits, Block& block) {
    if (Status there = source_->check_end(); !there) return there.error();
    std::uint64_t needs = 0;
    // Of an array that is cut off all items may have been whole.
    if (framing_ && offset_ != 0) {
      if (auto taken = cut(limits, 0, true, block, needs); !taken) return taken.error();
    }
    return Received::end;
  }

  // The buffer holds the beginning of a record that is longer than allowed. Discards the record; its head
  // becomes a dead letter.
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
    if (!record.ended() && leaves_partial()) return Received::end;
    const bool nothing_behind = record.rest(data).empty();
    if (!nothing_behind) source_->put_back(record.rest(data));
    const std::uint64_t taken = record.finish(longest, block);
    return hand_out(block, taken, record.ended() ? taken : 0, at_end && nothing_behind, {});
  }

  // The file continues after a last line that had no newline and was delivered anyway. If only the newline
  // follows, the line was complete. Otherwise the whole line is delivered again: better twice than torn. A
  // line that is too long to be held becomes a dead letter again.
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
    if (at_end && !full && scanned == data.size() && taken < data.size() && !leaves_partial()) {
      add_last_line(data.data(), taken, data.size(), block.origins);
      taken = data.size();
    }
    if (offset_ == 0) skip_byte_order_mark(block);
    return taken;
  }

  // The same for input that is not read line by line. Malformed input is an error once all records before it
  // were returned.
  Result<std::size_t> cut(const ReceiveLimits& limits, std::size_t limit, bool at_end, Block& block,
                          std::uint64_t& needs) {
    const runtime::Framing::Cut cut =
        framing_->cut(block.data->view(), 0, limit, limits.max_records, at_end, block.origins);
    if (!cut.error.empty() && cut.taken == 0) {
      const std::string place = fmt::format("byte {}: {}", offset_ + cut.error_at, cut.error);
      return Error{
          kBadFile,
          input_.files[current_].closed
              ? fmt::format("{} was changed since it was read as a whole ({}); --from-start reads it again",
                            path(), place)
              : fmt::format("{}: {}", path(), place),
          {},
          {}};
    }
    needs = cut.needs;
    const bool full = limits.max_records != 0 && block.origins.size() >= limits.max_records;
    read_hint_ = full ? cut.taken + cut.taken / 32 + kSmallestRead / 4 : 0;
    return cut.taken;
  }

  // Nobody knows where the next record begins.
  Error too_long(const LongestRecord& longest) const {
    return {
        kBadFile,
        fmt::format("{}: the record at byte {} is longer than {} ({} bytes)", path(), offset_,
                    longest.by_memory() ? "an eighth of the usable memory" : "max_record", longest.bytes()),
        {},
        {}};
  }

  // `last`: the last bytes taken, as far as available.
  Result<Received> hand_out(Block& block, std::uint64_t taken, std::uint64_t open_line, bool ended,
                            std::string_view last) {
    const auto partition = static_cast<std::uint32_t>(current_);
    block.source = path();
    block.first_position = offset_;
    block.byte_positions = true;
    block.single_lines = !framing_;
    if (framing_) block.format = framing_->format();
    block.ranges.push_back({partition, 0, offset_, offset_ + taken});
    if (!head_passed_ && !block.origins.empty()) {
      head_passed_ = true;
      if (is_text()) head_ = head_of(block, request_.skip_bad);
    }
    block.head = head_;

    closed_ = framing_ && framing_->closed();
    const std::uint64_t begin = std::exchange(offset_, offset_ + taken);
    const InputFile& file = input_.files[current_];
    if (file.size_unknown) return Received::records;  // regenerated on each read
    FileMark mark;
    mark.key = file.key;
    mark.device = file.device;
    mark.inode = file.inode;
    mark.offset = offset_;
    mark.open_line = begin + open_line;
    mark.closed = closed_;
    mark.path = file.path;
    if (Status known = source_->identify(mark, last, ended); !known) return known.error();
    const std::lock_guard guard(mutex_);
    marks_[partition].push_back(std::move(mark));
    return Received::records;
  }

  const std::string& path() const { return input_.files[current_].path; }

  InputRequest request_;
  std::vector<std::string> left_out_;  // of what globs found: the pipeline's own files
  const std::unique_ptr<runtime::Framing> framing_;
  const std::size_t max_record_;
  const bool wait_partial_;
  const runtime::Clock& clock_;
  // Until the first commit, which the committing thread describes once all sources are open.
  mutable std::unique_ptr<InputResume> resume_;
  mutable InputFiles input_;                         // to_save: under the mutex
  std::size_t current_ = 0;                          // its number is its partition
  std::unique_ptr<ByteSource> source_;               // of the current file; replaced under the mutex
  std::shared_ptr<const runtime::SourceHead> head_;  // of the current file
  bool head_passed_ = false;                         // a block that was returned holds it
  std::uint64_t offset_ = 0;                         // of the next block
  bool closed_ = false;                              // see runtime::Framing::closed
  bool ended_ = false;                               // the last block held the end of the file
  std::string tail_;                                 // of a block that is left to be read
  std::size_t read_hint_ = 0;  // where max_records ended the last block: about what the next one takes
  std::atomic<std::size_t> held_{0};
  mutable std::mutex mutex_;  // for the source's thread, the committing thread, and interrupt()
  // The ends of returned blocks that are not committed yet, by partition.
  std::unordered_map<std::uint32_t, std::vector<FileMark>> marks_;
  mutable std::vector<Skipped> skipped_;
  mutable bool described_ = false;  // to_save was
  bool interrupted_ = false;
};

}  // namespace

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kForgetAfter = std::int64_t{7} * 24 * 60 * 60 * kSecond;

Status check(const runtime::Options& options) {
  if (Status paths = check_input_paths(options); !paths) return paths;
  if (Status state = check_state(options); !state) return state;
  if (options.string("partial") == "wait" && !by_lines(options))
    return Error::make(ErrorCode::option, "partial: wait works only with framing: lines");
  if (options.integer("forget_after", kForgetAfter) < 0)
    return Error::make(ErrorCode::option, "forget_after is negative");
  return check_max_record(options);
}

Result<std::unique_ptr<runtime::Receiver>> make(const runtime::Options& options,
                                                const runtime::ConnectorContext& context) {
  auto framing = make_framing(options);
  if (!framing) return framing.error();
  FileOptions made;
  made.framing = std::move(*framing);
  made.max_record = static_cast<std::size_t>(options.integer("max_record", kDefaultMaxRecord));
  made.wait_partial = options.string("partial", "deliver") == "wait";
  made.clock = context.clock;
  made.own_files = context.own_files;
  InputRequest& input = made.input;
  input.paths = input_paths_of(options);
  input.packing = decompression_of(options);
  input.state = options.string("state");
  input.claims = shared_part<InputClaims>(context, "file.inputs");
  input.from_start = context.from_start;
  input.skip_bad = options.string("on_bad_file", "fail") == "skip";
  input.hint = !options.given("on_bad_file");
  input.whole = reads_whole_inputs(options);
  input.forget_after = static_cast<std::uint64_t>(options.integer("forget_after", kForgetAfter) / kSecond);
  input.log = context.log;
  return std::unique_ptr<runtime::Receiver>(std::make_unique<FileReceiver>(std::move(made)));
}

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
  const OptionSpec exclude = constant_option("exclude", path.types,
                                             "files to skip among those that the globs match: a glob or a "
                                             "list of them; one without a slash matches file names");
  const OptionSpec partial =
      choice_option("partial", "deliver", {"wait"},
                    "a last line without a newline: deliver it as it is, or wait for a run that finds it "
                    "complete (the last line of an archive always counts)");
  const OptionSpec on_bad_file = choice_option(
      "on_bad_file", "fail", {"skip"},
      "a file that is damaged, cut off or cannot be read: fail ends the run; skip reads the intact part, "
      "reports the file, and tries again in a later run once the file has changed");
  const OptionSpec forget_after =
      constant_option("forget_after", runtime::Type::duration,
                      "how long a file may be missing before its position is forgotten (7d)");
  spec.options = {path,    framing_option(), decompress_option(), max_record_option(), exclude,
                  partial, on_bad_file,      forget_after,        state_option()};
  spec.positional = 1;
  spec.resumable = true;
  spec.shared_state = "input";
  spec.check = check;
  spec.reads = [](const runtime::Options& options) -> std::vector<std::string> {
    return constant_paths_of(input_paths_of(options));
  };
  spec.make = make;
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
