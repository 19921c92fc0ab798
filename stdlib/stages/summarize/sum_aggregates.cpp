// From exact sums: sum, avg, stddev.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "stdlib/stages/state_bytes.h"
#include "stdlib/stages/summarize/aggregate.h"
#include "stdlib/stages/summarize/exact_sum.h"

namespace pipec::stdlib {

namespace {

using runtime::Arena;
using runtime::Options;
using runtime::Type;
using runtime::Value;

// Ints are summed apart from floats: without a float the sum is an int, and its overflow a dead letter.
struct Sum {
  std::uint64_t count = 0;
  std::uint64_t floats = 0;
  __int128 ints = 0;
  __int128 lowest = 0;  // of `ints` after each value
  __int128 highest = 0;
  ExactSum exact;  // of the floats

  void add(const Value& value) {
    ++count;
    if (value.type() == Type::floating) {
      ++floats;
      exact.add(value.as_float());
      return;
    }
    ints += value.as_int();
    lowest = std::min(lowest, ints);
    highest = std::max(highest, ints);
  }
  void merge(const Sum& from) {
    lowest = std::min(lowest, ints + from.lowest);
    highest = std::max(highest, ints + from.highest);
    ints += from.ints;
    count += from.count;
    floats += from.floats;
    exact.merge(from.exact);
  }
  ExactSum all() const {
    ExactSum sum = exact;
    sum.add(ints);
    return sum;
  }
  void write(std::string& out) const {
    write_word(count, out);
    write_word(floats, out);
    write_word(static_cast<std::uint64_t>(ints), out);
    write_word(static_cast<std::uint64_t>(ints >> 64), out);
    exact.write(out);
  }
  bool read(std::string_view& from) {
    const auto all_values = read_word(from);
    const auto some = all_values ? read_word(from) : std::nullopt;
    const auto low = some ? read_word(from) : std::nullopt;
    const auto high = low ? read_word(from) : std::nullopt;
    auto sum = high ? ExactSum::read(from) : std::nullopt;
    if (!sum || *some > *all_values) return false;
    count = *all_values;
    floats = *some;
    ints = static_cast<__int128>(static_cast<unsigned __int128>(*high) << 64 | *low);
    exact = std::move(*sum);
    return true;
  }
};

bool is_int64(__int128 number) {
  return number >= std::numeric_limits<std::int64_t>::min() &&
         number <= std::numeric_limits<std::int64_t>::max();
}

class SumOf : public AggregateOf<Sum> {
 public:
  explicit SumOf(const Options::Call& call) : call_(call) {}
  bool takes(const void* state, const Value& value) const override {
    if (!is_plain_number(value)) return false;
    return value.type() == Type::floating || at(state).floats != 0 ||
           is_int64(at(state).ints + value.as_int());
  }
  std::string refusal(const void*, const Value& value) const override {
    return is_plain_number(value) ? "the sum is out of range" : wrong_type(*call_.function, value);
  }
  void add(void* state, const Value& value, Arena&) const override { at(state).add(value); }
  bool merges(const void* into, const void* from) const override {
    const Sum& known = at(into);
    return known.floats != 0 ||
           (is_int64(known.ints + at(from).lowest) && is_int64(known.ints + at(from).highest));
  }
  void merge(void* into, const void* from) const override { at(into).merge(at(from)); }
  Value result(const void* state, Arena&) const override {
    const Sum& sum = at(state);
    if (sum.floats == 0) return Value::integer(static_cast<std::int64_t>(sum.ints));
    return finite(sum.all().over(1));
  }
  void save(const void* state, std::string& out) const override { at(state).write(out); }
  bool load(void* state, std::string_view& from) const override { return at(state).read(from); }
  std::size_t held(const void* state) const override { return at(state).exact.bytes(); }

 protected:
  static Value finite(double number) {
    return std::isfinite(number) ? Value::floating(number) : Value::failed();
  }
  const Options::Call& call_;
};

class Average final : public SumOf {
 public:
  using SumOf::SumOf;
  bool takes(const void*, const Value& value) const override { return is_plain_number(value); }
  bool merges(const void*, const void*) const override { return true; }
  Value result(const void* state, Arena&) const override {
    const Sum& sum = at(state);
    return sum.count == 0 ? Value() : finite(sum.all().over(sum.count));
  }
};

struct Spread {
  Sum sum;
  ExactSum squares;
};

class Deviation final : public AggregateOf<Spread> {
 public:
  explicit Deviation(const Options::Call& call) : call_(call) {}
  bool takes(const void*, const Value& value) const override { return is_plain_number(value); }
  std::string refusal(const void*, const Value& value) const override {
    return wrong_type(*call_.function, value);
  }
  void add(void* state, const Value& value, Arena&) const override {
    at(state).sum.add(value);
    if (value.type() == Type::integer) {
      at(state).squares.add_square(value.as_int());
    } else {
      at(state).squares.add_square(value.as_float());
    }
  }
  void merge(void* into, const void* from) const override {
    at(into).sum.merge(at(from).sum);
    at(into).squares.merge(at(from).squares);
  }
  Value result(const void* state, Arena&) const override {
    const Spread& spread = at(state);
    if (spread.sum.count < 2) return {};
    return Value::floating(ExactSum::deviation(spread.sum.all(), spread.squares, spread.sum.count));
  }
  void save(const void* state, std::string& out) const override {
    at(state).sum.write(out);
    at(state).squares.write(out);
  }
  bool load(void* state, std::string_view& from) const override {
    if (!at(state).sum.read(from)) return false;
    auto squares = ExactSum::read(from);
    if (squares) at(state).squares = std::move(*squares);
    return squares.has_value();
  }
  std::size_t held(const void* state) const override {
    return at(state).sum.exact.bytes() + at(state).squares.bytes();
  }

 private:
  const Options::Call& call_;
};

}  // namespace

std::unique_ptr<Aggregate> make_sum_aggregate(const Options::Call& call) {
  const std::string& name = call.function->name;
  if (name == "sum") return std::make_unique<SumOf>(call);
  if (name == "avg") return std::make_unique<Average>(call);
  if (name == "stddev") return std::make_unique<Deviation>(call);
  return nullptr;
}

}  // namespace pipec::stdlib
