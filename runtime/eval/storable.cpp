#include "runtime/eval/storable.h"

#include <cmath>

#include "pipec/runtime/json.h"
#include "runtime/eval/arithmetic.h"
#include "runtime/json/text.h"
#include "runtime/msgpack/structure.h"

namespace pipec::runtime::eval {

namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 30;
constexpr std::string_view kTooDeep = "a value nested deeper than 1024";

// Of JSON text or MsgPack.
bool slice_fits(const Value& slice, std::size_t around) {
  if (around > kMaxDepth) return false;
  if (slice.form() == Value::Form::json) return json::nests_within(slice.text(), kMaxDepth - around);
  if (slice.size() <= kMaxDepth - around) return true;  // a level takes a byte at least
  const char* const begin = slice.text().data();
  return msgpack::skip_any(begin, begin + slice.size(), around) != nullptr;
}

// Built values share their parts, so a small one may be exponentially large when written: the walk counts the
// values it visits.
class Walk {
 public:
  void visit(const Value& value, std::size_t depth) {
    switch (value.type()) {
      case Type::duration:
        result_.refusal = "a duration cannot be part of a record";
        return;
      case Type::string:
      case Type::bytes:
        return add(value.size());
      case Type::array:
      case Type::object:
        break;
      default:
        return add(0);
    }
    if (value.form() != Value::Form::built) {
      result_.checked = false;
      if (!slice_fits(value, depth)) result_.refusal = kTooDeep;
      return add(value.size());
    }
    if (depth >= kMaxDepth) {
      result_.refusal = kTooDeep;
      return;
    }
    add(0);
    for (std::uint32_t i = 0; i < value.size() && result_.refusal.empty(); ++i) {
      if (value.type() == Type::array) {
        visit(value.items()[i], depth + 1);
      } else {
        add(value.members()[i].key.size());
        visit(value.members()[i].value, depth + 1);
      }
    }
  }

  Storable result() const { return result_; }

 private:
  void add(std::uint64_t bytes) {
    bytes_ += bytes;
    if (++nodes_ > kMostItems || bytes_ > kMostBytes) result_.refusal = "a value too large for a record";
  }

  Storable result_;
  std::uint64_t bytes_ = 0;
  std::size_t nodes_ = 0;
};

}  // namespace

Storable check_storable(const Value& value, std::size_t around) {
  if (around > kMaxDepth) return {kTooDeep, true};
  switch (value.type()) {
    case Type::array:
    case Type::object:
      break;
    case Type::duration:
      return {"a duration cannot be part of a record", true};
    default:
      return {};
  }
  if (value.form() != Value::Form::built) {
    // A record, or a part of one, that takes its place: no deeper than it was.
    return {around == 0 || slice_fits(value, around) ? std::string_view() : kTooDeep, false};
  }
  Walk walk;
  walk.visit(value, around);
  return walk.result();
}

bool comes_back_from_msgpack(const Value& value) {
  switch (value.type()) {
    case Type::integer:
      return value.number_text().empty();
    case Type::floating:
      return value.number_text().empty() && !value.is_beyond() && std::isfinite(value.as_float());
    case Type::string:
      return !value.is_escaped();
    case Type::array:
    case Type::object:
      break;
    default:
      return true;
  }
  if (value.form() != Value::Form::built) return value.form() == Value::Form::msgpack;
  for (std::uint32_t i = 0; i < value.size(); ++i) {
    const Value& part = value.type() == Type::array ? value.items()[i] : value.members()[i].value;
    const bool slice = part.form() == Value::Form::msgpack;
    if (slice || !comes_back_from_msgpack(part)) return false;
  }
  return true;
}

}  // namespace pipec::runtime::eval
