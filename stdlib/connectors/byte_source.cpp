#include "stdlib/connectors/byte_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <utility>

#include "stdlib/connectors/compress/unpacker.h"
#include "stdlib/connectors/connectors.h"
#include "stdlib/connectors/plain_file.h"

namespace pipec::stdlib {

namespace {

using runtime::Buffer;
using runtime::Error;
using runtime::ErrorCode;
using runtime::Fd;
using runtime::Result;
using runtime::Status;

// The kernel's own readahead.
constexpr std::uint64_t kReadAhead = std::uint64_t{128} << 10;

// Of the first kFingerprintBytes; the head of a shorter text is of that alone.
std::optional<std::uint64_t> full_head(const InputFile& file) {
  return file.start > kFingerprintBytes ? file.head : std::nullopt;
}

Result<std::uint64_t> hash_before(int fd, const std::string& path, std::uint64_t offset) {
  if (const auto found = tail_hash_of(fd, offset)) return *found;
  if (errno != 0) return runtime::system_error("io", "cannot read", path, errno);
  return Error::make(ErrorCode::io,
                     fmt::format("{} was truncated while it was read (to byte {})", path, offset));
}

// Reads at an offset (pread), so bytes that are put back are simply read again.
class PlainSource final : public ByteSource {
 public:
  PlainSource(Fd fd, const InputFile& file)
      : file_(std::make_shared<PlainFile>(std::move(fd), file.path)),
        size_unknown_(file.size_unknown),
        next_(file.start) {
    head_ = full_head(file);
    if (file.size > kReadAhead) ::posix_fadvise(file_->fd(), 0, 0, POSIX_FADV_SEQUENTIAL);
  }

  Result<Filled> fill(Buffer& data, std::size_t wanted) override {
    const std::size_t before = data.size();
    const Result<bool> filled = file_->fill(data, wanted, next_);
    next_ += data.size() - before;
    if (!filled) return filled.error();
    return *filled ? Filled::more : Filled::end;
  }

  void put_back(std::string_view bytes) override { next_ -= bytes.size(); }

  std::size_t leave_lines(std::size_t most, std::size_t max_records, runtime::Block& block,
                          std::string& tail) override {
    const std::size_t bytes = file_->find_end(next_, most, max_records, tail);
    if (bytes == 0) return 0;
    block.reader = file_;
    block.unread_bytes = bytes;
    next_ += bytes;
    return bytes;
  }

  Status check_end() override {
    struct stat info;
    if (::fstat(file_->fd(), &info) != 0)
      return runtime::system_error("io", "cannot stat", file_->path(), errno);
    if (size_unknown_ || static_cast<std::uint64_t>(info.st_size) >= next_) return {};
    return Error::make(ErrorCode::io,
                       fmt::format("{} was truncated to {} bytes while it was read (to byte {})",
                                   file_->path(), info.st_size, next_));
  }

  Status identify(FileMark& mark, std::string_view taken, bool) override {
    const std::size_t tail = std::min<std::uint64_t>(mark.offset, kFingerprintBytes);
    Fingerprint text;
    if (tail > taken.size()) {
      auto hash = hash_before(file_->fd(), file_->path(), mark.offset);
      if (!hash) return hash.error();
      text.tail = *hash;
    } else {
      text.tail = hash_of(taken.substr(taken.size() - tail));
    }
    if (mark.offset <= kFingerprintBytes) {
      text.head = text.tail;
    } else {
      if (!head_) {
        auto hash = hash_before(file_->fd(), file_->path(), kFingerprintBytes);
        if (!hash) return hash.error();
        head_ = *hash;
      }
      text.head = head_;
    }
    mark.text = text;
    return {};
  }

 private:
  const std::shared_ptr<const PlainFile> file_;
  const bool size_unknown_;
  std::uint64_t next_;
  std::optional<std::uint64_t> head_;  // of the first kFingerprintBytes, once it is known
};

// Offsets count the unpacked bytes.
class PackedSource final : public ByteSource {
 public:
  PackedSource(Fd fd, const InputFile& file, const SourceLimits& limits)
      : fd_(std::move(fd)),
        path_(file.path),
        next_(file.packed_start.packed),
        lead_(lead_bytes(file)),
        text_(file.start - lead_, full_head(file)),
        unpacker_(options(file, limits), [this](char* to, std::size_t size) { return read(to, size); }) {
    if (file.size > kReadAhead) ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  }

