#include "graph/cpus.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string_view>

namespace pipec::graph {

namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// CPUs that quota and period allow; infinity if there is no limit or the values are invalid.
double cpus_of(const std::string& quota, const std::string& period) {
  const double allowed = std::strtod(quota.c_str(), nullptr);
  const double every = std::strtod(period.c_str(), nullptr);
  if (!(allowed > 0) || !(every > 0)) return INFINITY;  // "max", -1, missing
  return allowed / every;
}

double cpus_v2(const std::string& directory) {
  const std::string line = first_line(directory + "/cpu.max");
  const std::size_t space = line.find(' ');
  if (space == std::string::npos) return INFINITY;
  return cpus_of(line.substr(0, space), line.substr(space + 1));
}

double cpus_v1(const std::string& directory) {
  return cpus_of(first_line(directory + "/cpu.cfs_quota_us"), first_line(directory + "/cpu.cfs_period_us"));
}

// The least over the group and its parents. In a container the path may not be mounted: then only the root
// counts.
template <typename Read>
double least(const std::string& mount, std::string path, Read read) {
  double cpus = read(mount);
  while (path.size() > 1) {
    cpus = std::min(cpus, read(mount + path));
    path.resize(path.rfind('/'));
  }
  return cpus;
}

bool has_cpu(std::string_view controllers) {
  while (!controllers.empty()) {
    const std::size_t comma = std::min(controllers.find(','), controllers.size());
    if (controllers.substr(0, comma) == "cpu") return true;
    controllers.remove_prefix(std::min(comma + 1, controllers.size()));
  }
  return false;
}

}  // namespace

unsigned quota_cpus(const std::string& root) {
  double cpus = INFINITY;
  std::ifstream groups(root + "/proc/self/cgroup");
  // hierarchy:controllers:path; hierarchy 0 with no controllers is v2.
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string path = line.substr(second + 1);
    if (path.empty() || path[0] != '/') continue;
    if (controllers.empty()) {
      cpus = std::min(cpus, least(root + "/sys/fs/cgroup", path, cpus_v2));
    } else if (has_cpu(controllers)) {
      cpus = std::min(cpus, least(root + "/sys/fs/cgroup/cpu", path, cpus_v1));
    }
  }
  if (!std::isfinite(cpus) || cpus > 4096) return 0;
  return std::max(1u, static_cast<unsigned>(std::ceil(cpus)));
}

unsigned usable_cpus(const std::string& root) {
  unsigned cpus = 1;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) cpus = static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
  const unsigned quota = quota_cpus(root);
  return quota == 0 ? cpus : std::min(cpus, quota);
}

}  // namespace pipec::graph
