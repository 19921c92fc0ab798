#include "graph/watchdog.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace pipec::graph {

std::chrono::milliseconds Watchdog::interval() const {
  const std::chrono::milliseconds notice = shared_.options.stall_notice;
  if (notice.count() <= 0) return std::chrono::milliseconds(0);
  return std::clamp(notice / 10, std::chrono::milliseconds(1), std::chrono::milliseconds(1000));
}

void Watchdog::look() {
  const Time now = shared_.options.clock->steady_now();
  const std::uint64_t finished = ledger_.finished();
  const std::uint64_t in_flight = ledger_.in_flight();
  if (moved_ == Time() || finished != finished_ || in_flight == 0) {
    if (stalled_) shared_.log.line("batches finish again");
    stalled_ = false;
    finished_ = finished;
    moved_ = now;
    return;
  }
  if (stalled_ || now - moved_ < shared_.options.stall_notice) return;
  stalled_ = true;
  const std::string running = shared_.faults.running();
  shared_.log.line(
      fmt::format("no batch has finished for {} s; {} in flight; running: {}",
                  std::chrono::duration_cast<std::chrono::seconds>(now - moved_).count(), in_flight,
                  running.empty() ? "nothing: a sink waits to retry, or for acknowledgements" : running));
}

}  // namespace pipec::graph
