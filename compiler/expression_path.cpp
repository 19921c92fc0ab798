#include <algorithm>
#include <utility>

#include "compiler/expression.h"
#include "compiler/metadata.h"
#include "compiler/types.h"
#include "pipec/runtime/evaluate.h"

namespace pipec::compiler {

using dsl::Code;
using runtime::Op;
using runtime::PathSegment;
using runtime::Type;
using runtime::TypeSet;

std::uint32_t ExpressionCompiler::slot_of(const std::string& key) {
  const auto [found, is_new] = slots_.emplace(key, static_cast<std::uint32_t>(fields_.keys.size()));
  if (is_new) fields_.keys.push_back(key);
  return found->second;
}

bool ExpressionCompiler::segments(const dsl::Segment* from, std::size_t count, runtime::Path& path,
                                  std::size_t first_child, std::vector<Lowered>& children) {
  bool ok = true;
  for (std::size_t i = 0; i < count; ++i) {
    const dsl::Segment& segment = from[i];
    PathSegment& step = path.below.emplace_back();
    if (segment.kind == dsl::Segment::Kind::kKey) {
      step.key = segment.key;
      continue;
    }
    step.kind = PathSegment::Kind::index;
    if (segment.constant) {
      step.index = *segment.constant;
      step.key = std::to_string(step.index);
      continue;
    }
    if (!segment.index) {
      ok_ = ok = false;
      continue;
    }
    Lowered index = value(*segment.index);
    if (!index.ok) {
      ok = false;
      continue;
    }
    const TypeSet taken = TypeSet::number() | Type::boolean | Type::string | Type::null;
    if ((index.expression.types & taken).empty()) {
      error(Code::wrong_type, segment.span,
            "an index is an int, or a string, float or bool that names a key, not " +
                describe(index.expression.types));
      ok = false;
      continue;
    }
    if (index.constant() && index.expression.constant.type() == Type::integer &&
        !index.expression.constant.is_beyond()) {
      step.index = index.expression.constant.as_int();
      step.key = std::to_string(step.index);
    } else if (index.constant() && !index.expression.constant.is_null()) {
      step.kind = PathSegment::Kind::key;
      step.key = std::string(*runtime::interpolated(index.expression.constant, *arena_));
    } else {
      step.kind = PathSegment::Kind::computed;
      step.computed = static_cast<std::uint32_t>(first_child + children.size());
      children.push_back(std::move(index));
    }
  }
  return ok;
}

std::optional<runtime::Path> ExpressionCompiler::record_path(const dsl::PathExpr& expr,
                                                             std::size_t first_child,
                                                             std::vector<Lowered>& children) {
  runtime::Path path;
  path.text = context_.report.line(expr.span, 200);
  const bool keyed = !expr.segments.empty() && expr.segments[0].kind == dsl::Segment::Kind::kKey;
  if (keyed) {
    path.slot = slot_of(expr.segments[0].key);
  } else {
    path.whole = true;
  }
  const std::size_t skip = keyed ? 1 : 0;
  if (!segments(expr.segments.data() + skip, expr.segments.size() - skip, path, first_child, children)) {
    return std::nullopt;
  }
  return path;
}

Lowered ExpressionCompiler::path(const dsl::PathExpr& expr) {
  if (where_ == Where::group) {
    const std::string text = context_.report.line(expr.span, 40);
    error(Code::not_a_field, expr.span, "a group has no fields of its own: it is made of many records")
        .hint("write first(" + text + ") for that of the first record");
    return failure(expr);
  }
  if (expr.meta) return metadata(expr);
  if (where_ != Where::record) {
    error(Code::not_constant, expr.span,
          where_ == Where::receiver ? "there are no fields yet where records are generated"
                                    : "there is no record here: this must be known before the first one");
    return failure(expr);
  }
  std::vector<Lowered> children;
  auto path = record_path(expr, 0, children);
  if (!path) return failure(expr);
  Lowered result = start(Op::field, expr.span);
  result.pure = false;
  // A statement before this one may have set it, to anything that a record can hold.
  result.expression.types = TypeSet::any().without(Type::duration);
  if (read_before_.emplace(path->text, true).second) reads_.push_back(path->text);
  result.expression.path = std::move(*path);
  assemble(result, std::move(children));
  return result;
}

Lowered ExpressionCompiler::metadata(const dsl::PathExpr& expr) {
  const Metadata* known = find_metadata(expr.meta->text);
  if (!known) {
    error(Code::unknown_metadata, expr.meta->span, "records have no metadata '@" + expr.meta->text + "'")
        .hint(did_you_mean_metadata(expr.meta->text))
        .note("there are " + metadata_names());
    return failure(expr);
  }
  if (where_ == Where::compiler) {
    error(Code::not_constant, expr.span, "there is no record here: this must be known before the first one");
    return failure(expr);
  }
  Lowered result = start(Op::metadata, expr.span);
  result.pure = false;
  result.expression.metadata = known->field;
  result.expression.types = known->types;
  std::size_t skip = 0;
  const bool header = known->field == runtime::MetadataField::headers && !expr.segments.empty() &&
                      expr.segments[0].kind == dsl::Segment::Kind::kKey;
  if (header) {
    result.expression.metadata = runtime::MetadataField::header;
    result.expression.text = expr.segments[0].key;
    result.expression.types = TypeSet(Type::null) | Type::string | Type::bytes;
    skip = 1;
  }
  if (expr.segments.size() == skip) return result;
  Lowered below = start(Op::element, expr.span);
  element(below, std::move(result), expr.segments.data() + skip, expr.segments.size() - skip);
  return below;
}

Lowered ExpressionCompiler::access(const dsl::AccessExpr& expr) {
  Lowered base = lower(*expr.base);
  Lowered result = start(Op::element, expr.span);
  remember(result.expression.place, expr.span);
  element(result, std::move(base), expr.segments.data(), expr.segments.size());
  return result;
}

void ExpressionCompiler::element(Lowered& result, Lowered base, const dsl::Segment* from, std::size_t count) {
  std::vector<Lowered> children;
  children.push_back(std::move(base));
  if (!segments(from, count, result.expression.path, 0, children)) result.ok = false;
  assemble(result, std::move(children));
}

std::optional<runtime::Path> ExpressionCompiler::target(const dsl::PathExpr& path,
                                                        std::vector<runtime::Expression>& computed) {
  std::vector<Lowered> children;
  auto result = record_path(path, computed.size(), children);
  for (Lowered& child : children) computed.push_back(std::move(child.expression));
  return result;
}

}  // namespace pipec::compiler
