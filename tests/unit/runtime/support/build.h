// Builds programs without the compiler, in a line or two of C++.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/runtime/program.h"

namespace pipec::runtime::test {

// A pattern that is plain text.
class HoldsText final : public Matcher {
 public:
  explicit HoldsText(std::string part) : part_(std::move(part)) {}
  bool search(std::string_view text) const override { return text.find(part_) != std::string_view::npos; }

 private:
  std::string part_;
};

// Keys, locals and constants of one program under construction.
class Build {
 public:
  FieldSet fields;
  std::uint32_t locals = 0;
  std::shared_ptr<Arena> constants = std::make_shared<Arena>();

  Expression value(Value constant) {
    Expression e = make(Op::constant);
    e.constant = constant;
    e.types = TypeSet(constant.type());
    return e;
  }
  Expression null() { return value({}); }
  Expression boolean(bool b) { return value(Value::boolean(b)); }
  Expression integer(std::int64_t i) { return value(Value::integer(i)); }
  Expression floating(double f) { return value(Value::floating(f)); }
  Expression string(std::string_view s) { return value(Value::string(constants->copy(s))); }
  Expression bytes(std::string_view s) { return value(Value::bytes(constants->copy(s))); }
  Expression timestamp(std::int64_t ns) { return value(Value::timestamp(ns)); }
  Expression duration(std::int64_t ns) { return value(Value::duration(ns)); }

  // ".a.b[0]", ".", ".[0]"; "[]" is a computed segment: the next of `computed`.
  Path path(std::string_view text, std::uint32_t first_computed = 0) {
    Path result;
    result.text = text;
    std::size_t at = 0;
    const auto key = [&] {
      const std::size_t begin = ++at;
      while (at < text.size() && text[at] != '.' && text[at] != '[') ++at;
      return text.substr(begin, at - begin);
    };
    const std::string_view first = key();
    result.whole = first.empty();
    if (!result.whole) result.slot = fields.slot_of(first);
    while (at < text.size()) {
      PathSegment segment;
      if (text[at] == '.') {
        segment.key = key();
      } else {
        const std::size_t end = text.find(']', at);
        const std::string inside(text.substr(at + 1, end - at - 1));
        segment.kind = inside.empty() ? PathSegment::Kind::computed : PathSegment::Kind::index;
        if (inside.empty()) {
          segment.computed = first_computed++;
        } else {
          segment.index = std::stoll(inside);
          segment.key = inside;
        }
        at = end + 1;
      }
      result.below.push_back(segment);
    }
    return result;
  }
  Expression field(std::string_view text, std::vector<Expression> computed = {}) {
    Expression e = make(Op::field);
    e.path = path(text);
    e.children = std::move(computed);
    return e;
  }
  Expression has(std::string_view text, std::vector<Expression> computed = {}) {
    Expression e = field(text, std::move(computed));
    e.op = Op::has;
    return e;
  }
  // `.x[]` below a value; computed segments follow children[0].
  Expression element(Expression base, std::string_view below, std::vector<Expression> computed = {}) {
    Expression e = make(Op::element);
    Path all = path("." + std::string(below), 1);
    if (!all.whole) {
      fields.keys.pop_back();  // the first key is not a field of the record
      PathSegment first;
      first.key = below.substr(0, below.find_first_of(".["));
      all.below.insert(all.below.begin(), first);
    }
    e.path = std::move(all);
    e.children.push_back(std::move(base));
    for (Expression& c : computed) e.children.push_back(std::move(c));
    return e;
  }
  Expression metadata(MetadataField field, std::string_view header = {}) {
    Expression e = make(Op::metadata);
    e.metadata = field;
    e.text = header;
    return e;
  }
  Expression local(std::uint32_t number) {
    Expression e = make(Op::local);
    e.local = number;
    return e;
  }
  Expression op(Op code, Expression a) {
    Expression e = make(code);
    e.children.push_back(std::move(a));
    return e;
  }
  Expression op(Op code, Expression a, Expression b) {
    Expression e = op(code, std::move(a));
    e.children.push_back(std::move(b));
    return e;
  }
  Expression choose(Expression condition, Expression yes, Expression no) {
    Expression e = op(Op::conditional, std::move(condition), std::move(yes));
    e.children.push_back(std::move(no));
    return e;
  }
  Expression list(Op code, std::vector<Expression> children) {
    Expression e = make(code);
    e.children = std::move(children);
    return e;
  }
  Expression array(std::vector<Expression> items) { return list(Op::array, std::move(items)); }
  Expression object(std::vector<std::string> keys, std::vector<Expression> values) {
    Expression e = list(Op::object, std::move(values));
    e.keys = std::move(keys);
    return e;
  }
  Expression interpolate(std::vector<Expression> parts) { return list(Op::interpolate, std::move(parts)); }
  Expression matches(Expression text, std::shared_ptr<const Matcher> matcher) {
    Expression e = op(Op::matches, std::move(text));
    e.matcher = std::move(matcher);
    return e;
  }
  // lambda_locals: per child, if it has lambdas.
  Expression call(const Function& function, std::vector<Expression> children,
                  std::vector<std::uint32_t> lambda_locals = {}) {
    Expression e = list(Op::call, std::move(children));
    e.function = &function;
    e.lambda_locals = std::move(lambda_locals);
    return e;
  }
  std::uint32_t new_local() { return locals++; }

