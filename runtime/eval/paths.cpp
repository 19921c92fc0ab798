// Paths: fields of the record, elements of values.
#include <new>

#include "pipec/runtime/json.h"
#include "runtime/eval/interpreter.h"

namespace pipec::runtime::eval {

Resolved Interpreter::resolve(const Path& path, std::span<const Expression> computed,
                              std::span<json::Step> room, std::span<const json::Step>& steps) {
  const std::size_t count = path.below.size();
  json::Step* step = count <= room.size() ? room.data() : arena_.allocate_array<json::Step>(count);
  steps = {step, count};
  for (const PathSegment& segment : path.below) {
    new (step) json::Step{segment.kind == PathSegment::Kind::key, segment.key, segment.index};
    if (segment.kind == PathSegment::Kind::computed) {
      const Expression& source = computed[segment.computed];
      const Value value = evaluate(source);
      if (value.is_failed()) return Resolved::failed;
      if (value.is_null()) return Resolved::nothing;
      if (value.type() == Type::string) {
        step->is_key = true;
        step->key = decode_string(value, arena_);
      } else if (value.type() == Type::integer && !value.is_beyond()) {
        step->index = value.as_int();
      } else {
        fail(source.place, {"an index must be an int or a string, got ",
                            value.is_beyond() ? "a number beyond 64 bits" : type_name(value.type())});
        return Resolved::failed;
      }
    }
    ++step;
  }
  return Resolved::steps;
}

Value Interpreter::field(const Expression& expression) {
  const Path& path = expression.path;
  if (path.below.empty()) return checked(path.whole ? view_.whole() : view_.get(slot(path)));
  StepRoom room;
  std::span<const json::Step> steps;
  switch (resolve(path, expression.children, room, steps)) {
    case Resolved::nothing:
      return {};
    case Resolved::failed:
      return Value::failed();
    case Resolved::steps:
      break;
  }
  return checked(path.whole ? view_.get_whole(steps) : view_.get(slot(path), steps));
}

Value Interpreter::has(const Expression& expression) {
  const Path& path = expression.path;
  StepRoom room;
  std::span<const json::Step> steps;
  switch (resolve(path, expression.children, room, steps)) {
    case Resolved::nothing:
      return Value::boolean(false);
    case Resolved::failed:
      return Value::failed();
    case Resolved::steps:
      break;
  }
  const int there = path.whole ? view_.has_whole(steps) : view_.has(slot(path), steps);
  return there < 0 ? checked(Value::failed()) : Value::boolean(there != 0);
}

Value Interpreter::element(const Expression& expression, const Value& base) {
  StepRoom room;
  std::span<const json::Step> steps;
  switch (resolve(expression.path, expression.children, room, steps)) {
    case Resolved::nothing:
      return {};
    case Resolved::failed:
      return Value::failed();
    case Resolved::steps:
      break;
  }
  Value value = base;
  for (const json::Step& step : steps) {
    Found found;
    if (step.is_key && value.type() == Type::object) {
      found = find_member(value, step.key, arena_);
    } else if (!step.is_key && value.type() == Type::array) {
      found = find_item(value, step.index);
    }
    if (found.bad) return checked(Value::failed());
    value = found.value;
  }
  return value;
}

}  // namespace pipec::runtime::eval
