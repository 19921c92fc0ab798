// recv kafka: the options, and the engine's calls on their way to the consumer.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "stdlib/connectors/connectors.h"
#include "stdlib/connectors/kafka/consumer.h"
#include "stdlib/connectors/kafka/sink_options.h"
#include "stdlib/connectors/kafka/transaction.h"

namespace pipec::stdlib {

namespace {

using kafka::Consumer;
using kafka::ConsumerOptions;
using kafka::Transaction;
using runtime::Block;
using runtime::Error;
using runtime::Received;
using runtime::ReceiveLimits;
using runtime::Result;
using runtime::Status;

class KafkaReceiver final : public runtime::Receiver {
 public:
  KafkaReceiver(ConsumerOptions options, std::shared_ptr<Transaction> transaction)
      : options_(std::move(options)), transaction_(std::move(transaction)) {}

  void keep_commit_trigger(const std::function<void()>& trigger) override { options_.want_commit = trigger; }

  Status open(const runtime::StateEntries&) override {
    // What an earlier run left open is ended before the group's positions are read.
    if (transaction_) {
      if (Status status = transaction_->start(); !status) return status;
    }
    options_.transactional = transaction_ != nullptr;
    consumer_ = std::make_shared<Consumer>(options_);
    return consumer_->open();
  }
  Result<Received> receive(const ReceiveLimits& limits, Block& block) override {
    return consumer_->receive(limits, block);
  }
  Status commit(std::span<const runtime::PositionRange> ranges) override {
    return transaction_ ? transaction_->commit(*consumer_, ranges) : consumer_->commit(ranges);
  }
  void pause() override { consumer_->pause(true); }
  void resume() override { consumer_->pause(false); }
  void interrupt() override {
    if (consumer_) consumer_->interrupt();
  }
  Status close() override { return consumer_ ? consumer_->close() : Status(); }
  std::string resume_note() const override {
    return transaction_ ? fmt::format("kafka: exactly once, as {}", transaction_->id()) : std::string();
  }

 private:
  ConsumerOptions options_;
  const std::shared_ptr<Transaction> transaction_;
  std::shared_ptr<Consumer> consumer_;
};

std::vector<std::string> topics_of(const runtime::Options& options) {
  std::vector<std::string> topics;
  std::string list = kafka::list_of(options.find("topics")->value);
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    if (end > begin) topics.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return topics;
}

Result<ConsumerOptions> consumer_options(const runtime::Options& options) {
  const auto wrong = [](std::string what) { return Error{"option", std::move(what), {}, {}}; };
  ConsumerOptions result;
  result.settings.brokers = kafka::list_of(options.find("brokers")->value);
  if (result.settings.brokers.empty()) return wrong("'brokers' is empty");
  result.topics = topics_of(options);
  if (result.topics.empty()) return wrong("'topics' is empty");
  result.settings.group = options.string("group");
  if (result.settings.group.empty()) return wrong("'group' is empty");
  result.settings.client_id = "pipec";
  result.settings.instance = options.string("instance");
  result.settings.cooperative = options.string("assignment", "eager") == "cooperative";
  const std::int64_t prefetch = options.integer("prefetch", std::int64_t{64} << 20);
  if (prefetch < (std::int64_t{1} << 20)) return wrong("'prefetch' must be at least 1MiB");
  result.prefetch = static_cast<std::size_t>(prefetch);
  result.from_latest = options.string("start", "earliest") == "latest";
  result.stop_at_end = options.boolean("stop_at_end", false);
  if (options.string("format", "json") == "msgpack") result.format = runtime::Format::msgpack;
  Result<kafka::Properties> properties = kafka::properties_of(options, kafka::Role::consumer);
  if (!properties) return properties.error();
  result.settings.properties = std::move(*properties);
  return result;
}

// K9: all of it is tried on a configuration of librdkafka's, which touches nothing outside.
Status check(const runtime::Options& options) {
  Result<ConsumerOptions> checked = consumer_options(options);
  if (!checked) return checked.error();
  checked->settings.prefetch_per_partition = checked->prefetch;
  Result<kafka::Conf> conf = kafka::consumer_conf(checked->settings);
  return conf ? Status() : Status(conf.error());
}

}  // namespace

void register_kafka_receiver(runtime::Registry& registry) {
  runtime::ReceiverSpec spec;
  spec.name = "kafka";
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
  registry.add(std::move(spec));
}

}  // namespace pipec::stdlib
