#include "stdlib/connectors/output_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "stdlib/connectors/no_sigpipe.h"

namespace pipec::stdlib {

namespace {

using runtime::Status;

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

std::string OutputMark::text() const {
  std::string result = fmt::format("size={} device={} inode={}", size, device, inode);
  if (compression != Compression::none) result += fmt::format(" codec={}", compression_name(compression));
  return result;
}

std::optional<OutputMark> OutputMark::parse(std::string_view text) {
  OutputMark mark;
  const auto take = [&](std::string_view name, std::uint64_t& number) {
    if (!text.starts_with(name)) return false;
    const char* const begin = text.data() + name.size();
    const auto [end, error] = std::from_chars(begin, text.data() + text.size(), number);
    if (error != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
  };
  if (!take("size=", mark.size) || !take(" device=", mark.device) || !take(" inode=", mark.inode)) {
    return std::nullopt;
  }
  if (text == " codec=gzip") {
    mark.compression = Compression::gzip;
  } else if (text == " codec=zstd") {
    mark.compression = Compression::zstd;
  } else if (!text.empty()) {
    return std::nullopt;
  }
  return mark;
}

std::optional<Compression> compression_of_file(int fd) {
  // The descriptor is for writing only.
  const runtime::Fd reading(::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_RDONLY | O_CLOEXEC));
  char head[4] = {};
  const ssize_t got = reading ? ::pread(reading.get(), head, sizeof head, 0) : 0;
  if (got <= 0) return std::nullopt;
  return compression_of({head, static_cast<std::size_t>(got)});
}

Status write_output(OutputFile& file, std::string_view text, bool add_newline, const std::string& full_path) {
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
      // What was written of it is no part of the output; if even this fails, the next start cuts it.
      if (file.regular && at != file.written) {
        [[maybe_unused]] const int cut = ::ftruncate(file.fd->get(), static_cast<off_t>(file.written));
      }
      return runtime::system_error("sink", "cannot write", full_path, error);
    }
    at += static_cast<std::uint64_t>(written);
    advance(pieces, count, static_cast<std::size_t>(written));
  }
  file.written = at;
  file.pending.clear();
  return {};
}

namespace {

// Small files get no room that they would have to give back.
constexpr std::uint64_t kLargeFile = std::uint64_t{1} << 20;
constexpr std::uint64_t kMostAhead = std::uint64_t{64} << 20;
constexpr std::uint64_t kWriteBackBytes = std::uint64_t{8} << 20;
constexpr std::uint64_t kNeverAgain = UINT64_MAX;

}  // namespace

void allocate_ahead(OutputFile& file, std::size_t more) {
  const std::uint64_t end = file.written + more;
  if (!file.regular || end < kLargeFile || end <= file.allocated) return;
  // As much again as there is.
  const std::uint64_t ahead = std::min(end, kMostAhead);
  const int refused = ::fallocate(file.fd->get(), FALLOC_FL_KEEP_SIZE, static_cast<off_t>(file.written),
                                  static_cast<off_t>(more + ahead));
  file.allocated = refused == 0 ? end + ahead : kNeverAgain;
}

void start_writing_back(OutputFile& file) {
  if (!file.regular) return;
  if (file.written - file.started < kWriteBackBytes) return;
  // A hint: what it cannot do, the sync does, and that says so.
  ::sync_file_range(file.fd->get(), static_cast<off_t>(file.started),
                    static_cast<off_t>(file.written - file.started), SYNC_FILE_RANGE_WRITE);
  file.started = file.written;
}

void give_back_room(OutputFile& file) {
  if (!file.fd || file.allocated == 0) return;
  const bool asked = file.allocated != kNeverAgain && file.allocated > file.written;
  file.allocated = 0;
  struct stat info;
  // Cutting a file at its own end frees what lies behind; one that somebody else made longer is left alone.
  if (!asked || ::fstat(file.fd->get(), &info) != 0 ||
      static_cast<std::uint64_t>(info.st_size) != file.written)
    return;
  [[maybe_unused]] const int cut = ::ftruncate(file.fd->get(), info.st_size);
}

}  // namespace pipec::stdlib
