#include "compiler/block.h"

#include <algorithm>
#include <utility>

#include "compiler/failing.h"
#include "compiler/metadata.h"
#include "compiler/types.h"

namespace pipec::compiler {

using dsl::as;
using dsl::Code;
using dsl::StatementKind;
using runtime::MetadataField;
using runtime::Statement;
using runtime::Type;
using runtime::TypeSet;

namespace {

class BlockCompiler {
 public:
  BlockCompiler(Context& context, const Module& module)
      : context_(context), expressions_(context, module, Where::record) {}

  CompiledBlock run(const dsl::Block& block) {
    std::vector<Statement> body = statements(block);
    CompiledBlock result = std::move(result_);
    result.reads = expressions_.reads();
    result.touches_record = touches_ || expressions_.reads_record();
    if (!expressions_.ok()) return result;
    result.program = std::make_shared<runtime::TransformProgram>();
    result.program->body = std::move(body);
    result.program->fields = std::move(expressions_.fields());
    result.program->locals = expressions_.local_count();
    result.program->constants = expressions_.arena();
    return result;
  }

 private:
  dsl::Diagnostic& error(Code code, dsl::Span span, std::string message) {
    failed_ = true;
    return context_.report.add(code, span, std::move(message));
  }

  std::vector<Statement> statements(const dsl::Block& block) {
    std::vector<Statement> result;
    expressions_.open_scope();
    ++nesting_;
    const dsl::Statement* end = nullptr;
    bool warned = false;
    for (const auto& statement : block.statements) {
      if (end && !warned) {
        warned = true;
        context_.report.add(Code::unreachable_statement, statement->span, "this is never reached")
            .also(end->span, "the record leaves the block here");
      }
      Statement& lowered = result.emplace_back();
      lowered.place = context_.report.place(statement->span);
      this->statement(*statement, lowered);
      if (statement->kind == StatementKind::kDrop || statement->kind == StatementKind::kDlq)
        end = statement.get();
    }
    --nesting_;
    expressions_.close_scope();
    return result;
  }

  void statement(const dsl::Statement& statement, Statement& out) {
    switch (statement.kind) {
      case StatementKind::kSet:
        set(as<dsl::SetStatement>(statement), out);
        break;
      case StatementKind::kLet: {
        const auto& let = as<dsl::LetStatement>(statement);
        out.kind = Statement::Kind::let;
        Lowered value = this->value(*let.value);
        out.local = expressions_.bind(let.name, value.expression.types, &value, true);
        out.expressions.push_back(std::move(value.expression));
        break;
      }
      case StatementKind::kDel:
        out.kind = Statement::Kind::remove;
        for (const auto& path : as<dsl::PathsStatement>(statement).paths)
          field(*path, "del", out, result_.removes);
        break;
      case StatementKind::kKeep:
        out.kind = Statement::Kind::keep;
        for (const auto& path : as<dsl::PathsStatement>(statement).paths)
          field(*path, "keep", out, result_.keeps);
        failure(kNoObject);
        touches_ = true;
        break;
      case StatementKind::kRename: {
        out.kind = Statement::Kind::rename;
        const auto& rename = as<dsl::RenameStatement>(statement);
        field(*rename.from, "rename", out, result_.removes);
        field(*rename.to, "rename", out, result_.writes);
        failure(out.targets.empty() || out.targets.back().below.empty()
                    ? kNoObject
                    : "renaming to a field of a value that is not an object");
        break;
      }
      case StatementKind::kIf:
        branch(as<dsl::IfStatement>(statement), out);
        break;
      case StatementKind::kDrop:
        out.kind = Statement::Kind::drop;
        result_.drops = true;
        break;
      case StatementKind::kDlq:
        out.kind = Statement::Kind::dead_letter;
        out.expressions.push_back(value(*as<dsl::ValueStatement>(statement).value).expression);
        failure("an explicit 'dlq'");
        break;
      case StatementKind::kEmit:
        out.kind = Statement::Kind::emit;
        result_.emits = true;
        out.expressions.push_back(record(*as<dsl::ValueStatement>(statement).value, out).expression);
        break;
      case StatementKind::kFor:
        loop(as<dsl::ForStatement>(statement), out);
        break;
    }
  }

