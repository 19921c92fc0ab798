// The progress bar of a run over finite input.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "compiler/pipec/console.h"
#include "pipec/graph/pipeline.h"

namespace pipec::cli {

// One line of at most `width` cells: the least important parts are left out where it is narrow. `elapsed` in
// seconds.
std::string progress_line(const graph::Progress& progress, double elapsed, unsigned width);

// Redraws a few times a second from its own thread, from construction to destruction, and takes the bar away
// then. Draws nothing while the size of the input is not known, nor in the first moments of a run.
class ProgressBar {
 public:
  ProgressBar(Console& console, std::function<graph::Progress()> sample);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

 private:
  void draw_until_stopped();

  Console& console_;
  std::function<graph::Progress()> sample_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace pipec::cli
