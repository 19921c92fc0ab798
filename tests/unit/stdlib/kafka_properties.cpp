// The effective configuration of the clients, and the properties that a .pipe file may set.
#include <string>

#include "pipec/runtime/registry.h"
#include "pipec/stdlib/register.h"
#include "stdlib/connectors/kafka/properties.h"
#include "stdlib/connectors/kafka/sink_options.h"
#include "support/catch.h"

using namespace pipec;
using namespace pipec::stdlib::kafka;
using runtime::Member;
using runtime::Options;
using runtime::Value;

namespace {

// Options with `properties: {name: value}`; the texts have to outlive them.
struct WithProperty {
  Member member;
  Options options;
  WithProperty(const char* name, Value value) : member{name, value} {
    Options::Item item;
    item.name = "properties";
    item.value = Value::built_object(&member, 1);
    options.items.push_back(std::move(item));
  }
};

std::string refusal(const char* name, const char* value, Role role) {
  const WithProperty with(name, Value::string(value));
  const auto result = properties_of(with.options, role);
  return result ? "" : result.error().message;
}

}  // namespace

TEST_CASE("K1 the consumer's effective properties are the safe ones") {
  ConsumerSettings settings;
  settings.brokers = "b:9092";
  settings.group = "g";
  settings.client_id = "c";
  settings.prefetch.queued_bytes = std::size_t{16} << 20;
  settings.prefetch.queued_messages = 5000;
  settings.prefetch.fetch_partition = 70'000;
  settings.prefetch.fetch_response = 2'000'000;
  const auto conf = consumer_conf(settings);
  REQUIRE(conf);
  const auto value = [&](const char* name) { return effective(conf->get(), name); };
  CHECK(value("enable.auto.commit") == "false");
  CHECK(value("enable.auto.offset.store") == "false");
  CHECK(value("auto.offset.reset") == "error");
  CHECK(value("isolation.level") == "read_committed");
  CHECK(value("partition.assignment.strategy") == "range,roundrobin");
  CHECK(value("enable.partition.eof") == "true");
  CHECK(value("check.crcs") == "true");
  CHECK(value("allow.auto.create.topics") == "false");
  CHECK(value("max.poll.interval.ms") == "300000");
  CHECK(value("queued.max.messages.kbytes") == "16384");
  CHECK(value("queued.min.messages") == "5000");
  CHECK(value("fetch.message.max.bytes") == "70000");
  CHECK(value("fetch.max.bytes") == "2000000");
  CHECK(value("topic.metadata.refresh.interval.ms") == "300000");
  settings.pattern = true;
  const auto patterns = consumer_conf(settings);
  REQUIRE(patterns);
  CHECK(effective(patterns->get(), "topic.metadata.refresh.interval.ms") == "30000");
  settings.cooperative = true;
  settings.instance = "one";
  const auto other = consumer_conf(settings);
  REQUIRE(other);
  CHECK(effective(other->get(), "partition.assignment.strategy") == "cooperative-sticky");
  CHECK(effective(other->get(), "group.instance.id") == "one");
}

TEST_CASE("K5 the producer's effective properties are the safe ones") {
  ProducerSettings settings;
  settings.brokers = "b:9092";
  settings.client_id = "c";
  settings.compression = "zstd";
  settings.partitioner = "murmur2_random";
  const auto conf = producer_conf(settings);
  REQUIRE(conf);
  const auto value = [&](const char* name) { return effective(conf->get(), name); };
  CHECK(value("enable.idempotence") == "true");
  CHECK((value("acks") == "-1" || value("acks") == "all"));
  CHECK(value("max.in.flight.requests.per.connection") == "5");
  CHECK(value("delivery.report.only.error") == "false");
  CHECK(value("partitioner") == "murmur2_random");
  CHECK(value("compression.codec") == "zstd");
  CHECK(value("message.timeout.ms") == "300000");
  settings.transactional_id = "t";
  const auto transactional = producer_conf(settings);
  REQUIRE(transactional);
  CHECK(effective(transactional->get(), "transactional.id") == "t");
  CHECK(effective(transactional->get(), "transaction.timeout.ms") == "60000");
}

