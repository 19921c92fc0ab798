// One topic's partitions, as one producer client uses them: chooses the partition of a record, and makes sure
// that the first request to each partition is sent alone.
//
// Up to five requests to a partition are in flight. If an earlier one is rejected and a later one accepted,
// the broker notices by the sequence numbers, and nothing is lost or reordered. But a broker that does not
// know the producer in this partition accepts any number as the first. The request rejected before it is then
// out of order, and librdkafka assumes that it was written. So until a partition has answered with an offset,
// at most one record is in flight to it:
//
//   fresh -> asked, by the record that is let through -> answered, by its offset, or fresh again
//
// As librdkafka's partitioner, this class sees a record's partition before the record is queued, so the
// caller can delay the record if needed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "stdlib/connectors/kafka/handles.h"
#include "stdlib/connectors/kafka/properties.h"

namespace pipec::stdlib::kafka {

class TopicPartitions {
 public:
  // `partitioner`: one of librdkafka's names. `stickiness`: how long records without a key go to one
  // partition, so that they fill requests; for partitioners that choose at random for them.
  TopicPartitions(std::string_view partitioner, std::chrono::milliseconds stickiness);
  TopicPartitions(const TopicPartitions&) = delete;
  TopicPartitions& operator=(const TopicPartitions&) = delete;

  // Creates a topic handle of the client that sends the records. This object must outlive the client.
  runtime::Result<Topic> make_handle(rd_kafka_t* client, const std::string& name);
  static TopicPartitions& of(const rd_kafka_topic_t* topic) {
    return *static_cast<TopicPartitions*>(rd_kafka_topic_opaque(topic));
  }

  // Around a call of rd_kafka_produceva() on this thread.
  class Sending {
   public:
    Sending();
    ~Sending();
    Sending(const Sending&) = delete;
    Sending& operator=(const Sending&) = delete;
    // The record was not accepted because its partition has not answered yet: the call failed and must be
    // repeated after a report.
    bool held() const { return held_; }

   private:
    friend class TopicPartitions;
    bool held_ = false;
  };

  // Processes a record's delivery report. False: the record is reported as written but may not be, since the
  // report has no offset and the partition has never returned one.
  bool report(const rd_kafka_message_t& message);

 private:
  enum class State : std::uint8_t { fresh, asked, answered };
  using Choice = std::int32_t (*)(const rd_kafka_topic_t*, const void*, std::size_t, std::int32_t, void*,
                                  void*);
  using Clock = std::chrono::steady_clock;
  struct Kind {
    std::string_view name;
    Choice choice;
    bool keyless_stay;  // records without a key stay at a partition
    bool empty_stay;    // those with an empty one, too
  };

  static const Kind& kind_of(std::string_view partitioner);
  static std::int32_t choose(const rd_kafka_topic_t* topic, const void* key, std::size_t key_size,
                             std::int32_t count, void* self, void* slot);
  std::int32_t stay(const rd_kafka_topic_t* topic, std::int32_t count);
  State& state(std::int32_t partition);

  const Kind& kind_;
  const std::chrono::milliseconds stickiness_;
  std::mutex mutex_;
  std::vector<State> states_;
  std::vector<bool> known_;    // those that have answered, for the thread of the reports
  std::int32_t current_ = -1;  // where records without a key go
  Clock::time_point since_;
};

}  // namespace pipec::stdlib::kafka
