// Calls functions of the library as the engine does: arguments of the declared types, defaults filled in.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "pipec/runtime/buffer.h"
#include "pipec/runtime/json.h"
#include "pipec/runtime/registry.h"
#include "pipec/stdlib/register.h"
#include "support/catch.h"

namespace pipec::stdlib::test {

using runtime::Arena;
using runtime::Type;
using runtime::Value;

class FixedClock final : public runtime::Clock {
 public:
  std::chrono::steady_clock::time_point steady_now() const override { return {}; }
  std::int64_t unix_nanoseconds() const override {
    return 1'767'323'045'123'456'789;
  }  // 2026-01-02T03:04:05Z
};

using Lambda = std::function<Value(const Value&)>;

class FakeContext final : public runtime::CallContext {
 public:
  FakeContext(Arena& arena, const void* prepared, Lambda lambda) : lambda_(std::move(lambda)) {
    arena_ = &arena;
    clock_ = &fixed_clock_;
    prepared_ = prepared;
  }
  Value fail(std::string_view reason) override {
    reason_ = reason;
    return Value::failed();
  }
  Value apply(std::size_t, std::span<const Value> parameters) override { return lambda_(parameters[0]); }
  std::uint64_t random() override { return state_ = state_ * 6364136223846793005U + 1442695040888963407U; }
  const std::string& reason() const { return reason_; }

 private:
  FixedClock fixed_clock_;
  Lambda lambda_;
  std::string reason_;
  std::uint64_t state_ = 1;
};

inline const runtime::Registry& registry() {
  static const runtime::Registry made = [] {
    runtime::Registry result;
    register_functions(result);
    return result;
  }();
  return made;
}

inline Value text(std::string_view s) {
  return Value::string(s);
}
template <typename Number>
Value number(Number n) {
  if constexpr (std::is_floating_point_v<Number>) return Value::floating(n);
  return Value::integer(static_cast<std::int64_t>(n));
}
inline Value at_second(std::int64_t seconds) {
  return Value::timestamp(seconds * 1'000'000'000);
}

// A value as it comes out of a record.
inline Value from_data(std::string_view json) {
  const auto value = runtime::read_json(json);
  REQUIRE(value);
  return *value;
}

// Every argument known when compiling, or none but the defaults of those left out.
enum class When { compiling, running };

class Caller {
 public:
  explicit Caller(When when) : when_(when) {}

  // The result as JSON, or "error: reason", or "compile error: reason".
  std::string operator()(std::string_view name, std::vector<Value> arguments, Lambda lambda = {}) {
    const Value result = value(name, std::move(arguments), std::move(lambda));
    return result.is_failed() ? failure_ : json(result);
  }

  Value value(std::string_view name, std::vector<Value> arguments, Lambda lambda = {}) {
    INFO("function " << name);
    const runtime::Function* function = registry().function(name);
    REQUIRE(function != nullptr);
    const std::size_t given = arguments.size();
    fill_in(*function, arguments);
    std::shared_ptr<const void> prepared;
    if (function->prepare) {
      std::vector<std::optional<Value>> constants(arguments.size());
      for (std::size_t i = when_ == When::compiling ? 0 : given; i < arguments.size(); ++i) {
        constants[i] = arguments[i];
      }
      auto result = function->prepare(constants);
      if (!result.ok()) {
        failure_ = "compile error: " + result.error().message;
        return Value::failed();
      }
      prepared = *result;
    }
    FakeContext context(arena_, prepared.get(), std::move(lambda));
    const Value result = function->code(context, arguments);
    if (result.is_failed()) {
      REQUIRE_FALSE(context.reason().empty());
      failure_ = "error: " + context.reason();
    } else {
      CHECK((function->result.has(result.type())));
    }
    return result;
  }

  Arena& arena() { return arena_; }

 private:
  void fill_in(const runtime::Function& function, std::vector<Value>& arguments) {
    REQUIRE(arguments.size() <= function.parameters.size());
    for (std::size_t i = 0; i < function.parameters.size(); ++i) {
      const runtime::Parameter& parameter = function.parameters[i];
      if (i >= arguments.size()) {
        REQUIRE((parameter.fallback || parameter.kind != runtime::Parameter::Kind::value));
        arguments.push_back(parameter.fallback.value_or(Value()));
      } else if (parameter.kind == runtime::Parameter::Kind::value) {
        REQUIRE((parameter.types.has(arguments[i].type())));
        if (arguments[i].is_escaped()) arguments[i] = runtime::decoded(arguments[i], arena_);
      }
    }
  }

  std::string json(const Value& result) {
    runtime::BufferPool pool;
    const runtime::BufferRef buffer = pool.get(64);
    runtime::append_json(result, *buffer);
    return std::string(buffer->view());
  }

  When when_;
  Arena arena_;
  std::string failure_;
};

inline bool is_error(const std::string& result) {
  return result.starts_with("error: ") || result.starts_with("compile error: ");
}

}  // namespace pipec::stdlib::test
