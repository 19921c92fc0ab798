#include "pipec/runtime/fd.h"

#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace pipec::runtime {

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Error system_error(std::string code, std::string_view doing, std::string_view path, int error_number) {
  std::string message(doing);
  if (!path.empty()) message.append(" ").append(path);
  message.append(": ").append(std::generic_category().message(error_number));
  return Error{std::move(code), std::move(message), {}, {}};
}

int write_fully(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return errno;
    }
    if (written == 0) return EIO;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

}  // namespace pipec::runtime
