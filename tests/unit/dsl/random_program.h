// Random programs that parse, with comments, line breaks and blank lines wherever the grammar lets them be.
#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace pipec::dsl::testing {

class RandomProgram {
 public:
  explicit RandomProgram(std::uint64_t seed) : random_(seed), comments_(below(3) == 0 ? 4 : below(30)) {}

  std::string text() {
    for (std::size_t i = 1 + below(4); i > 0; --i) item();
    space();
    return text_;
  }

 private:
  std::size_t below(std::size_t n) { return random_() % n; }
  bool chance(std::size_t percent) { return below(100) < percent; }
  std::string_view any(std::initializer_list<std::string_view> choices) {
    return choices.begin()[below(choices.size())];
  }

  // A token, with space before it.
  void put(std::string_view token) {
    space();
    text_ += token;
  }
  // One that touches what is before it.
  void touch(std::string_view token) { text_ += token; }

  void space() {
    text_ += ' ';
    for (bool again = true; again; again = chance(20)) {
      if (chance(comments_)) {
        if (chance(40)) text_ += chance(30) ? "\n\n\n" : "\n";
        text_ +=
            "# c" + std::to_string(++count_) + std::string(any({"", " ", ", ;", ") ]", " \"", "\r"})) + "\n";
      } else {
        text_ += any({"", "", "", " ", "\t", "\n", "\r\n", "\n\n", "\n\n\n "});
      }
    }
  }

  void item() {
    switch (below(10)) {
      case 0:
        put("commit"), put(any({"auto", "sink"}));
        break;
      case 1:
        put("dlq");
        if (chance(50)) return put(any({"reject", "discard"}));
        connector(2);
        break;
      case 2:
        put("govern");
        if (chance(30)) return put("off");
        object(1);
        break;
      case 3:
        put(any({"name", "use"})), put("\"x\"");
        break;
      case 4:
        put("fn"), put("f"), put("("), names(), put(")"), put("="), expression(3);
        break;
      case 5:
        put("let"), put("s"), put("=");
        if (chance(50)) {
          chain(2);
        } else {
          source(), put("|"), chain(2);
        }
        break;
      case 6:
        test();
        break;
      default:
        source();
        put("|");
        chain(2);
        break;
    }
    if (chance(10)) put(";");
  }

  void test() {
    put("test"), put("\"t\""), put("{"), put("stage"), put("clean");
    for (std::size_t i = below(3); i > 0; --i) {
      put("given"), expression(1);
      for (std::size_t k = below(3); k > 0; --k) {
        put("expect");
        if (chance(30)) {
          put("none");
        } else if (chance(30)) {
          put("dlq"), put("\"why\"");
        } else {
          expression(1);
        }
      }
    }
    put("}");
  }

  void names() {
    for (std::size_t i = below(3); i > 0; --i) {
      put("p" + std::to_string(i));
      if (i > 1 || chance(20)) put(",");
    }
  }

  void source() {
    switch (below(3)) {
      case 0:
        put("recv"), connector(2);
        break;
      case 1:
        put("stream");
        break;
      default:
        put("merge"), put("("), put("a"), put(","), put("b"), put(")");
        break;
    }
  }

  void chain(int depth) {
    for (std::size_t i = below(4); i > 0; --i) stage(depth), put("|");
    if (depth > 0 && chance(20)) return route(depth);
    if (chance(30)) return put("drop");
    put("sink"), connector(depth);
  }

  void stage(int depth) {
    switch (below(4)) {
      case 0:
        put("filter"), expression(depth);
        if (chance(20))
          put("else"), put("drop");
        else if (chance(20))
          put("else"), put("dlq"), put("\"old\"");
        break;
      case 1:
        put("parse"), connector(1);
        break;
      case 2:
        put("clean");
        break;
      default:
        put("transform"), block(depth);
        break;
    }
  }

  void route(int depth) {
    put("route"), put("{");
    for (std::size_t i = below(3); i > 0; --i) {
      expression(depth - 1), put("->"), chain(depth - 1);
      if (chance(20)) put(";");
    }
    put("else"), put("->"), chain(depth - 1), put("}");
  }

  void connector(int depth) {
    put(any({"file", "kafka", "json"}));
    if (chance(70)) arguments(depth);
  }

  void arguments(int depth) {
    touch("(");
    const std::size_t count = below(3);
    for (std::size_t i = 0; i < count; ++i) {
      if (i + 1 == count && chance(40)) put("key"), put(":");
      expression(depth - 1);
      if (i + 1 < count || chance(20)) put(",");
    }
    put(")");
  }

  void block(int depth) {
    put("{");
    for (std::size_t i = below(4); i > 0; --i) {
      statement(depth);
      if (chance(20)) put(";");
    }
    put("}");
  }

