// Environment failures (I/O, a rejected commit, bad state on disk): terminal for a run, or retried, never
// thrown on a hot path. A bad record is not an Error but a dead letter (see stage.h).
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace pipec::runtime {

// Each stands for the string of the same name in Error::code. A program may use strings of its own besides.
enum class ErrorCode : std::uint8_t {
  checkpoint,   // the saved state cannot be read or written
  commit,       // a receiver could not commit positions
  compile,      // the pipeline's text is wrong; the message holds the diagnostics
  deadline,     // the run did not drain in time after stop()
  dead_letter,  // a record could not be processed, and nothing takes dead letters
  exception,    // a connector, a stage or a callback threw
  govern,       // the governor's settings contradict each other
  internal,     // a bug of pipec
  io,           // a file, a socket, a broker
  option,       // an option's value is wrong
  parse,        // a record does not parse, and `on_error: fail` says to end
  plan,         // the graph was put together wrongly
  receiver,     // a receiver broke the rules of its interface
  resources,    // memory or threads ran out
  sink,         // a sink refused a batch, or broke the rules of its interface
  stage,        // a stage failed, or broke the rules of its interface
  state,        // saved state belongs to another pipeline or option
  stopped,      // stop() came before everything was open
  usage,        // a function was called at the wrong time
};
std::string_view to_string(ErrorCode code);

struct Error {
  std::string code = {};     // stable and short; pipec's own are those of ErrorCode
  std::string message = {};  // in the user's words, without a trailing full stop or newline
  std::string node = {};     // the node's name in the plan ("sink file"); the graph fills it in where empty
  std::string place = {};    // "file:line:column" in the .pipe text; empty for pipelines built in C++
  bool retriable = false;    // the same call may succeed later (RetryLimits)

  static Error make(ErrorCode code, std::string message) {
    return {.code = std::string(to_string(code)), .message = std::move(message)};
  }
  static Error make(std::string code, std::string message) {
    return {.code = std::move(code), .message = std::move(message)};
  }
  // The same, and the call that failed is to be repeated.
  static Error retry(ErrorCode code, std::string message) {
    return {.code = std::string(to_string(code)), .message = std::move(message), .retriable = true};
  }
};

namespace internal {
// Ends the process with a message: a value was read where there is an error (`error`), or the other way
// round.
[[noreturn]] void wrong_access(const char* call, const Error* error);
}  // namespace internal

// The result of an operation without a value: success, or the error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}
  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  // Aborts with a message where there is none.
  const Error& error() const {
    if (!error_) internal::wrong_access("Status::error()", nullptr);
    return *error_;
  }
  Error& error() {
    if (!error_) internal::wrong_access("Status::error()", nullptr);
    return *error_;
  }

 private:
  std::optional<Error> error_;
};

// A value or an error. Made from either, and from what converts to a value: a std::unique_ptr of a derived
// class, a string literal. value() of an error and error() of a value abort with a message.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}
  template <typename U>
  requires(std::convertible_to<U&&, T> && !std::convertible_to<U&&, Error> &&
           !std::same_as<std::remove_cvref_t<U>, T> && !std::same_as<std::remove_cvref_t<U>, Result>)
      Result(U&& value)  // NOLINT(bugprone-forwarding-reference-overload): a Result is excluded
      : content_(std::in_place_index<0>, std::forward<U>(value)) {}

  bool ok() const { return content_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() {
    if (T* value = std::get_if<0>(&content_)) return *value;
    internal::wrong_access("Result::value()", &error());
  }
  const T& value() const {
    if (const T* value = std::get_if<0>(&content_)) return *value;
    internal::wrong_access("Result::value()", &error());
  }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const {
    if (const Error* error = std::get_if<1>(&content_)) return *error;
    internal::wrong_access("Result::error()", nullptr);
  }
  Error& error() {
    if (Error* error = std::get_if<1>(&content_)) return *error;
    internal::wrong_access("Result::error()", nullptr);
  }

 private:
  std::variant<T, Error> content_;
};

}  // namespace pipec::runtime
