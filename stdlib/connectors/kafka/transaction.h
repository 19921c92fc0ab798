// Exactly once (K6): the records that the sinks of one pipeline send, their dead letters and their source
// positions commit in one transaction. The engine requests a commit only if it has received nothing after it,
// so a transaction holds exactly the outputs of its positions.
//
//    sinks write -> begin, send ... -> engine: all reports in -> commit: send positions, commit
//                                 \-> failure, or partitions were lost -> abort, rewind, retry
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

#include "pipec/runtime/connector.h"
#include "stdlib/connectors/kafka/consumer.h"
#include "stdlib/connectors/kafka/producer.h"

namespace pipec::stdlib::kafka {

class Transaction {
 public:
  Transaction(ProducerSettings settings, std::function<void(const std::string&)> log);

  void keep_memory(std::size_t bytes) { settings_.memory = bytes; }
  // Called from the sinks' open(): the id of an earlier run, so that a transaction it left open is ended
  // immediately.
  void propose_id(const std::string& id);
  // After them, from the receiver's open(): fences a process of the same id and ends its transaction.
  runtime::Status start();
  // Any thread: a start() that waits for the brokers fails soon.
  void interrupt_start() { interrupted_ = true; }
  const std::string& id() const { return settings_.transactional_id; }

  // Before sending. False: this transaction will be aborted, nothing need be sent.
  runtime::Result<bool> take_part();
  // Some of its records did not arrive: it will be aborted, and its records are delivered again.
  void spoil(runtime::Error reason);
  Producer& producer() { return *producer_; }

  // It should end before the commit interval is over: it will be aborted anyway, or the broker would abort it
  // soon.
  bool due() const;
  // Null error: committed. kRewound: aborted, everything is delivered again.
  runtime::Status commit(Consumer& consumer, std::span<const runtime::PositionRange> ranges);

 private:
  runtime::Status initialise();
  runtime::Status abort_and_rewind(Consumer& consumer, const std::string& reason);
  runtime::Status abort();
  // Null: done. Retriable errors are retried until `patience` is over.
  KafkaError attempt(const std::function<rd_kafka_error_t*()>& call);
  runtime::Error terminal(const char* what, const rd_kafka_error_t* failed);

  ProducerSettings settings_;
  const std::function<void(const std::string&)> log_;
  std::shared_ptr<Producer> producer_;
  std::atomic<bool> interrupted_{false};
  mutable std::mutex mutex_;
  bool open_ = false;
  std::chrono::steady_clock::time_point begun_;
  std::chrono::milliseconds longest_{0};  // half of transaction.timeout.ms
  std::optional<runtime::Error> spoilt_;
  unsigned aborted_in_a_row_ = 0;
};

}  // namespace pipec::stdlib::kafka
