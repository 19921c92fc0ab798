// The context of a call outside the interpreter, for pure functions without lambdas. Reasons of failures are
// discarded.
#pragma once

#include <span>
#include <string_view>

#include "pipec/runtime/clock.h"
#include "pipec/runtime/function.h"

namespace pipec::runtime::eval {

class PlainCall final : public CallContext {
 public:
  PlainCall(Arena& arena, const void* prepared) {
    arena_ = &arena;
    clock_ = &Clock::system();
    prepared_ = prepared;
  }
  Value fail(std::string_view) override { return Value::failed(); }
  Value apply(std::size_t, std::span<const Value>) override { return Value::failed(); }
  std::uint64_t random() override { return 0; }
};

}  // namespace pipec::runtime::eval
