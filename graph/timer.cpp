#include "graph/timer.h"

#include <utility>
#include <vector>

namespace pipec::graph {

void Timer::after(std::chrono::milliseconds delay, Task task) {
  const std::lock_guard lock(mutex_);
  const Time due = std::chrono::steady_clock::now() + (hurried_ ? std::chrono::milliseconds(0) : delay);
  entries_.emplace(due, Entry{std::move(task), {}});
  changed_.notify_one();
}

void Timer::every(std::chrono::milliseconds interval, Task task) {
  const std::lock_guard lock(mutex_);
  entries_.emplace(std::chrono::steady_clock::now() + interval, Entry{std::move(task), interval});
  changed_.notify_one();
}

void Timer::hurry() {
  const std::lock_guard lock(mutex_);
  hurried_ = true;
  std::vector<Entry> once;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (entry->second.interval.count() > 0) {
      ++entry;
    } else {
      once.push_back(std::move(entry->second));
      entry = entries_.erase(entry);
    }
  }
  for (Entry& entry : once) entries_.emplace(Time{}, std::move(entry));
  changed_.notify_one();
}

void Timer::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  changed_.notify_one();
}

void Timer::run() {
  std::unique_lock lock(mutex_);
  while (!stopped_) {
    if (entries_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const Time due = entries_.begin()->first;
    const Time now = std::chrono::steady_clock::now();
    if (now < due) {
      changed_.wait_until(lock, due);
      continue;
    }
    Entry entry = std::move(entries_.extract(entries_.begin()).mapped());
    lock.unlock();
    entry.task();
    lock.lock();
    // Late ticks are not made up for.
    if (entry.interval.count() > 0) {
      const Time next = std::chrono::steady_clock::now() + entry.interval;
      entries_.emplace(next, std::move(entry));
    }
  }
}

}  // namespace pipec::graph