  void set(const dsl::SetStatement& set, Statement& out) {
    if (set.target->meta) {
      metadata(set, out);
      return;
    }
    const bool whole = set.target->segments.empty();
    Lowered value = whole ? record(*set.value, out) : storable(*set.value);
    out.kind = whole ? Statement::Kind::set_record : Statement::Kind::set;
    touches_ = true;
    const TypeSet types = value.expression.types;
    out.expressions.push_back(std::move(value.expression));
    if (whole) {
      result_.gives_object = nesting_ == 1 && types == TypeSet(Type::object);
      add_once(result_.writes, ".");
      return;
    }
    if (nesting_ == 1) result_.gives_object = true;
    auto path = expressions_.target(*set.target, out.expressions);
    if (!path) return;
    add_once(result_.writes, path->text);
    const bool indexed = std::any_of(
        path->below.begin(), path->below.end(),
        [](const runtime::PathSegment& segment) { return segment.kind != runtime::PathSegment::Kind::key; });
    failure(path->below.empty() && !path->whole ? kNoObject
            : indexed ? "setting a field of a value that is not an object, an index out of bounds"
                      : "setting a field of a value that is not an object");
    out.targets.push_back(std::move(*path));
  }

  void metadata(const dsl::SetStatement& set, Statement& out) {
    out.kind = Statement::Kind::set_metadata;
    Lowered value = this->value(*set.value);
    const TypeSet types = value.expression.types;
    out.expressions.push_back(std::move(value.expression));
    const Metadata* known = find_metadata(set.target->meta->text);
    if (!known) {
      error(Code::unknown_metadata, set.target->meta->span,
            "records have no metadata '@" + set.target->meta->text + "'")
          .hint(did_you_mean_metadata(set.target->meta->text))
          .note("there are " + metadata_names());
      return;
    }
    const auto& segments = set.target->segments;
    out.metadata = known->field;
    TypeSet taken = known->types;
    bool ok = known->assignable;
    if (known->field == MetadataField::headers && segments.size() == 1 &&
        segments[0].kind == dsl::Segment::Kind::kKey) {
      out.metadata = MetadataField::header;
      out.text = segments[0].key;
      taken = TypeSet(Type::null) | Type::string | Type::bytes;
    } else {
      ok = ok && segments.empty();
    }
    if (!ok) {
      error(Code::metadata_read_only, set.target->span,
            "'" + context_.report.line(set.target->span, 60) + "' cannot be set")
          .note(
              "@key, @timestamp, @headers and @headers.name can be set; the others describe where the record "
              "came from");
      return;
    }
    add_once(result_.writes, context_.report.line(set.target->span, 60));
    if (value.ok && (types & taken).empty()) {
      error(Code::wrong_type, set.value->span,
            "'" + context_.report.line(set.target->span, 60) + "' takes " + describe(taken) + ", not " +
                describe(types));
    } else if (!types.without(taken).empty() || known->field == MetadataField::headers) {
      failure("@" + set.target->meta->text + " set to a wrong type");
    }
  }

  // A field that is deleted, kept or renamed.
  void field(const dsl::PathExpr& path, const char* what, Statement& out, std::vector<std::string>& names) {
    touches_ = true;
    const std::string_view written = context_.report.text(path.span);
    if (written.empty() || (written[0] != '.' && written[0] != '@')) {
      failed_ = true;  // not a path; the parser has reported it
      return;
    }
    const bool in_record =
        !path.meta && !path.segments.empty() && path.segments[0].kind == dsl::Segment::Kind::kKey;
    if (!in_record) {
      auto& diagnostic =
          error(Code::not_a_field, path.span, std::string("'") + what + "' takes fields, such as .a.b");
      if (path.meta && std::string_view(what) == "del") {
        diagnostic.hint("write @" + path.meta->text + " = null");
      } else if (!path.meta && path.segments.empty() && std::string_view(what) == "del") {
        diagnostic.hint("'drop' ends the record, '. = {}' empties it");
      }
      return;
    }
    auto lowered = expressions_.target(path, out.expressions);
    if (!lowered) return;
    add_once(names, lowered->text);
    out.targets.push_back(std::move(*lowered));
  }

