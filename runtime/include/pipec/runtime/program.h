// Compiled expressions and transform blocks: immutable plain data that the compiler produces and a Stage
// runs. Names are resolved: a top-level field is a slot of the program's FieldSet, a local is a number.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pipec/runtime/function.h"
#include "pipec/runtime/place.h"
#include "pipec/runtime/value.h"

namespace pipec::runtime {

// The top-level keys that a program touches, each once. A slot is an index into `keys`.
struct FieldSet {
  std::vector<std::string> keys;                // decoded
  std::uint32_t slot_of(std::string_view key);  // adds it where it is new
};

struct Expression;

// A vector whose destructor does not recurse: a chain of ten thousand `+` is ten thousand levels deep.
class ExpressionList : public std::vector<Expression> {
 public:
  // All defined where Expression is complete.
  ExpressionList();
  ExpressionList(std::vector<Expression> list);
  ExpressionList(const ExpressionList&);
  ExpressionList(ExpressionList&&) noexcept;
  ExpressionList& operator=(const ExpressionList&);
  ExpressionList& operator=(ExpressionList&&) noexcept;
  ~ExpressionList();
};

struct PathSegment {
  enum class Kind : std::uint8_t { key, index, computed };
  Kind kind = Kind::key;
  std::string key;         // of an index: its digits, the key that it stands for in an object
  std::int64_t index = 0;  // negative counts from the end
  std::uint32_t computed =
      0;  // index or key known at run time: the index of its expression in the owner's `children`
};

// A place in the record: a slot and steps below it. whole: the record itself (`.`); there is no slot, and
// `below` starts at the record (only `.[0]` and computed keys need that).
struct Path {
  bool whole = false;
  std::uint32_t slot = 0;
  std::vector<PathSegment> below;
  std::string text;  // as written, for messages: ".a.b[0]"
};

// A place in the record that is known before the first record, apart from any program: `.a.b[0]` as its keys
// and indexes, `.` as none.
struct RecordPath {
  std::vector<PathSegment> segments;  // none is computed
  std::string text;                   // as written
};

enum class MetadataField : std::uint8_t { topic, partition, offset, key, timestamp, source, headers, header };

enum class Op : std::uint8_t {
  constant,  // constant
  field,     // path
  metadata,  // metadata; header: name in `text`
  local,     // local
  element,   // children[0] at path.below (any value, not only the record): `f(x).a[0]`
  add,
  subtract,
  multiply,
  divide,
  remainder,
  negate,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  in,       // children[0] in children[1]
  matches,  // children[0] matches `prepared` (see Matcher)
  logical_and,
  logical_or,
  logical_not,
  coalesce,     // ??
  catch_error,  // catch
  conditional,  // if children[0] { children[1] } else { children[2] }
  array,        // children are the items
  object,       // children are the values, keys their names
  interpolate,  // children joined as "${}" does
  has,          // path
  call,  // function, children; a lambda's child is its body, its parameters are locals from lambda_locals[i]
};

// An arithmetic operator as written: "+", "/".
std::string_view operator_text(Op op);

// The compiled regular expression of a `matches` operator. Implemented by the library that links the regex
// engine.
class Matcher {
 public:
  virtual ~Matcher() = default;
  virtual bool search(std::string_view text) const = 0;
};

struct Expression {
  Op op = Op::constant;
  TypeSet types = TypeSet::any();  // the types that it can have, failures aside
  Place place;
  Value constant;  // its bytes live in Program::constants
  Path path;
  MetadataField metadata = MetadataField::source;
  std::string text;
  std::uint32_t local = 0;
  std::vector<std::string> keys;             // of an object literal
  const Function* function = nullptr;        // lives in the Registry
  std::vector<std::uint32_t> lambda_locals;  // per child: the first local of a lambda's parameters
  std::shared_ptr<const void> prepared;      // for call: the result of Function::prepare
  std::shared_ptr<const Matcher> matcher;    // for matches
  ExpressionList children;
};

// One expression with everything it needs to run. Immutable once built; shared by all workers.
struct Program {
  FieldSet fields;
  Expression root;
  std::uint32_t locals = 0;
  std::shared_ptr<Arena> constants = std::make_shared<Arena>();
  std::vector<std::shared_ptr<const Program>> parts = {};  // whose constants it uses too
};

// One program for the values of all of these, as an array: the record's fields are looked for once.
std::shared_ptr<const Program> array_of(std::vector<std::shared_ptr<const Program>> programs);

struct Statement {
  enum class Kind : std::uint8_t {
    set,           // targets[0] = expressions[0]
    set_record,    // . = expressions[0]; see null_meant
    set_metadata,  // metadata (header: `text`) = expressions[0]
    let,           // local = expressions[0]
    remove,        // del(targets...)
    keep,          // keep(targets...)
    rename,        // rename(targets[0], targets[1])
    branch,        // if expressions[0] { body } else { otherwise }
    drop,
    dead_letter,  // dlq expressions[0]
    emit,         // emit expressions[0]; see null_meant
    loop,  // for local (, second) in expressions[0] { body }: an array yields items (with a second name:
           // index, item), an object yields keys and values, and is an error with one name; null runs zero
           // times
  };
  Kind kind = Kind::drop;
  Place place;
  std::vector<Path> targets;
  std::vector<Expression> expressions;  // expressions[0], then the computed segments of the targets
  MetadataField metadata = MetadataField::key;
  std::string text;
  std::uint32_t local = 0;
  std::uint32_t second = 0;
  bool has_second = false;
  bool null_meant = false;    // set_record, emit: `null` is written in the text; any other null is an error
  bool items_only = false;    // loop: anything but an array or null is an error, in the name of `text`
  bool as_it_stands = false;  // emit: the record with all its changes; there is no expression
  std::vector<Statement> body;
  std::vector<Statement> otherwise;
};

struct TransformProgram {
  FieldSet fields;
  std::vector<Statement> body;
  std::uint32_t locals = 0;
  std::shared_ptr<Arena> constants = std::make_shared<Arena>();
};

}  // namespace pipec::runtime
