// Checking and lowering of expressions: names to numbers, paths to slots, constants folded, types inferred.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "compiler/context.h"
#include "compiler/names.h"
#include "pipec/dsl/ast.h"
#include "pipec/runtime/program.h"
#include "pipec/runtime/registry.h"

namespace pipec::compiler {

// The context in which an expression is evaluated; it determines the names it may use.
enum class Where : std::uint8_t {
  record,    // over each record
  receiver,  // for each record that a receiver generates: there are no fields yet
  group,     // over a group of records, which has no fields
  compiler,  // once, while compiling
};

struct Aggregating;

// An expression being lowered. A failed one is a null of unknown type, for which nothing more is reported.
struct Lowered {
  static constexpr std::uint32_t kNoLevel = ~std::uint32_t{0};

  runtime::Expression expression;
  bool ok = true;
  bool pure = true;                // reads no record, no clock, no chance
  bool has_lambda = false;         // its price is not bounded by its length
  bool oversized = false;          // its value is too large to be kept
  std::uint32_t level = kNoLevel;  // the outermost level of the locals it reads
  std::string unset;               // it is null because this environment variable is not set

  bool closed() const { return ok && pure && !oversized && level == kNoLevel; }
  bool constant() const { return ok && expression.op == runtime::Op::constant; }
};

// Makes the expressions of one program. The scope of locals is open to the caller: a transform's statements
// bind there.
class ExpressionCompiler {
 public:
  ExpressionCompiler(Context& context, const Module& module, Where where);
  ~ExpressionCompiler();

  // A whole expression, folded where it is constant.
  Lowered value(const dsl::Expr& expr);
  // A condition: `what` is "filter", "route", "if".
  Lowered condition(const dsl::Expr& expr, const char* what);
  // One that must be constant; its value, or nothing where that was reported. The bytes live in arena().
  std::optional<runtime::Value> constant(const dsl::Expr& expr, const char* what);
  // A place in the record to change; its computed segments are appended to `computed`.
  std::optional<runtime::Path> target(const dsl::PathExpr& path, std::vector<runtime::Expression>& computed);

  // Locals. bind() returns the number, and reports a name that the innermost scope already has.
  void open_scope() { scopes_.push_back(locals_.size()); }
  void close_scope();
  std::uint32_t bind(const dsl::Name& name, runtime::TypeSet types, const Lowered* value, bool warn_unused);

  // Checks a function's body on its own: its arguments are known only where it is called, so a pattern built
  // from them is not an error here.
  void checking_definition() { definition_ = true; }
  // Aggregates may be called. It must outlive the compiler's expressions.
  void let_aggregate(Aggregating& aggregating) { aggregating_ = &aggregating; }
  // No error was reported by this compiler.
  bool ok() const { return ok_; }
  std::shared_ptr<const runtime::Program> program(Lowered root);
  runtime::FieldSet& fields() { return fields_; }
  std::uint32_t local_count() const { return local_count_; }
  const std::shared_ptr<runtime::Arena>& arena() const { return arena_; }
  const Module& module() const { return *module_; }

  // The paths that are read, as written, each once, in the order of the text. "." is the whole record.
  const std::vector<std::string>& reads() const { return reads_; }
  bool reads_record() const { return !reads_.empty(); }

  // Tracks nesting; false (reported) if it would exceed the runtime's recursion limit.
  static constexpr unsigned kMaxDepth = 1000;
  bool enter(dsl::Span span, unsigned levels = 1);
  void leave(unsigned levels = 1) { depth_ -= levels; }

 private:
  struct Local {
    std::string name;
    std::uint32_t number = 0;
    std::uint32_t level = 0;
    runtime::TypeSet types;
    dsl::Span span;
    std::optional<Lowered> instead;  // its replacement: a constant, a field, another local
    std::string unset;               // see Lowered::unset
    bool used = false;
    bool warn_unused = false;
    bool ok = true;
  };
  struct BoundArgument;

  dsl::Diagnostic& error(dsl::Code code, dsl::Span span, std::string message);
  Lowered failure(const dsl::Expr& expr) const;
  Lowered start(runtime::Op op, dsl::Span place);

  // expression.cpp
  Lowered lower(const dsl::Expr& expr);
  Lowered lower_kind(const dsl::Expr& expr);
  Lowered literal(const dsl::Expr& expr, runtime::Value value);
  Lowered string(const dsl::StringExpr& expr);
  Lowered name(const dsl::NameExpr& expr);
  Lowered array(const dsl::ArrayExpr& expr);
  Lowered object(const dsl::ObjectExpr& expr);
  void check_condition(const Lowered& value, dsl::Span span, const char* what);
  void assemble(Lowered& parent, std::vector<Lowered> children);

