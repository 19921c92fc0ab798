#include "stdlib/connectors/kafka/properties.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/json.h"

namespace pipec::stdlib::kafka {

using runtime::Error;
using runtime::ErrorCode;
using runtime::Result;
using runtime::Status;
using runtime::Type;

namespace {

constexpr int kLinger = 200;  // milliseconds
constexpr const char* kSticky = "sticky.partitioning.linger.ms";

struct Owned {
  const char* name;
  const char* reason;
};

constexpr Owned kOwned[] = {
    {"bootstrap.servers", "it is the option 'brokers'"},
    {"metadata.broker.list", "it is the option 'brokers'"},
};
constexpr Owned kOwnedByConsumer[] = {
    {"group.id", "it is the option 'group'"},
    {"group.instance.id", "it is the option 'instance'"},
    {"group.protocol", "partition reassignment supports only the classic protocol"},
    {"partition.assignment.strategy", "it is the option 'assignment'"},
    {"enable.auto.commit", "only the engine commits positions, once their records are written"},
    {"auto.commit.enable", "only the engine commits positions, once their records are written"},
    {"auto.commit.interval.ms",
     "positions are committed once their records are written; see --commit-interval"},
    {"enable.auto.offset.store", "a position is stored once its record is written, not when it is read"},
    {"auto.offset.reset",
     "a position that no longer exists ends the run; the option 'start' sets where a new group begins"},
    {"topic.auto.offset.reset",
     "a position that no longer exists ends the run; the option 'start' sets where a new group begins"},
    {"enable.partition.eof", "the engine needs it to commit up to the end of a partition"},
    {"offset.store.method", "positions are kept by the group"},
    {"offset.store.path", "positions are kept by the group"},
};
constexpr Owned kOwnedByProducer[] = {
    {"enable.idempotence", "without it a retry could double or reorder records"},
    {"acks", "a record counts as sent when all replicas have it"},
    {"request.required.acks", "a record counts as sent when all replicas have it"},
    {"transactional.id", "it is the option 'transactional_id'"},
    {"partitioner", "it is the option 'partitioner'"},
    {"compression.codec", "it is the option 'compression'"},
    {"compression.type", "it is the option 'compression'"},
    {"delivery.report.only.error", "the engine counts the reports of what arrived"},
    {"enable.gapless.guarantee",
     "a record that the broker refuses is a dead letter, not the end of the client"},
};

template <std::size_t Count>
const char* reason_in(const Owned (&list)[Count], std::string_view name) {
  for (const Owned& owned : list) {
    if (name == owned.name) return owned.reason;
  }
  return nullptr;
}

// The value that counts, which is the last one; null if it is not given.
const std::string* find(const Properties& properties, std::string_view name) {
  const auto found = std::find_if(properties.rbegin(), properties.rend(),
                                  [&](const auto& property) { return property.first == name; });
  return found != properties.rend() ? &found->second : nullptr;
}

Error option_error(std::string message) {
  return Error::make(ErrorCode::option, std::move(message));
}

// Levenshtein's distance, for a hint.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

std::string hint(const rd_kafka_conf_t* conf, const std::string& name) {
  std::size_t count = 0;
  const char** all = rd_kafka_conf_dump(const_cast<rd_kafka_conf_t*>(conf), &count);
  std::string best;
  std::size_t nearest = std::max<std::size_t>(2, name.size() / 4) + 1;
  for (std::size_t i = 0; i + 1 < count; i += 2) {
    const std::size_t far = distance(name, all[i]);
    if (far < nearest) {
      nearest = far;
      best = all[i];
    }
  }
  rd_kafka_conf_dump_free(all, count);
  return best.empty() ? "" : fmt::format("; did you mean '{}'?", best);
}

// Errors mention the value of `name` only if it is not a secret.
Status set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  std::array<char, 512> text{};
  switch (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), text.data(), text.size())) {
    case RD_KAFKA_CONF_OK:
      return {};
    case RD_KAFKA_CONF_UNKNOWN:
      return option_error(fmt::format("librdkafka has no property '{}'{}", name, hint(conf, name)));
    case RD_KAFKA_CONF_INVALID:
      break;
  }
  if (is_secret(name)) return option_error(fmt::format("the value of property '{}' is refused", name));
  return option_error(fmt::format("property '{}': {}", name, text.data()));
}

Properties access_of(const std::string& token_file) {
  if (token_file.empty()) return {};
  return {{"security.protocol", "sasl_ssl"}, {"sasl.mechanisms", "OAUTHBEARER"}};
}

// Set where this librdkafka has it.
void set_if_known(rd_kafka_conf_t* conf, const char* name, const char* value) {
  rd_kafka_conf_set(conf, name, value, nullptr, 0);
}

Status set_all(rd_kafka_conf_t* conf, const Properties& properties) {
  for (const auto& [name, value] : properties) {
    if (Status status = set(conf, name, value); !status) return status;
  }
  return {};
}

