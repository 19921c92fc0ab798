// Data for a client's callbacks: librdkafka's last log line, for messages (a failed call only reports "timed
// out" when the reason was a certificate), secrets to redact, and the source of tokens.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "stdlib/connectors/kafka/properties.h"

namespace pipec::stdlib::kafka {

class Consumer;

class ClientLog {
 public:
  explicit ClientLog(const Properties& properties, std::string token_file, Consumer* owner = nullptr);
  ~ClientLog();
  // Sets the callbacks of a conf whose opaque is free; `this` must outlive the client.
  void attach(rd_kafka_conf_t* conf);
  // When the client is made. Tokens are then fetched by its own background thread, however long others wait.
  void attached(rd_kafka_t* client) const;
  void note(std::string_view text);
  // "; <the last error>", or "".
  std::string last() const;
  // A broker rejects the credentials or has an untrusted certificate: such errors are permanent. Never set if
  // tokens come from a file, which may still be written.
  bool refused() const { return refused_.load(std::memory_order_relaxed); }
  // Callbacks share one opaque pointer; this is the log's owner.
  Consumer* owner() const { return owner_; }
  std::string redacted(std::string text) const;

 private:
  static void on_error(rd_kafka_t* client, int code, const char* reason, void* opaque);
  static void refresh_token(rd_kafka_t* client, const char* config, void* opaque);

  struct State;
  std::unique_ptr<State> state_;
  const Redactor redact_;
  const std::string token_file_;
  std::atomic<bool> refused_{false};
  Consumer* const owner_;
};

}  // namespace pipec::stdlib::kafka