  void statement(int depth) {
    switch (below(depth > 0 ? 11 : 8)) {
      case 0:
      case 1:
        path(depth), put("="), expression(depth);
        break;
      case 2:
        put("let"), put("x"), put("="), expression(depth);
        break;
      case 3:
        put(any({"del", "keep"})), put("("), put(".a"), put(","), path(0);
        if (chance(20)) put(",");
        put(")");
        break;
      case 4:
        put("rename"), put("("), put(".a"), put(","), put(".b"), put(")");
        break;
      case 5:
        put("drop");
        break;
      case 6:
        put("dlq"), expression(1);
        break;
      case 7:
        put("emit"), expression(depth);
        break;
      case 8:
        put("for"), put("k");
        if (chance(50)) put(","), put("v");
        put("in"), expression(1), block(depth - 1);
        break;
      default:
        put("if"), expression(1), block(depth - 1);
        if (chance(40)) put("else"), put("if"), expression(1), block(depth - 1);
        if (chance(40)) put("else"), block(depth - 1);
        break;
    }
  }

  void path(int depth) {
    put(any({".a", ".a.b", ".\"odd key\"", ".", ".key.\"x y\""}));
    if (text_.back() == '.') {
      if (chance(30)) index(depth);
      return;
    }
    segments(depth);
  }
  void segments(int depth) {
    for (std::size_t i = below(3); i > 0; --i) {
      if (chance(50)) {
        touch(any({".c", ".\"d e\"", ".if"}));
      } else {
        index(depth);
      }
    }
  }
  void index(int depth) {
    touch("[");
    if (chance(30)) {
      put(any({"\"k\"", "\"k l\"", "r\"k\"", "-1"}));
    } else {
      expression(depth - 1);
    }
    put("]");
  }

  // One level of an operator in parentheses: a comparison takes no other as an operand.
  void expression(int depth) {
    if (depth <= 0) return operand(0);
    switch (below(9)) {
      case 0:
        operand(depth - 1), put(any({"==", "!=", "<", "<=", ">", ">=", "in"})), operand(depth - 1);
        break;
      case 1:
        operand(depth - 1), put(any({"+", "*", "/", "%", "??", "catch", "and", "or"})), operand(depth - 1);
        break;
      case 2:
        operand(depth - 1), put("and"), operand(depth - 1), put("and"), operand(depth - 1);
        break;
      case 3:
        put("not"), operand(depth - 1);
        break;
      case 4:
        put("if"), expression(depth - 1), put("{"), expression(depth - 1), put("}"), put("else"), put("{"),
            expression(depth - 1), put("}");
        break;
      default:
        operand(depth);
        break;
    }
  }

  void operand(int depth) {
    switch (below(depth > 0 ? 14 : 7)) {
      case 0:
        put(any({"1", "1_000", "0xff", "1.5", "2e-3", "5s", "64KiB", "null", "true", "name_"}));
        break;
      case 1:
        put("-"), put(any({"5", "1.5"}));
        break;
      case 2:
        put(any({"\"\"", "\"a\"", "r\"(\\d+)\"", "\"x # no comment\""}));
        break;
      case 3:
        put("\"a${ .b + (1) }c${f(.d, \"e\")}\"");
        break;
      case 4:
        put(any({"@topic", "@headers.x"}));
        break;
      case 5:
      case 6:
        path(depth);
        break;
      case 7:
        put("["), list(depth), put("]");
        break;
      case 8:
        object(depth);
        break;
      case 9:
        put(any({"f", "upper"})), arguments(depth);
        if (chance(30)) segments(depth - 1);
        break;
      case 10:
        put("map"), touch("("), path(0), put(","), put("x"), put("->"), expression(depth - 1), put(")");
        break;
      case 11:
        put("-"), put("("), expression(depth - 1), put(")");
        break;
      case 12: {  // a second pair is left out
        const std::size_t pairs = 1 + below(3);
        for (std::size_t i = 0; i < pairs; ++i) put("(");
        expression(depth - 1);
        for (std::size_t i = 0; i < pairs; ++i) put(")");
        if (chance(40)) segments(depth - 1);
        break;
      }
      default:
        put("("), expression(depth - 1), put(")");
        break;
    }
  }

  void list(int depth) {
    const std::size_t count = below(4);
    for (std::size_t i = 0; i < count; ++i) {
      expression(depth - 1);
      if (i + 1 < count || chance(30)) put(",");
    }
  }

  void object(int depth) {
    put("{");
    const std::size_t count = below(4);
    for (std::size_t i = 0; i < count; ++i) {
      put(any({"k", "\"k k\"", "if"})), put(":"), expression(depth - 1);
      if (i + 1 < count || chance(30)) put(",");
    }
    put("}");
  }

  std::mt19937_64 random_;
  std::size_t comments_;  // in a hundred spaces
  std::size_t count_ = 0;
  std::string text_;
};

}  // namespace pipec::dsl::testing