  // expression_operators.cpp
  Lowered unary(const dsl::UnaryExpr& expr);
  Lowered binary(const dsl::BinaryExpr& expr);
  Lowered match(const dsl::BinaryExpr& expr, Lowered left, Lowered right);
  Lowered logic(const dsl::LogicExpr& expr);
  Lowered choice(const dsl::IfExpr& expr);
  void warn_always(const dsl::BinaryExpr& expr, runtime::TypeSet left, runtime::TypeSet right);

  // expression_path.cpp
  Lowered path(const dsl::PathExpr& expr);
  Lowered metadata(const dsl::PathExpr& expr);
  Lowered access(const dsl::AccessExpr& expr);
  void element(Lowered& result, Lowered base, const dsl::Segment* segments, std::size_t count);
  bool segments(const dsl::Segment* from, std::size_t count, runtime::Path& path, std::size_t first_child,
                std::vector<Lowered>& children);
  std::optional<runtime::Path> record_path(const dsl::PathExpr& expr, std::size_t first_child,
                                           std::vector<Lowered>& children);
  std::uint32_t slot_of(const std::string& key);

  // expression_call.cpp
  Lowered call(const dsl::CallExpr& expr);
  Lowered has(const dsl::CallExpr& expr);
  Lowered call_builtin(const dsl::CallExpr& expr, const runtime::Function& function);
  Lowered call_fn(const dsl::CallExpr& expr, const Symbol& symbol);
  Lowered lambda(const dsl::LambdaExpr& expr, const runtime::Parameter& parameter,
                 std::uint32_t& first_local);
  // An expression is null because that variable is not set; none where it is "".
  void note_unset(const std::string& variable, dsl::Span span);
  Lowered unknown_function(const dsl::CallExpr& expr);
  bool prepare(const dsl::CallExpr& expr, const runtime::Function& function,
               const std::vector<Lowered>& arguments, const std::vector<dsl::Span>& spans, Lowered& result);
  bool bind_arguments(const dsl::CallExpr& expr, std::size_t parameters,
                      const std::function<std::string_view(std::size_t)>& name_of,
                      std::vector<const dsl::Arg*>& bound);

  // aggregates.cpp
  bool is_aggregate(const dsl::CallExpr& expr) const;
  Lowered aggregate(const dsl::CallExpr& expr);
  bool aggregated(const runtime::Function& function, const dsl::Expr& expr, runtime::Options::Call& call,
                  runtime::TypeSet& types);
  bool setting(const runtime::Function& function, std::size_t i, const dsl::Arg* arg,
               runtime::Options::Call& call);

  // fold.cpp
  enum class Failing : std::uint8_t { reported, silent };
  void fold(Lowered& value, Failing failing);
  bool fold_required(Lowered& value);
  bool evaluate(Lowered& value, Failing failing);
  void remember(const runtime::Place& place, dsl::Span span);

  Context& context_;
  const Module* module_;
  Where where_;
  Aggregating* aggregating_ = nullptr;
  runtime::FieldSet fields_;
  std::unordered_map<std::string, std::uint32_t> slots_;
  std::shared_ptr<runtime::Arena> arena_;
  std::uint32_t local_count_ = 0;
  std::vector<Local> locals_;        // innermost last
  std::vector<std::size_t> scopes_;  // where each begins
  std::size_t visible_ = 0;  // within a function's body: its parameters and the names bound after them
  std::uint32_t level_ = 0;  // lambdas and function bodies around; a transform's locals have level 0
  unsigned depth_ = 0;
  unsigned catching_ = 0;         // the left sides of `catch` around: a constant may fail there
  std::vector<dsl::Span> calls_;  // of functions whose bodies are being compiled, outermost first
  std::vector<std::string> reads_;
  std::unordered_map<std::string, bool> read_before_;
  std::unordered_map<std::uint64_t, dsl::Span> spans_;  // source spans by place, for constants that fail
  bool definition_ = false;
  bool ok_ = true;
};

// A deep copy of the value, with decoded strings; nullopt if it would take more than `limit` bytes.
std::optional<runtime::Value> copy_value(const runtime::Value& value, runtime::Arena& arena,
                                         std::size_t limit);

}  // namespace pipec::compiler