  Result<Filled> fill(Buffer& data, std::size_t wanted) override {
    if (lead_ != 0) {
      auto passed = pass_lead(data);
      if (!passed || *passed == Filled::interrupted) return passed;
    }
    const std::size_t before = data.size();
    data.reserve(wanted);
    if (const std::size_t kept = std::min(wanted - std::min(wanted, data.size()), carry_.size() - carried_)) {
      data.append(std::string_view(carry_).substr(carried_, kept));
      carried_ += kept;
    }
    if (carried_ < carry_.size()) return Filled::more;
    auto took = unpacker_.take(data, wanted, std::nullopt);
    if (!took && data.size() > before) return Filled::more;  // the next call returns the error
    if (!took) return took.error();
    if (*took == Unpacker::Took::nothing) return Filled::interrupted;
    return *took == Unpacker::Took::end ? Filled::end : Filled::more;
  }

  void put_back(std::string_view bytes) override {
    if (carried_ < carry_.size()) {
      carried_ -= bytes.size();  // they were taken from here
    } else {
      carry_.assign(bytes);
      carried_ = 0;
    }
  }

  Status identify(FileMark& mark, std::string_view taken, bool ended) override {
    if (text_.offset() + taken.size() != mark.offset) text_.skip_to(mark.offset - taken.size());
    text_.add(taken);
    mark.text = text_.get();
    FileMark::Packed packed;
    packed.end = unpacker_.packed_end();
    packed.frame = unpacker_.frame_before(mark.open_line);
    packed.whole = ended;
    auto tail = hash_before(fd_.get(), path_, packed.end);
    if (!tail) return tail.error();
    packed.tail = *tail;
    mark.packed = packed;
    return {};
  }

  std::size_t held_bytes() const override { return unpacker_.held_bytes() + carry_.capacity(); }
  void interrupt() override { unpacker_.stop(); }

 private:
  // The number of unpacked bytes before file.start that the fingerprint needs.
  static std::size_t lead_bytes(const InputFile& file) {
    return std::min<std::uint64_t>(file.start - file.packed_start.offset, kFingerprintBytes);
  }

  Result<Filled> pass_lead(Buffer& data) {
    const std::size_t before = data.size();
    auto took = unpacker_.take(data, before + lead_, std::nullopt);
    if (!took) return took.error();
    const std::string_view came = data.view().substr(before);
    text_.add(came);
    lead_ -= came.size();
    data.set_size(before);
    if (*took == Unpacker::Took::nothing) return Filled::interrupted;
    if (*took == Unpacker::Took::bytes || lead_ == 0) return Filled::more;
    return Error::make(
        ErrorCode::io,
        fmt::format("{} unpacks to {} bytes, but was read to byte {} before; --from-start reads it again",
                    path_, text_.offset(), text_.offset() + lead_));
  }

  static Unpacker::Options options(const InputFile& file, const SourceLimits& limits) {
    Unpacker::Options result;
    result.compression = file.compression;
    result.name = file.path;
    result.start = file.packed_start;
    result.skip_to = file.start - lead_bytes(file);
    result.piece_bytes = limits.piece_bytes;
    result.largest_window = limits.largest_window;
    return result;
  }

  // On the unpacker's thread.
  Result<std::size_t> read(char* to, std::size_t size) {
    for (;;) {
      const ssize_t got = ::pread(fd_.get(), to, size, static_cast<off_t>(next_));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return runtime::system_error(kBadFile, "cannot read", path_, errno);
      next_ += static_cast<std::uint64_t>(got);
      return static_cast<std::size_t>(got);
    }
  }

  const Fd fd_;
  const std::string path_;
  std::uint64_t next_;  // the unpacker's thread
  std::string carry_;   // unpacked, from carried_ on not taken
  std::size_t carried_ = 0;
  std::size_t lead_;  // to be passed before the first fill
  RunningFingerprint text_;
  Unpacker unpacker_;  // last: its thread uses all the others
};

}  // namespace

std::unique_ptr<ByteSource> make_byte_source(Fd fd, const InputFile& file, const SourceLimits& limits) {
  if (file.compression == Compression::none) return std::make_unique<PlainSource>(std::move(fd), file);
  return std::make_unique<PackedSource>(std::move(fd), file, limits);
}

}  // namespace pipec::stdlib
