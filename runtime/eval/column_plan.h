// Expressions prepared for evaluation over many records at once (Columns). Expressions that use metadata or
// lambdas, or are not deterministic, are left to the interpreter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "pipec/runtime/program.h"
#include "runtime/record/edit.h"

namespace pipec::runtime::eval {

// Immutable once made; shared by all workers.
class ColumnPlan {
 public:
  using Number = std::uint32_t;
  static constexpr Number kNone = 0xffffffff;
  static constexpr std::size_t kMostArguments = 8;  // of a call

  enum class Kind : std::uint8_t {
    constant,
    field,    // slot, below
    has,      // slot, below
    element,  // below
    compare,  // op
    arithmetic,
    logical_and,
    logical_or,
    logical_not,
    coalesce,
    conditional,
    in,
    matches,
    call,
    interpolate,
    array,
    object,
    edited,  // slot or children[0], below, edit: a container with one change below it
  };
  struct Node {
    Kind kind = Kind::constant;
    Op op = Op::constant;
    const Expression* expression = nullptr;
    Value constant;
    std::uint32_t slot = 0;
    std::vector<record::Step> below;  // keys point into the expression
    std::vector<Number> children;
    bool shared = false;  // several nodes use it
    record::EditKind edit = record::EditKind::set;
    std::string_view new_key;  // edited by a rename
    bool of_record = false;    // edited, and no statement has set the field before: it may be missing
  };

  // The meaning of names where an expression is added: the column of a local, or of a field that a statement
  // has set.
  struct Names {
    static constexpr Number kRecord = 0xfffffffe;   // the field as it is in the record
    static constexpr Number kUnknown = 0xfffffffd;  // not known before the record is read
    std::vector<Number> locals;
    std::vector<Number> fields;  // by slot
  };
  static Names names(std::size_t fields, std::size_t locals);

  // `expression` must outlive it. `slots`: the number of each of its slots here; null: the same. kNone: it
  // cannot be evaluated by columns.
  Number add(const Expression& expression, const Names& names, const std::uint32_t* slots = nullptr);
  // The field at the top of `path`, which has steps below it, after an edit there: set to `value`, removed,
  // or renamed to `new_key`. `path` and `new_key` must outlive it.
  Number add_edit(record::EditKind edit, const Path& path, Number value, std::string_view new_key,
                  const Names& names);
  const Node& node(Number number) const { return nodes_[number]; }
  std::size_t size() const { return nodes_.size(); }

 private:
  Number add(const Expression& expression, const Names& names, const std::uint32_t* slots, unsigned depth);
  static bool add_steps(Node& node, const Path& path);
  bool add_path(Node& node, const Path& path, const Names& names, const std::uint32_t* slots);
  Number add_top(std::uint32_t slot, const Names& names);
  Number push(Node node);
  Number share(Number number);

  std::vector<Node> nodes_;
};

}  // namespace pipec::runtime::eval
