// Limits and use as the system's files say it, for every layout, made under a root of the test's own.
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "pipec/runtime/governor.h"
#include "runtime/governor/memory_reader.h"
#include "support/catch.h"
#include "support/temp_dir.h"

namespace {

using pipec::runtime::governor::MemoryReader;
using pipec::runtime::governor::MemoryReading;

constexpr std::uint64_t kMiB = 1 << 20;

class Root {
 public:
  Root() {
    file("proc/meminfo", "MemTotal:       16384000 kB\nMemFree: 1 kB\n");
    file("proc/self/statm", "5000 2560 300 5 0 123 0\n");
  }
  void file(const std::string& path, const std::string& text) {
    const std::filesystem::path whole = std::filesystem::path(path_()) / path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole) << text;
  }
  void group2(const std::string& path, const std::string& max, const std::string& high, std::uint64_t current,
              std::uint64_t cache = 0) {
    file(path + "/memory.max", max + "\n");
    file(path + "/memory.high", high + "\n");
    file(path + "/memory.current", std::to_string(current) + "\n");
    file(path + "/memory.stat",
         "anon 5\nactive_file " + std::to_string(cache) + "\ninactive_file 0\nactive_filesystem 9\n");
  }
  void group1(const std::string& path, std::uint64_t limit, std::uint64_t above, std::uint64_t usage,
              std::uint64_t cache = 0) {
    file(path + "/memory.limit_in_bytes", std::to_string(limit) + "\n");
    file(path + "/memory.usage_in_bytes", std::to_string(usage) + "\n");
    file(path + "/memory.stat", "inactive_file 1\nhierarchical_memory_limit " + std::to_string(above) +
                                    "\ntotal_inactive_file " + std::to_string(cache) +
                                    "\ntotal_active_file 0\n");
  }
  std::string path_() const { return directory_.path(); }
  MemoryReading read() const { return MemoryReader(path_()).read(); }

 private:
  pipec::test::TempDir directory_;
};

bool near(double value, double wanted) {
  return std::abs(value - wanted) < 1e-9;
}

constexpr const char* kMount2 = "30 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n";
constexpr std::uint64_t kV1Infinite = 9223372036854771712ULL;

}  // namespace

TEST_CASE("G1 cgroup v2: the limit is memory.max, capped by memory.high") {
  Root root;
  root.file("proc/self/cgroup", "0::/a/b\n");
  root.file("proc/self/mountinfo", kMount2);
  root.group2("sys/fs/cgroup/a/b", std::to_string(100 * kMiB), "max", 50 * kMiB);
  CHECK(root.read().limit == 100 * kMiB);
  CHECK(root.read().group_level == 0.5);
  root.group2("sys/fs/cgroup/a/b", std::to_string(100 * kMiB), std::to_string(80 * kMiB), 40 * kMiB);
  CHECK(root.read().limit == 80 * kMiB);
  CHECK(root.read().group_level == 0.5);
  root.group2("sys/fs/cgroup/a/b", "max", std::to_string(70 * kMiB), 7 * kMiB);
  CHECK(root.read().limit == 70 * kMiB);
}

TEST_CASE("G1 cgroup v2: the least limit and the worst use of all parents count") {
  Root root;
  root.file("proc/self/cgroup", "0::/a/b\n");
  root.file("proc/self/mountinfo", kMount2);
  root.group2("sys/fs/cgroup/a/b", std::to_string(100 * kMiB), "max", 10 * kMiB);
  root.group2("sys/fs/cgroup/a", std::to_string(60 * kMiB), "max", 54 * kMiB);
  const MemoryReading reading = root.read();
  CHECK(reading.limit == 60 * kMiB);
  CHECK(reading.group_level == 0.9);  // a sibling's use counts: it is the parent that is killed in
  CHECK(reading.group_used == 54 * kMiB);
  CHECK(reading.group_limit == 60 * kMiB);
}

TEST_CASE("G1 file cache that can be dropped is not counted") {
  Root root;
  root.file("proc/self/cgroup", "0::/a\n");
  root.group2("sys/fs/cgroup/a", std::to_string(100 * kMiB), "max", 99 * kMiB, 79 * kMiB);
  CHECK(root.read().group_level == 0.2);
  root.group2("sys/fs/cgroup/a", std::to_string(100 * kMiB), "max", 5 * kMiB, 6 * kMiB);
  CHECK(root.read().group_level == 0);
}

