// sink kafka: records to topics, each with its key, headers and timestamp.
#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/json.h"
#include "stdlib/connectors/connectors.h"
#include "stdlib/connectors/format_options.h"
#include "stdlib/connectors/kafka/producer.h"
#include "stdlib/connectors/kafka/sink_options.h"
#include "stdlib/connectors/kafka/transaction.h"

namespace pipec::stdlib {

namespace {

using kafka::Producer;
using kafka::Transaction;
using runtime::Batch;
using runtime::Error;
using runtime::ErrorCode;
using runtime::Record;
using runtime::Result;
using runtime::StageContext;
using runtime::Status;
using runtime::Type;
using runtime::Value;

constexpr const char* kTransactionalId = "transactional_id";

// Why a topic's name is invalid; null if it is valid.
const char* refuse_topic(std::string_view topic) {
  if (topic.empty()) return "the topic is empty";
  if (topic.size() > 249) return "the topic's name is longer than 249 characters";
  if (topic == "." || topic == "..") return "the topic cannot be '.' or '..'";
  for (const char c : topic) {
    const bool legal = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '_' || c == '-';
    if (!legal) return "the topic's name has a character that is not a letter, a digit, '.', '_' or '-'";
  }
  return nullptr;
}

class KafkaSink final : public runtime::Sink {
 public:
  KafkaSink(const runtime::Options& options, std::unique_ptr<runtime::Encoder> encoder,
            std::shared_ptr<Producer> producer, std::shared_ptr<Transaction> transaction)
      : topic_(options.program("topic")),
        encoder_(std::move(encoder)),
        producer_(std::move(producer)),
        transaction_(std::move(transaction)) {
    const runtime::Options::Item* topic = options.find("topic");
    if (topic->value.type() == Type::string) {
      runtime::Arena arena;
      constant_topic_ = std::string(runtime::decode_string(topic->value, arena));
    }
    if (const auto key = options.program("key")) key_.emplace(key);
  }

  void keep_queue_limit(std::size_t bytes) override {
    if (transaction_) {
      transaction_->keep_memory(bytes);
    } else {
      producer_->keep_memory(bytes);
    }
  }

  Status open(const runtime::StateEntries& saved) override {
    if (!transaction_) return producer_->open();
    for (const runtime::StateEntry& entry : saved) {
      if (entry.key == kTransactionalId) transaction_->propose_id(entry.value);
    }
    return {};
  }

  void keep_ahead(const std::function<Status(const runtime::StateEntries&)>& save) override {
    save_ahead_ = save;
  }

  Status write(const Batch& batch, StageContext& context) override {
    if (batch.records.empty()) return {};
    if (transaction_) {
      if (Status status = save_id(); !status) return status;
      Result<bool> part = transaction_->take_part();
      if (!part) return part.error();
      if (!*part) return {};  // aborted soon; these records are delivered again
    }
    // Before anything is sent: an unavailable broker is a retriable error here, and the whole batch is
    // retried.
    if (Status status = find_targets(batch); !status) return status;
    const std::shared_ptr<runtime::Completion> completion = context.defer();
    Waiting waiting;
    const auto shipment =
        producer().begin(batch.records.size(), queued_,
                         [completion, transaction = transaction_.get(), &waiting](
                             Status status, std::vector<Producer::Letter> letters) {
                           if (!status && transaction) {
                             if (auto fatal = transaction->producer().fatal()) {
                               status = std::move(*fatal);
                             } else {
                               transaction->spoil(std::move(status.error()));
                               status = {};
                               letters.clear();
                             }
                           }
                           if (completion) {
                             for (Producer::Letter& letter : letters) {
                               completion->dead_letter(letter.origin, std::move(letter.reason));
                             }
                             completion->done(std::move(status));
                           } else {
                             waiting.end(std::move(status), std::move(letters));
                           }
                         });
    // Submitted messages point into the batch, so always wait for their reports.
    Status status;
    try {
      status = send_all(batch, context, *shipment);
    } catch (const std::exception& thrown) {
      status = Error::make(ErrorCode::exception, thrown.what());
    }
    if (!status) Producer::fail(*shipment, std::move(status.error()));
    Producer::close(shipment);
    if (completion) return {};
    // A dead letter route, or a sink that commits: the records must be durable now.
    auto [ended, letters] = waiting.wait();
    for (const Producer::Letter& letter : letters) {
      for (const Record& record : batch.records) {
        if (record.origin != letter.origin) continue;
        context.dead_letter(record, letter.reason);
        break;
      }
    }
    return ended;
  }

