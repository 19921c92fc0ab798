// Environment failures (I/O, a rejected commit, bad state on disk): terminal for a run, or retried, never
// thrown on a hot path. A bad record is not an Error but a dead letter (see stage.h).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace pipec::runtime {

struct Error {
  std::string
      code;  // stable and short: "io", "sink", "commit", "checkpoint", "dead_letter", "exception", "deadline"
  std::string message;  // in the user's words, without a trailing full stop or newline
  std::string node;     // the node's name in the plan ("sink file"); filled by the engine where empty
  std::string place;    // "file:line:column" in the .pipe text; empty for pipelines built in C++
  bool retriable = false;
};

// The result of an operation without a value: success, or the error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}
  bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return *error_; }
  Error& error() { return *error_; }

 private:
  std::optional<Error> error_;
};

// A value or an error.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : content_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : content_(std::in_place_index<1>, std::move(error)) {}
  bool ok() const { return content_.index() == 0; }
  explicit operator bool() const { return ok(); }
  T& value() { return std::get<0>(content_); }
  const T& value() const { return std::get<0>(content_); }
  T& operator*() { return value(); }
  const T& operator*() const { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const { return std::get<1>(content_); }
  Error& error() { return std::get<1>(content_); }

 private:
  std::variant<T, Error> content_;
};

}  // namespace pipec::runtime
