#include "compiler/pipec/summary.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>

#include "compiler/pipec/units.h"

namespace pipec::cli {

std::string summary_line(const graph::Summary& summary) {
  std::string line = fmt::format("{} in, {} out, {} filtered, {}", count_text(summary.records_in, "record"),
                                 count_text(summary.records_out), count_text(summary.records_filtered),
                                 count_text(summary.dead_letters, "dead letter"));
  if (summary.errors > summary.dead_letters) {
    line += fmt::format(", {} skipped", count_text(summary.errors - summary.dead_letters));
  }
  const double seconds = std::chrono::duration<double>(summary.elapsed).count();
  line += fmt::format("; {} in {}", bytes_text(static_cast<double>(summary.bytes_in)), seconds_text(seconds));
  if (seconds > 0) {
    line += fmt::format(
        " ({}/s, {} records/s)", bytes_text(static_cast<double>(summary.bytes_in) / seconds),
        count_text(static_cast<std::uint64_t>(static_cast<double>(summary.records_in) / seconds)));
  }
  if (summary.pauses > 0) {
    line +=
        fmt::format("; held back {} for {}, with a budget of at least {}", count_text(summary.pauses, "time"),
                    seconds_text(std::chrono::duration<double>(summary.held).count()),
                    bytes_text(static_cast<double>(summary.least_budget)));
  }
  return line;
}

std::string progress_report(const graph::Progress& progress) {
  std::string line = fmt::format(
      "{} in, {} out, {}; {}", count_text(progress.records_in, "record"), count_text(progress.records_out),
      count_text(progress.dead_letters, "dead letter"), bytes_text(static_cast<double>(progress.bytes_in)));
  if (progress.total_bytes) line += " of " + bytes_text(static_cast<double>(*progress.total_bytes));
  return line;
}

std::string peak_memory() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return bytes_text(static_cast<double>(usage.ru_maxrss) * 1024);
}

void report_failure(Console& console, const std::string& pipeline, const graph::Outcome& outcome) {
  const runtime::Error& error = *outcome.error;
  // The message often begins with the node: do not repeat it.
  const bool named = error.node.empty() || error.message.starts_with(error.node);
  console.error(pipeline + (named ? "" : error.node + ": ") + error.message);
  if (!error.place.empty()) console.line("  --> " + error.place);
  if (outcome.committed.empty()) console.line("  = nothing was committed");
  for (const graph::Watermark& mark : outcome.committed) console.line("  = committed: " + mark.to_string());
}

}  // namespace pipec::cli
