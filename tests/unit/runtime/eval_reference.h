// A slow and simple reference implementation of expressions: every record is parsed into a tree, every
// value is copied, and only the expression itself is shared with the tested code. For valid records.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/runtime/program.h"
#include "unit/runtime/json_reference.h"

namespace pipec::runtime::test {

struct Tree {
  enum class Kind { null, boolean, integer, floating, beyond, string, array, object } kind = Kind::null;
  bool flag = false;
  std::int64_t integer = 0;
  double floating = 0;
  std::string text;  // string: decoded; beyond: the digits
  std::vector<Tree> items;
  std::vector<std::pair<std::string, Tree>> members;  // keys unique, the last of repeated ones

  bool number() const { return kind == Kind::integer || kind == Kind::floating || kind == Kind::beyond; }
};

inline Tree tree_of_number(std::string text) {
  Tree tree;
  if (text.find_first_of(".eE") == std::string::npos) {
    errno = 0;
    tree.integer = std::strtoll(text.c_str(), nullptr, 10);
    tree.kind = errno == 0 ? Tree::Kind::integer : Tree::Kind::beyond;
  } else {
    tree.floating = std::strtod(text.c_str(), nullptr);
    const bool zero =
        text.substr(0, text.find_first_of("eE")).find_first_of("123456789") == std::string::npos;
    tree.kind = std::isinf(tree.floating) || (tree.floating == 0 && !zero) ? Tree::Kind::beyond
                                                                           : Tree::Kind::floating;
  }
  tree.text = std::move(text);
  return tree;
}

// `text` is valid JSON.
inline Tree tree_of(std::string_view text) {
  while (!text.empty() && std::string_view(" \t\r\n").find(text.front()) != std::string_view::npos)
    text.remove_prefix(1);
  while (!text.empty() && std::string_view(" \t\r\n").find(text.back()) != std::string_view::npos)
    text.remove_suffix(1);
  Tree tree;
  // An array is read as the object whose keys are the numbers of its items, a string as an object's key: the
  // reference parser knows members only.
  switch (text.front()) {
    case '{':
      tree.kind = Tree::Kind::object;
      for (auto& [key, value] : ReferenceParser(text).members()) {
        std::erase_if(tree.members, [&](const auto& member) { return member.first == key; });
        tree.members.emplace_back(key, tree_of(value));
      }
      return tree;
    case '[': {
      tree.kind = Tree::Kind::array;
      std::size_t depth = 0;
      bool inside = false;
      std::size_t begin = 1;
      for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (inside) {
          if (c == '\\') ++i;
          if (c == '"') inside = false;
          continue;
        }
        if (c == '"') inside = true;
        if (c == '[' || c == '{') ++depth;
        const bool closes = c == ']' || c == '}';
        if ((c == ',' && depth == 1) || (closes && depth == 1)) {
          const std::string_view item = text.substr(begin, i - begin);
          if (item.find_first_not_of(" \t\r\n") != std::string_view::npos)
            tree.items.push_back(tree_of(item));
          begin = i + 1;
        }
        if (closes) --depth;
      }
      return tree;
    }
    case '"':
      tree.kind = Tree::Kind::string;
      tree.text = ReferenceParser("{" + std::string(text) + ":0}").members().front().first;
      return tree;
    case 't':
    case 'f':
      tree.kind = Tree::Kind::boolean;
      tree.flag = text.front() == 't';
      return tree;
    case 'n':
      return tree;
    default:
      return tree_of_number(std::string(text));
  }
}

// The exact decimal value of a number: sign, digits without zeros around them, exponent of 0.ddd.
struct Exact {
  bool negative = false;
  std::string digits;
  long long exponent = 0;

  explicit Exact(const Tree& tree) {
    std::string text = tree.text;
    if (tree.kind == Tree::Kind::integer) text = std::to_string(tree.integer);
    if (tree.kind == Tree::Kind::floating) {
      std::vector<char> room(1600);
      std::snprintf(room.data(), room.size(), "%.1100f", tree.floating);
      text = room.data();
    }
    std::size_t i = 0;
    if (text[i] == '-') negative = true, ++i;
    bool point = false;
    for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
      if (text[i] == '.') {
        point = true;
        continue;
      }
      digits += text[i];
      if (!point) ++exponent;
    }
    if (i < text.size()) exponent += std::strtoll(text.c_str() + i + 1, nullptr, 10);
    const std::size_t first = digits.find_first_not_of('0');
    if (first == std::string::npos) {
      digits.clear(), exponent = 0, negative = false;
      return;
    }
    exponent -= static_cast<long long>(first);
    digits = digits.substr(first, digits.find_last_not_of('0') + 1 - first);
  }
};

