// One idempotent producer and the thread that serves its delivery reports. A batch of records counts as sent
// when each of them has its report (K5). Shared by the sinks of a pipeline that are configured alike.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/stage.h"
#include "stdlib/connectors/kafka/client_log.h"
#include "stdlib/connectors/kafka/properties.h"
#include "stdlib/connectors/kafka/send_policy.h"
#include "stdlib/connectors/kafka/topic_partitions.h"

namespace pipec::stdlib::kafka {

// The broker or the client permanently rejects this record: a dead letter, not a failure.
bool is_data_error(rd_kafka_resp_err_t code);

class Producer {
 public:
  struct Letter {
    std::uint32_t origin;
    std::string reason;
  };
  // How a batch ended: an error of the whole batch, or the rejected records.
  using Ended = std::function<void(runtime::Status, std::vector<Letter>)>;
  struct Record {
    rd_kafka_topic_t* topic;  // of know()
    std::string_view payload;
    bool has_payload = true;
    bool lasting = false;  // the payload stays valid until the batch has ended, so it is not copied
    std::string_view key;
    bool has_key = false;
    const runtime::Metadata* metadata = nullptr;  // headers and timestamp
  };
  class Shipment;

  explicit Producer(ProducerSettings settings);
  ~Producer();
  Producer(const Producer&) = delete;
  Producer& operator=(const Producer&) = delete;

  // Before open(): memory for what waits to be sent. Of several sinks the first one's counts.
  void keep_memory(std::size_t bytes);
  // Creates the client, once; the first sink to call it does.
  runtime::Status open();

  // Called before the first record for a topic: waits until its partitions are known, since a missing topic
  // would otherwise be noticed late. The handle is valid until restart().
  runtime::Result<rd_kafka_topic_t*> know(const std::string& topic);
  // `ended` is called once, when close() was called and all reports are in: by their thread, or within
  // close().
  // `queued` counts the bytes that librdkafka holds of it, rounded up while the batch is not closed.
  // At most `records` are sent.
  std::shared_ptr<Shipment> begin(std::size_t records, std::shared_ptr<std::atomic<std::size_t>> queued,
                                  Ended ended);
  // Submits one record; waits while librdkafka's queue is full, and for the first answer of the record's
  // partition if another record requested it (topic_partitions.h). On error, the record was not accepted;
  // `refused` is set if the record itself is the cause.
  runtime::Status send(Shipment& shipment, const Record& record, std::uint32_t origin, bool& refused);
  // Before close(): the batch ends with this error.
  static void fail(Shipment& shipment, runtime::Error failure);
  static void close(const std::shared_ptr<Shipment>& shipment);

  // False: interrupted.
  bool wait(std::chrono::milliseconds time);
  // Any thread. In-flight messages fail soon.
  void interrupt();

  rd_kafka_t* client() const { return client_.get(); }
  // The client's fatal error, if any ("fenced").
  std::optional<runtime::Error> fatal() const;
  std::string last_error() const { return log_.last(); }
  // Replaces the client by a new one. Nothing may be in flight.
  runtime::Status restart();

 private:
  runtime::Status start();
  void stop();
  void purge();
  void serve_reports();
  bool settle();
  void wake_reports();
  void wait_for_report(std::uint64_t seen, bool held);
  static void on_report(rd_kafka_t* client, const rd_kafka_message_t* message, void* opaque);

  // Reports arrive in runs of one batch's records, which are counted together.
  struct Settling {
    Shipment* shipment = nullptr;
    std::size_t records = 0;
    std::size_t bytes = 0;
  };

  // A topic from its first use on: the client keeps topics and their settings.
  struct KnownTopic {
    std::unique_ptr<TopicPartitions> partitions;
    Topic handle;
    bool ready = false;  // its partitions are known
  };

  ProducerSettings settings_;
  std::chrono::milliseconds stickiness_{};
  std::size_t longest_ = 0;  // payload and key that fit into the queue at all
  ClientLog log_;
  Handle client_;
  std::thread thread_;
  std::atomic<bool> ending_{false};
  std::atomic<bool> interrupted_{false};
  std::mutex client_mutex_;  // restart() replaces the client, interrupt() is called from any thread
  std::mutex mutex_;
  std::condition_variable room_;
  std::atomic<std::uint64_t> reports_{0};
  std::atomic<std::uint64_t> sent_{0};   // changes with every few records
  std::atomic<std::size_t> waiting_{0};  // bytes, rounded up
  std::atomic<bool> asleep_{false};      // the report thread found nothing in flight
  std::atomic<int> held_{0};             // threads that wait for a partition's first answer
  bool own_linger_ = true;               // linger.ms is ours
  Queue reports_queue_;
  Settling settling_;       // of the reports' thread
  SendPolicy send_policy_;  // likewise
  std::mutex topics_mutex_;
  std::map<std::string, KnownTopic, std::less<>> topics_;
};

}  // namespace pipec::stdlib::kafka
