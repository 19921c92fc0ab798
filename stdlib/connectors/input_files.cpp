#include "stdlib/connectors/input_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <unordered_set>
#include <utility>

#include "stdlib/connectors/connectors.h"
#include "stdlib/connectors/input_resume.h"

namespace pipec::stdlib {

namespace {

using runtime::Error;
using runtime::Fd;
using runtime::Result;
using runtime::Status;

Error input_error(std::string message) {
  return Error{"io", std::move(message), {}, {}};
}

// Detected by the first bytes. Fails if they contradict the file name's extension.
Result<Compression> find_compression(const std::string& path, int fd, bool& any) {
  char magic[4] = {};
  ssize_t got = 0;
  do {
    got = ::pread(fd, magic, sizeof magic, 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return runtime::system_error(kBadFile, "cannot read", path, errno);
  any = got > 0;
  const Compression found = compression_of({magic, got > 0 ? static_cast<std::size_t>(got) : 0});
  const Compression named = compression_of_name(path);
  if (got > 0 && found == Compression::none && named != Compression::none) {
    return Error{kBadFile,
                 fmt::format("{} does not begin like a {} file; read it as it is with decompress: none", path,
                             compression_name(named)),
                 {},
                 {}};
  }
  return found;
}

}  // namespace

Error with_hint(Error error, const InputRequest& request) {
  if (error.code == kBadFile && request.hint) error.message += "; on_bad_file: skip continues without it";
  return error;
}

Result<Fd> open_input(const std::string& path, std::optional<Compression> packing, InputFile& file) {
  // O_NONBLOCK: opening a FIFO without a writer would block forever.
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    const int error = errno;
    struct stat info;
    // A name that exists (even as a dangling link) but cannot be opened is a bad file.
    const bool bad =
        error != EMFILE && error != ENFILE && error != ENOMEM && ::lstat(path.c_str(), &info) == 0;
    return runtime::system_error(bad ? kBadFile : "io", "cannot open", path, error);
  }
  struct stat info;
  if (::fstat(fd.get(), &info) != 0) return runtime::system_error("io", "cannot stat", path, errno);
  if (S_ISDIR(info.st_mode)) {
    return input_error(
        fmt::format("{} is a directory; name a file, or a glob as in \"{}/*.ndjson\"", path, path));
  }
  if (S_ISFIFO(info.st_mode)) return input_error(fmt::format("{} is a pipe; recv stdin() reads pipes", path));
  if (!S_ISREG(info.st_mode)) return input_error(fmt::format("{} is not a regular file", path));
  bool any = info.st_size != 0;
  file.compression = packing.value_or(Compression::none);
  if (!packing || !any) {
    auto compression = find_compression(path, fd.get(), any);
    if (!packing && !compression) return compression.error();
    if (!packing) file.compression = *compression;
  }
  file.path = path;
  file.device = info.st_dev;
  file.inode = info.st_ino;
  file.size = static_cast<std::uint64_t>(info.st_size);
  file.modified = std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  // It may have been written just now; kernel-generated files keep reporting size 0.
  file.size_unknown = any && info.st_size == 0 && ::fstat(fd.get(), &info) == 0 && info.st_size == 0;
  if (any && !file.size_unknown) file.size = static_cast<std::uint64_t>(info.st_size);
  return fd;
}

Result<InputFiles> find_input_files(const InputRequest& request, InputResume& resume) {
  auto paths = expand_input_paths(request.paths);
  if (!paths) return paths.error();
  InputFiles result;
  const auto pass_over = [&](Error error) -> Status {
    if (!request.skip_bad || error.code != kBadFile) return with_hint(std::move(error), request);
    if (request.log) request.log("skipped: " + error.message);
    return {};
  };
  result.files.reserve(paths->size());
  std::unordered_set<FileIdentity, FileIdentityHash> seen;
  for (const std::string& name : *paths) {
    InputFile file;
    auto fd = open_input(name, request.packing, file);
    if (!fd) {
      if (Status passed = pass_over(fd.error()); !passed) return passed.error();
      continue;
    }
    if (!seen.insert({file.device, file.inode}).second) continue;
    if (!request.claims->claim_file(file.device, file.inode, request.state)) {
      return input_error(
          fmt::format("{} is read by another source of this pipeline too; use one source twice (let x = recv "
                      "file(...)), or "
                      "give each its own state (state: \"a name\")",
                      name));
    }
    if (Status placed = resume.place(file, fd->get()); !placed) {
      if (Status passed = pass_over(placed.error()); !passed) return passed.error();
      continue;
    }
    result.files.push_back(std::move(file));
  }
  auto kept = result.files.begin();
  for (InputFile& file : result.files) {
    auto left_alone = resume.place_rotated(file);
    if (!left_alone) {
      if (Status passed = pass_over(left_alone.error()); !passed) return passed.error();
      continue;
    }
    if (*left_alone) continue;
    if (&*kept != &file) *kept = std::move(file);
    ++kept;
  }
  result.files.erase(kept, result.files.end());
  std::erase_if(result.files, [&](InputFile& file) { return resume.assign_key(file); });
  const auto is_known = [](const InputFile& file) { return file.known; };
  if (!std::is_partitioned(result.files.begin(), result.files.end(), is_known))
    std::stable_partition(result.files.begin(), result.files.end(), is_known);
  result.note = resume.note(result.files.size());
  result.to_save = resume.to_save();
  return result;
}

}  // namespace pipec::stdlib
