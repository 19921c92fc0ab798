#include "stdlib/connectors/kafka/producer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace pipec::stdlib::kafka {

using runtime::Error;
using runtime::Result;
using runtime::Status;

namespace {

constexpr int kServe = 100;  // milliseconds; reports wake it earlier
constexpr int kTick = 5;     // while something waits
constexpr int kFlush = 1;    // long enough for librdkafka's threads to wake
constexpr int kDrainOnEnd = 5'000;
constexpr int kMetadataCall = 1'000;
constexpr std::chrono::seconds kFindTopic{20};
constexpr std::chrono::seconds kNewTopic{3};  // brokers learn of one that was just made one after the other

}  // namespace

bool is_data_error(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
    case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
      return true;
    default:
      return false;
  }
}

// Counts the records of a batch that have no report yet; the writer holds one more until close().
class Producer::Shipment {
 public:
  Shipment(Producer& owner, std::size_t records, std::shared_ptr<std::atomic<std::size_t>> queued,
           Ended ended)
      : owner_(owner),
        ended_(std::move(ended)),
        queued_(std::move(queued)),
        records_(records),
        outstanding_(records + 1) {
    slots_.reserve(records);
  }

  // Data for a delivery report; librdkafka carries its address.
  struct Slot {
    Shipment* shipment;  // lives until its last report
    std::uint32_t origin;
    std::uint32_t bytes;  // that librdkafka holds of it
  };

  // Called before the message is submitted: its report may arrive immediately.
  Slot* add(std::uint32_t origin, std::size_t bytes) {
    if (bytes > granted_) {
      const std::size_t more = std::max(bytes - granted_, kGrant);
      queued_->fetch_add(more, std::memory_order_relaxed);
      owner_.waiting_.fetch_add(more, std::memory_order_relaxed);
      owner_.sent_.fetch_add(1, std::memory_order_relaxed);
      granted_ += more;
    }
    granted_ -= bytes;
    slots_.push_back(
        {this, origin, static_cast<std::uint32_t>(bytes)});  // never beyond the reserved capacity
    return &slots_.back();
  }
  // The message was not submitted.
  void take_back() {
    granted_ += slots_.back().bytes;
    slots_.pop_back();
  }
  Producer& owner() const { return owner_; }
  void hold(std::shared_ptr<Shipment> self) { self_ = std::move(self); }
  void refuse(std::uint32_t origin, std::string reason) {
    const std::lock_guard lock(mutex_);
    letters_.push_back({origin, std::move(reason)});
  }
  void fail(Error failure) {
    const std::lock_guard lock(mutex_);
    if (status_) status_ = std::move(failure);
  }
  void close() {
    owner_.sent_.fetch_add(1, std::memory_order_relaxed);
    settle(records_ - slots_.size() + 1, granted_);
  }
  void settle(std::size_t records, std::size_t bytes) {
    queued_->fetch_sub(bytes, std::memory_order_relaxed);
    owner_.waiting_.fetch_sub(bytes, std::memory_order_relaxed);
    if (outstanding_.fetch_sub(records, std::memory_order_acq_rel) != records) return;
    const auto keep = std::move(self_);
    ended_(std::move(status_), std::move(letters_));
  }

 private:
  static constexpr std::size_t kGrant = std::size_t{16} << 10;  // bytes counted at a time

  Producer& owner_;
  Ended ended_;
  const std::shared_ptr<std::atomic<std::size_t>> queued_;
  const std::size_t records_;
  std::size_t granted_ = 0;  // counted and not used; the writer's
  std::vector<Slot> slots_;
  std::atomic<std::size_t> outstanding_;
  std::shared_ptr<Shipment> self_;
  std::mutex mutex_;
  Status status_;
  std::vector<Letter> letters_;
};

Producer::Producer(ProducerSettings settings)
    : settings_(std::move(settings)), log_(settings_.properties, settings_.token_file) {}

void Producer::keep_memory(std::size_t bytes) {
  if (!client_) settings_.memory = bytes;
}

Status Producer::open() {
  return client_ ? Status() : start();
}

