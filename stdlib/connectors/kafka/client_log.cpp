#include "stdlib/connectors/kafka/client_log.h"

#include <array>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <utility>

#include "stdlib/connectors/kafka/oauth_token.h"

namespace pipec::stdlib::kafka {

struct ClientLog::State {
  mutable std::mutex mutex;
  std::string last;
  Redactor token{Properties()};  // the present one is as secret as a password
};

namespace {

// With `debug`, librdkafka's log lines go to stderr. Without it, errors are reported where they matter.
void on_log(const rd_kafka_t* client, int, const char* facility, const char* text) {
  const auto* log = static_cast<const ClientLog*>(rd_kafka_opaque(client));
  if (log) std::fprintf(stderr, "librdkafka %s: %s\n", facility, log->redacted(text).c_str());
}

void no_log(const rd_kafka_t*, int, const char*, const char*) {}

}  // namespace

ClientLog::ClientLog(const Properties& properties, std::string token_file, Consumer* owner)
    : state_(std::make_unique<State>()),
      redact_(properties),
      token_file_(std::move(token_file)),
      owner_(owner) {}
ClientLog::~ClientLog() = default;

void ClientLog::on_error(rd_kafka_t*, int code, const char* reason, void* opaque) {
  // "All brokers down" only follows from the real reason, and would hide it.
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) return;
  auto& self = *static_cast<ClientLog*>(opaque);
  self.note(reason);
  // Of what goes wrong with TLS only the certificate: a broker that starts may break connections off.
  const bool certificate = code == RD_KAFKA_RESP_ERR__SSL &&
                           std::string_view(reason).find("certificate") != std::string_view::npos;
  if (self.token_file_.empty() && (code == RD_KAFKA_RESP_ERR__AUTHENTICATION || certificate)) {
    self.refused_.store(true, std::memory_order_relaxed);
  }
}

void ClientLog::attach(rd_kafka_conf_t* conf) {
  rd_kafka_conf_set_opaque(conf, this);
  rd_kafka_conf_set_error_cb(conf, on_error);
  rd_kafka_conf_set_log_cb(conf, effective(conf, "debug").empty() ? no_log : on_log);
  if (token_file_.empty()) return;
  rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, refresh_token);
  rd_kafka_conf_enable_sasl_queue(conf, 1);
}

void ClientLog::attached(rd_kafka_t* client) const {
  if (!token_file_.empty()) KafkaError(rd_kafka_sasl_background_callbacks_enable(client));
}

// If it fails, librdkafka asks again after ten seconds.
void ClientLog::refresh_token(rd_kafka_t* client, const char*, void* opaque) {
  auto& self = *static_cast<ClientLog*>(opaque);
  using std::chrono::milliseconds;
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const auto token =
      read_oauth_token(self.token_file_, std::chrono::duration_cast<milliseconds>(since).count());
  if (!token) {
    rd_kafka_oauthbearer_set_token_failure(client, token.error().message.c_str());
    return;
  }
  {
    const std::lock_guard lock(self.state_->mutex);
    self.state_->token = Redactor({{"password", token->text}});
  }
  std::array<char, 256> reason{};
  if (rd_kafka_oauthbearer_set_token(client, token->text.c_str(), token->expires_at, token->principal.c_str(),
                                     nullptr, 0, reason.data(),
                                     reason.size()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    rd_kafka_oauthbearer_set_token_failure(client, self.redacted(reason.data()).c_str());
  }
}

std::string ClientLog::redacted(std::string text) const {
  const std::lock_guard lock(state_->mutex);
  return state_->token(redact_(std::move(text)));
}

void ClientLog::note(std::string_view text) {
  std::string line = redacted(std::string(text));
  const std::lock_guard lock(state_->mutex);
  state_->last = std::move(line);
}

std::string ClientLog::last() const {
  const std::lock_guard lock(state_->mutex);
  return state_->last.empty() ? "" : "; " + state_->last;
}

}  // namespace pipec::stdlib::kafka
