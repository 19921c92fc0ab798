// Tracks running foreign calls, so that a deadline error can name the call that did not return.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace pipec::graph {

class Activity {
 public:
  enum class Call : std::uint8_t {
    open,
    receive,
    read,
    process,
    route,
    write,
    snapshot,
    sync,
    commit,
    close
  };

  // Places are numbered from 0.
  explicit Activity(std::size_t places) : counts_(places * kCalls.size()) {}

  class Mark {
   public:
    Mark(Activity& activity, Call call, std::size_t place)
        : count_(activity.counts_[place * kCalls.size() + static_cast<std::size_t>(call)]) {
      count_.fetch_add(1, std::memory_order_relaxed);
    }
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;
    ~Mark() { count_.fetch_sub(1, std::memory_order_relaxed); }

   private:
    std::atomic<std::uint32_t>& count_;
  };

  // "receive() of recv file, write() of sink out"; empty: nothing is at work.
  std::string list(const std::function<std::string_view(std::size_t place)>& name) const {
    std::string text;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i].load(std::memory_order_relaxed) == 0) continue;
      if (!text.empty()) text += ", ";
      text += kCalls[i % kCalls.size()];
      text += "() of ";
      text += name(i / kCalls.size());
    }
    return text;
  }

 private:
  static constexpr std::array<std::string_view, 10> kCalls = {
      "open", "receive", "read", "process", "route", "write", "snapshot", "sync", "commit", "close"};
  std::vector<std::atomic<std::uint32_t>> counts_;
};

}  // namespace pipec::graph
