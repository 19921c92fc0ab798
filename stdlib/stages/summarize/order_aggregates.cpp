// One value of the group: min, max, first, last.
#include "pipec/runtime/json.h"
#include "stdlib/stages/summarize/aggregate.h"
#include "stdlib/stages/summarize/stored_value.h"

namespace pipec::stdlib {

namespace {

using runtime::Arena;
using runtime::Options;
using runtime::Type;
using runtime::Value;

// What can be compared with each other.
Type order_of(Type type) {
  return type == Type::integer ? Type::floating : type;
}

class OneValue : public AggregateOf<StoredValue> {
 public:
  explicit OneValue(const Options::Call& call) : call_(call) {}
  bool takes(const void*, const Value&) const override { return true; }
  std::string refusal(const void*, const Value& value) const override {
    return wrong_type(*call_.function, value);
  }
  Value result(const void* state, Arena& arena) const override { return at(state).value(arena); }
  void save(const void* state, std::string& out) const override { at(state).write(out); }
  bool load(void* state, std::string_view& from) const override {
    auto stored = StoredValue::read(from);
    if (stored) at(state) = std::move(*stored);
    return stored.has_value();
  }
  std::size_t held(const void* state) const override { return at(state).bytes(); }

 protected:
  const Options::Call& call_;
};

class Extreme final : public OneValue {
 public:
  Extreme(const Options::Call& call, int sign) : OneValue(call), sign_(sign) {}
  bool takes(const void* state, const Value& value) const override {
    if (!call_.function->parameters[0].types.has(value.type())) return false;
    return at(state).is_null() || order_of(at(state).type()) == order_of(value.type());
  }
  std::string refusal(const void* state, const Value& value) const override {
    if (!call_.function->parameters[0].types.has(value.type())) return wrong_type(*call_.function, value);
    return call_.function->name +
           " takes one type in a group: " + std::string(runtime::type_name(at(state).type())) +
           " before, now " + std::string(runtime::type_name(value.type()));
  }
  void add(void* state, const Value& value, Arena& arena) const override {
    if (at(state).is_null() || is_better(value, at(state).value(arena), arena)) at(state).set(value, arena);
  }
  bool merges(const void* into, const void* from) const override {
    return at(into).is_null() || at(from).is_null() || order_of(at(into).type()) == order_of(at(from).type());
  }
  void merge(void* into, const void* from) const override {
    if (at(from).is_null()) return;
    Arena arena;
    if (at(into).is_null() || is_better(at(from).value(arena), at(into).value(arena), arena)) {
      at(into) = at(from);
    }
  }

 private:
  bool is_better(const Value& value, const Value& known, Arena& arena) const {
    return runtime::compare(value, known, arena).value_or(0) * sign_ > 0;
  }
  const int sign_;  // 1: the largest
};

class First final : public OneValue {
 public:
  using OneValue::OneValue;
  void add(void* state, const Value& value, Arena& arena) const override {
    if (at(state).is_null()) at(state).set(value, arena);
  }
  void merge(void* into, const void* from) const override {
    if (at(into).is_null()) at(into) = at(from);
  }
};

class Last final : public OneValue {
 public:
  using OneValue::OneValue;
  void add(void* state, const Value& value, Arena& arena) const override { at(state).set(value, arena); }
  void merge(void* into, const void* from) const override {
    if (!at(from).is_null()) at(into) = at(from);
  }
};

}  // namespace

std::unique_ptr<Aggregate> make_order_aggregate(const Options::Call& call) {
  const std::string& name = call.function->name;
  if (name == "min") return std::make_unique<Extreme>(call, -1);
  if (name == "max") return std::make_unique<Extreme>(call, 1);
  if (name == "first") return std::make_unique<First>(call);
  if (name == "last") return std::make_unique<Last>(call);
  return nullptr;
}

}  // namespace pipec::stdlib
