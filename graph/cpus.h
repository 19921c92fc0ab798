// How many workers make sense here: TBB knows the affinity mask but not the cgroup's CPU quota.
#pragma once

#include <string>

namespace pipec::graph {

// CPUs by affinity, capped by the quotas of all cgroups (v1 and v2) the process is in. At least 1.
// `root`: the directory that contains /proc and /sys, for tests.
unsigned usable_cpus(const std::string& root = "");
// The quota alone, rounded up; 0: none.
unsigned quota_cpus(const std::string& root);

}  // namespace pipec::graph
