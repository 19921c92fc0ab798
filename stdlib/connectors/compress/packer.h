// Compresses texts on other threads, each into its own frame, and returns the frames in the order of the
// texts. All packers of the process share the threads and the compressors (PackingPool).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "pipec/runtime/error.h"
#include "stdlib/connectors/compress/compressor.h"
#include "stdlib/connectors/compress/packing_pool.h"

namespace pipec::stdlib {

struct OutputFile;

// put() and take() may be used by one thread at a time.
class Packer {
 public:
  explicit Packer(const Packing& packing);
  ~Packer();
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;

  // Before the first put(): the most texts in progress, not counting the one passed to put().
  void keep_jobs(std::size_t most) { most_jobs_ = most; }
  std::size_t most_jobs() const { return most_jobs_; }

  struct Frame {
    OutputFile* file = nullptr;
    std::string bytes;
  };
  // Before put(): true if the limit is reached, so that take() must come first.
  bool full() const { return jobs_.size() > most_jobs_; }
  void put(OutputFile* file, std::string text);
  // The oldest frame; null if none is in progress or, without `wait`, if it is not done yet.
  runtime::Result<std::optional<Frame>> take(bool wait);
  // An empty string with capacity for the next text, reused if possible. Fresh memory for every text and
  // frame would cost page faults.
  std::string room();
  void reuse(std::string&& room);

  // Any thread.
  std::size_t held_bytes() const { return held_.load(std::memory_order_relaxed); }

 private:
  friend class PackingPool;
  struct Job : PackingPool::Job {
    OutputFile* file = nullptr;
    std::string text;
    std::string frame;
    runtime::Status status;
    bool done = false;
  };
  // Called on a thread of the pool. `failed`: why there is no compressor.
  void work(Job& job, Compressor* compressor, const char* failed) noexcept;
  std::string take_room();
  void keep_room(std::string&& room);

  const Packing packing_;
  const std::shared_ptr<PackingPool> pool_;
  std::size_t most_jobs_;
  std::atomic<std::size_t> held_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;  // elements stay where they are
  std::vector<std::string> rooms_;
};

}  // namespace pipec::stdlib
