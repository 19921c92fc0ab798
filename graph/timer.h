// One thread for what happens later: retries, the ticker, commits of a source that went quiet.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>

namespace pipec::graph {

class Timer {
 public:
  using Task = std::function<void()>;

  void after(std::chrono::milliseconds delay, Task task);
  // Until stop(). interval > 0.
  void every(std::chrono::milliseconds interval, Task task);
  // On shutdown: runs pending one-shot timers immediately, and later ones as soon as they are added, since
  // retries need not wait any more.
  void hurry();
  void stop();
  // The thread's body. Returns after stop(); a running task is finished, pending ones are dropped.
  void run();

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Entry {
    Task task;
    std::chrono::milliseconds interval{0};  // 0: once
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Time, Entry> entries_;
  bool hurried_ = false;
  bool stopped_ = false;
};

}  // namespace pipec::graph
