#include "runtime/governor/memory_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "pipec/runtime/fd.h"

namespace pipec::runtime::governor {

namespace {

// A v1 group without a limit reports a number near 2^63.
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 60;

std::string content(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!fd) return text;
  for (;;) {
    char block[8192];
    const ssize_t got = ::read(fd.get(), block, sizeof block);
    if (got <= 0) return text;
    text.append(block, static_cast<std::size_t>(got));
    if (text.size() > (std::size_t{1} << 20)) return text;  // no file of these is that long
  }
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> number_in(const std::string& path) {
  return number(content(path));
}

// An empty file, "max", 0 and practically infinite values mean no limit.
std::optional<std::uint64_t> limit_in(const std::string& path) {
  const auto value = number_in(path);
  if (!value || *value == 0 || *value >= kNoLimit) return std::nullopt;
  return value;
}

void lower(std::optional<std::uint64_t>& limit, std::optional<std::uint64_t> other) {
  if (other && (!limit || *other < *limit)) limit = other;
}

template <typename Each>
void each_line(std::string_view text, Each each) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    each(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// The value of "name value" in a text of such lines; 0 where there is none.
std::uint64_t entry(const std::string& text, std::string_view name) {
  std::uint64_t found = 0;
  each_line(text, [&](std::string_view line) {
    if (line.starts_with(name) && line.size() > name.size() && line[name.size()] == ' ')
      found = number(line.substr(name.size() + 1)).value_or(0);
  });
  return found;
}

std::vector<std::string_view> words(std::string_view line, char separator) {
  std::vector<std::string_view> found;
  while (true) {
    const std::size_t end = std::min(line.find(separator), line.size());
    if (end != 0) found.push_back(line.substr(0, end));
    if (end == line.size()) return found;
    line.remove_prefix(end + 1);
  }
}

bool lists(std::string_view names, std::string_view wanted) {
  const std::vector<std::string_view> all = words(names, ',');
  return std::find(all.begin(), all.end(), wanted) != all.end();
}

struct GroupUse {
  std::optional<std::uint64_t> limit;
  std::uint64_t used = 0;
};

// File cache is not counted: the kernel drops it before it kills anybody, and a pipeline that reads a large
// file would seem to fill its group.
GroupUse use_of(const std::string& directory) {
  GroupUse use;
  lower(use.limit, limit_in(directory + "/memory.max"));
  lower(use.limit, limit_in(directory + "/memory.high"));
  const bool second_version = ::access((directory + "/memory.current").c_str(), F_OK) == 0;
  const std::string stat = content(directory + "/memory.stat");
  if (!second_version) {
    lower(use.limit, limit_in(directory + "/memory.limit_in_bytes"));
    // In a container the parents may not be mounted; their limits show here.
    const std::uint64_t above = entry(stat, "hierarchical_memory_limit");
    if (above != 0 && above < kNoLimit) lower(use.limit, above);
  }
  if (!use.limit) return use;
  const std::string prefix = second_version ? "" : "total_";
  use.used =
      number_in(directory + (second_version ? "/memory.current" : "/memory.usage_in_bytes")).value_or(0);
  const std::uint64_t cache = entry(stat, prefix + "active_file") + entry(stat, prefix + "inactive_file");
  use.used -= std::min(use.used, cache);
  return use;
}

double stalled_share(const std::string& path) {
  const std::string text = content(path);
  const std::size_t at = text.find("avg10=");
  if (at == std::string::npos || !text.starts_with("some ")) return 0;
  const double percent = std::strtod(text.c_str() + at + 6, nullptr);
  return percent > 0 ? std::min(percent / 100, 1.0) : 0;
}

}  // namespace

std::optional<std::uint64_t> MemoryReading::found_limit() const {
  std::optional<std::uint64_t> found = limit;
  lower(found, machine);
  return found;
}

MemoryReader::MemoryReader(std::string root)
    : root_(std::move(root)), pressure_file_(root_ + "/proc/pressure/memory") {
  each_line(content(root_ + "/proc/meminfo"), [&](std::string_view line) {
    if (!line.starts_with("MemTotal:")) return;
    line.remove_prefix(std::min(line.find_first_of("0123456789"), line.size()));
    const std::uint64_t kibibytes = number(line).value_or(0);
    if (kibibytes != 0) machine_ = kibibytes * 1024;
  });
  // Where the hierarchies are mounted, and which part of each is visible there.
  struct Mount {
    std::string point, top;
  };
  std::optional<Mount> first, second;
  each_line(content(root_ + "/proc/self/mountinfo"), [&](std::string_view line) {
    const std::size_t dash = line.find(" - ");
    if (dash == std::string_view::npos) return;
    const auto before = words(line.substr(0, dash), ' ');
    const auto behind = words(line.substr(dash + 3), ' ');
    if (before.size() < 5 || behind.empty()) return;
    const Mount mount{std::string(before[4]), std::string(before[3])};
    if (behind[0] == "cgroup2" && !second) second = mount;
    if (behind[0] == "cgroup" && behind.size() >= 3 && lists(behind[2], "memory") && !first) first = mount;
  });
  if (!first) first = Mount{"/sys/fs/cgroup/memory", "/"};
  if (!second) second = Mount{"/sys/fs/cgroup", "/"};

  // hierarchy:controllers:path; hierarchy 0 without controllers is v2.
  each_line(content(root_ + "/proc/self/cgroup"), [&](std::string_view line) {
    const std::size_t one = line.find(':');
    const std::size_t two = one == std::string_view::npos ? one : line.find(':', one + 1);
    if (two == std::string_view::npos) return;
    const std::string_view controllers = line.substr(one + 1, two - one - 1);
    std::string path(line.substr(two + 1));
    const bool second_version = controllers.empty();
    if (!second_version && !lists(controllers, "memory")) return;
    const Mount& mount = second_version ? *second : *first;
    if (mount.top != "/" && path.starts_with(mount.top)) path.erase(0, mount.top.size());
    add_groups(root_ + mount.point, path, second_version);
  });
}

void MemoryReader::add_groups(const std::string& mount, const std::string& path, bool second_version) {
  std::string below = path.find("..") == std::string::npos ? path : "";  // seen from another namespace
  while (!below.empty() && below.back() == '/') below.pop_back();
  for (;;) {
    const std::string directory = mount + below;
    if (::access(directory.c_str(), F_OK) == 0) {
      directories_.push_back(directory);
      const std::string pressure = directory + "/memory.pressure";
      if (second_version && !below.empty() && ::access(pressure.c_str(), F_OK) == 0 &&
          pressure_file_ == root_ + "/proc/pressure/memory") {
        pressure_file_ = pressure;
      }
    }
    if (below.empty()) return;
    below.resize(below.rfind('/') == std::string::npos ? 0 : below.rfind('/'));
  }
}

MemoryReading MemoryReader::read() const {
  MemoryReading reading;
  for (const std::string& directory : directories_) {
    const GroupUse use = use_of(directory);
    if (!use.limit) continue;
    lower(reading.limit, use.limit);
    const double level = static_cast<double>(use.used) / static_cast<double>(*use.limit);
    if (level < reading.group_level) continue;
    reading.group_level = level;
    reading.group_used = use.used;
    reading.group_limit = *use.limit;
  }
  reading.machine = machine_;
  const std::string own = content(root_ + "/proc/self/statm");
  const auto pages = words(own, ' ');
  if (pages.size() >= 2) {
    if (const auto resident = number(pages[1]))
      reading.resident = *resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  }
  reading.stalled = stalled_share(pressure_file_);
  return reading;
}

}  // namespace pipec::runtime::governor
