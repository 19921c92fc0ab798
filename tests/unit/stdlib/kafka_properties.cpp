// What the clients are really configured with, and what a .pipe file may say about it.
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
  settings.prefetch_per_partition = std::size_t{16} << 20;
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

TEST_CASE("K9 unknown properties, wrong values and those that the engine owns are refused with the reason") {
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

TEST_CASE("X2 the value of a secret property is in no message") {
  CHECK(refusal("ssl.key.password", "Canary-7", Role::consumer).find("Canary") == std::string::npos);
  const Redactor redact({{"sasl.password", "Canary-7"}, {"client.id", "shown"}});
  CHECK(redact("a Canary-7 b Canary-7 shown") == "a *** b *** shown");
  CHECK(is_secret("sasl.password"));
  CHECK_FALSE(is_secret("sasl.username"));
}
