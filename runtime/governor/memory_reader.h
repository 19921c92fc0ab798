// Memory data from the system: limits and use of the process's cgroups, its resident size, how long tasks
// wait for memory. Files are read again each time; a missing or invalid file means no limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pipec::runtime::governor {

struct MemoryReading {
  std::optional<std::uint64_t> limit;     // the least of all cgroups that hold the process
  std::optional<std::uint64_t> machine;   // all there is
  std::optional<std::uint64_t> resident;  // the process
  // The worst of use over limit, of all cgroups that have a limit; 0 where none has.
  double group_level = 0;
  std::uint64_t group_used = 0;   // of that one, without file cache that can be dropped
  std::uint64_t group_limit = 0;  // of that one
  double stalled = 0;  // PSI: the share of the last ten seconds in which some task waited for memory

  // The limit: the cgroup's, else the machine's.
  std::optional<std::uint64_t> found_limit() const;
};

class MemoryReader {
 public:
  // `root`: the directory that contains /proc and /sys.
  explicit MemoryReader(std::string root = "");
  MemoryReading read() const;

  // The directories whose limits apply, the process's own group first; for tests.
  const std::vector<std::string>& groups() const { return directories_; }

 private:
  void add_groups(const std::string& mount, const std::string& path, bool second_version);

  std::string root_;
  std::vector<std::string> directories_;  // v1 and v2 alike: which it is shows in its files
  std::string pressure_file_;
  std::optional<std::uint64_t> machine_;
};

}  // namespace pipec::runtime::governor