Producer::~Producer() {
  stop();
}

Status Producer::start() {
  Result<Conf> conf = producer_conf(settings_);
  if (!conf) return conf.error();
  const Result<std::chrono::milliseconds> stickiness = take_stickiness(settings_.properties, conf->get());
  if (!stickiness) return stickiness.error();
  stickiness_ = *stickiness;
  longest_ = static_cast<std::size_t>(std::stoull(effective(conf->get(), "queue.buffering.max.kbytes")))
             << 10;
  log_.attach(conf->get());
  rd_kafka_conf_set_dr_msg_cb(conf->get(), on_report);
  char text[512];
  {
    const std::lock_guard lock(client_mutex_);
    client_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf->get(), text, sizeof text));
  }
  if (!client_) return error(fmt::format("cannot create a producer: {}", log_.redacted(text)));
  static_cast<void>(conf->release());
  log_.attached(client_.get());
  ending_ = false;
  own_linger_ = keeps_linger(settings_.properties);
  send_policy_ = SendPolicy();
  reports_queue_.reset(rd_kafka_queue_get_main(client_.get()));
  thread_ = std::thread([this] { serve_reports(); });
  return {};
}

void Producer::serve_reports() {
  while (!ending_.load(std::memory_order_acquire)) {
    asleep_.store(true, std::memory_order_seq_cst);
    const bool idle = rd_kafka_outq_len(client_.get()) == 0;
    if (!idle) asleep_.store(false, std::memory_order_relaxed);
    // The one record that others wait for is sent immediately.
    const bool flush = held_.load(std::memory_order_relaxed) > 0 ||
                       (own_linger_ && send_policy_.due(std::chrono::steady_clock::now(),
                                                        sent_.load(std::memory_order_relaxed),
                                                        reports_.load(std::memory_order_relaxed),
                                                        waiting_.load(std::memory_order_relaxed)));
    if (!idle && flush) {
      rd_kafka_flush(client_.get(), kFlush);
    } else {
      rd_kafka_poll(client_.get(), idle || !own_linger_ ? kServe : kTick);
    }
    if (!settle()) continue;
    const std::lock_guard lock(mutex_);
    reports_.fetch_add(1, std::memory_order_release);
    room_.notify_all();
  }
}

// True: there were reports.
bool Producer::settle() {
  if (!settling_.shipment) return false;
  settling_.shipment->settle(settling_.records, settling_.bytes);
  settling_ = {};
  return true;
}

// librdkafka's lock on the message count orders both sides' steps: either the thread saw the message, or this
// call sees that the thread sleeps.
void Producer::wake_reports() {
  if (asleep_.load(std::memory_order_relaxed) && asleep_.exchange(false)) {
    rd_kafka_queue_yield(reports_queue_.get());
  }
}

