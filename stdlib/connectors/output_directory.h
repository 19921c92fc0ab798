// The directory below which a file sink works. All opening goes through its descriptor.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <set>
#include <string>

#include "pipec/runtime/error.h"
#include "pipec/runtime/fd.h"

namespace pipec::stdlib {

class OutputDirectory {
 public:
  // `base` ends with '/' or is empty. confined: no symbolic link is followed below it (its own path may hold
  // some).
  // is_private: new files are for their owner alone, whatever the umask.
  OutputDirectory(std::string base, bool confined, bool is_private)
      : base_(std::move(base)), confined_(confined), file_mode_(is_private ? 0600 : 0666) {}

  // Makes it where it is missing.
  runtime::Status open();

  struct Opened {
    runtime::Fd fd;
    int error = 0;  // errno
  };
  // For writing; neither call blocks, whatever the path names. `relative` has passed refuse_output() if
  // confined.
  Opened open_existing(const std::string& relative) const;
  Opened create(const std::string& relative);
  // The directories above it. 0 or errno.
  int make_parents(const std::string& relative);
  // Stats the file at the path: 0 or errno.
  int look_at(const std::string& relative, struct stat& info) const;

  // Checks that the base's path still leads here. Fails if it was moved or replaced: readers would not find
  // the output.
  runtime::Status in_place() const;

  // Whether sync_all() can make all files on `device` durable at once and also reports errors of files that
  // are already closed. Not every file system supports that.
  bool syncs_all(std::uint64_t device) const { return device == whole_device_; }
  runtime::Status sync_all() const;

  // Makes the names durable that create() and make_parents() have added since the last call. May be called on
  // another thread.
  std::set<std::string> take_changed();
  runtime::Status sync(const std::set<std::string>& changed) const;

  std::string full_path(const std::string& relative) const { return base_ + relative; }

 private:
  Opened open_below(const std::string& relative, int flags) const;
  Opened open_by_steps(const std::string& relative, int flags) const;

  const std::string base_;
  const bool confined_;
  const mode_t file_mode_;  // less the umask
  runtime::Fd fd_;
  std::uint64_t whole_device_ = 0;  // the base's, where syncs_all() may be true
  std::set<std::string> changed_;   // directories (relative, "" is the base) that hold new names
};

}  // namespace pipec::stdlib
