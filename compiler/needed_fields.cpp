#include "compiler/needed_fields.h"

#include <algorithm>

#include "pipec/runtime/function.h"

namespace pipec::compiler {

namespace {

using runtime::Expression;
using runtime::Op;
using Path = std::vector<std::string>;

// A program's nesting is bounded by the compiler, so recursion is.
class Needs {
 public:
  explicit Needs(const runtime::FieldSet& fields) : fields_(fields) {}

  std::vector<Path> of(const Expression& expression) const {
    switch (expression.op) {
      case Op::field:
        return field(expression);
      case Op::logical_or:
        return either(expression);
      case Op::equal:
        if (is_null(expression.children[0]) || is_null(expression.children[1])) return {};
        return all(expression, 2);
      case Op::less:
      case Op::less_equal:
      case Op::greater:
      case Op::greater_equal:
      case Op::in:
      case Op::logical_and:
      case Op::add:
      case Op::subtract:
      case Op::multiply:
      case Op::divide:
      case Op::remainder:
      case Op::interpolate:
        return all(expression, expression.children.size());
      case Op::negate:
      case Op::matches:
      case Op::element:
        return of(expression.children[0]);
      case Op::call:
        return call(expression);
      default:
        // The others may hold for a missing field.
        return {};
    }
  }

 private:
  static bool is_null(const Expression& expression) {
    return expression.op == Op::constant && expression.constant.is_null();
  }

  std::vector<Path> field(const Expression& expression) const {
    if (expression.path.whole) return {};
    Path path{fields_.keys[expression.path.slot]};
    for (const runtime::PathSegment& segment : expression.path.below) {
      if (segment.kind != runtime::PathSegment::Kind::key) break;
      path.push_back(segment.key);
    }
    return {path};
  }

  static void add(std::vector<Path>& to, const std::vector<Path>& from) {
    for (const Path& path : from) {
      if (std::find(to.begin(), to.end(), path) == to.end()) to.push_back(path);
    }
  }

  std::vector<Path> all(const Expression& expression, std::size_t count) const {
    std::vector<Path> needed;
    for (std::size_t i = 0; i < count; ++i) add(needed, of(expression.children[i]));
    return needed;
  }

  std::vector<Path> either(const Expression& expression) const {
    std::vector<Path> needed = of(expression.children[0]);
    for (std::size_t i = 1; i < expression.children.size(); ++i) {
      const std::vector<Path> other = of(expression.children[i]);
      std::erase_if(needed, [&](const Path& path) {
        return std::find(other.begin(), other.end(), path) == other.end();
      });
    }
    return needed;
  }

  // An argument that may be null may be a field that is missing.
  std::vector<Path> call(const Expression& expression) const {
    std::vector<Path> needed;
    const auto& parameters = expression.function->parameters;
    for (std::size_t i = 0; i < expression.children.size() && i < parameters.size(); ++i) {
      const bool value = parameters[i].kind == runtime::Parameter::Kind::value;
      if (value && !parameters[i].types.has(runtime::Type::null)) add(needed, of(expression.children[i]));
    }
    return needed;
  }

  const runtime::FieldSet& fields_;
};

}  // namespace

std::vector<Path> needed_fields(const runtime::Program& condition) {
  return Needs(condition.fields).of(condition.root);
}

}  // namespace pipec::compiler
