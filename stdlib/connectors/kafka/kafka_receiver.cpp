// recv kafka: the options, and the engine's calls on their way to the consumer.
#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "stdlib/connectors/connectors.h"
#include "stdlib/connectors/kafka/consumer.h"
#include "stdlib/connectors/kafka/sink_options.h"
#include "stdlib/connectors/kafka/topics.h"
#include "stdlib/connectors/kafka/transaction.h"

namespace pipec::stdlib {

namespace {

using kafka::Consumer;
using kafka::ConsumerOptions;
using kafka::Transaction;
using runtime::Block;
using runtime::Error;
using runtime::ErrorCode;
using runtime::Received;
using runtime::ReceiveLimits;
using runtime::Result;
using runtime::Status;

class KafkaReceiver final : public runtime::Receiver {
 public:
  KafkaReceiver(ConsumerOptions options, std::shared_ptr<Transaction> transaction)
      : options_(std::move(options)), transaction_(std::move(transaction)) {}

  void keep_commit_trigger(const std::function<void()>& trigger) override { options_.want_commit = trigger; }

  void keep_queue_limit(std::size_t bytes) override { queue_limit_ = bytes; }

  Status open(const runtime::StateEntries&) override {
    take_prefetch();
    // End the transaction that an earlier run left open before reading the group's positions.
    if (transaction_) {
      if (Status status = transaction_->start(); !status) return status;
    }
    options_.transactional = transaction_ != nullptr;
    {
      const std::lock_guard lock(mutex_);
      consumer_ = std::make_shared<Consumer>(options_);
      opening_ = false;
      if (interrupted_) consumer_->interrupt();
    }
    return consumer_->open();
  }
  Result<Received> receive(const ReceiveLimits& limits, Block& block) override {
    if (transaction_ && transaction_->due() && options_.want_commit) options_.want_commit();
    return consumer_->receive(limits, block);
  }
  Status commit(std::span<const runtime::PositionRange> ranges) override {
    return transaction_ ? transaction_->commit(*consumer_, ranges) : consumer_->commit(ranges);
  }
  void pause() override { consumer_->pause(true); }
  void resume() override { consumer_->pause(false); }
  void interrupt() override {
    const std::lock_guard lock(mutex_);
    interrupted_ = true;
    if (consumer_) consumer_->interrupt();
    if (transaction_ && opening_) transaction_->interrupt_start();
  }
  std::size_t queued_bytes() const override { return consumer_ ? consumer_->queued_bytes() : 0; }
  std::vector<runtime::Gauge> gauges() const override {
    return consumer_ ? consumer_->gauges() : std::vector<runtime::Gauge>();
  }
  Status close() override { return consumer_ ? consumer_->close() : Status(); }
  std::string resume_note() const override {
    return transaction_ ? fmt::format("kafka: exactly once, as {}", transaction_->id()) : std::string();
  }

 private:
  void take_prefetch() {
    if (options_.prefetch == 0) {
      options_.prefetch = kafka::default_prefetch();
      if (queue_limit_ != 0) options_.prefetch = std::min(options_.prefetch, queue_limit_);
    } else if (queue_limit_ != 0 && options_.prefetch > queue_limit_ && options_.log) {
      options_.log(fmt::format("kafka: prefetch is {} MiB, more than the {} MiB that the memory limit allows",
                               options_.prefetch >> 20, queue_limit_ >> 20));
    }
  }

  ConsumerOptions options_;
  std::size_t queue_limit_ = 0;
  const std::shared_ptr<Transaction> transaction_;
  std::mutex mutex_;  // interrupt() may be called while open() runs
  bool opening_ = true;
  bool interrupted_ = false;
  std::shared_ptr<Consumer> consumer_;
};

Result<ConsumerOptions> consumer_options(const runtime::Options& options) {
  const auto wrong = [](std::string what) { return Error::make(ErrorCode::option, std::move(what)); };
  ConsumerOptions result;
  result.settings.brokers = kafka::list_of(options.find("brokers")->value);
  if (result.settings.brokers.empty()) return wrong("'brokers' is empty");
  result.topics = kafka::topics_of(options.find("topics")->value);
  if (Status status = kafka::check_topics(result.topics); !status) return status.error();
  result.settings.group = options.string("group");
  if (result.settings.group.empty()) return wrong("'group' is empty");
  result.settings.client_id = "pipec";
  result.settings.instance = options.string("instance");
  result.settings.cooperative = options.string("assignment", "eager") == "cooperative";
  const std::int64_t prefetch = options.integer("prefetch", 0);
  if (options.given("prefetch") && prefetch < (std::int64_t{1} << 20)) {
    return wrong("'prefetch' must be at least 1MiB");
  }
  result.prefetch = static_cast<std::size_t>(prefetch);  // 0: as memory allows
  result.from_latest = options.string("start", "earliest") == "latest";
  result.stop_at_end = options.boolean("stop_at_end", false);
  if (options.string("format", "json") == "msgpack") result.format = runtime::Format::msgpack;
  Result<kafka::Properties> properties = kafka::properties_of(options, kafka::Role::consumer);
  if (!properties) return properties.error();
  result.settings.properties = std::move(*properties);
  result.settings.token_file = options.string("token_file");
  if (Status status = kafka::check_access(result.settings.properties, result.settings.token_file); !status) {
    return status.error();
  }
  return result;
}

// K9: all of it is tried on a configuration of librdkafka's, which touches nothing outside.
Status check(const runtime::Options& options) {
  Result<ConsumerOptions> checked = consumer_options(options);
  if (!checked) return checked.error();
  checked->settings.prefetch = kafka::prefetch_of(kafka::default_prefetch(), 1);
  Result<kafka::Conf> conf = kafka::consumer_conf(checked->settings);
  return conf ? Status() : Status(conf.error());
}

}  // namespace

void register_kafka_receiver(runtime::Registry& registry) {
  runtime::ReceiverSpec spec;
  spec.name = "kafka";
  spec.commits_elsewhere = true;
  spec.doc = "Reads topics of Kafka as a member of a consumer group, which keeps the positions";
  spec.options = kafka::receiver_options();
  spec.positional = 3;
  spec.check = check;
  spec.make = [](const runtime::Options& options,
                 const runtime::ConnectorContext& context) -> Result<std::unique_ptr<runtime::Receiver>> {
    Result<ConsumerOptions> made = consumer_options(options);
    if (!made) return made.error();
    made->settings.client_id = "pipec-" + context.pipeline;
    made->from_start = context.from_start;
    made->log = context.log;
    // The sinks are made first: where they take part in a transaction, so do the positions.
    auto transaction = context.shared ? context.shared->find<Transaction>("kafka.transaction") : nullptr;
    return std::unique_ptr<runtime::Receiver>(
        std::make_unique<KafkaReceiver>(std::move(*made), std::move(transaction)));
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
