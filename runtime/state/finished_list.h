// The list of finished keys in a state directory: one per line, each with a checksum, so that a line
// truncated by a crash is ignored and never mistaken for another key.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/error.h"

namespace pipec::runtime::state {

class FinishedList {
 public:
  // `directory` stays the caller's; `path` is its name, for messages.
  FinishedList(int directory, std::string path) : directory_(directory), path_(std::move(path)) {}

  // Durable when it returns ok.
  Status add(const std::vector<std::string>& keys) const;
  // Each key at least once.
  Status read(const std::function<void(std::string_view key)>& each) const;
  Status clear() const;
  // Removes duplicates once the file has grown to twice its size after the last compaction, and to at least a
  // megabyte.
  Status compact() const;

 private:
  Status replace(const std::function<Status(int fd)>& write) const;
  std::string name() const { return path_ + "/finished"; }

  const int directory_;
  const std::string path_;
};

}  // namespace pipec::runtime::state
