#include "compiler/pipec/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "compiler/pipec/units.h"

namespace pipec::cli {
namespace {

constexpr auto kFirstDrawAfter = std::chrono::milliseconds(300);
constexpr auto kRedrawEvery = std::chrono::milliseconds(200);
constexpr unsigned kWidestBar = 30;
constexpr unsigned kNarrowestBar = 6;

}  // namespace

std::string progress_line(const graph::Progress& progress, double elapsed, unsigned width) {
  const std::uint64_t total = progress.total_bytes.value_or(0);
  const double share =
      total == 0 ? 0 : std::min(1.0, static_cast<double>(progress.bytes_in) / static_cast<double>(total));
  const double rate = elapsed > 0 ? static_cast<double>(progress.bytes_in) / elapsed : 0;

  std::string line = fmt::format("{:3.0f} %", share * 100);
  // The last column stays free: a full line makes some terminals wrap.
  const std::size_t room = width > 0 ? width - 1 : 0;
  if (line.size() > room) return {};
  const auto append = [&](const std::string& part) {
    if (line.size() + 2 + part.size() > room) return false;
    line += "  " + part;
    return true;
  };
  append(bytes_text(static_cast<double>(progress.bytes_in)) + " of " +
         bytes_text(static_cast<double>(total)));
  append(bytes_text(rate) + "/s");
  if (rate > 0 && progress.bytes_in < total) {
    append(seconds_text(std::max(1.0, static_cast<double>(total - progress.bytes_in) / rate)) + " left");
  }
  if (progress.dead_letters > 0) append(count_text(progress.dead_letters, "dead letter"));

  if (room < line.size() + 2 + 2 + kNarrowestBar) return line;
  const auto cells = std::min<std::size_t>(kWidestBar, room - line.size() - 4);
  const auto full = static_cast<std::size_t>(share * static_cast<double>(cells));
  return "[" + std::string(full, '#') + std::string(cells - full, '.') + "] " + line;
}

ProgressBar::ProgressBar(Console& console, std::function<graph::Progress()> sample)
    : console_(console), sample_(std::move(sample)), thread_([this] { draw_until_stopped(); }) {}

ProgressBar::~ProgressBar() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stop_.notify_one();
  thread_.join();
  console_.bar({});
}

void ProgressBar::draw_until_stopped() {
  std::unique_lock lock(mutex_);
  auto wait = kFirstDrawAfter;
  while (!stop_.wait_for(lock, wait, [this] { return stopped_; })) {
    wait = kRedrawEvery;
    const graph::Progress progress = sample_();
    if (!progress.total_bytes || *progress.total_bytes == 0) continue;
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - began_;
    console_.bar(progress_line(progress, elapsed.count(), console_.width()));
  }
}

}  // namespace pipec::cli
