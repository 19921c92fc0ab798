// Paths: fields of the record, elements of values.
#include <new>

#include "pipec/runtime/json.h"
#include "runtime/eval/interpreter.h"

namespace pipec::runtime::eval {

Resolved Interpreter::resolve(const Path& path, std::span<const Expression> computed,
                              std::span<record::Step> room, std::span<const record::Step>& steps) {
  const std::size_t count = path.below.size();
  record::Step* step = count <= room.size() ? room.data() : arena_.allocate_array<record::Step>(count);
  steps = {step, count};
  for (const PathSegment& segment : path.below) {
    new (step) record::Step{segment.kind == PathSegment::Kind::key, segment.key, segment.index};
    if (segment.kind == PathSegment::Kind::computed) {
      const Expression& source = computed[segment.computed];
      const Value value = evaluate(source);
      if (value.is_failed()) return Resolved::failed;
      if (value.is_null()) return Resolved::nothing;
      switch (value.type()) {
        case Type::integer:
          step->is_key = value.is_beyond();
          step->index = value.as_int();
          [[fallthrough]];
        case Type::floating:
        case Type::boolean:
        case Type::string:
          if (value.type() != Type::integer) step->is_key = true;
          step->key = *interpolated(value, arena_);
          break;
        default:
          fail(source.place,
               {"an index must be an int, float, bool or string, got ", type_name(value.type())});
          return Resolved::failed;
      }
    }
    ++step;
  }
  return Resolved::steps;
}

// Whether a computed key is applied to an array, which only an int can index; the failure then mentions it.
// Called only for paths that found nothing.
bool Interpreter::misses_array(const Path& path, std::span<const Expression> computed,
                               std::span<const record::Step> steps) {
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (path.below[i].kind != PathSegment::Kind::computed || !steps[i].is_key) continue;
    const auto before = steps.first(i);
    const Value container = path.whole ? view_.get_whole(before) : view_.get(slot(path), before);
    if (container.type() != Type::array) continue;
    fail_as_index(computed[path.below[i].computed], steps[i]);
    return true;
  }
  return false;
}

void Interpreter::fail_as_index(const Expression& computed, const record::Step& step) {
  fail(computed.place, {"an index into an array must be an int, got ", step.key});
}

Value Interpreter::field(const Expression& expression) {
  const Path& path = expression.path;
  if (path.below.empty()) return checked(path.whole ? view_.whole() : view_.get(slot(path)));
  StepRoom room;
  std::span<const record::Step> steps;
  switch (resolve(path, expression.children, room, steps)) {
    case Resolved::nothing:
      return {};
    case Resolved::failed:
      return Value::failed();
    case Resolved::steps:
      break;
  }
  const Value value = checked(path.whole ? view_.get_whole(steps) : view_.get(slot(path), steps));
  if (value.is_null() && misses_array(path, expression.children, steps)) return Value::failed();
  return value;
}

Value Interpreter::has(const Expression& expression) {
  const Path& path = expression.path;
  StepRoom room;
  std::span<const record::Step> steps;
  switch (resolve(path, expression.children, room, steps)) {
    case Resolved::nothing:
      return Value::boolean(false);
    case Resolved::failed:
      return Value::failed();
    case Resolved::steps:
      break;
  }
  const int there = path.whole ? view_.has_whole(steps) : view_.has(slot(path), steps);
  if (there == 0 && misses_array(path, expression.children, steps)) return Value::failed();
  return there < 0 ? checked(Value::failed()) : Value::boolean(there != 0);
}

Value Interpreter::element(const Expression& expression, const Value& base) {
  StepRoom room;
  std::span<const record::Step> steps;
  switch (resolve(expression.path, expression.children, room, steps)) {
    case Resolved::nothing:
      return {};
    case Resolved::failed:
      return Value::failed();
    case Resolved::steps:
      break;
  }
  Value value = base;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const PathSegment& segment = expression.path.below[i];
    if (segment.kind == PathSegment::Kind::computed && steps[i].is_key && value.type() == Type::array) {
      fail_as_index(expression.children[segment.computed], steps[i]);
      return Value::failed();
    }
    const Found found = record::find_step(value, steps[i], arena_);
    if (found.bad) return checked(Value::failed());
    value = found.value;
  }
  return value;
}

}  // namespace pipec::runtime::eval
