// The amount that librdkafka may hold, in its own terms. It stops fetching a partition when one of two limits
// is exceeded: bytes of payload, or messages, each of which costs another few hundred bytes. Together they
// stay within the memory reserved for them.
//
//   memory = partitions x (queued_bytes + queued_messages x kFetchedCost + one fetch's overshoot) + one
//   response
//
// Before librdkafka 2.2 a partition that passed a limit is not fetched for a second, so that for full speed a
// second of data has to fit; later ones look again after 10 ms.
#pragma once

#include <cstddef>

namespace pipec::stdlib::kafka {

// Bytes of memory for a message that waits to be read or sent, not counting payload and key (measured with
// 2.0.2: 332 and 185).
inline constexpr std::size_t kFetchedCost = 352;
inline constexpr std::size_t kProducedCost = 224;

// The memory that a consumer or a producer may use if nothing else limits it.
std::size_t default_prefetch();
inline constexpr std::size_t kMostProduced = std::size_t{128} << 20;
inline constexpr std::size_t kLeastProduced = std::size_t{4} << 20;

// All members: bytes, but for the count of messages.
struct Prefetch {
  std::size_t queued_bytes = 0;     // queued.max.messages.kbytes, of one partition
  std::size_t queued_messages = 0;  // queued.min.messages, of one partition
  std::size_t fetch_partition = 0;  // fetch.message.max.bytes
  std::size_t fetch_response = 0;   // fetch.max.bytes

  // The most memory that all of it may use for uncompressed records of this size. A single producer batch
  // larger than fetch_partition is added to that, since it is fetched whole.
  std::size_t bound(std::size_t partitions, std::size_t record_bytes) const;
};

// `memory`: for all partitions together. There is a floor, below which nothing would flow: 128 KiB for each
// partition, and 1 MiB.
Prefetch prefetch_of(std::size_t memory, std::size_t partitions);

// A producer's queue limits: payload bytes and messages.
struct ProduceQueue {
  std::size_t bytes = 0;
  std::size_t messages = 0;
};
ProduceQueue produce_queue_of(std::size_t memory);

}  // namespace pipec::stdlib::kafka