  std::shared_ptr<const Program> program(Expression root) const {
    auto result = std::make_shared<Program>();
    result->fields = fields;
    result->locals = locals;
    result->constants = constants;
    result->root = std::move(root);
    return result;
  }
  std::shared_ptr<const TransformProgram> transform(std::vector<Statement> body) const {
    auto result = std::make_shared<TransformProgram>();
    result->fields = fields;
    result->locals = locals;
    result->constants = constants;
    result->body = std::move(body);
    return result;
  }

  // Statements.
  Statement set(std::string_view target, Expression e, std::vector<Expression> computed = {}) {
    Statement s = statement(Statement::Kind::set, std::move(e));
    for (Expression& c : computed) s.expressions.push_back(std::move(c));
    s.targets.push_back(path(target, 1));
    return s;
  }
  Statement set_record(Expression e) { return statement(Statement::Kind::set_record, std::move(e)); }
  Statement set_metadata(MetadataField field, Expression e, std::string_view header = {}) {
    Statement s = statement(Statement::Kind::set_metadata, std::move(e));
    s.metadata = field;
    s.text = header;
    return s;
  }
  Statement let(std::uint32_t number, Expression e) {
    Statement s = statement(Statement::Kind::let, std::move(e));
    s.local = number;
    return s;
  }
  Statement on_targets(Statement::Kind kind, std::initializer_list<std::string_view> targets) {
    Statement s = statement(kind);
    for (const std::string_view target : targets) s.targets.push_back(path(target));
    return s;
  }
  Statement del(std::initializer_list<std::string_view> targets) {
    return on_targets(Statement::Kind::remove, targets);
  }
  Statement keep(std::initializer_list<std::string_view> targets) {
    return on_targets(Statement::Kind::keep, targets);
  }
  Statement rename(std::string_view from, std::string_view to) {
    return on_targets(Statement::Kind::rename, {from, to});
  }
  Statement when(Expression condition, std::vector<Statement> body, std::vector<Statement> otherwise = {}) {
    Statement s = statement(Statement::Kind::branch, std::move(condition));
    s.body = std::move(body);
    s.otherwise = std::move(otherwise);
    return s;
  }
  Statement drop() { return statement(Statement::Kind::drop); }
  Statement dlq(Expression reason) { return statement(Statement::Kind::dead_letter, std::move(reason)); }
  Statement emit(Expression e) { return statement(Statement::Kind::emit, std::move(e)); }
  Statement loop(std::uint32_t first, Expression over, std::vector<Statement> body) {
    Statement s = statement(Statement::Kind::loop, std::move(over));
    s.local = first;
    s.body = std::move(body);
    return s;
  }
  Statement loop(std::uint32_t first, std::uint32_t second, Expression over, std::vector<Statement> body) {
    Statement s = loop(first, std::move(over), std::move(body));
    s.second = second;
    s.has_second = true;
    return s;
  }

 private:
  Expression make(Op code) {
    Expression e;
    e.op = code;
    return e;
  }
  static Statement statement(Statement::Kind kind) {
    Statement s;
    s.kind = kind;
    return s;
  }
  static Statement statement(Statement::Kind kind, Expression e) {
    Statement s = statement(kind);
    s.expressions.push_back(std::move(e));
    return s;
  }
};

// The same expression or statement at column `column` of line 1.
template <typename Node>
Node at(std::uint32_t column, Node node) {
  node.place = Place{"t.pipe", 1, column};
  return node;
}

}  // namespace pipec::runtime::test
