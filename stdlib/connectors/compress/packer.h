// Packs texts on threads of its own, each into a frame of its own, and gives the frames in the order in which
// the texts came.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "pipec/runtime/error.h"
#include "stdlib/connectors/compress/compressor.h"

namespace pipec::stdlib {

struct OutputFile;

// put() and take() are one thread's at a time.
class Packer {
 public:
  // `threads` are the most that it starts, each when there is work for it.
  Packer(const Packing& packing, unsigned threads);
  ~Packer();
  Packer(const Packer&) = delete;
  Packer& operator=(const Packer&) = delete;

  struct Frame {
    OutputFile* file = nullptr;
    std::string bytes;
  };
  // Before put(): as many are under way as may be, one has to be taken first.
  bool full() const { return jobs_.size() > most_threads_; }
  void put(OutputFile* file, std::string text);
  // The oldest frame; null where none is under way or, without `wait`, where it is not done.
  runtime::Result<std::optional<Frame>> take(bool wait);
  // For the next text: an empty string with room, where one is left over. Fresh memory for every text and
  // frame would cost page faults.
  std::string room();
  void reuse(std::string&& room);

  // Any thread.
  std::size_t held_bytes() const { return held_.load(std::memory_order_relaxed); }

 private:
  struct Job {
    OutputFile* file = nullptr;
    std::string text;
    std::string frame;
    runtime::Status status;
    bool done = false;
  };
  void work() noexcept;
  std::string take_room();
  void keep_room(std::string&& room);

  const Packing packing_;
  const unsigned most_threads_;
  std::atomic<std::size_t> held_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;      // elements stay where they are
  std::deque<Job*> waiting_;  // nobody works on them yet
  std::vector<std::string> rooms_;
  unsigned idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace pipec::stdlib
