#include "stdlib/connectors/input_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "stdlib/connectors/file_identity.h"

namespace pipec::stdlib {

namespace {

using runtime::Error;
using runtime::Fd;
using runtime::Result;

Error input_error(std::string message) {
  return Error{"io", std::move(message), {}, {}};
}

// By the first bytes. An error: the name promises what they are not.
Result<Compression> find_compression(const std::string& path, int fd) {
  char magic[4] = {};
  ssize_t got = 0;
  do {
    got = ::pread(fd, magic, sizeof magic, 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return runtime::system_error("io", "cannot read", path, errno);
  const Compression found = compression_of({magic, got > 0 ? static_cast<std::size_t>(got) : 0});
  const Compression named = compression_of_name(path);
  if (got > 0 && found == Compression::none && named != Compression::none) {
    return input_error(fmt::format("{} does not begin like a {} file; read it as it is with decompress: none",
                                   path, compression_name(named)));
  }
  return found;
}

// What the saved marks say about the files that are there now.
class Resume {
 public:
  explicit Resume(const runtime::StateEntries& saved) {
    for (const runtime::StateEntry& entry : saved) {
      auto mark = FileMark::parse(entry);
      if (!mark) continue;
      paths_.insert(mark->path);
      marks_.emplace(std::pair(mark->device, mark->inode), std::move(*mark));
    }
  }

  // Sets file.start.
  void place(InputFile& file, int fd) {
    const auto found = marks_.find({file.device, file.inode});
    if (found == marks_.end()) {
      if (paths_.contains(file.path)) {
        say("{} is another file than the one that was read before: it is read from its start", file.path);
      }
      return;
    }
    const FileMark& mark = found->second;
    const std::uint64_t read = mark.packed ? mark.packed->end : mark.offset;
    if (file.size < read) {
      say("{} was cut to {} bytes since it was read to byte {}: it is read from its start", file.path,
          file.size, read);
      return;
    }
    const bool packed = file.compression != Compression::none;
    if (packed != mark.packed.has_value() || fingerprint_of(fd, read) != mark.tail_hash) {
      say("{} was written anew since it was read to byte {}: it is read from its start", file.path, read);
      return;
    }
    file.start = mark.offset;
    if (packed) {
      go_on_unpacking(file, mark);
      return;
    }
    if (file.size == mark.offset) {
      ++done_;
      done_path_ = file.path;
      done_offset_ = mark.offset;
      return;
    }
    if (mark.open_line != mark.offset) behind_open_line(file, fd, mark);
    if (file.start == mark.offset || file.start > mark.open_line) {
      say("going on at byte {} of {}", file.start, file.path);
    }
  }

  std::string note(std::size_t files) const {
    if (done_ == 0) return note_;
    std::string done;
    if (files == 1) {
      done = fmt::format("{}: nothing new since the last run (read to byte {}); --from-start reads it again",
                         done_path_, done_offset_);
    } else if (done_ == files) {
      done = fmt::format("nothing new in {} files since the last run; --from-start reads them again", files);
    } else {
      done = fmt::format("{} of {} files hold nothing new", done_, files);
    }
    return note_.empty() ? done : done + "; " + note_;
  }

 private:
  template <typename... Arguments>
  void say(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
    if (!note_.empty()) note_ += "; ";
    note_ += fmt::format(text, std::forward<Arguments>(arguments)...);
  }

  void go_on_unpacking(InputFile& file, const FileMark& mark) {
    file.packed_start = mark.packed->frame;
    if (mark.packed->whole && file.size == mark.packed->end) {
      // Nothing is left to unpack.
      file.packed_start = {mark.packed->end, mark.offset};
      ++done_;
      done_path_ = file.path;
      done_offset_ = mark.offset;
      return;
    }
    if (mark.open_line != mark.offset) {
      file.start = mark.open_line;
      file.open_end = mark.offset;
    } else if (mark.packed->whole) {
      file.packed_start = {mark.packed->end, mark.offset};
    }
    say("going on at byte {} of what {} unpacks to", mark.offset, file.path);
  }

  // The last line had no newline and was delivered all the same. If it got one since, it was whole; if it was
  // continued, it is delivered again from its beginning: better twice than torn.
  void behind_open_line(InputFile& file, int fd, const FileMark& mark) {
    char next[2] = {};
    const ssize_t got = ::pread(fd, next, sizeof next, static_cast<off_t>(mark.offset));
    const std::string_view text(next, got > 0 ? static_cast<std::size_t>(got) : 0);
    if (text.starts_with('\n')) {
      file.start = mark.offset + 1;
    } else if (text == "\r\n") {
      file.start = mark.offset + 2;
    } else {
      file.start = mark.open_line;
      say("the last line of {} had no newline and was continued since: it is delivered again, whole, from "
          "byte {}",
          file.path, file.start);
    }
  }

  std::map<std::pair<std::uint64_t, std::uint64_t>, FileMark> marks_;
  std::set<std::string> paths_;
  std::string note_;
  std::size_t done_ = 0;
  std::string done_path_;
  std::uint64_t done_offset_ = 0;
};

}  // namespace

Result<Fd> open_input(const std::string& path, std::optional<Compression> packing, InputFile& file) {
  // O_NONBLOCK: opening a FIFO that nobody writes would wait for ever.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return runtime::system_error("io", "cannot open", path, errno);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return runtime::system_error("io", "cannot stat", path, errno);
  if (S_ISDIR(info.st_mode)) {
    return input_error(
        fmt::format("{} is a directory; name a file, or a glob as in \"{}/*.ndjson\"", path, path));
  }
  if (S_ISFIFO(info.st_mode)) return input_error(fmt::format("{} is a pipe; recv stdin() reads pipes", path));
  if (!S_ISREG(info.st_mode)) return input_error(fmt::format("{} is no regular file", path));
  if (packing) {
    file.compression = *packing;
  } else if (auto compression = find_compression(path, fd.get()); compression) {
    file.compression = *compression;
  } else {
    return compression.error();
  }
  file.path = path;
  file.device = info.st_dev;
  file.inode = info.st_ino;
  file.size = static_cast<std::uint64_t>(info.st_size);
  return fd;
}

Result<InputFiles> find_input_files(const InputPaths& wanted, std::optional<Compression> packing,
                                    const runtime::StateEntries& saved) {
  auto paths = expand_input_paths(wanted);
  if (!paths) return paths.error();
  InputFiles result;
  Resume resume(saved);
  std::set<std::pair<std::uint64_t, std::uint64_t>> seen;
  for (const std::string& name : *paths) {
    InputFile file;
    auto fd = open_input(name, packing, file);
    if (!fd) return fd.error();
    if (!seen.insert({file.device, file.inode}).second) continue;
    resume.place(file, fd->get());
    result.files.push_back(std::move(file));
  }
  result.note = resume.note(result.files.size());
  return result;
}

}  // namespace pipec::stdlib
