// A pipec_pipeline that closes itself, and calls that give their error's message.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "pipec/c.h"
#include "support/catch.h"

namespace pipec::test {

// Where a call puts its error.
class ErrorSlot {
 public:
  ~ErrorSlot() { pipec_error_free(error_); }
  ErrorSlot() = default;
  ErrorSlot(const ErrorSlot&) = delete;
  ErrorSlot& operator=(const ErrorSlot&) = delete;
  pipec_error** operator()() {
    pipec_error_free(error_);
    error_ = nullptr;
    return &error_;
  }
  const pipec_error* operator->() const { return error_; }
  explicit operator bool() const { return error_ != nullptr; }
  std::string message() const { return error_ ? error_->message : "<no error>"; }

 private:
  pipec_error* error_ = nullptr;
};

inline pipec_record record_of(std::string_view payload) {
  pipec_record record{};
  record.struct_size = sizeof record;
  record.payload = payload.data();
  record.payload_size = payload.size();
  return record;
}

class Handle {
 public:
  explicit Handle(std::string_view text, const pipec_options* options = nullptr) {
    const int result = pipec_open("flow.pipe", text.data(), text.size(), options, &pipeline_, error());
    INFO(error.message());
    REQUIRE(result == PIPEC_OK);
  }
  ~Handle() { close(); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator pipec_pipeline*() const { return pipeline_; }
  void close() {
    pipec_close(pipeline_, nullptr);
    pipeline_ = nullptr;
  }

  int push(const char* channel, std::string_view payload, std::int64_t timeout_ms = -1) {
    const pipec_record record = record_of(payload);
    return pipec_push(pipeline_, channel, &record, timeout_ms, nullptr, error());
  }
  // Null: there is no more.
  const pipec_record* take(const char* channel) {
    const pipec_record* record = nullptr;
    const int result = pipec_take(pipeline_, channel, -1, &record, nullptr);
    REQUIRE(result == (record ? PIPEC_OK : PIPEC_END));
    return record;
  }
  void release(const char* channel, std::uint64_t number) {
    REQUIRE(pipec_release(pipeline_, channel, number, nullptr) == PIPEC_OK);
  }
  // Takes and releases all that there is.
  std::vector<std::string> drain(const char* channel) {
    std::vector<std::string> payloads;
    while (const pipec_record* record = take(channel)) {
      payloads.emplace_back(record->payload, record->payload_size);
      release(channel, record->number);
    }
    return payloads;
  }
  std::uint64_t committed(const char* channel) {
    std::uint64_t end = ~std::uint64_t{0};
    REQUIRE(pipec_committed(pipeline_, channel, &end, nullptr) == PIPEC_OK);
    return end;
  }
  // It comes, or the test never ends.
  void wait_for_commit(const char* channel, std::uint64_t end) {
    std::uint64_t now = 0;
    while (pipec_committed(pipeline_, channel, &now, nullptr) == PIPEC_OK && now < end)
      std::this_thread::yield();
  }

  ErrorSlot error;

 private:
  pipec_pipeline* pipeline_ = nullptr;
};

// A stop does not wait for what is never released.
inline pipec_options no_drain() {
  pipec_options options{};
  options.struct_size = sizeof options;
  options.drain_ms = 1;
  return options;
}

inline constexpr const char* kThrough = "recv memory(\"in\") | sink memory(\"out\")\n";

}  // namespace pipec::test
