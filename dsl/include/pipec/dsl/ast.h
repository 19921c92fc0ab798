// The program as written. Plain data: every node has its span and a kind to switch over; as<T>() casts to the
// node's type. The parser creates it, and nothing changes it afterwards.
//
// Bounded: blocks nest at most kMaxNesting deep and an expression is at most kMaxExprHeight nodes high, so
// recursion over it (destructors included) is safe. `and`/`or` and `else if` are flat lists for that reason.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipec/dsl/source.h"

namespace pipec::dsl {

inline constexpr unsigned kMaxExprHeight = 512;

struct Name {
  std::string text;
  Span span;
};

// ----------------------------------------------------------------------------------------------------
// expressions

enum class ExprKind : std::uint8_t {
  kNull,
  kBool,
  kInt,
  kFloat,
  kDuration,
  kSize,
  kString,
  kName,
  kPath,
  kAccess,
  kCall,
  kArray,
  kObject,
  kUnary,
  kBinary,
  kLogic,
  kIf,
  kLambda,
  kError,
};

struct Expr {
  Expr(ExprKind expr_kind, Span where) : kind(expr_kind), span(where) {}
  virtual ~Expr() = default;
  Expr(const Expr&) = delete;
  Expr& operator=(const Expr&) = delete;

  ExprKind kind;
  bool parenthesized = false;  // written in parentheses; they are not part of the span
  std::uint16_t height = 1;    // of the tree, itself included
  Span span;
};
using ExprPtr = std::unique_ptr<Expr>;

// The caller must have checked the kind.
template <class T, class Node>
const T& as(const Node& node) {
  return static_cast<const T&>(node);
}

struct NullExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kNull;
  explicit NullExpr(Span where) : Expr(kKind, where) {}
};

struct BoolExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kBool;
  BoolExpr(Span where, bool v) : Expr(kKind, where), value(v) {}
  bool value;
};

// A `-` directly before a number literal is part of the literal (kInt, kFloat, kDuration, kSize).
struct IntExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kInt;
  IntExpr(Span where, std::int64_t v) : Expr(kKind, where), value(v) {}
  std::int64_t value;
};

struct FloatExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kFloat;
  FloatExpr(Span where, double v) : Expr(kKind, where), value(v) {}
  double value;  // finite
};

struct DurationExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kDuration;
  DurationExpr(Span where, std::int64_t v) : Expr(kKind, where), nanoseconds(v) {}
  std::int64_t nanoseconds;
};

// An int that was written with a unit of bytes.
struct SizeExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kSize;
  SizeExpr(Span where, std::int64_t v) : Expr(kKind, where), bytes(v) {}
  std::int64_t bytes;
};

// Either text or, where `expr` is set, an interpolated expression. No two neighbours are text, no text is
// empty.
struct StringPart {
  Span span;
  std::string text;  // unescaped
  ExprPtr expr;
};

struct StringExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kString;
  explicit StringExpr(Span where) : Expr(kKind, where) {}
  // Without interpolation; then text() is the whole of it.
  bool is_plain() const { return parts.empty() || (parts.size() == 1 && !parts[0].expr); }
  const std::string& text() const {
    static const std::string kEmpty;
    return parts.empty() ? kEmpty : parts[0].text;
  }
  std::vector<StringPart> parts;  // none: the empty string
  bool raw = false;               // r"..."
};

// A name in an expression: a local, a parameter, or a bare word (`encode: json`); the compiler knows which.
// Keywords occur only as bare words.
struct NameExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kName;
  NameExpr(Span where, std::string n) : Expr(kKind, where), name(std::move(n)) {}
  std::string name;
};

struct Segment {
  enum class Kind : std::uint8_t { kKey, kIndex };
  Kind kind = Kind::kKey;
  Span span;        // with its dot or brackets
  std::string key;  // kKey: `.a`, `."odd key"`, and `["a"]` as well
  ExprPtr index;    // kIndex: any other expression in brackets
  // kIndex with an integer literal: its value; -1 is the last item.
  std::optional<std::int64_t> constant;
};

// `.`, `.a.b[0]`, `@topic`, `@headers.name`.
struct PathExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kPath;
  explicit PathExpr(Span where) : Expr(kKind, where) {}
  // Set: metadata of that name (without the @), the segments go on from it. Not set: the record.
  std::optional<Name> meta;
  std::vector<Segment> segments;
};

// A postfix on any other expression: `x.name`, `f(.x).a[0]`. At least one segment; the base is not a PathExpr
// unless it is in parentheses.
struct AccessExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kAccess;
  explicit AccessExpr(Span where) : Expr(kKind, where) {}
  ExprPtr base;
  std::vector<Segment> segments;
};

struct Arg {
  std::optional<Name> name;  // named arguments follow the positional ones
  ExprPtr value;
  Span span;
};

struct CallExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kCall;
  explicit CallExpr(Span where) : Expr(kKind, where) {}
  Name function;
  std::vector<Arg> args;
};

struct ArrayExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kArray;
  explicit ArrayExpr(Span where) : Expr(kKind, where) {}
  std::vector<ExprPtr> items;
};

