#include "stdlib/connectors/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "stdlib/connectors/no_sigpipe.h"

namespace pipec::stdlib {

namespace {

ssize_t write_pieces(const OutputFile& file, const iovec* pieces, int count, std::uint64_t at) {
  const int fd = file.fd->get();
  if (file.regular) return ::pwritev(fd, pieces, count, static_cast<off_t>(at));
  const NoSigpipe guard;
  const ssize_t written = ::writev(fd, pieces, count);
  if (written >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK)) return written;
  pollfd polled{fd, POLLOUT, 0};
  ::poll(&polled, 1, -1);
  errno = EINTR;
  return -1;
}

// Forgets the first `bytes` of the pieces.
void advance(iovec*& pieces, int& count, std::size_t bytes) {
  while (count > 0 && bytes >= pieces->iov_len) {
    bytes -= pieces->iov_len;
    ++pieces;
    --count;
  }
  if (count > 0) {
    pieces->iov_base = static_cast<char*>(pieces->iov_base) + bytes;
    pieces->iov_len -= bytes;
  }
}

}  // namespace

void OutputTail::append(std::string_view text) {
  if (text.size() >= kBytes) {
    set(text.substr(text.size() - kBytes));
    return;
  }
  if (bytes_.size() + text.size() > 2 * kBytes) bytes_.erase(0, bytes_.size() + text.size() - kBytes);
  bytes_.append(text);
  if (bytes_.size() >= kBytes) known_ = true;
}

std::optional<std::uint64_t> OutputTail::hash() const {
  if (!known_) return std::nullopt;
  const std::size_t size = std::min(bytes_.size(), kBytes);
  return XXH3_64bits(bytes_.data() + bytes_.size() - size, size);
}

std::string OutputMark::text() const {
  std::string result = fmt::format("size={} inode={}", size, inode);
  if (tail) result += fmt::format(" tail={:016x}", *tail);
  if (clean) result += " clean";
  if (compression != Compression::none) result += fmt::format(" codec={}", compression_name(compression));
  return result;
}

std::optional<OutputMark> OutputMark::parse(std::string_view text) {
  OutputMark mark;
  const auto literal = [&](std::string_view expected) {
    if (!text.starts_with(expected)) return false;
    text.remove_prefix(expected.size());
    return true;
  };
  const auto number = [&](std::uint64_t& value, int base = 10) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
  };
  if (!literal("size=") || !number(mark.size)) return std::nullopt;
  std::uint64_t device = 0;  // an older pipec's; it may change with every start of the machine
  if (literal(" device=") && !number(device)) return std::nullopt;
  if (!literal(" inode=") || !number(mark.inode)) return std::nullopt;
  if (literal(" tail=") && !number(mark.tail.emplace(), 16)) return std::nullopt;
  mark.clean = literal(" clean");
  if (literal(" codec=gzip")) {
    mark.compression = Compression::gzip;
  } else if (literal(" codec=zstd")) {
    mark.compression = Compression::zstd;
  }
  return text.empty() ? std::optional(mark) : std::nullopt;
}

std::optional<OutputContent> read_output(int fd, std::uint64_t size) {
  // The descriptor is for writing only.
  const runtime::Fd reading(::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_RDONLY | O_CLOEXEC));
  if (!reading) return std::nullopt;
  OutputContent result;
  char head[4] = {};
  const ssize_t got = ::pread(reading.get(), head, sizeof head, 0);
  if (got < 0) return std::nullopt;
  if (got > 0) result.compression = compression_of({head, static_cast<std::size_t>(got)});
  result.tail.resize(std::min<std::uint64_t>(size, OutputTail::kBytes));
  const auto at = static_cast<off_t>(size - result.tail.size());
  if (::pread(reading.get(), result.tail.data(), result.tail.size(), at) !=
      static_cast<ssize_t>(result.tail.size()))
    return std::nullopt;
  return result;
}

int write_output(OutputFile& file, std::string_view text, bool add_newline) {
  static const char newline = '\n';
  iovec storage[3] = {{file.pending.data(), file.pending.size()},
                      {const_cast<char*>(text.data()), text.size()},
                      {const_cast<char*>(&newline), add_newline ? std::size_t{1} : 0}};
  iovec* pieces = storage;
  int count = 3;
  std::uint64_t at = file.written;
  advance(pieces, count, 0);
  while (count > 0) {
    const ssize_t written = write_pieces(file, pieces, count, at);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const int error = written < 0 ? errno : EIO;
      // Removes the partial write; if even this fails, the next start cuts it.
      if (file.regular && at != file.written) {
        [[maybe_unused]] const int cut = ::ftruncate(file.fd->get(), static_cast<off_t>(file.written));
      }
      return error;
    }
    at += static_cast<std::uint64_t>(written);
    advance(pieces, count, static_cast<std::size_t>(written));
  }
  file.written = at;
  file.pending.clear();
  return 0;
}

namespace {

// Nothing is preallocated for small files, since it would only have to be released.
constexpr std::uint64_t kLargeFile = std::uint64_t{1} << 20;
constexpr std::uint64_t kMostAhead = std::uint64_t{64} << 20;
constexpr std::uint64_t kFreePart = 16;
constexpr std::uint64_t kWriteBackBytes = std::uint64_t{8} << 20;
constexpr std::uint64_t kNeverAgain = UINT64_MAX;

}  // namespace

void allocate_ahead(OutputFile& file, std::size_t more) {
  const std::uint64_t end = file.written + more;
  if (!file.regular || end < kLargeFile || end <= file.allocated) return;
  struct statvfs disk;
  const std::uint64_t free =
      ::fstatvfs(file.fd->get(), &disk) == 0 ? std::uint64_t{disk.f_bavail} * disk.f_frsize : 0;
  // At most the current size again, and at most a small part of the free space: others write too.
  const std::uint64_t ahead = std::min({end, kMostAhead, free / kFreePart});
  if (ahead < kLargeFile) {
    file.allocated = end + kLargeFile;  // looks again then
    return;
  }
  const int refused = ::fallocate(file.fd->get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(file.written),
                                  static_cast<off_t>(more + ahead));
  file.allocated = refused == 0 ? end + ahead : kNeverAgain;
}

void start_writing_back(OutputFile& file) {
  if (!file.regular) return;
  if (file.written - file.started < kWriteBackBytes) return;
  // Only a hint: if it fails, the sync does the work and reports errors.
  ::sync_file_range(file.fd->get(), static_cast<off_t>(file.started),
                    static_cast<off_t>(file.written - file.started), SYNC_FILE_RANGE_WRITE);
  file.started = file.written;
}

bool give_back_room(OutputFile& file, bool for_good) {
  const bool asked =
      file.fd && file.allocated != 0 && file.allocated != kNeverAgain && file.allocated > file.written;
  file.allocated = for_good ? kNeverAgain : 0;
  struct stat info;
  // Truncating a file to its own length frees preallocated space; a file that another process extended is
  // left alone.
  if (!asked || ::fstat(file.fd->get(), &info) != 0 ||
      static_cast<std::uint64_t>(info.st_size) != file.written)
    return false;
  return ::ftruncate(file.fd->get(), info.st_size) == 0;
}

}  // namespace pipec::stdlib
