// Filters on raw bytes: the keys of a condition are searched in the whole block at once, and a record is
// decided without an index if its bytes suffice.
//
// There are three cases:
//
//   1. A condition that requires a field is false for a record without the bytes of its key, malformed or
//      not (needs()). The result is "maybe" if the record has a backslash-u escape or, if other escapes can
//      spell a byte of the key, any backslash.
//   2. In a flat record (Kernel::flat) every `"key":` is a member of it and the last one counts. Comparisons
//      with constants, has(), `in`, `matches` and pure functions are then answered from the value's bytes:
//      yes, no, or unknown (escapes, operations that would fail, malformed values).
//   3. Everything else is unknown, and the caller asks the interpreter, so the results always agree.
//
// Values are read in the same order as by the interpreter, and no further, so a malformed value that the
// interpreter would not reach does not matter here either.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/batch.h"
#include "pipec/runtime/program.h"
#include "runtime/json/kernel.h"

namespace pipec::runtime::eval {

// Derived once from a condition. Immutable.
class RawFilter {
 public:
  // `condition` must outlive it.
  explicit RawFilter(const Program& condition);

  // Whether scanning blocks for the needles can decide anything.
  bool usable() const { return usable_; }
  // For `explain`, if usable: the text it searches for.
  std::string describe() const;
  // Of one that is not.
  const std::string& why_not() const { return why_not_; }
  // Rule 1 for one record: it can be no match, or a match.
  bool may_hold(std::string_view record) const;

 private:
  friend class RawScan;
  enum class Kind : std::uint8_t {
    opaque,     // nothing is known
    both,       // and
    either,     // or
    negation,   // not
    field,      // a bool field as a condition
    has,        // has(.a)
    compare,    // field, op, constant
    member_of,  // field in constant
    holds_in,   // constant in field
    matches,    // field matches a pattern
    call,       // a pure function of one field and constants
    keys,       // rule 1 only: below the top level, or two fields compared
  };
  struct Node {
    Kind kind = Kind::opaque;
    bool needs = false;      // does not hold, and does not fail, without the bytes of its keys
    bool can_fail = true;    // malformed values aside
    bool judges = false;     // rule 2 can answer it for some records
    std::uint32_t left = 0;  // both, either, negation: nodes_
    std::uint32_t right = 0;
    std::uint32_t needle = 0;         // the field's
    std::vector<std::uint32_t> keys;  // which needles `needs` is about
    const Expression* expression = nullptr;
    const Expression* constant = nullptr;
    bool constant_first = false;  // `5 < .a`
    Op op = Op::equal;            // compare, constant_first turned round
    bool small = false;           // compare with an int that a double holds too
    std::int64_t number = 0;
  };

  Node derive(const Expression& expression, unsigned depth);
  Node derive_compare(const Expression& expression);
  Node derive_call(const Expression& expression);
  std::uint32_t add(Node node);
  std::uint32_t needle(std::string_view key);
  void keys_of(const Expression& field, Node& node);
  bool may_hold(const Node& node, std::string_view record) const;

  const FieldSet& fields_;
  std::vector<Node> nodes_;
  Node root_;
  std::vector<json::Needle> needles_;
  std::vector<std::string> keys_;  // of the needles
  bool usable_ = false;
  std::string why_not_;
};

// Applies it to one batch after another. One per worker.
class RawScan {
 public:
  enum class Answer : std::uint8_t { no, yes, unknown };

  // `columns_instead`: the caller can judge by columns, which is quicker where most records hold a key.
  explicit RawScan(const RawFilter& filter, const json::Kernel& kernel = json::best_kernel(),
                   bool columns_instead = false);

  // Decides the batch's records; false: not worthwhile for this batch, no record is decided.
  bool judge(const Batch& batch);
  // Of the last judged batch, record i.
  Answer answer(std::size_t i) const { return answers_[i]; }

 private:
  // The state of a needle in the current record.
  struct Sight {
    const std::uint32_t* next = nullptr;  // its offsets, after those of earlier records
    const std::uint32_t* end = nullptr;
    bool there = false;  // the bytes, or an escape that may spell them
    bool escaped = false;
    std::uint32_t value = 0;  // the offset after the colon of the last `"key":`, 0 none
  };

  bool worth_trying();
  void look(std::uint32_t begin, std::uint32_t end);
  bool may_hold(const RawFilter::Node& node) const;
  Answer test(const RawFilter::Node& node);
  Answer test_value(const RawFilter::Node& node, const char* at);
  Answer test_int(const RawFilter::Node& node, const char* at) const;
  Answer test_read(const RawFilter::Node& node, const char* at);
  Answer call(const RawFilter::Node& node, const Value& value);

  const RawFilter& filter_;
  const json::Kernel& kernel_;
  std::vector<Answer> answers_;
  std::vector<record::Offsets> offsets_;  // per needle
  std::vector<Sight> sights_;
  const char* text_ = nullptr;
  const char* record_end_ = nullptr;
  Arena arena_;
  const bool columns_instead_;
  std::uint32_t skip_ = 0;  // batches that are not tried before the next one that is
};

}  // namespace pipec::runtime::eval
