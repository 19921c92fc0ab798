#include "stdlib/connectors/output_directory.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <utility>

#if __has_include(<linux/openat2.h>)
#include <linux/openat2.h>
#endif

namespace pipec::stdlib {

namespace {

using runtime::Fd;
using runtime::Status;

constexpr mode_t kDirectoryMode = 0777;  // less the umask
constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK;

std::string parent_of(const std::string& relative) {
  const std::size_t slash = relative.rfind('/');
  return slash == std::string::npos ? std::string() : relative.substr(0, slash);
}

// Since Linux 5.8 syncfs() reports failed writes of any file since the directory was opened; for stacked
// (overlayfs) and remote file systems this is not guaranteed.
bool reports_for_all(int fd) {
  struct utsname system;
  struct statfs disk;
  int major = 0;
  int minor = 0;
  if (::uname(&system) != 0 || ::fstatfs(fd, &disk) != 0) return false;
  const char* const end = system.release + std::strlen(system.release);
  const auto first = std::from_chars(system.release, end, major);
  if (first.ec != std::errc{} || first.ptr == end) return false;
  std::from_chars(first.ptr + 1, end, minor);
  if (major < 5 || (major == 5 && minor < 8)) return false;
  switch (static_cast<unsigned long>(disk.f_type)) {
    case EXT4_SUPER_MAGIC:
    case XFS_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case TMPFS_MAGIC:
      return true;
    default:
      return false;
  }
}

}  // namespace

Status OutputDirectory::open() {
  const std::string path = base_.empty() ? "." : base_;
  for (std::size_t slash = base_.find('/', 1); slash != std::string::npos;
       slash = base_.find('/', slash + 1)) {
    const std::string part = base_.substr(0, slash);
    if (::mkdir(part.c_str(), kDirectoryMode) == 0) {
      const std::string above = parent_of(part);
      const Fd parent(::open(above.empty() ? (part[0] == '/' ? "/" : ".") : above.c_str(), kDirectoryFlags));
      if (!parent || ::fsync(parent.get()) != 0)
        return runtime::system_error("sink", "cannot sync", above, errno);
    } else if (errno != EEXIST && errno != EROFS && errno != EACCES) {
      // EROFS and EACCES may be returned for an existing directory: opening it reports the real error.
      return runtime::system_error("sink", "cannot create the directory", part, errno);
    }
  }
  fd_ = Fd(::open(path.c_str(), kDirectoryFlags));
  if (!fd_) return runtime::system_error("sink", "cannot open the directory", path, errno);
  struct stat info;
  if (::fstat(fd_.get(), &info) == 0 && reports_for_all(fd_.get())) whole_device_ = info.st_dev;
  return {};
}

Status OutputDirectory::sync_all() const {
  if (::syncfs(fd_.get()) == 0) return {};
  return runtime::system_error("sink", "cannot sync the files below", base_.empty() ? "." : base_, errno);
}

OutputDirectory::Opened OutputDirectory::open_existing(const std::string& relative) const {
  return open_below(relative, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
}

OutputDirectory::Opened OutputDirectory::create(const std::string& relative) {
  Opened opened = open_below(relative, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_CREAT | O_EXCL);
  if (opened.fd) changed_.insert(parent_of(relative));
  return opened;
}

OutputDirectory::Opened OutputDirectory::open_below(const std::string& relative, int flags) const {
  if (!confined_) {
    Fd fd(::openat(fd_.get(), relative.c_str(), flags, file_mode_));
    const int error = fd ? 0 : errno;
    return {std::move(fd), error};
  }
#if defined(SYS_openat2) && defined(RESOLVE_BENEATH)
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_NOFOLLOW);
  how.mode = (flags & O_CREAT) != 0 ? file_mode_ : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 0; attempt < 16; ++attempt) {
    Fd fd(static_cast<int>(::syscall(SYS_openat2, fd_.get(), relative.c_str(), &how, sizeof how)));
    if (fd) return {std::move(fd), 0};
    if (errno == EAGAIN || errno == EINTR) continue;  // renamed meanwhile
    if (errno != ENOSYS && errno != EPERM && errno != E2BIG) return {Fd(), errno};
    break;  // an old kernel, or a sandbox that does not know the call
  }
#endif
  return open_by_steps(relative, flags);
}

OutputDirectory::Opened OutputDirectory::open_by_steps(const std::string& relative, int flags) const {
  Fd directory;
  std::size_t begin = 0;
  for (std::size_t slash = relative.find('/'); slash != std::string::npos;
       slash = relative.find('/', begin)) {
    const std::string part = relative.substr(begin, slash - begin);
    const int above = directory ? directory.get() : fd_.get();
    Fd next(::openat(above, part.c_str(), kDirectoryFlags | O_NOFOLLOW));
    if (!next) return {Fd(), errno};
    directory = std::move(next);
    begin = slash + 1;
  }
  const int above = directory ? directory.get() : fd_.get();
  Fd fd(::openat(above, relative.c_str() + begin, flags | O_NOFOLLOW, file_mode_));
  const int error = fd ? 0 : errno;
  return {std::move(fd), error};
}

int OutputDirectory::make_parents(const std::string& relative) {
  Fd directory;
  std::size_t begin = 0;
  for (std::size_t slash = relative.find('/'); slash != std::string::npos;
       slash = relative.find('/', begin)) {
    const std::string part = relative.substr(begin, slash - begin);
    const int above = directory ? directory.get() : fd_.get();
    if (::mkdirat(above, part.c_str(), kDirectoryMode) == 0) {
      changed_.insert(begin == 0 ? std::string() : relative.substr(0, begin - 1));
    } else if (errno != EEXIST) {
      return errno;
    }
    Fd next(::openat(above, part.c_str(), kDirectoryFlags | O_NOFOLLOW));
    if (!next) return errno;
    directory = std::move(next);
    begin = slash + 1;
  }
  return 0;
}

int OutputDirectory::look_at(const std::string& relative, struct stat& info) const {
  const int flags = confined_ ? AT_SYMLINK_NOFOLLOW : 0;
  return ::fstatat(fd_.get(), relative.c_str(), &info, flags) == 0 ? 0 : errno;
}

Status OutputDirectory::in_place() const {
  const std::string path = base_.empty() ? "." : base_;
  struct stat here;
  struct stat named;
  if (::fstat(fd_.get(), &here) != 0) return runtime::system_error("sink", "cannot stat", path, errno);
  if (::stat(path.c_str(), &named) != 0)
    return runtime::system_error("sink", "the directory no longer exists:", path, errno);
  if (here.st_ino == named.st_ino && here.st_dev == named.st_dev) return {};
  return runtime::Error{"sink",
                        path + " was moved or replaced while it is being written; put it back and restart",
                        {},
                        {},
                        false};
}

std::set<std::string> OutputDirectory::take_changed() {
  return std::exchange(changed_, {});
}

Status OutputDirectory::sync(const std::set<std::string>& changed) const {
  for (const std::string& relative : changed) {
    const Fd directory(::openat(fd_.get(), relative.empty() ? "." : relative.c_str(), kDirectoryFlags));
    if (!directory || ::fsync(directory.get()) != 0) {
      return runtime::system_error("sink", "cannot sync the directory", full_path(relative), errno);
    }
  }
  return {};
}

}  // namespace pipec::stdlib