  // Memory that librdkafka holds in addition to the batches.
  std::size_t queued_bytes() const override { return queued_->load(std::memory_order_relaxed); }
  void interrupt() override {
    if (producer_ || transaction_) producer().interrupt();
  }

 private:
  class Waiting {
   public:
    void end(Status status, std::vector<Producer::Letter> letters) {
      const std::lock_guard lock(mutex_);
      result_.emplace(std::move(status), std::move(letters));
      changed_.notify_all();
    }
    std::pair<Status, std::vector<Producer::Letter>> wait() {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return result_.has_value(); });
      return std::move(*result_);
    }

   private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::optional<std::pair<Status, std::vector<Producer::Letter>>> result_;
  };

  // Where a record goes, or why it cannot.
  struct Target {
    rd_kafka_topic_t* topic = nullptr;
    std::string refused;
    const runtime::Place* place = nullptr;
  };

  Producer& producer() { return transaction_ ? transaction_->producer() : *producer_; }

  // Called before the first transaction, so that a restart after a crash inside it can end it immediately.
  // Otherwise readers of committed records would wait for its timeout.
  Status save_id() {
    if (id_saved_ || !save_ahead_) return {};
    if (Status status = save_ahead_({{kTransactionalId, transaction_->id()}}); !status) return status;
    id_saved_ = true;
    return {};
  }

  // The topics of the batch's records, each known to the client.
  Status find_targets(const Batch& batch) {
    targets_.clear();
    if (constant_topic_) {
      Result<rd_kafka_topic_t*> known = producer().know(*constant_topic_);
      if (!known) return known.error();
      constant_handle_ = *known;
      return {};
    }
    targets_.reserve(batch.records.size());
    std::string topic;
    std::string last;
    for (const Record& record : batch.records) {
      Target target;
      if (topic_of(batch, record, topic, target)) {
        if (!targets_.empty() && targets_.back().topic && topic == last) {
          target.topic = targets_.back().topic;
        } else {
          Result<rd_kafka_topic_t*> known = producer().know(topic);
          if (!known) return known.error();
          target.topic = *known;
          last = topic;
        }
      }
      targets_.push_back(std::move(target));
    }
    return {};
  }

  Status send_all(const Batch& batch, StageContext& context, Producer::Shipment& shipment) {
    std::string key;
    for (std::size_t at = 0; at < batch.records.size(); ++at) {
      const Record& record = batch.records[at];
      const runtime::Metadata* metadata = batch.metadata_of(record);
      Producer::Record out;
      out.topic = constant_handle_;
      if (!constant_topic_) {
        Target& target = targets_[at];
        if (!target.topic) {
          context.dead_letter(record, std::move(target.refused), target.place);
          continue;
        }
        out.topic = target.topic;
      }
      out.metadata = metadata;
      const std::string_view nothing = record.format == runtime::Format::json ? "null" : "\xc0";
      if (metadata && metadata->null_payload && batch.payload(record) == nothing) {
        out.has_payload = false;  // a tombstone stays one, whatever the encoding
      } else {
        const runtime::Encoder::Piece piece = encoder_->payload(batch, at);
        if (piece.failed) {
          context.dead_letter(record, piece.failed);
          continue;
        }
        out.payload = piece.text;
        out.lasting = piece.text.data() == batch.payload(record).data();
      }
      if (key_) {
        if (!key_of(batch, record, context, key, out.has_key)) continue;
        out.key = key;
      } else if (metadata && metadata->key) {
        out.key = *metadata->key;
        out.has_key = true;
      }
      bool refused = false;
      Status status = producer().send(shipment, out, record.origin, refused);
      if (status) continue;
      if (!refused) return status;
      context.dead_letter(record, "rejected by Kafka: " + status.error().message);
    }
    return {};
  }

