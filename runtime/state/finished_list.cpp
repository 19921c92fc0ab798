#include "runtime/state/finished_list.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <optional>
#include <unordered_set>

#include "pipec/runtime/fd.h"

namespace pipec::runtime::state {

namespace {

constexpr const char* kList = "finished";
constexpr const char* kNew = "finished.new";
constexpr std::string_view kCompacted = "compacted ";  // the first line: how long the list was then
constexpr off_t kShort = off_t{1} << 20;
constexpr std::size_t kChunk = std::size_t{64} << 10;

Error list_error(std::string_view doing, const std::string& path) {
  return system_error("checkpoint", doing, path, errno);
}

void append_line(std::string& text, std::string_view key) {
  std::string escaped;
  for (const char c : key) {
    if (c == '\\') {
      escaped += "\\\\";
    } else if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  text += fmt::format("{:016x} {}\n", XXH3_64bits(escaped.data(), escaped.size()), escaped);
}

// Nullopt: it is not whole.
std::optional<std::string> key_of(std::string_view line) {
  constexpr std::size_t kDigits = 16;
  if (line.size() <= kDigits || line[kDigits] != ' ') return std::nullopt;
  std::uint64_t sum = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + kDigits, sum, 16);
  line.remove_prefix(kDigits + 1);
  if (error != std::errc{} || sum != XXH3_64bits(line.data(), line.size())) return std::nullopt;
  std::string key;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool escape = line[i] == '\\' && i + 1 < line.size();
    key += !escape ? line[i] : line[++i] == 'n' ? '\n' : '\\';
  }
  return key;
}

}  // namespace

Status FinishedList::add(const std::vector<std::string>& keys) const {
  if (keys.empty()) return {};
  const Fd fd(::openat(directory_, kList, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  struct stat info;
  if (!fd || ::fstat(fd.get(), &info) != 0) return list_error("cannot open", name());
  std::string text;
  char last = '\n';
  if (info.st_size > 0 && ::pread(fd.get(), &last, 1, info.st_size - 1) != 1)
    return list_error("cannot read", name());
  if (last != '\n') text = "\n";
  for (const std::string& key : keys) append_line(text, key);
  if (const int error = write_fully(fd.get(), text))
    return system_error("checkpoint", "cannot write", name(), error);
  if (::fdatasync(fd.get()) != 0) return list_error("cannot sync", name());
  if (info.st_size == 0 && ::fsync(directory_) != 0) return list_error("cannot sync", path_);
  return {};
}

Status FinishedList::read(const std::function<void(std::string_view key)>& each) const {
  const Fd fd(::openat(directory_, kList, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd && errno == ENOENT) return {};
  if (!fd) return list_error("cannot open", name());
  std::string text;
  std::string chunk(kChunk, '\0');
  for (;;) {
    const ssize_t got = ::read(fd.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return list_error("cannot read", name());
    if (got == 0) return {};
    text.append(chunk, 0, static_cast<std::size_t>(got));
    std::size_t begin = 0;
    for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
      if (const auto key = key_of(std::string_view(text).substr(begin, end - begin))) each(*key);
      begin = end + 1;
    }
    text.erase(0, begin);
  }
}

Status FinishedList::clear() const {
  struct stat info;
  if (::fstatat(directory_, kList, &info, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT) return {};
  return replace([](int) { return Status(); });
}

Status FinishedList::compact() const {
  char first[64] = {};
  off_t before = 0;
  {
    const Fd fd(::openat(directory_, kList, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat info;
    if (!fd || ::fstat(fd.get(), &info) != 0 || info.st_size <= kShort) return {};
    if (::pread(fd.get(), first, sizeof first - 1, 0) < 0) return list_error("cannot read", name());
    if (std::string_view(first).starts_with(kCompacted)) {
      const char* const digits = first + kCompacted.size();
      std::from_chars(digits, first + sizeof first, before);
    }
    if (info.st_size / 2 <= before) return {};
  }
  return replace([&](int fd) -> Status {
    std::unordered_set<std::uint64_t> seen;
    // Its length is only known in the end; the line keeps its own.
    std::string text = fmt::format("{}{:020}\n", kCompacted, 0);
    off_t size = 0;
    Status status;
    const auto write = [&] {
      if (const int error = write_fully(fd, text); error != 0 && status)
        status = system_error("checkpoint", "cannot write", name(), error);
      size += static_cast<off_t>(text.size());
      text.clear();
    };
    Status done = read([&](std::string_view key) {
      if (!seen.insert(XXH3_64bits(key.data(), key.size())).second) return;
      append_line(text, key);
      if (text.size() >= kChunk) write();
    });
    write();
    const std::string length = fmt::format("{:020}", size);
    if (::pwrite(fd, length.data(), length.size(), static_cast<off_t>(kCompacted.size())) < 0 && status)
      status = list_error("cannot write", name());
    return done ? std::move(status) : std::move(done);
  });
}

Status FinishedList::replace(const std::function<Status(int fd)>& write) const {
  if (::unlinkat(directory_, kNew, 0) != 0 && errno != ENOENT)
    return list_error("cannot remove", name() + ".new");
  {
    const Fd fd(::openat(directory_, kNew, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return list_error("cannot make", name() + ".new");
    if (Status written = write(fd.get()); !written) return written;
    if (::fsync(fd.get()) != 0) return list_error("cannot sync", name() + ".new");
  }
  if (::renameat(directory_, kNew, directory_, kList) != 0) return list_error("cannot replace", name());
  if (::fsync(directory_) != 0) return list_error("cannot sync", path_);
  return {};
}

}  // namespace pipec::runtime::state
