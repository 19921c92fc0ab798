// The memory limit that the pipelines of one process share, and how much of it each uses (G12). Budget,
// profile and hysteresis stay per pipeline (Governor). Thread-safe.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace pipec::runtime {

namespace governor {
class MemoryReader;
struct MemoryReading;
}  // namespace governor

class SharedGovernor {
 public:
  // The limit is the smallest that `memory` and the members request; if none does (0), the cgroup's, else the
  // machine's. `root`: the directory that contains /proc and /sys.
  explicit SharedGovernor(std::size_t memory = 0, const std::string& root = "");
  ~SharedGovernor();
  SharedGovernor(const SharedGovernor&) = delete;
  SharedGovernor& operator=(const SharedGovernor&) = delete;

  // How the pipelines divide the shared memory.
  struct Shape {
    std::size_t memory = 0;  // the limit it requests; 0: none
    std::size_t threads = 1;
    std::size_t receivers = 1;
    std::size_t sinks = 1;
  };
  // One pipeline's use, as of its last round. Its engine writes, the others read.
  class Member {
   public:
    explicit Member(const Shape& of) : shape(of) {}
    const Shape shape;
    std::atomic<std::size_t> tracked{0};  // bytes in its buffers and in its connectors' queues
    std::atomic<std::size_t> queued{0};   // of them, those in its receivers' queues
    std::atomic<std::uint64_t> in_flight{0};
  };
  // Belongs to the pipelines until the pointer is released.
  std::shared_ptr<Member> join(const Shape& shape);

  // Sums over all members. `shape.memory` is the smallest requested limit.
  struct Sums {
    std::size_t members = 0;
    Shape shape{0, 0, 0, 0};
    std::size_t tracked = 0;
    std::size_t queued = 0;
    std::uint64_t in_flight = 0;
  };
  Sums sums() const;
  // The limit before its headroom is taken off; 0: none is known.
  std::size_t memory() const;
  // A reading that may be some milliseconds old; `fresh`: not.
  governor::MemoryReading read(bool fresh = false);
  // Returns memory that the allocator keeps to the system, unless that was done a moment ago: it takes some
  // milliseconds, during which other threads wait.
  void return_memory();

 private:
  const std::size_t memory_;
  mutable std::mutex mutex_;  // over the members and the last reading
  std::unique_ptr<governor::MemoryReader> reader_;
  std::unique_ptr<governor::MemoryReading> reading_;
  std::int64_t read_at_ = 0;  // steady nanoseconds
  std::mutex returning_;
  std::int64_t return_next_ = 0;  // not before then
  mutable std::vector<std::weak_ptr<Member>> members_;
};

}  // namespace pipec::runtime