inline int compare_trees_as_numbers(const Tree& x, const Tree& y) {
  const Exact a(x);
  const Exact b(y);
  const auto sign = [](const Exact& e) { return e.digits.empty() ? 0 : e.negative ? -1 : 1; };
  if (sign(a) != sign(b)) return sign(a) < sign(b) ? -1 : 1;
  if (sign(a) == 0) return 0;
  int size = 0;
  if (a.exponent != b.exponent) {
    size = a.exponent < b.exponent ? -1 : 1;
  } else {
    size = a.digits.compare(b.digits);  // the longer of two with one beginning is larger
    size = size < 0 ? -1 : size > 0 ? 1 : 0;
  }
  return sign(a) * size;
}

inline bool equal_trees(const Tree& x, const Tree& y) {
  if (x.number() && y.number()) return compare_trees_as_numbers(x, y) == 0;
  if (x.kind != y.kind) return false;
  switch (x.kind) {
    case Tree::Kind::boolean:
      return x.flag == y.flag;
    case Tree::Kind::string:
      return x.text == y.text;
    case Tree::Kind::array:
      if (x.items.size() != y.items.size()) return false;
      for (std::size_t i = 0; i < x.items.size(); ++i) {
        if (!equal_trees(x.items[i], y.items[i])) return false;
      }
      return true;
    case Tree::Kind::object:
      if (x.members.size() != y.members.size()) return false;
      for (const auto& [key, value] : x.members) {
        bool found = false;
        for (const auto& [other, its] : y.members) found = found || (key == other && equal_trees(value, its));
        if (!found) return false;
      }
      return true;
    default:
      return true;
  }
}

class ReferenceEvaluator {
 public:
  struct Failed {};

  ReferenceEvaluator(const FieldSet& fields, std::string_view record)
      : fields_(fields), record_(tree_of(record)) {}

  // A condition: null counts as false, throws Failed where it is an error.
  bool holds(const Expression& e) {
    const Tree value = evaluate(e);
    if (value.kind == Tree::Kind::null) return false;
    if (value.kind != Tree::Kind::boolean) throw Failed();
    return value.flag;
  }

  Tree evaluate(const Expression& e) {
    const auto at = [&](std::size_t i) -> const Expression& { return e.children[i]; };
    switch (e.op) {
      case Op::constant:
        return tree_of(json_of(e.constant));
      case Op::field: {
        const auto found = lookup(e);
        return found ? *found : Tree();
      }
      case Op::has:
        return boolean(lookup(e).has_value());
      case Op::equal:
      case Op::not_equal: {
        const Tree a = evaluate(at(0));
        return boolean(equal_trees(a, evaluate(at(1))) == (e.op == Op::equal));
      }
      case Op::less:
      case Op::less_equal:
      case Op::greater:
      case Op::greater_equal: {
        const Tree a = evaluate(at(0));
        const Tree b = evaluate(at(1));
        int order = 0;
        if (a.number() && b.number()) {
          order = compare_trees_as_numbers(a, b);
        } else if (a.kind == Tree::Kind::string && b.kind == Tree::Kind::string) {
          order = a.text < b.text ? -1 : a.text > b.text;
        } else {
          return boolean(false);
        }
        return boolean(e.op == Op::less         ? order < 0
                       : e.op == Op::less_equal ? order <= 0
                       : e.op == Op::greater    ? order > 0
                                                : order >= 0);
      }
      case Op::logical_and:
        return boolean(holds(at(0)) && holds(at(1)));
      case Op::logical_or:
        return boolean(holds(at(0)) || holds(at(1)));
      case Op::logical_not:
        return boolean(!holds(at(0)));
      case Op::coalesce: {
        const Tree a = evaluate(at(0));
        return a.kind == Tree::Kind::null ? evaluate(at(1)) : a;
      }
      case Op::catch_error:
        try {
          return evaluate(at(0));
        } catch (const Failed&) {
          return evaluate(at(1));
        }
      case Op::conditional:
        return evaluate(at(holds(at(0)) ? 1 : 2));
      case Op::in: {
        const Tree needle = evaluate(at(0));
        const Tree haystack = evaluate(at(1));
        if (needle.kind == Tree::Kind::null || haystack.kind == Tree::Kind::null) return boolean(false);
        if (haystack.kind == Tree::Kind::array) {
          for (const Tree& item : haystack.items) {
            if (equal_trees(needle, item)) return boolean(true);
          }
          return boolean(false);
        }
        if (needle.kind != Tree::Kind::string) throw Failed();
        if (haystack.kind == Tree::Kind::string)
          return boolean(haystack.text.find(needle.text) != std::string::npos);
        if (haystack.kind != Tree::Kind::object) throw Failed();
        return boolean(member(haystack, needle.text) != nullptr);
      }
      case Op::matches: {
        const Tree text = evaluate(at(0));
        if (text.kind == Tree::Kind::null) return boolean(false);
        if (text.kind != Tree::Kind::string) throw Failed();
        return boolean(e.matcher->search(text.text));
      }
      case Op::array: {
        Tree tree;
        tree.kind = Tree::Kind::array;
        for (const Expression& child : e.children) tree.items.push_back(evaluate(child));
        return tree;
      }
      case Op::object: {
        Tree tree;
        tree.kind = Tree::Kind::object;
        for (std::size_t i = 0; i < e.children.size(); ++i)
          tree.members.emplace_back(e.keys[i], evaluate(at(i)));
        return tree;
      }
      case Op::element:
        return below(evaluate(at(0)), e.path.below).value_or(Tree());
      case Op::negate:
        return calculate(Op::subtract, integer(0), evaluate(at(0)), true);
      case Op::add:
      case Op::subtract:
      case Op::multiply:
      case Op::divide:
      case Op::remainder: {
        const Tree a = evaluate(at(0));
        return calculate(e.op, a, evaluate(at(1)), false);
      }
      case Op::call: {
        // text_holds(text, part), the one function of the tests.
        const Tree text = evaluate(at(0));
        const Tree part = evaluate(at(1));
        if (text.kind != Tree::Kind::string || part.kind != Tree::Kind::string) throw Failed();
        return boolean(text.text.find(part.text) != std::string::npos);
      }
      default:
        std::abort();
    }
  }