TEST_CASE(
    "K9 unknown properties, wrong values and those that the engine controls are rejected with the reason") {
  CHECK(refusal("fetch.wait.max.ms", "50", Role::consumer).empty());
  CHECK(refusal("fetch.wait.max.mss", "50", Role::consumer).find("did you mean 'fetch.wait.max.ms'?") !=
        std::string::npos);
  CHECK(refusal("fetch.wait.max.ms", "soon", Role::consumer).find("fetch.wait.max.ms") != std::string::npos);
  for (const char* name : {"enable.auto.commit", "enable.auto.offset.store", "auto.offset.reset", "group.id",
                           "bootstrap.servers", "topic.auto.offset.reset", "auto.commit.interval.ms"}) {
    CHECK(refusal(name, "true", Role::consumer).find("owned by the engine") != std::string::npos);
  }
  for (const char* name :
       {"enable.idempotence", "acks", "request.required.acks", "transactional.id", "topic.acks"}) {
    CHECK(refusal(name, "0", Role::producer).find("owned by the engine") != std::string::npos);
  }
  const WithProperty null("linger.ms", Value());
  CHECK_FALSE(properties_of(null.options, Role::producer));
}

TEST_CASE("K9 a bearer token needs to come from somewhere, and is for its mechanism alone") {
  const Properties bearer = {{"sasl.mechanisms", "OAUTHBEARER"}};
  const auto refused = check_access(bearer, "");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("token_file") != std::string::npos);
  CHECK(check_access(bearer, "/run/token"));
  CHECK(check_access({}, "/run/token"));
  CHECK(check_access({}, ""));
  CHECK(check_access({{"sasl.mechanism", "OAUTHBEARER"}, {"sasl.oauthbearer.method", "oidc"}}, ""));
  CHECK_FALSE(check_access({{"sasl.mechanisms", "PLAIN"}}, "/run/token"));

  ConsumerSettings settings;
  settings.brokers = "b:9092";
  settings.group = "g";
  settings.token_file = "/run/token";
  const auto conf = consumer_conf(settings);
  REQUIRE(conf);
  CHECK(effective(conf->get(), "sasl.mechanisms") == "OAUTHBEARER");
  CHECK(effective(conf->get(), "security.protocol") == "sasl_ssl");
}

TEST_CASE("K9 SASL and TLS are passed through") {
  for (const auto& [name, value] : Properties{{"security.protocol", "sasl_ssl"},
                                              {"sasl.mechanisms", "PLAIN"},
                                              {"sasl.mechanisms", "SCRAM-SHA-512"},
                                              {"sasl.username", "u"},
                                              {"sasl.password", "p"},
                                              {"ssl.ca.location", "/ca.pem"},
                                              {"ssl.certificate.location", "/me.pem"},
                                              {"ssl.key.location", "/me.key"},
                                              {"ssl.key.password", "p"},
                                              {"ssl.endpoint.identification.algorithm", "https"}}) {
    CAPTURE(name);
    CHECK(refusal(name.c_str(), value.c_str(), Role::consumer).empty());
    CHECK(refusal(name.c_str(), value.c_str(), Role::producer).empty());
    CHECK(access_properties({{name, value}}).size() == 1);
  }
  CHECK(access_properties({{"fetch.wait.max.ms", "1"}}).empty());
}

TEST_CASE("K6 cooperative transactions are for a librdkafka that keeps its assignment") {
  CHECK_FALSE(transactional_cooperative(0x020002ff));
  CHECK_FALSE(transactional_cooperative(0x020900ff));
  CHECK(transactional_cooperative(0x020a00ff));
}

TEST_CASE("fault X2 the value of a secret property is in no message") {
  CHECK(refusal("ssl.key.password", "Canary-7", Role::consumer).find("Canary") == std::string::npos);
  const Redactor redact({{"sasl.password", "Canary-7"}, {"client.id", "shown"}});
  CHECK(redact("a Canary-7 b Canary-7 shown") == "a *** b *** shown");
  CHECK(is_secret("sasl.password"));
  CHECK_FALSE(is_secret("sasl.username"));
}