TEST_CASE("G1 cgroup v1: the limit of the group, of its parents, and of those that are not mounted") {
  Root root;
  root.file("proc/self/cgroup", "4:cpu,cpuacct:/\n3:memory:/x/y\n");
  root.file("proc/self/mountinfo", "31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  root.group1("sys/fs/cgroup/memory/x/y", 64 * kMiB, kV1Infinite, 32 * kMiB, 16 * kMiB);
  CHECK(root.read().limit == 64 * kMiB);
  CHECK(root.read().group_level == 0.25);
  root.group1("sys/fs/cgroup/memory/x", 48 * kMiB, 48 * kMiB, 36 * kMiB);
  CHECK(root.read().limit == 48 * kMiB);
  CHECK(root.read().group_level == 0.75);
  root.group1("sys/fs/cgroup/memory/x/y", kV1Infinite, 40 * kMiB, 30 * kMiB);
  CHECK(root.read().limit == 40 * kMiB);
}

TEST_CASE("G1 hybrid: memory is governed by v1, and v2 has no say") {
  Root root;
  root.file("proc/self/cgroup", "4:memory:/job\n0::/job\n");
  root.file("proc/self/mountinfo",
            "31 23 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
            "32 23 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  root.group1("sys/fs/cgroup/memory/job", 64 * kMiB, 64 * kMiB, 32 * kMiB);
  root.file("sys/fs/cgroup/unified/job/cgroup.procs", "1\n");
  CHECK(root.read().limit == 64 * kMiB);
}

TEST_CASE("G1 in a container the mount shows only the own part of the hierarchy") {
  Root root;
  root.file("proc/self/cgroup", "3:memory:/docker/4711\n");
  root.file("proc/self/mountinfo",
            "31 23 0:27 /docker/4711 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
  root.group1("sys/fs/cgroup/memory", 64 * kMiB, 64 * kMiB, 32 * kMiB);
  CHECK(root.read().limit == 64 * kMiB);

  Root other;  // a separate namespace, entered from outside
  other.file("proc/self/cgroup", "0::/../../job\n");
  other.group2("sys/fs/cgroup", std::to_string(64 * kMiB), "max", kMiB);
  CHECK(other.read().limit == 64 * kMiB);
}

TEST_CASE("G1 without a cgroup the machine is the limit; without either there is none") {
  Root root;
  MemoryReading reading = root.read();
  CHECK_FALSE(reading.limit);
  CHECK(reading.machine == 16384000ULL * 1024);
  CHECK(reading.found_limit() == reading.machine);
  CHECK(reading.resident == 2560ULL * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));

  pipec::test::TempDir empty;
  reading = MemoryReader(empty.path()).read();
  CHECK_FALSE(reading.found_limit());
  CHECK_FALSE(reading.resident);
  CHECK(reading.group_level == 0);
  pipec::runtime::Governor governor({}, 1 << 20, empty.path());
  CHECK(governor.limit() == 0);
  CHECK(governor.start());
  for (int i = 0; i < 100; ++i) CHECK_FALSE(governor.tick({.now = i * 0.05, .tracked = 1 << 30}).held);
}

TEST_CASE("G1 zero, garbage, max and missing files are no limit") {
  for (const std::string max : {"0", "max", "", "nan", "-1", "99999999999999999999999999", "x"}) {
    Root root;
    root.file("proc/self/cgroup", "0::/a\n");
    root.group2("sys/fs/cgroup/a", max, "max", 5 * kMiB);
    INFO(max);
    CHECK_FALSE(root.read().limit);
    CHECK(root.read().group_level == 0);
  }
  Root root;
  root.file("proc/self/cgroup", "nonsense\n0::/gone/away\n5:memory\n");
  root.file("proc/self/mountinfo", "1 2 3\n - \n\n4 5 6 7 8 - cgroup2\n");
  root.file("proc/self/statm", "");
  root.file("proc/meminfo", "MemTotal: 0 kB\n");
  CHECK_FALSE(root.read().found_limit());
}

TEST_CASE("G1 pressure stalls are read as a gauge, of the group or of the machine") {
  Root root;
  root.file("proc/self/cgroup", "0::/a\n");
  CHECK(root.read().stalled == 0);
  root.file("proc/pressure/memory", "some avg10=12.50 avg60=1.00 avg300=0.00 total=5\nfull avg10=3.00\n");
  CHECK(root.read().stalled == 0.125);
  root.group2("sys/fs/cgroup/a", "max", "max", 1);
  root.file("sys/fs/cgroup/a/memory.pressure", "some avg10=50.00 avg60=1.00 avg300=0.00 total=5\n");
  CHECK(root.read().stalled == 0.5);
  root.file("sys/fs/cgroup/a/memory.pressure", "some avg10=nan\n");
  CHECK(root.read().stalled == 0);
}

TEST_CASE(
    "G1 pressure is the worst of tracked bytes, the process and the cgroup, over the limit with headroom") {
  Root root;
  root.file("proc/self/cgroup", "0::/a\n");
  root.group2("sys/fs/cgroup/a", std::to_string(100 * kMiB), "max", 34 * kMiB);
  pipec::runtime::Governor governor({}, 8 * kMiB, root.path_());
  CHECK(governor.limit() == 85 * kMiB);
  governor.tick({.tracked = 17 * kMiB});
  CHECK(near(governor.level(), 0.4));  // the cgroup
  governor.tick({.tracked = 51 * kMiB});
  CHECK(near(governor.level(), 0.6));  // tracked
  root.file("proc/self/statm", "90000 17408 300 5 0 123 0\n");
  governor.tick({.tracked = 51 * kMiB});
  CHECK(near(governor.level(), 17408.0 * static_cast<double>(sysconf(_SC_PAGESIZE)) / (85.0 * kMiB)));
  CHECK(governor.readings().size() == 4);
}

TEST_CASE("G1 a configured limit overrides the cgroup's, and one below the process's own size is rejected") {
  Root root;
  root.file("proc/self/cgroup", "0::/a\n");
  root.group2("sys/fs/cgroup/a", std::to_string(100 * kMiB), "max", 34 * kMiB);
  pipec::runtime::GovernSettings settings;
  settings.memory = 40 * kMiB;
  pipec::runtime::Governor governor(settings, 8 * kMiB, root.path_());
  CHECK(governor.limit() == 34 * kMiB);
  CHECK(governor.start());

  settings.memory = 1;
  pipec::runtime::Governor tiny(settings, 8 * kMiB, root.path_());
  const pipec::runtime::Status refused = tiny.start();
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == "govern");
  CHECK(refused.error().message.find("the process takes 10.0 MiB") != std::string::npos);
}
