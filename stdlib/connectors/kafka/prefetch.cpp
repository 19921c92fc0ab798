#include "stdlib/connectors/kafka/prefetch.h"

#include <librdkafka/rdkafka.h>

#include <algorithm>

namespace pipec::stdlib::kafka {

namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = kKiB * kKiB;
constexpr int kHasFetchBackoff = 0x020200ff;

}  // namespace

std::size_t default_prefetch() {
  return (rd_kafka_version() < kHasFetchBackoff ? 256 : 64) * kMiB;
}

Prefetch prefetch_of(std::size_t memory, std::size_t partitions) {
  const std::size_t each = std::max(memory / std::max<std::size_t>(partitions, 1), 128 * kKiB);
  Prefetch result;
  // Small, since a fetch of tiny records is many messages beyond the limit.
  result.fetch_partition = std::clamp(each / 80, 8 * kKiB, kMiB);
  // librdkafka itself never asks for less than a message's largest size, 1 MB.
  result.fetch_response = std::clamp(memory / 8, kMiB, 50 * kMiB);
  result.queued_bytes = each / 2 - result.fetch_partition;
  result.queued_messages = each / 2 / kFetchedCost;
  return result;
}

std::size_t Prefetch::bound(std::size_t partitions, std::size_t record_bytes) const {
  // The limits are checked before a fetch, which then adds one more response.
  constexpr std::size_t kOnTheWire = 8;  // the minimum per record in addition to key and payload
  const std::size_t size = std::max<std::size_t>(record_bytes, 1);
  const std::size_t waiting = std::min(queued_messages, queued_bytes / size);
  const std::size_t more = fetch_partition / (size + kOnTheWire) + 1;
  return partitions * (waiting + more) * (size + kFetchedCost) + fetch_response;
}

ProduceQueue produce_queue_of(std::size_t memory) {
  memory = std::clamp(memory, kLeastProduced, kMostProduced);
  return {memory / 2, memory / 2 / kProducedCost};
}

}  // namespace pipec::stdlib::kafka
