// count, quantile, median.
#include <algorithm>
#include <bit>
#include <cmath>

#include "stdlib/stages/state_bytes.h"
#include "stdlib/stages/summarize/aggregate.h"

namespace pipec::stdlib {

namespace {

using runtime::Arena;
using runtime::Options;
using runtime::Type;
using runtime::Value;

class Count final : public AggregateOf<std::uint64_t> {
 public:
  explicit Count(const Options::Call& call) : call_(call) {}
  bool takes(const void*, const Value& value) const override { return value.type() == Type::boolean; }
  std::string refusal(const void*, const Value& value) const override {
    return wrong_type(*call_.function, value);
  }
  void add(void* state, const Value& value, Arena&) const override { at(state) += value.as_bool() ? 1 : 0; }
  void merge(void* into, const void* from) const override { at(into) += at(from); }
  Value result(const void* state, Arena&) const override {
    return Value::integer(static_cast<std::int64_t>(at(state)));
  }
  void save(const void* state, std::string& out) const override { write_word(at(state), out); }
  bool load(void* state, std::string_view& from) const override {
    const auto count = read_word(from);
    if (count) at(state) = *count;
    return count.has_value();
  }

 private:
  const Options::Call& call_;
};

// All values, in no order.
class Quantile final : public AggregateOf<std::vector<double>> {
 public:
  Quantile(const Options::Call& call, double q) : call_(call), q_(q) {}
  bool takes(const void*, const Value& value) const override { return is_plain_number(value); }
  std::string refusal(const void*, const Value& value) const override {
    return wrong_type(*call_.function, value);
  }
  void add(void* state, const Value& value, Arena&) const override {
    at(state).push_back(value.type() == Type::integer ? static_cast<double>(value.as_int())
                                                      : value.as_float());
  }
  void merge(void* into, const void* from) const override {
    at(into).insert(at(into).end(), at(from).begin(), at(from).end());
  }
  Value result(const void* state, Arena&) const override {
    std::vector<double> values = at(state);
    if (values.empty()) return {};
    const double place = q_ * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const auto lower = values.begin() + static_cast<std::ptrdiff_t>(below);
    std::nth_element(values.begin(), lower, values.end());
    const double low = *lower;
    const double part = place - static_cast<double>(below);
    if (part == 0) return Value::floating(low);
    const double high = *std::min_element(lower + 1, values.end());
    // Not low + part * (high - low): the difference may be beyond a double.
    return Value::floating(low == high ? low : low * (1 - part) + high * part);
  }
  void save(const void* state, std::string& out) const override {
    write_word(at(state).size(), out);
    for (const double value : at(state)) write_word(std::bit_cast<std::uint64_t>(value), out);
  }
  bool load(void* state, std::string_view& from) const override {
    auto count = read_word(from);
    for (; count && *count > 0; --*count) {
      const auto word = read_word(from);
      if (!word || !std::isfinite(std::bit_cast<double>(*word))) return false;
      at(state).push_back(std::bit_cast<double>(*word));
    }
    return count.has_value();
  }
  std::size_t held(const void* state) const override { return at(state).capacity() * sizeof(double); }

 private:
  const Options::Call& call_;
  const double q_;
};

}  // namespace

std::unique_ptr<Aggregate> make_number_aggregate(const Options::Call& call) {
  const std::string& name = call.function->name;
  if (name == "count") return std::make_unique<Count>(call);
  if (name == "median") return std::make_unique<Quantile>(call, 0.5);
  if (name != "quantile") return nullptr;
  const Value& q = call.constants[0];
  return std::make_unique<Quantile>(
      call, q.type() == Type::integer ? static_cast<double>(q.as_int()) : q.as_float());
}

}  // namespace pipec::stdlib
