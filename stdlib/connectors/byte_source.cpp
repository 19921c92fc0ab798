#include "stdlib/connectors/byte_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "stdlib/connectors/compress/unpacker.h"
#include "stdlib/connectors/plain_file.h"

namespace pipec::stdlib {

namespace {

using runtime::Buffer;
using runtime::Error;
using runtime::Fd;
using runtime::Result;
using runtime::Status;

Status hash_before(int fd, const std::string& path, std::uint64_t offset, std::uint64_t& hash) {
  errno = 0;
  const auto found = fingerprint_of(fd, offset);
  if (found) {
    hash = *found;
    return {};
  }
  if (errno != 0) return runtime::system_error("io", "cannot read", path, errno);
  return Error{"io", fmt::format("{} was cut while it was read (to byte {})", path, offset), {}, {}};
}

// Reads at an offset (pread), so that what is put back is simply read again.
class PlainSource final : public ByteSource {
 public:
  PlainSource(Fd fd, const InputFile& file)
      : file_(std::make_shared<PlainFile>(std::move(fd), file.path)), next_(file.start) {
    ::posix_fadvise(file_->fd(), 0, 0, POSIX_FADV_SEQUENTIAL);
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
    if (static_cast<std::uint64_t>(info.st_size) >= next_) return {};
    return Error{"io",
                 fmt::format("{} was cut to {} bytes while it was read (to byte {})", file_->path(),
                             info.st_size, next_),
                 {},
                 {}};
  }

  Status identify(FileMark& mark, std::string_view taken, bool) override {
    const std::size_t tail = std::min<std::uint64_t>(mark.offset, kFingerprintBytes);
    if (tail > taken.size()) return hash_before(file_->fd(), file_->path(), mark.offset, mark.tail_hash);
    mark.tail_hash = fingerprint(taken.substr(taken.size() - tail));
    return {};
  }

 private:
  const std::shared_ptr<const PlainFile> file_;
  std::uint64_t next_;
};

// Offsets count the unpacked bytes.
class PackedSource final : public ByteSource {
 public:
  PackedSource(Fd fd, const InputFile& file, const SourceLimits& limits)
      : fd_(std::move(fd)),
        path_(file.path),
        next_(file.packed_start.packed),
        unpacker_(options(file, limits), [this](char* to, std::size_t size) { return read(to, size); }) {
    ::posix_fadvise(fd_.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  }

  Result<Filled> fill(Buffer& data, std::size_t wanted) override {
    data.reserve(wanted);
    if (const std::size_t kept = std::min(wanted - std::min(wanted, data.size()), carry_.size() - carried_)) {
      data.append(std::string_view(carry_).substr(carried_, kept));
      carried_ += kept;
    }
    if (carried_ < carry_.size()) return Filled::more;
    auto took = unpacker_.take(data, wanted, std::nullopt);
    if (!took) return took.error();
    if (*took == Unpacker::Took::nothing) return Filled::interrupted;
    return *took == Unpacker::Took::end ? Filled::end : Filled::more;
  }

  void put_back(std::string_view bytes) override {
    if (carried_ < carry_.size()) {
      carried_ -= bytes.size();  // they came from here
    } else {
      carry_.assign(bytes);
      carried_ = 0;
    }
  }

  Status identify(FileMark& mark, std::string_view, bool ended) override {
    FileMark::Packed packed;
    packed.end = unpacker_.packed_end();
    packed.frame = unpacker_.frame_before(mark.open_line);
    packed.whole = ended;
    mark.packed = packed;
    return hash_before(fd_.get(), path_, packed.end, mark.tail_hash);
  }

  std::size_t held_bytes() const override { return unpacker_.held_bytes() + carry_.capacity(); }
  void interrupt() override { unpacker_.stop(); }

 private:
  static Unpacker::Options options(const InputFile& file, const SourceLimits& limits) {
    Unpacker::Options result;
    result.compression = file.compression;
    result.name = file.path;
    result.start = file.packed_start;
    result.skip_to = file.start;
    result.piece_bytes = limits.piece_bytes;
    result.largest_window = limits.largest_window;
    return result;
  }

  // On the unpacker's thread.
  Result<std::size_t> read(char* to, std::size_t size) {
    for (;;) {
      const ssize_t got = ::pread(fd_.get(), to, size, static_cast<off_t>(next_));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return runtime::system_error("io", "cannot read", path_, errno);
      next_ += static_cast<std::uint64_t>(got);
      return static_cast<std::size_t>(got);
    }
  }

  const Fd fd_;
  const std::string path_;
  std::uint64_t next_;  // the unpacker's thread
  std::string carry_;   // unpacked, from carried_ on not taken
  std::size_t carried_ = 0;
  Unpacker unpacker_;  // last: its thread uses all the others
};

}  // namespace

std::unique_ptr<ByteSource> make_byte_source(Fd fd, const InputFile& file, const SourceLimits& limits) {
  if (file.compression == Compression::none) return std::make_unique<PlainSource>(std::move(fd), file);
  return std::make_unique<PackedSource>(std::move(fd), file, limits);
}

}  // namespace pipec::stdlib
