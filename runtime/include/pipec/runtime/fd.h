// A file descriptor that closes itself, and error messages for failed system calls.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "pipec/runtime/error.h"

namespace pipec::runtime {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd();
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// Error{code, "<doing> <path>: <the system's words>"}: system_error("io", "cannot open", path, errno).
Error system_error(std::string code, std::string_view doing, std::string_view path, int error_number);

// All of it, over short writes and EINTR. 0, or errno.
int write_fully(int fd, std::string_view bytes);

}  // namespace pipec::runtime