struct ObjectMember {
  Name key;  // unescaped
  ExprPtr value;
};

struct ObjectExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kObject;
  explicit ObjectExpr(Span where) : Expr(kKind, where) {}
  std::vector<ObjectMember> members;  // as written; a key may occur twice
};

enum class UnaryOp : std::uint8_t { kNot, kNegate };

struct UnaryExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kUnary;
  UnaryExpr(Span where, UnaryOp o) : Expr(kKind, where), op(o) {}
  UnaryOp op;
  Span op_span;
  ExprPtr operand;
};

enum class BinaryOp : std::uint8_t {
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kMatches,
  kCatch,
  kCoalesce,
  kAdd,
  kSubtract,
  kMultiply,
  kDivide,
  kRemainder,
};

// As written: "==", "catch", "??".
const char* to_string(BinaryOp op);

struct BinaryExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kBinary;
  BinaryExpr(Span where, BinaryOp o) : Expr(kKind, where), op(o) {}
  BinaryOp op;
  Span op_span;
  ExprPtr left;
  ExprPtr right;
};

enum class LogicOp : std::uint8_t { kAnd, kOr };

// `a and b and c`: two operands or more, tried from the left.
struct LogicExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kLogic;
  LogicExpr(Span where, LogicOp o) : Expr(kKind, where), op(o) {}
  LogicOp op;
  std::vector<ExprPtr> operands;
};

struct IfArm {
  ExprPtr condition;
  ExprPtr value;
};

// `if c { a } else if d { b } else { e }` as a value.
struct IfExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kIf;
  explicit IfExpr(Span where) : Expr(kKind, where) {}
  std::vector<IfArm> arms;  // at least one
  ExprPtr otherwise;        // kError where the text has none
};

// `x -> expr`, only as an argument of a call.
struct LambdaExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kLambda;
  explicit LambdaExpr(Span where) : Expr(kKind, where) {}
  Name parameter;
  ExprPtr body;
};

// Stands where an expression was not understood; that has been reported, so whatever depends on it stays
// silent.
struct ErrorExpr : Expr {
  static constexpr ExprKind kKind = ExprKind::kError;
  explicit ErrorExpr(Span where) : Expr(kKind, where) {}
};

// ------------------------------------------------------------------------------------------- transform
// statements

enum class StatementKind : std::uint8_t { kSet, kLet, kDel, kKeep, kRename, kIf, kDrop, kDlq, kEmit, kFor };

struct Statement {
  Statement(StatementKind statement_kind, Span where) : kind(statement_kind), span(where) {}
  virtual ~Statement() = default;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  StatementKind kind;
  Span span;
};
using StatementPtr = std::unique_ptr<Statement>;
using PathPtr = std::unique_ptr<PathExpr>;

struct Block {
  Span span;  // with its braces
  std::vector<StatementPtr> statements;
};

// `.a.b = expr`, `. = expr`, `@key = expr`.
struct SetStatement : Statement {
  explicit SetStatement(Span where) : Statement(StatementKind::kSet, where) {}
  PathPtr target;
  ExprPtr value;
};

struct LetStatement : Statement {
  explicit LetStatement(Span where) : Statement(StatementKind::kLet, where) {}
  Name name;
  ExprPtr value;
};

// kDel and kKeep.
struct PathsStatement : Statement {
  using Statement::Statement;
  std::vector<PathPtr> paths;  // at least one
};

struct RenameStatement : Statement {
  explicit RenameStatement(Span where) : Statement(StatementKind::kRename, where) {}
  PathPtr from;
  PathPtr to;
};

struct StatementArm {
  ExprPtr condition;
  Block block;
};

struct IfStatement : Statement {
  explicit IfStatement(Span where) : Statement(StatementKind::kIf, where) {}
  std::vector<StatementArm> arms;  // at least one
  std::optional<Block> otherwise;
};

struct DropStatement : Statement {
  explicit DropStatement(Span where) : Statement(StatementKind::kDrop, where) {}
};

// kDlq (the reason) and kEmit (the record).
struct ValueStatement : Statement {
  using Statement::Statement;
  ExprPtr value;
};

// `for x in e { }`, and `for k, v in e { }` over an object.
struct ForStatement : Statement {
  explicit ForStatement(Span where) : Statement(StatementKind::kFor, where) {}
  std::optional<Name> key;
  Name value;
  ExprPtr over;
  Block body;
};

// ---------------------------------------------------------------------------------------------- stages and
// chains

struct Connector {
  Name name;
  std::vector<Arg> args;
  Span span;
};

enum class StageKind : std::uint8_t { kFilter, kParse, kTransform, kRoute, kSink, kDrop, kName };

struct Stage {
  Stage(StageKind stage_kind, Span where) : kind(stage_kind), span(where) {}
  virtual ~Stage() = default;
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  StageKind kind;
  Span span;
  Span keyword;  // the stage's first word: where messages about the stage as a whole point
};
using StagePtr = std::unique_ptr<Stage>;

// `stage { "|" stage }`.
struct Chain {
  Span span;
  std::vector<StagePtr> stages;
};