std::optional<std::string> as_text(const runtime::Value& value, runtime::Arena& arena) {
  switch (value.type()) {
    case Type::string:
      return std::string(runtime::decode_string(value, arena));
    case Type::boolean:
    case Type::integer:
    case Type::floating:
      if (const auto text = runtime::interpolated(value, arena)) return std::string(*text);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

bool is_secret(std::string_view property) {
  for (const char* part : {"password", "secret", "pem", "oauthbearer.config", "ssl_key", "ssl_engine"}) {
    if (property.find(part) != std::string_view::npos) return true;
  }
  return false;
}

Result<Properties> properties_of(const runtime::Options& options, Role role) {
  Properties result;
  const runtime::Options::Item* item = options.find("properties");
  if (!item) return result;
  runtime::Arena arena;
  const runtime::Value object = runtime::expand(item->value, arena);
  if (object.type() != Type::object) return option_error("'properties' is not an object");
  const Conf conf(rd_kafka_conf_new());
  for (std::uint32_t i = 0; i < object.size(); ++i) {
    const runtime::Member& member = object.members()[i];
    std::string name(member.key);
    const std::string_view short_name =
        name.starts_with("topic.") ? std::string_view(name).substr(6) : std::string_view(name);
    const char* reason = reason_in(kOwned, short_name);
    if (!reason) reason = reason_in(kOwned, name);
    if (!reason) {
      reason = role == Role::consumer ? reason_in(kOwnedByConsumer, name) : reason_in(kOwnedByProducer, name);
    }
    if (!reason && short_name != name) {
      reason = role == Role::consumer ? reason_in(kOwnedByConsumer, short_name)
                                      : reason_in(kOwnedByProducer, short_name);
    }
    if (reason) return option_error(fmt::format("property '{}' is owned by the engine: {}", name, reason));
    auto text = as_text(member.value, arena);
    if (!text) {
      return option_error(fmt::format("property '{}' takes a string, a number or a bool, not {}", name,
                                      runtime::type_name(member.value.type())));
    }
    if (Status status = set(conf.get(), name, *text); !status) return status.error();
    result.emplace_back(std::move(name), std::move(*text));
  }
  return result;
}

Properties access_properties(const Properties& all) {
  Properties result;
  for (const auto& property : all) {
    for (const char* prefix : {"security.", "sasl.", "ssl.", "enable.ssl.", "enable.sasl.", "client.dns."}) {
      if (property.first.starts_with(prefix)) {
        result.push_back(property);
        break;
      }
    }
  }
  return result;
}

std::string list_of(const runtime::Value& value) {
  runtime::Arena arena;
  if (value.type() == Type::string) return std::string(runtime::decode_string(value, arena));
  std::string result;
  const runtime::Value array = runtime::expand(value, arena);
  if (array.type() != Type::array) return result;
  for (std::uint32_t i = 0; i < array.size(); ++i) {
    if (array.items()[i].type() != Type::string) continue;
    if (!result.empty()) result += ',';
    result += runtime::decode_string(array.items()[i], arena);
  }
  return result;
}

Redactor::Redactor(const Properties& properties) {
  for (const auto& [name, value] : properties) {
    if (is_secret(name) && !value.empty()) secrets_.push_back(value);
  }
}

std::string Redactor::operator()(std::string text) const {
  for (const std::string& secret : secrets_) {
    for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) {
      text.replace(at, secret.size(), "***");
    }
  }
  return text;
}

Result<Conf> consumer_conf(const ConsumerSettings& settings) {
  Conf conf(rd_kafka_conf_new());
  const Prefetch& prefetch = settings.prefetch;
  const auto kilobytes = [](std::size_t bytes) {
    return std::to_string(std::clamp<std::size_t>(bytes >> 10, 1, 2097151));
  };
  Properties own = {
      {"bootstrap.servers", settings.brokers},
      {"group.id", settings.group},
      {"client.id", settings.client_id},
      {"enable.auto.commit", "false"},
      {"enable.auto.offset.store", "false"},
      {"auto.offset.reset", "error"},
      {"enable.partition.eof", "true"},
      {"partition.assignment.strategy", settings.cooperative ? "cooperative-sticky" : "range,roundrobin"},
      {"isolation.level", "read_committed"},
      {"check.crcs", "true"},
      {"allow.auto.create.topics", "false"},
      {"max.poll.interval.ms", "300000"},
      {"session.timeout.ms", "45000"},
      {"socket.keepalive.enable", "true"},
      {"queued.min.messages",
       std::to_string(std::clamp<std::size_t>(prefetch.queued_messages, 1, 10'000'000))},
      {"queued.max.messages.kbytes", kilobytes(prefetch.queued_bytes)},
      {"fetch.message.max.bytes", std::to_string(std::max<std::size_t>(prefetch.fetch_partition, 1))},
      {"fetch.max.bytes", std::to_string(prefetch.fetch_response)},
  };
  if (settings.pattern) own.emplace_back("topic.metadata.refresh.interval.ms", "30000");
  if (!settings.instance.empty()) own.emplace_back("group.instance.id", settings.instance);
  if (Status status = set_all(conf.get(), own); !status) return status.error();
  set_if_known(conf.get(), "fetch.queue.backoff.ms", "10");
  set_if_known(conf.get(), "enable.metrics.push", "false");
  if (Status status = set_all(conf.get(), access_of(settings.token_file)); !status) return status.error();
  if (Status status = set_all(conf.get(), settings.properties); !status) return status.error();
  return conf;
}

Result<Conf> producer_conf(const ProducerSettings& settings) {
  Conf conf(rd_kafka_conf_new());
  const ProduceQueue queue = produce_queue_of(settings.memory);
  Properties own = {
      {"bootstrap.servers", settings.brokers},
      {"client.id", settings.client_id},
      {"enable.idempotence", "true"},
      {"acks", "all"},
      {"max.in.flight.requests.per.connection", "5"},
      {"delivery.report.only.error", "false"},
      {"enable.gapless.guarantee", "false"},
      {"allow.auto.create.topics", "false"},
      {"socket.keepalive.enable", "true"},
      {"linger.ms", std::to_string(kLinger)},  // see send_policy.h
      {"queue.buffering.max.messages", std::to_string(queue.messages)},
      {"queue.buffering.max.kbytes", std::to_string(queue.bytes >> 10)},
      {"compression.codec", settings.compression},
      {"partitioner", settings.partitioner},
  };
  if (settings.transactional_id.empty()) {
    own.emplace_back("message.timeout.ms", "300000");
  } else {
    own.emplace_back("transactional.id", settings.transactional_id);
    own.emplace_back("transaction.timeout.ms", "60000");
  }
  if (Status status = set_all(conf.get(), own); !status) return status.error();
  set_if_known(conf.get(), "enable.metrics.push", "false");
  if (Status status = set_all(conf.get(), access_of(settings.token_file)); !status) return status.error();
  if (Status status = set_all(conf.get(), settings.properties); !status) return status.error();
  // librdkafka rejects a message.timeout.ms shorter than linger.ms; that is reported only if the user has set
  // linger.ms.
  const std::string timeout = effective(conf.get(), "message.timeout.ms");
  if (keeps_linger(settings.properties) && !timeout.empty() && timeout != "0" &&
      std::stoll(timeout) <= kLinger) {
    if (Status status = set(conf.get(), "linger.ms", "0"); !status) return status.error();
  }
  // Whatever memory there is: the longest record that may be sent has to fit.
  const bool own_queue = !find(settings.properties, "queue.buffering.max.kbytes");
  const std::size_t longest = std::stoull(effective(conf.get(), "message.max.bytes"));
  if (own_queue && queue.bytes < longest) {
    const std::string kilobytes = std::to_string((longest >> 10) + 1);
    if (Status status = set(conf.get(), "queue.buffering.max.kbytes", kilobytes); !status)
      return status.error();
  }
  return conf;
}

bool keeps_linger(const Properties& properties) {
  return !find(properties, "linger.ms") && !find(properties, "queue.buffering.max.ms");
}

Result<std::chrono::milliseconds> take_stickiness(const Properties& properties, rd_kafka_conf_t* conf) {
  // As librdkafka has it.
  const double milliseconds = find(properties, kSticky) ? std::stod(effective(conf, kSticky))
                                                        : 2 * std::stod(effective(conf, "linger.ms"));
  if (Status status = set(conf, kSticky, "0"); !status) return status.error();
  return std::chrono::milliseconds(std::llround(milliseconds));
}

std::string effective(const rd_kafka_conf_t* conf, const char* property) {
  std::array<char, 512> value{};
  std::size_t size = value.size();
  if (rd_kafka_conf_get(conf, property, value.data(), &size) != RD_KAFKA_CONF_OK) return {};
  return value.data();
}

Status check_access(const Properties& properties, const std::string& token_file) {
  const auto value = [&](std::string_view name) {
    const std::string* found = find(properties, name);
    return found ? *found : std::string();
  };
  const std::string mechanism = value("sasl.mechanisms") + value("sasl.mechanism");
  const bool bearer = mechanism == "OAUTHBEARER";
  if (!token_file.empty() && !mechanism.empty() && !bearer) {
    return option_error(fmt::format("'token_file' is for OAUTHBEARER, not for {}", mechanism));
  }
  if (!token_file.empty() || !bearer || value("sasl.oauthbearer.method") == "oidc" ||
      value("enable.sasl.oauthbearer.unsecure.jwt") == "true") {
    return {};
  }
  return option_error("OAUTHBEARER needs a 'token_file', which is read again whenever the token expires");
}

}  // namespace pipec::stdlib::kafka