  void branch(const dsl::IfStatement& branch, Statement& out) {
    const auto depth = static_cast<unsigned>(branch.arms.size());
    if (!expressions_.enter(branch.span, depth)) return;
    Statement* at = &out;
    for (std::size_t i = 0; i < branch.arms.size(); ++i) {
      const dsl::StatementArm& arm = branch.arms[i];
      if (i != 0) {
        at = &at->otherwise.emplace_back();
        at->place = context_.report.place(arm.condition->span);
      }
      at->kind = Statement::Kind::branch;
      Lowered condition = expressions_.condition(*arm.condition, "if");
      failures_of_condition(condition.expression, result_.failures);
      at->expressions.push_back(std::move(condition.expression));
      at->body = statements(arm.block);
    }
    if (branch.otherwise) at->otherwise = statements(*branch.otherwise);
    expressions_.leave(depth);
  }

  void loop(const dsl::ForStatement& loop, Statement& out) {
    out.kind = Statement::Kind::loop;
    Lowered over = value(*loop.over);
    const TypeSet types = over.expression.types;
    const TypeSet taken = TypeSet(Type::array) | Type::object | Type::null;
    if (over.ok && (types & taken).empty()) {
      error(Code::wrong_type, loop.over->span,
            "'for' runs over an array or an object, not " + describe(types));
    } else if (over.ok && !loop.key && types.without(Type::null) == TypeSet(Type::object)) {
      error(Code::wrong_type, loop.over->span, "'for' with one name runs over an array, not an object")
          .hint("'for k, v in ...' runs over keys and values");
    } else if (!types.without(taken).empty()) {
      failure("'for' over a value that is neither an array nor an object");
    } else if (!loop.key && types.has(Type::object)) {
      failure("'for' with one name over an object");
    }
    out.expressions.push_back(std::move(over.expression));
    if (!expressions_.enter(loop.span)) return;
    expressions_.open_scope();
    TypeSet key = types.has(Type::object) ? TypeSet(Type::string) : TypeSet();
    if (types.has(Type::array)) key = key | Type::integer;
    if (loop.key) {
      out.has_second = true;
      out.local = expressions_.bind(*loop.key, key, nullptr, false);
      out.second = expressions_.bind(loop.value, TypeSet::any(), nullptr, false);
    } else {
      out.local = expressions_.bind(loop.value, TypeSet::any(), nullptr, false);
    }
    out.body = statements(loop.body);
    expressions_.close_scope();
    expressions_.leave();
  }

  Lowered value(const dsl::Expr& expr) {
    Lowered result = expressions_.value(expr);
    if (result.ok) failures_of(result.expression, result_.failures);
    return result;
  }

  // A value that becomes part of a record, or a record.
  Lowered storable(const dsl::Expr& expr) {
    Lowered result = value(expr);
    if (result.ok && result.expression.types == TypeSet(Type::duration)) {
      error(Code::wrong_type, expr.span, "a record cannot hold a duration")
          .hint("divide it by a unit: / 1s gives seconds");
    }
    return result;
  }

  // A value that becomes a separate record; null emits none.
  Lowered record(const dsl::Expr& expr, Statement& out) {
    Lowered result = storable(expr);
    out.null_meant = expr.kind == dsl::ExprKind::kNull;
    if (!out.null_meant && result.expression.types.has(Type::null)) failure("a value to emit that is null");
    return result;
  }

  void failure(std::string what) { add_once(result_.failures, std::move(what)); }

  Context& context_;
  ExpressionCompiler expressions_;
  CompiledBlock result_;
  unsigned nesting_ = 0;
  bool touches_ = false;
  bool failed_ = false;

 public:
  bool failed() const { return failed_; }
};

}  // namespace

CompiledBlock compile_block(Context& context, const Module& module, const dsl::Block& block) {
  BlockCompiler compiler(context, module);
  CompiledBlock result = compiler.run(block);
  if (compiler.failed()) result.program = nullptr;
  return result;
}

}  // namespace pipec::compiler
