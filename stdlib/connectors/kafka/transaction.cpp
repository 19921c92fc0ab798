#include "stdlib/connectors/kafka/transaction.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <chrono>
#include <cstdlib>
#include <utility>

namespace pipec::stdlib::kafka {

using runtime::Error;
using runtime::Result;
using runtime::Status;
using Clock = std::chrono::steady_clock;

namespace {

constexpr int kCall = 20'000;       // milliseconds
constexpr int kInitialise = 1'000;  // an unfinished call is continued by the next one
constexpr std::chrono::seconds kPatience{120};
constexpr std::chrono::milliseconds kAgain{100};  // some calls fail immediately
// Records that break every transaction would be retried forever.
constexpr unsigned kMostAborts = 10;

std::chrono::milliseconds transaction_timeout(const ProducerSettings& settings) {
  const Result<Conf> conf = producer_conf(settings);
  return std::chrono::milliseconds(conf ? std::atoll(effective(conf->get(), "transaction.timeout.ms").c_str())
                                        : 0);
}

std::string random_id() {
  unsigned char bytes[12];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return {};
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

}  // namespace

Transaction::Transaction(ProducerSettings settings, std::function<void(const std::string&)> log)
    : settings_(std::move(settings)), log_(std::move(log)) {}

void Transaction::propose_id(const std::string& id) {
  if (settings_.transactional_id.empty()) settings_.transactional_id = id;
}

Status Transaction::start() {
  if (settings_.transactional_id.empty()) {
    const std::string random = random_id();
    if (random.empty()) return error("no random numbers for a transactional_id");
    settings_.transactional_id = "pipec-" + random;
  }
  producer_ = std::make_shared<Producer>(settings_);
  if (Status status = producer_->open(); !status) return status;
  longest_ = transaction_timeout(settings_) / 2;
  return initialise();
}

Status Transaction::initialise() {
  const KafkaError failed =
      attempt([&] { return rd_kafka_init_transactions(producer_->client(), kInitialise); });
  if (!failed) return {};
  return error(fmt::format("cannot begin transactions: {}{}", rd_kafka_error_string(failed.get()),
                           producer_->last_error()));
}

KafkaError Transaction::attempt(const std::function<rd_kafka_error_t*()>& call) {
  const Clock::time_point deadline = Clock::now() + kPatience;
  for (;;) {
    KafkaError failed(call());
    if (!failed || !rd_kafka_error_is_retriable(failed.get()) || Clock::now() >= deadline) return failed;
    if (interrupted_ || !producer_->wait(kAgain)) return failed;
  }
}

Error Transaction::terminal(const char* what, const rd_kafka_error_t* failed) {
  if (auto fatal = producer_->fatal()) return *fatal;
  return error(fmt::format("{}: {}", what, rd_kafka_error_string(failed)));
}

Result<bool> Transaction::take_part() {
  const std::lock_guard lock(mutex_);
  if (spoilt_) return false;
  if (open_) return true;
  const KafkaError failed(rd_kafka_begin_transaction(producer_->client()));
  if (failed) return terminal("cannot begin a transaction", failed.get());
  open_ = true;
  begun_ = Clock::now();
  return true;
}

bool Transaction::due() const {
  const std::lock_guard lock(mutex_);
  return spoilt_ || (open_ && Clock::now() - begun_ >= longest_);
}

void Transaction::spoil(Error reason) {
  const std::lock_guard lock(mutex_);
  if (!spoilt_) spoilt_ = std::move(reason);
}

Status Transaction::commit(Consumer& consumer, std::span<const runtime::PositionRange> ranges) {
  Consumer::Offsets offsets = consumer.offsets(ranges);
  if (offsets.dead) return abort_and_rewind(consumer, "partitions were revoked in the middle of it");
  Result<bool> part = take_part();
  if (!part) return part.error();
  if (!*part) return abort_and_rewind(consumer, spoilt_->message);
  rd_kafka_t* client = producer_->client();
  KafkaError failed = attempt([&] {
    return rd_kafka_send_offsets_to_transaction(client, offsets.list.get(), offsets.group.get(), kCall);
  });
  if (!failed) failed = attempt([&] { return rd_kafka_commit_transaction(client, kCall); });
  if (!failed) {
    consumer.committed(offsets.positions);
    const std::lock_guard lock(mutex_);
    open_ = false;
    aborted_in_a_row_ = 0;
    return {};
  }
  if (rd_kafka_error_is_fatal(failed.get())) return terminal("the transaction failed", failed.get());
  const std::string reason = rd_kafka_error_string(failed.get());
  if (rd_kafka_error_txn_requires_abort(failed.get())) return abort_and_rewind(consumer, reason);
  if (rd_kafka_error_is_retriable(failed.get())) {
    // It is unknown whether it was committed. A new client with the same id makes the coordinator decide, and
    // the committed positions then show the outcome.
    {
      const std::lock_guard lock(mutex_);
      open_ = false;
    }
    if (Status status = producer_->restart(); !status) return status;
    if (Status status = initialise(); !status) return status;
    return abort_and_rewind(consumer, "its outcome is not known: " + reason);
  }
  return abort_and_rewind(consumer, reason);
}

Status Transaction::abort() {
  {
    const std::lock_guard lock(mutex_);
    if (!open_) return {};
  }
  const KafkaError failed = attempt([&] { return rd_kafka_abort_transaction(producer_->client(), kCall); });
  if (!failed) return {};
  if (rd_kafka_error_is_fatal(failed.get()))
    return terminal("the transaction could not be aborted", failed.get());
  if (Status status = producer_->restart(); !status) return status;
  return initialise();
}

Status Transaction::abort_and_rewind(Consumer& consumer, const std::string& reason) {
  if (auto fatal = producer_->fatal()) return *fatal;
  if (Status status = abort(); !status) return status;
  {
    const std::lock_guard lock(mutex_);
    open_ = false;
    spoilt_.reset();
    if (++aborted_in_a_row_ > kMostAborts) {
      return error(
          fmt::format("{} transactions in a row were aborted, the last one: {}", kMostAborts, reason));
    }
  }
  if (consumer.ended()) {
    return error(
        fmt::format("the last transaction was aborted after the end of the input; its records are delivered "
                    "again: {}",
                    reason));
  }
  if (log_) log_(fmt::format("kafka: a transaction was aborted and is retried: {}", reason));
  if (Status status = consumer.rewind(); !status) return status;
  return Error{runtime::kRewound, reason, {}, {}};
}

}  // namespace pipec::stdlib::kafka
