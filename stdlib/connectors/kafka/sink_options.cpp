#include "stdlib/connectors/kafka/sink_options.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <utility>

#include "stdlib/connectors/format_options.h"
#include "stdlib/connectors/option_specs.h"

namespace pipec::stdlib::kafka {

using runtime::ConnectorUse;
using runtime::Error;
using runtime::Options;
using runtime::OptionSpec;
using runtime::Result;
using runtime::Status;
using runtime::Type;
using runtime::TypeSet;
using runtime::Value;

namespace {

Error refused(std::string message) {
  return {"option", std::move(message), {}, {}};
}

OptionSpec properties_option() {
  OptionSpec option = constant_option("properties", Type::object,
                                      "any property of librdkafka, by its name: {\"fetch.wait.max.ms\": 50}");
  option.secret = true;
  return option;
}

OptionSpec token_file_option() {
  return constant_option("token_file", Type::string,
                         "a file with the token for OAUTHBEARER, read again whenever the last one expires");
}

const char* exactly_once_reason(const ConnectorUse& use) {
  return use.role == ConnectorUse::Role::receiver ? "its positions cannot be part of a Kafka transaction"
                                                  : "what it writes cannot be part of a Kafka transaction";
}

std::string brokers_of(const Options& options) {
  const Options::Item* item = options.find("brokers");
  return item ? list_of(item->value) : std::string();
}

std::string described(const ConnectorUse& use) {
  const char* role = use.role == ConnectorUse::Role::receiver ? "recv"
                     : use.role == ConnectorUse::Role::sink   ? "sink"
                                                              : "dlq";
  return fmt::format("{} {}", role, use.name);
}

Status check_exactly_once(const ConnectorUse& self, std::span<const ConnectorUse> all,
                          const ConnectorUse* receiver, std::size_t receivers,
                          const runtime::PipelineTraits& traits) {
  for (const ConnectorUse& use : all) {
    if (use.name != "kafka") {
      return refused(
          fmt::format("exactly_once does not work with {}: {}", described(use), exactly_once_reason(use)));
    }
  }
  if (receivers != 1)
    return refused("exactly_once needs one recv kafka, since one group's positions commit with it");
  if (traits.commit_sink) {
    return refused("exactly_once does not work with `commit sink`: the engine says when a transaction ends");
  }
  if (receiver->options->string("assignment") == "cooperative" &&
      !transactional_cooperative(rd_kafka_version())) {
    return refused(fmt::format(
        "exactly_once does not work with assignment: cooperative on librdkafka {}, which can lose an "
        "assignment in mid-transaction or end the process (fixed in 2.10); use eager",
        rd_kafka_version_str()));
  }
  Result<Properties> read = properties_of(*receiver->options, Role::consumer);
  for (const auto& [name, value] : read ? *read : Properties{}) {
    if (name == "isolation.level" && value != "read_committed") {
      return refused("exactly_once does not work if the recv reads uncommitted records (isolation.level)");
    }
  }
  const std::string brokers = brokers_of(*receiver->options);
  for (const ConnectorUse& use : all) {
    if (use.role == ConnectorUse::Role::receiver) continue;
    const std::string own = brokers_of(*use.options);
    if (!own.empty() && own != brokers) {
      return refused(
          fmt::format("exactly_once does not work with {} on other brokers than the recv's: a transaction is "
                      "limited to one cluster",
                      described(use)));
    }
    if (use.role == ConnectorUse::Role::sink && !use.options->boolean("exactly_once", false)) {
      return refused("exactly_once has to be given for all sinks of the pipeline, or for none");
    }
    for (const char* name : {"transactional_id", "partitioner", "compression"}) {
      if (use.role == ConnectorUse::Role::sink && use.options->string(name) != self.options->string(name)) {
        return refused(fmt::format("the sinks of one transaction have one producer: '{}' differs", name));
      }
    }
  }
  return {};
}

}  // namespace

bool transactional_cooperative(int version) {
  return version >= 0x020a00ff;
}

std::vector<OptionSpec> sink_options() {
  OptionSpec topic;
  topic.name = "topic";
  topic.kind = OptionSpec::Kind::per_record;
  topic.types = Type::string;
  topic.required = true;
  topic.doc = "the topic; with ${...} each record's own";
  OptionSpec key;
  key.name = "key";
  key.kind = OptionSpec::Kind::per_record;
  key.types = TypeSet(Type::string) | Type::bytes | Type::null;
  key.doc = "the key; null for none (default: the record's own key)";
  OptionSpec once =
      constant_option("exactly_once", Type::boolean,
                      "commit sent records together with their source positions, in transactions");
  once.fallback = Value::boolean(false);
  return {
      topic,
      key,
      constant_option(
          "brokers", TypeSet(Type::string) | Type::array,
          "host:port, several with commas or as an array; without it, those of the pipeline's only recv "
          "kafka"),
      encode_option(),
      once,
      constant_option(
          "transactional_id", Type::string,
          "the producer's name in transactions (default: one that is kept in the state directory)"),
      choice_option("partitioner", "murmur2_random",
                    {"murmur2", "consistent_random", "consistent", "fnv1a_random", "fnv1a", "random"},
                    "which partition a key goes to; the default is that of Java clients"),
      choice_option("compression", "none", {"gzip", "snappy", "lz4", "zstd"}, "of what is sent"),
      token_file_option(),
      properties_option(),
  };
}

std::vector<OptionSpec> receiver_options() {
  OptionSpec brokers = constant_option("brokers", TypeSet(Type::string) | Type::array,
                                       "host:port, several with commas or as an array");
  brokers.required = true;
  OptionSpec topics = constant_option("topics", TypeSet(Type::string) | Type::array,
                                      "one or an array; a name that begins with ^ is a regular expression");
  topics.required = true;
  OptionSpec group = constant_option("group", Type::string, "the consumer group, which keeps the positions");
  group.required = true;
  OptionSpec prefetch = constant_option(
      "prefetch", Type::integer,
      "memory for records read ahead, for all partitions together; without it, a quarter of the memory "
      "limit, at most 256MiB (64MiB from librdkafka 2.2)");
  OptionSpec stop =
      constant_option("stop_at_end", Type::boolean, "end when all of this member's partitions are read");
  stop.fallback = Value::boolean(false);
  return {
      brokers,
      topics,
      group,
      choice_option("start", "earliest", {"latest"}, "where a partition without a committed position begins"),
      choice_option(
          "assignment", "eager", {"cooperative"},
          "how partitions are reassigned: all stop, or only those that move; the same in the whole group"),
      constant_option(
          "instance", Type::string,
          "a static member's name (group.instance.id): a restart within the session timeout moves nothing"),
      prefetch,
      stop,
      token_file_option(),
      choice_option("format", "json", {"msgpack"}, "the payload format that stages before a `parse` assume"),
      properties_option(),
  };
}

Status check_sink(const Options& options) {
  if (options.given("transactional_id") && !options.boolean("exactly_once", false)) {
    return refused("transactional_id has a meaning only with exactly_once: true");
  }
  Result<Properties> properties = properties_of(options, Role::producer);
  if (!properties) return properties.error();
  ProducerSettings settings;
  settings.brokers = "localhost";
  settings.client_id = "pipec";
  settings.compression = options.string("compression", "none");
  settings.partitioner = options.string("partitioner", "murmur2_random");
  if (options.boolean("exactly_once", false)) settings.transactional_id = "pipec";
  settings.properties = std::move(*properties);
  settings.token_file = options.string("token_file");
  if (Status status = check_access(settings.properties, settings.token_file); !status) return status;
  Result<Conf> conf = producer_conf(settings);
  return conf ? Status() : Status(conf.error());
}

Status join_sink(std::size_t self_index, std::span<const ConnectorUse> all, runtime::PipelineTraits& traits) {
  const ConnectorUse& self = all[self_index];
  const ConnectorUse* receiver = nullptr;
  std::size_t receivers = 0;
  for (const ConnectorUse& use : all) {
    if (use.role != ConnectorUse::Role::receiver || use.name != "kafka") continue;
    receiver = &use;
    ++receivers;
  }
  const bool once = self.options->boolean("exactly_once", false);
  if (!self.options->given("brokers")) {
    if (receivers != 1) {
      return refused(receivers == 0 ? "'brokers' is missing, and there is no recv kafka to take them from"
                                    : "'brokers' is missing, and there is more than one recv kafka");
    }
    self.options->inherited = receiver->options;
  }
  if (self.role == ConnectorUse::Role::dead_letters) {
    return once ? Status(refused("set exactly_once on the sinks: dead letters are then part of it"))
                : Status();
  }
  if (!once) return {};
  if (Status status = check_exactly_once(self, all, receiver, receivers, traits); !status) return status;
  traits.transactional = true;
  for (const ConnectorUse& use : all) {
    if (use.role == ConnectorUse::Role::dead_letters && !use.options->boolean("exactly_once", false)) {
      Options::Item item;
      item.name = "exactly_once";
      item.value = Value::boolean(true);
      use.options->items.push_back(std::move(item));
    }
  }
  return {};
}

Result<ProducerSettings> producer_settings(const Options& options, const runtime::ConnectorContext& context) {
  ProducerSettings settings;
  Result<Properties> own = properties_of(options, Role::producer);
  if (!own) return own.error();
  settings.brokers = brokers_of(options);
  if (settings.brokers.empty() && options.inherited) {
    settings.brokers = brokers_of(*options.inherited);
    Result<Properties> access = properties_of(*options.inherited, Role::consumer);
    if (!access) return access.error();
    settings.properties = access_properties(*access);
    settings.token_file = options.inherited->string("token_file");
  }
  if (settings.brokers.empty()) return refused("'brokers' is missing");
  settings.properties.insert(settings.properties.end(), own->begin(), own->end());
  if (options.given("token_file")) settings.token_file = options.string("token_file");
  settings.client_id = "pipec-" + context.pipeline;
  settings.compression = options.string("compression", "none");
  settings.partitioner = options.string("partitioner", "murmur2_random");
  settings.transactional_id = options.string("transactional_id");
  return settings;
}

std::string fingerprint(const ProducerSettings& settings) {
  std::string text =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", settings.brokers, settings.client_id, settings.transactional_id,
                  settings.compression, settings.partitioner, settings.token_file);
  for (const auto& [name, value] : settings.properties) text += fmt::format("\n{}={}", name, value);
  return text;
}

}  // namespace pipec::stdlib::kafka
