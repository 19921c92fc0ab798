// A client's configuration: pipec's settings, properties owned by the engine, and properties passed through
// from the user. Checked against librdkafka's own list at compile time. Values of secret properties never
// leave this file.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/runtime/error.h"
#include "pipec/runtime/registry.h"
#include "stdlib/connectors/kafka/handles.h"
#include "stdlib/connectors/kafka/prefetch.h"

namespace pipec::stdlib::kafka {

using Properties = std::vector<std::pair<std::string, std::string>>;

enum class Role : std::uint8_t { consumer, producer };

// The option `properties` as pairs, each of them one that librdkafka knows, takes, and the engine does not
// own (K9).
runtime::Result<Properties> properties_of(const runtime::Options& options, Role role);

// The access properties, which a sink inherits from the recv whose brokers it uses.
Properties access_properties(const Properties& all);

// "b1:9092,b2" from a string or an array of them.
std::string list_of(const runtime::Value& value);

bool is_secret(std::string_view property);

// Removes the values of secret properties from a text of librdkafka.
class Redactor {
 public:
  explicit Redactor(const Properties& properties);
  std::string operator()(std::string text) const;

 private:
  std::vector<std::string> secrets_;
};

struct ConsumerSettings {
  std::string brokers;
  std::string group;
  std::string client_id;
  std::string instance;  // static membership; "": none
  bool cooperative = false;
  std::string token_file;  // of OAUTHBEARER; "": none
  bool pattern = false;    // topics may appear while it runs
  Prefetch prefetch;
  Properties properties;
};

struct ProducerSettings {
  std::string brokers;
  std::string client_id;
  std::string transactional_id;  // "": none
  std::string compression;
  std::string partitioner;
  std::string token_file;
  std::size_t memory = kMostProduced;  // for what waits to be sent
  Properties properties;
  bool operator==(const ProducerSettings&) const = default;
};

// Every default that would lose, double or skip records silently is set explicitly (K1, K5).
runtime::Result<Conf> consumer_conf(const ConsumerSettings& settings);
runtime::Result<Conf> producer_conf(const ProducerSettings& settings);

// Whether linger.ms is ours, which is long (send_policy.h).
bool keeps_linger(const Properties& properties);

// How long records without a key go to one partition. librdkafka no longer handles this itself.
runtime::Result<std::chrono::milliseconds> take_stickiness(const Properties& properties,
                                                           rd_kafka_conf_t* conf);

// The value that the client will really use; "" where librdkafka does not have the property.
std::string effective(const rd_kafka_conf_t* conf, const char* property);

// OAUTHBEARER without a source of tokens would wait forever.
runtime::Status check_access(const Properties& properties, const std::string& token_file);

}  // namespace pipec::stdlib::kafka