// Destroying the client would wait for in-flight messages that are no longer needed.
void Producer::stop() {
  if (!client_) return;
  ending_.store(true, std::memory_order_release);
  // librdkafka waits for moments of the wall clock: where that was set back it would not wake in time.
  rd_kafka_queue_yield(reports_queue_.get());
  if (thread_.joinable()) thread_.join();
  rd_kafka_purge(client_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_flush(client_.get(), kDrainOnEnd);
  settle();
  reports_queue_.reset();
  const std::lock_guard lock(topics_mutex_);
  for (auto& [name, topic] : topics_) topic.handle.reset();
  Handle ended;  // its end takes a while
  {
    const std::lock_guard client_lock(client_mutex_);
    ended = std::move(client_);
  }
  ended.reset();
  topics_.clear();  // which the client used until its end
}

Status Producer::restart() {
  stop();
  return start();
}

Result<rd_kafka_topic_t*> Producer::know(const std::string& topic) {
  const std::lock_guard lock(topics_mutex_);
  KnownTopic& known = topics_[topic];
  if (known.ready) return known.handle.get();
  if (!known.handle) {
    known.partitions = std::make_unique<TopicPartitions>(settings_.partitioner, stickiness_);
    Result<Topic> made = known.partitions->make_handle(client_.get(), topic);
    if (!made) return made.error();
    known.handle = std::move(*made);
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto deadline = begin + kFindTopic;
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  for (;;) {
    const rd_kafka_metadata_t* metadata = nullptr;
    code = rd_kafka_metadata(client_.get(), 0, known.handle.get(), &metadata, kMetadataCall);
    if (!code) {
      code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
      known.ready = !code && metadata->topics[0].partition_cnt > 0;
      rd_kafka_metadata_destroy(metadata);
      if (known.ready) return known.handle.get();
    }
    if (interrupted_) return error(fmt::format("{}: interrupted", topic));
    const bool is_new = code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART &&
                        std::chrono::steady_clock::now() < begin + kNewTopic;
    if (code && !passes(code) && !is_new) {
      return error(fmt::format("cannot write to the topic {}: {}", topic, rd_kafka_err2str(code)));
    }
    const bool first =
        std::none_of(topics_.begin(), topics_.end(), [](const auto& each) { return each.second.ready; });
    if (code && first && log_.refused()) {
      return error(fmt::format("no access to {}{}", settings_.brokers, log_.last()));
    }
    // The broker is away: what waits here is not taken yet and is written later, as all else is.
    if (std::chrono::steady_clock::now() >= deadline) {
      return error(fmt::format("cannot reach the topic {}: {}{}", topic, rd_kafka_err2str(code), log_.last()),
                   true);
    }
    wait(std::chrono::milliseconds(kServe));
  }
}

bool Producer::wait(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return !room_.wait_for(lock, time, [&] { return interrupted_.load(); });
}

void Producer::interrupt() {
  interrupted_ = true;
  {
    const std::lock_guard lock(client_mutex_);
    if (client_) purge();
  }
  const std::lock_guard lock(mutex_);
  room_.notify_all();
}

void Producer::purge() {
  rd_kafka_purge(client_.get(),
                 RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
}

std::optional<Error> Producer::fatal() const {
  char text[512];
  const auto code = rd_kafka_fatal_error(client_.get(), text, sizeof text);
  if (!code) return std::nullopt;
  const bool fenced = code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
                      code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH;
  return error(
      fenced ? fmt::format("another process took over this producer's transactional_id, or a transaction was "
                           "open for longer than transaction.timeout.ms (fenced): {}",
                           log_.redacted(text))
             : log_.redacted(text));
}

std::shared_ptr<Producer::Shipment> Producer::begin(std::size_t records,
                                                    std::shared_ptr<std::atomic<std::size_t>> queued,
                                                    Ended ended) {
  auto shipment = std::make_shared<Shipment>(*this, records, std::move(queued), std::move(ended));
  shipment->hold(shipment);
  return shipment;
}

void Producer::fail(Shipment& shipment, Error failure) {
  shipment.fail(std::move(failure));
}

void Producer::close(const std::shared_ptr<Shipment>& shipment) {
  shipment->close();
}

void Producer::wait_for_report(std::uint64_t seen, bool held) {
  if (held) held_.fetch_add(1, std::memory_order_relaxed);
  {
    std::unique_lock lock(mutex_);
    room_.wait_for(lock, std::chrono::milliseconds(kServe), [&] { return reports_ != seen || interrupted_; });
  }
  if (held) held_.fetch_sub(1, std::memory_order_relaxed);
}

Status Producer::send(Shipment& shipment, const Record& record, std::uint32_t origin, bool& refused) {
  // It would wait for space forever.
  refused = record.payload.size() + record.key.size() > longest_;
  if (refused) return error(fmt::format("longer than the producer's queue of {} KiB", longest_ >> 10));
  rd_kafka_vu_t fields[7];
  std::size_t count = 0;
  const auto next = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
    fields[count].vtype = type;
    return fields[count++];
  };
  next(RD_KAFKA_VTYPE_RKT).u.rkt = record.topic;
  next(RD_KAFKA_VTYPE_MSGFLAGS).u.i = record.lasting ? 0 : RD_KAFKA_MSG_F_COPY;
  // librdkafka takes a null pointer for no payload or key, whatever the size.
  static char nothing = 0;
  const auto pointer = [](std::string_view bytes, bool has) -> void* {
    if (!has) return nullptr;
    return bytes.empty() ? &nothing : const_cast<char*>(bytes.data());
  };
  rd_kafka_vu_t& payload = next(RD_KAFKA_VTYPE_VALUE);
  payload.u.mem = {pointer(record.payload, record.has_payload), record.payload.size()};
  rd_kafka_vu_t& key = next(RD_KAFKA_VTYPE_KEY);
  key.u.mem = {pointer(record.key, record.has_key), record.key.size()};
  rd_kafka_headers_t* headers = nullptr;
  if (record.metadata) {
    if (record.metadata->timestamp) {
      next(RD_KAFKA_VTYPE_TIMESTAMP).u.i64 = *record.metadata->timestamp / 1'000'000;
    }
    if (!record.metadata->headers.empty()) {
      headers = rd_kafka_headers_new(record.metadata->headers.size());
      for (const runtime::Header& header : record.metadata->headers) {
        rd_kafka_header_add(headers, header.name.data(), static_cast<ssize_t>(header.name.size()),
                            header.value ? header.value->data() : nullptr,
                            header.value ? static_cast<ssize_t>(header.value->size()) : 0);
      }
      next(RD_KAFKA_VTYPE_HEADERS).u.headers = headers;
    }
  }
  const std::size_t copied = (record.lasting ? 0 : record.payload.size()) + record.key.size() + kProducedCost;
  next(RD_KAFKA_VTYPE_OPAQUE).u.ptr = shipment.add(origin, copied);

  for (;;) {
    const std::uint64_t seen = reports_.load(std::memory_order_acquire);
    const TopicPartitions::Sending sending;
    const KafkaError failed(rd_kafka_produceva(client_.get(), fields, count));
    if (!failed) {
      wake_reports();
      // It may have been added just after the purge, and nothing else would end it soon.
      if (interrupted_) purge();
      return {};
    }
    const rd_kafka_resp_err_t code = rd_kafka_error_code(failed.get());
    if ((code == RD_KAFKA_RESP_ERR__QUEUE_FULL || sending.held()) && !interrupted_) {
      wait_for_report(seen, sending.held());
      continue;
    }
    if (headers) rd_kafka_headers_destroy(headers);
    shipment.take_back();
    if (sending.held()) return error("interrupted while waiting for a partition's first answer");
    refused = is_data_error(code);
    return error(log_.redacted(rd_kafka_error_string(failed.get())));
  }
}

void Producer::on_report(rd_kafka_t* client, const rd_kafka_message_t* message, void*) {
  const auto& slot = *static_cast<const Shipment::Slot*>(message->_private);
  Shipment& shipment = *slot.shipment;
  Producer& self = shipment.owner();
  if (self.settling_.shipment != &shipment) self.settle();
  // Asked of each: it keeps the partitions' state.
  const bool is_certain = TopicPartitions::of(message->rkt).report(*message);
  if (message->err) {
    // Not rd_kafka_message_errstr(): for a produced message it returns the payload.
    const std::string reason = rd_kafka_err2str(message->err);
    if (is_data_error(message->err)) {
      shipment.refuse(slot.origin, "rejected by Kafka: " + reason);
    } else {
      const auto* log = static_cast<const ClientLog*>(rd_kafka_opaque(client));
      shipment.fail(
          error(fmt::format("a record for topic {} was not delivered: {}{}",
                            rd_kafka_topic_name(message->rkt), log->redacted(reason), log->last())));
    }
  } else if (!is_certain) {
    shipment.fail(
        error(fmt::format("whether a record for topic {}, partition {} was written is not known: its "
                          "request failed, a later one did not",
                          rd_kafka_topic_name(message->rkt), message->partition)));
  }
  self.settling_.shipment = &shipment;
  ++self.settling_.records;
  self.settling_.bytes += slot.bytes;
}

}  // namespace pipec::stdlib::kafka