  bool topic_of(const Batch& batch, const Record& record, std::string& topic, Target& target) {
    const Value value = topic_.evaluate(batch, record);
    if (value.is_failed()) {
      target.refused = topic_.failure().reason;
      target.place = topic_.failure().place;
      return false;
    }
    if (value.type() != Type::string) {
      target.refused = fmt::format("the topic is not a string but {}", runtime::type_name(value.type()));
      return false;
    }
    topic = runtime::decode_string(value, topic_.arena());
    if (const char* reason = refuse_topic(topic)) {
      target.refused = reason;
      return false;
    }
    return true;
  }

  bool key_of(const Batch& batch, const Record& record, StageContext& context, std::string& key, bool& has) {
    const Value value = key_->evaluate(batch, record);
    if (value.is_failed()) {
      context.dead_letter(record, key_->failure().reason, key_->failure().place);
      return false;
    }
    has = !value.is_null();
    if (!has) {
      key.clear();
    } else if (value.type() == Type::string) {
      key = runtime::decode_string(value, key_->arena());
    } else if (value.type() == Type::bytes) {
      key = value.text();
    } else {
      context.dead_letter(
          record, fmt::format("the key is not a string or bytes but {}; \"${{...}}\" makes text of it",
                              runtime::type_name(value.type())));
      return false;
    }
    return true;
  }

  runtime::Evaluator topic_;
  const std::unique_ptr<runtime::Encoder> encoder_;
  std::optional<runtime::Evaluator> key_;
  std::optional<std::string> constant_topic_;
  rd_kafka_topic_t* constant_handle_ =
      nullptr;                   // for this batch: the client may be recreated between two batches
  std::vector<Target> targets_;  // of this batch's records, where the topic is not constant
  const std::shared_ptr<Producer> producer_;                        // null in a transaction
  const std::shared_ptr<Transaction> transaction_;                  // null without exactly_once
  std::function<Status(const runtime::StateEntries&)> save_ahead_;  // null: no state is kept
  bool id_saved_ = false;
  const std::shared_ptr<std::atomic<std::size_t>> queued_ = std::make_shared<std::atomic<std::size_t>>(0);
};

Result<std::unique_ptr<runtime::Sink>> make_sink(const runtime::Options& options,
                                                 const runtime::ConnectorContext& context) {
  Result<kafka::ProducerSettings> settings = kafka::producer_settings(options, context);
  if (!settings) return settings.error();
  auto encoder = make_encoder(options);
  if (!encoder) return encoder.error();
  const auto shared = context.shared ? context.shared : std::make_shared<runtime::SharedParts>();
  if (options.boolean("exactly_once", false)) {
    auto transaction = shared->find_or_make<Transaction>(
        "kafka.transaction", [&] { return std::make_shared<Transaction>(*settings, context.log); });
    return std::unique_ptr<runtime::Sink>(
        std::make_unique<KafkaSink>(options, std::move(*encoder), nullptr, std::move(transaction)));
  }
  auto producer = shared->find_or_make<Producer>("kafka.producer\n" + kafka::fingerprint(*settings),
                                                 [&] { return std::make_shared<Producer>(*settings); });
  return std::unique_ptr<runtime::Sink>(
      std::make_unique<KafkaSink>(options, std::move(*encoder), std::move(producer), nullptr));
}

Status check_topic(const runtime::Options& options) {
  const runtime::Options::Item* topic = options.find("topic");
  if (topic && topic->value.type() == Type::string) {
    runtime::Arena arena;
    if (const char* reason = refuse_topic(runtime::decode_string(topic->value, arena))) {
      return Error::make(ErrorCode::option, reason);
    }
  }
  return kafka::check_sink(options);
}

}  // namespace

void register_kafka_sink(runtime::Registry& registry) {
  runtime::SinkSpec spec;
  spec.name = "kafka";
  spec.doc = "Sends to topics of Kafka, with key, headers and timestamp; done when all replicas have it";
  spec.options = kafka::sink_options();
  spec.positional = 1;
  spec.check = check_topic;
  spec.join = kafka::join_sink;
  spec.make = make_sink;
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