 private:
  static std::string json_of(const Value& value) {
    BufferPool pool(0);
    const BufferRef out = pool.get(64);
    append_json(value, *out);
    return std::string(out->view());
  }
  static Tree boolean(bool flag) {
    Tree tree;
    tree.kind = Tree::Kind::boolean;
    tree.flag = flag;
    return tree;
  }
  static Tree integer(std::int64_t value) {
    Tree tree;
    tree.kind = Tree::Kind::integer;
    tree.integer = value;
    return tree;
  }
  static Tree floating(double value) {
    if (!std::isfinite(value)) throw Failed();
    Tree tree;
    tree.kind = Tree::Kind::floating;
    tree.floating = value;
    return tree;
  }

  static const Tree* member(const Tree& object, const std::string& key) {
    for (const auto& [name, value] : object.members) {
      if (name == key) return &value;
    }
    return nullptr;
  }

  static std::optional<Tree> below(Tree value, const std::vector<PathSegment>& path) {
    for (const PathSegment& segment : path) {
      // An index into an object is the key that its digits are.
      if (segment.kind == PathSegment::Kind::key || value.kind == Tree::Kind::object) {
        const Tree* found = value.kind == Tree::Kind::object ? member(value, segment.key) : nullptr;
        if (!found) return std::nullopt;
        value = Tree(*found);
      } else {
        const auto count = static_cast<std::int64_t>(value.items.size());
        const std::int64_t index = segment.index < 0 ? segment.index + count : segment.index;
        if (value.kind != Tree::Kind::array || index < 0 || index >= count) return std::nullopt;
        value = Tree(value.items[static_cast<std::size_t>(index)]);
      }
    }
    return value;
  }

  std::optional<Tree> lookup(const Expression& e) const {
    if (e.path.whole) return below(record_, e.path.below);
    const Tree* found =
        record_.kind == Tree::Kind::object ? member(record_, fields_.keys[e.path.slot]) : nullptr;
    if (!found) return std::nullopt;
    return below(*found, e.path.below);
  }

  static Tree calculate(Op op, const Tree& a, const Tree& b, bool negation) {
    using Kind = Tree::Kind;
    if (op == Op::add && a.kind == Kind::string && b.kind == Kind::string) {
      Tree tree = a;
      tree.text += b.text;
      return tree;
    }
    if (op == Op::add && a.kind == Kind::array && b.kind == Kind::array) {
      Tree tree = a;
      tree.items.insert(tree.items.end(), b.items.begin(), b.items.end());
      return tree;
    }
    const auto known = [](const Tree& t) { return t.kind == Kind::integer || t.kind == Kind::floating; };
    if (!known(a) || !known(b)) throw Failed();
    if (a.kind == Kind::integer && b.kind == Kind::integer && op != Op::divide) {
      std::int64_t result = 0;
      bool overflow = false;
      if (op == Op::add) overflow = __builtin_add_overflow(a.integer, b.integer, &result);
      if (op == Op::subtract) overflow = __builtin_sub_overflow(a.integer, b.integer, &result);
      if (op == Op::multiply) overflow = __builtin_mul_overflow(a.integer, b.integer, &result);
      if (op == Op::remainder) {
        if (b.integer == 0) throw Failed();
        result = b.integer == -1 ? 0 : a.integer % b.integer;
      }
      if (overflow) throw Failed();
      return integer(result);
    }
    const auto real = [](const Tree& t) {
      return t.kind == Kind::integer ? static_cast<double>(t.integer) : t.floating;
    };
    const double x = real(a);
    const double y = real(b);
    if (negation) return floating(-y);
    if ((op == Op::divide || op == Op::remainder) && y == 0) throw Failed();
    switch (op) {
      case Op::add:
        return floating(x + y);
      case Op::subtract:
        return floating(x - y);
      case Op::multiply:
        return floating(x * y);
      case Op::divide:
        return floating(x / y);
      default:
        return floating(std::fmod(x, y));
    }
  }

  const FieldSet& fields_;
  Tree record_;
};

}  // namespace pipec::runtime::test