struct FilterStage : Stage {
  enum class Else : std::uint8_t { kNone, kDrop, kDlq };
  explicit FilterStage(Span where) : Stage(StageKind::kFilter, where) {}
  ExprPtr condition;
  Else otherwise = Else::kNone;
  ExprPtr reason;  // the string after `else dlq`, if any (kString)
};

struct ParseStage : Stage {
  explicit ParseStage(Span where) : Stage(StageKind::kParse, where) {}
  Connector format;
};

struct TransformStage : Stage {
  explicit TransformStage(Span where) : Stage(StageKind::kTransform, where) {}
  Block block;
};

struct RouteArm {
  ExprPtr condition;
  Chain chain;
};

struct RouteStage : Stage {
  explicit RouteStage(Span where) : Stage(StageKind::kRoute, where) {}
  std::vector<RouteArm> arms;      // may be none
  std::optional<Chain> otherwise;  // missing only after an error
};

struct SinkStage : Stage {
  explicit SinkStage(Span where) : Stage(StageKind::kSink, where) {}
  Connector connector;
};

struct DropStage : Stage {
  explicit DropStage(Span where) : Stage(StageKind::kDrop, where) {}
};

// `name = expr` of a stage's block.
struct Assignment {
  Name name;
  ExprPtr value;
};

struct AssignmentBlock {
  Span span;  // with its braces
  std::vector<Assignment> assignments;
};

// A stage chain bound by let, or a registered stage: the compiler determines which.
struct NameStage : Stage {
  explicit NameStage(Span where) : Stage(StageKind::kName, where) {}
  bool has_arguments() const { return call.span.end > call.name.span.end; }  // `()` too
  Connector call;
  std::optional<AssignmentBlock> block;
};

struct Source {
  enum class Kind : std::uint8_t { kRecv, kName, kMerge };
  Kind kind = Kind::kName;
  Span span;
  Connector recv;           // kRecv
  std::vector<Name> names;  // kName: one; kMerge: one or more
};

// `source { "|" stage }`, or without a source the bare stages of a `let`.
struct Pipeline {
  Span span;
  std::optional<Source> source;
  Chain chain;  // may be empty where there is a source
};

// ------------------------------------------------------------------------------------------------ top-level
// items

enum class ItemKind : std::uint8_t { kCommit, kDlq, kGovern, kName, kLet, kFlow, kFn, kUse, kTest };

struct Item {
  Item(ItemKind item_kind, Span where) : kind(item_kind), span(where) {}
  virtual ~Item() = default;
  Item(const Item&) = delete;
  Item& operator=(const Item&) = delete;

  ItemKind kind;
  Span span;
};
using ItemPtr = std::unique_ptr<Item>;

struct CommitItem : Item {
  enum class Mode : std::uint8_t { kAuto, kSink };
  explicit CommitItem(Span where) : Item(ItemKind::kCommit, where) {}
  Mode mode = Mode::kAuto;
};

struct DlqItem : Item {
  enum class Mode : std::uint8_t { kReject, kDiscard, kConnector };
  explicit DlqItem(Span where) : Item(ItemKind::kDlq, where) {}
  Mode mode = Mode::kReject;
  Connector connector;  // kConnector
};

struct GovernItem : Item {
  explicit GovernItem(Span where) : Item(ItemKind::kGovern, where) {}
  std::unique_ptr<ObjectExpr> options;  // none: `govern off`
};

// `name "text"`: the pipeline's name.
struct NameItem : Item {
  explicit NameItem(Span where) : Item(ItemKind::kName, where) {}
  Name name;  // unescaped
};

// If its pipeline begins with a NAME, that is its source: the compiler determines whether the name is a
// stream or a stage chain.
struct LetItem : Item {
  explicit LetItem(Span where) : Item(ItemKind::kLet, where) {}
  Name name;
  Pipeline pipeline;
};

struct FlowItem : Item {
  explicit FlowItem(Span where) : Item(ItemKind::kFlow, where) {}
  Pipeline pipeline;  // without a source only after an error
};

struct FnItem : Item {
  explicit FnItem(Span where) : Item(ItemKind::kFn, where) {}
  Name name;
  std::vector<Name> parameters;
  ExprPtr body;
};

struct UseItem : Item {
  explicit UseItem(Span where) : Item(ItemKind::kUse, where) {}
  Name path;  // unescaped
};

struct Expectation {
  enum class Kind : std::uint8_t { kValue, kDlq, kNone };
  Kind kind = Kind::kNone;
  Span span;
  ExprPtr value;   // kValue
  ExprPtr reason;  // kDlq: the string, if any
};

struct TestCase {
  std::vector<ExprPtr> given;  // records of one run
  std::vector<Expectation> expected;
};

struct TestItem : Item {
  explicit TestItem(Span where) : Item(ItemKind::kTest, where) {}
  Name title;  // unescaped
  Name stage;
  std::vector<TestCase> cases;
};

struct File {
  FileId id = 0;
  std::vector<ItemPtr> items;
  std::vector<Span> comments;  // from the # to before the line's end, in order
};

}  // namespace pipec::dsl
