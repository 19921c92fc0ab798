// Reports for users: metrics, and reasons why the consumer is slow or does not advance.
#include <fmt/format.h>

#include <algorithm>

#include "stdlib/connectors/kafka/consumer_parts.h"

namespace pipec::stdlib::kafka {

using std::chrono::milliseconds;

namespace {

constexpr milliseconds kMeasure{50};
constexpr int kFindOffset = 5'000;  // ms
constexpr std::chrono::minutes kRemind{10};

}  // namespace

void Consumer::measure(Time now) {
  if (now - measured_ < kMeasure) return;
  measured_ = now;
  double queued = 0;
  std::int64_t partitions = 0;
  std::int64_t lag = 0;
  std::int64_t paused = 0;
  for (const auto& feed : feeds_) {
    if (!feed) continue;
    const auto in_queue = static_cast<double>(rd_kafka_queue_length(feed->queue.get()));
    queued += in_queue * (feed->expected_bytes() + kFetchedCost);
    queued += static_cast<double>(feed->waiting_bytes + feed->waiting.size() * kFetchedCost);
    ++partitions;
    if (feed->paused) ++paused;
    // As of the last fetch; sends no request.
    std::int64_t low = 0;
    std::int64_t high = 0;
    const auto code =
        rd_kafka_get_watermark_offsets(client_.get(), feed->topic.c_str(), feed->number, &low, &high);
    const auto at = std::max(static_cast<std::int64_t>(feed->position), low);
    if (!code && high > at) lag += high - at;
  }
  figures_.queued = static_cast<std::size_t>(queued);
  figures_.partitions = partitions;
  figures_.lag = lag;
  figures_.paused = paused;
}

std::vector<runtime::Gauge> Consumer::gauges() const {
  const auto number = [](const auto& value) { return static_cast<double>(value.load()); };
  return {{"partitions", number(figures_.partitions)},
          {"partitions_paused", number(figures_.paused)},
          {"partition_limited", number(figures_.limited)},
          {"lag_records", number(figures_.lag)},
          {"prefetched_bytes", number(figures_.queued)}};
}

// K8: more members than partitions. Only the user can change this, so it is reported without further action.
void Consumer::report_idle(Time now) {
  const bool idle =
      std::none_of(feeds_.begin(), feeds_.end(), [](const auto& feed) { return feed != nullptr; });
  if (!assigned_once_ || !idle || rebalancing_) {
    without_since_.reset();
    figures_.limited = false;
    return;
  }
  if (!without_since_) without_since_ = now;
  if (now - *without_since_ < options_.idle_after) return;
  figures_.limited = true;
  if (told_idle_ && now - *told_idle_ < kRemind) return;
  told_idle_ = now;
  say(
      fmt::format("kafka: this process has no partition: group '{}' has more members than {} has partitions; "
                  "more processes will not make it faster, more partitions may",
                  options_.settings.group, options_.topics.size() == 1 ? options_.topics[0] : "its topics"));
}

// Fault K11: the number of lost records.
std::string Consumer::gap(const char* topic, std::int32_t partition) const {
  std::int64_t low = RD_KAFKA_OFFSET_BEGINNING;
  std::int64_t high = RD_KAFKA_OFFSET_END;
  auto code = find_offset(client_.get(), topic, partition, kFindOffset, low);
  if (!code) code = find_offset(client_.get(), topic, partition, kFindOffset, high);
  std::uint64_t wanted = 0;
  for (const auto& feed : feeds_) {
    if (feed && feed->topic == topic && feed->number == partition) wanted = feed->position;
  }
  if (code) return fmt::format("{}: position {} does not exist", name_of(topic, partition), wanted);
  if (static_cast<std::int64_t>(wanted) > high) {
    return fmt::format(
        "{}: position {} is past the end ({}): the topic was recreated or truncated; --from-start reads it "
        "again",
        name_of(topic, partition), wanted, high);
  }
  if (static_cast<std::int64_t>(wanted) >= low) {
    return fmt::format(
        "{}: the broker refused position {}, which is between its first offset ({}) and its end offset ({}); "
        "run again",
        name_of(topic, partition), wanted, low, high);
  }
  return fmt::format(
      "{}: the records {} to {} were deleted before they were read (retention overtook this group); the "
      "partition "
      "now begins at {}. Nothing is skipped silently: set the group's offset, or use another group, to "
      "continue",
      name_of(topic, partition), wanted, low - 1, low);
}

}  // namespace pipec::stdlib::kafka
