#include "compiler/references.h"

namespace pipec::compiler {

using dsl::as;
using dsl::ExprKind;
using dsl::StageKind;
using dsl::StatementKind;

namespace {

class Walker {
 public:
  explicit Walker(std::vector<Reference>& out) : out_(out) {}

  void pipeline(const dsl::Pipeline& pipeline) {
    if (pipeline.source) {
      arguments(pipeline.source->recv.args);
      for (const dsl::Name& name : pipeline.source->names) out_.push_back({&name.text, name.span, false});
    }
    chain(pipeline.chain);
  }

  void expression(const dsl::Expr& expr) {
    switch (expr.kind) {
      case ExprKind::kString:
        for (const auto& part : as<dsl::StringExpr>(expr).parts) optional(part.expr);
        break;
      case ExprKind::kPath:
        segments(as<dsl::PathExpr>(expr).segments);
        break;
      case ExprKind::kAccess:
        expression(*as<dsl::AccessExpr>(expr).base);
        segments(as<dsl::AccessExpr>(expr).segments);
        break;
      case ExprKind::kCall: {
        const auto& call = as<dsl::CallExpr>(expr);
        out_.push_back({&call.function.text, call.function.span, true});
        arguments(call.args);
        break;
      }
      case ExprKind::kArray:
        for (const auto& item : as<dsl::ArrayExpr>(expr).items) optional(item);
        break;
      case ExprKind::kObject:
        for (const auto& member : as<dsl::ObjectExpr>(expr).members) optional(member.value);
        break;
      case ExprKind::kUnary:
        expression(*as<dsl::UnaryExpr>(expr).operand);
        break;
      case ExprKind::kBinary:
        expression(*as<dsl::BinaryExpr>(expr).left);
        expression(*as<dsl::BinaryExpr>(expr).right);
        break;
      case ExprKind::kLogic:
        for (const auto& operand : as<dsl::LogicExpr>(expr).operands) optional(operand);
        break;
      case ExprKind::kIf: {
        const auto& choice = as<dsl::IfExpr>(expr);
        for (const auto& arm : choice.arms) {
          optional(arm.condition);
          optional(arm.value);
        }
        optional(choice.otherwise);
        break;
      }
      case ExprKind::kLambda:
        optional(as<dsl::LambdaExpr>(expr).body);
        break;
      default:
        break;
    }
  }

 private:
  void optional(const dsl::ExprPtr& expr) {
    if (expr) expression(*expr);
  }
  void arguments(const std::vector<dsl::Arg>& args) {
    for (const dsl::Arg& arg : args) optional(arg.value);
  }
  void segments(const std::vector<dsl::Segment>& path) {
    for (const dsl::Segment& segment : path) optional(segment.index);
  }
  void chain(const dsl::Chain& stages) {
    for (const auto& stage : stages.stages) this->stage(*stage);
  }
  void stage(const dsl::Stage& stage) {
    switch (stage.kind) {
      case StageKind::kFilter:
        optional(as<dsl::FilterStage>(stage).condition);
        break;
      case StageKind::kParse:
        arguments(as<dsl::ParseStage>(stage).format.args);
        break;
      case StageKind::kTransform:
        block(as<dsl::TransformStage>(stage).block);
        break;
      case StageKind::kRoute: {
        const auto& route = as<dsl::RouteStage>(stage);
        for (const auto& arm : route.arms) {
          optional(arm.condition);
          chain(arm.chain);
        }
        if (route.otherwise) chain(*route.otherwise);
        break;
      }
      case StageKind::kSink:
        arguments(as<dsl::SinkStage>(stage).connector.args);
        break;
      case StageKind::kName: {
        const auto& named = as<dsl::NameStage>(stage);
        out_.push_back({&named.call.name.text, named.call.name.span, false});
        arguments(named.call.args);
        if (!named.block) break;
        for (const dsl::Assignment& each : named.block->assignments) optional(each.value);
        break;
      }
      case StageKind::kDrop:
        break;
    }
  }
  void block(const dsl::Block& block) {
    for (const auto& statement : block.statements) this->statement(*statement);
  }
  void path(const dsl::PathPtr& path) {
    if (path) segments(path->segments);
  }
  void statement(const dsl::Statement& statement) {
    switch (statement.kind) {
      case StatementKind::kSet:
        path(as<dsl::SetStatement>(statement).target);
        optional(as<dsl::SetStatement>(statement).value);
        break;
      case StatementKind::kLet:
        optional(as<dsl::LetStatement>(statement).value);
        break;
      case StatementKind::kDel:
      case StatementKind::kKeep:
        for (const auto& each : as<dsl::PathsStatement>(statement).paths) path(each);
        break;
      case StatementKind::kRename:
        path(as<dsl::RenameStatement>(statement).from);
        path(as<dsl::RenameStatement>(statement).to);
        break;
      case StatementKind::kIf: {
        const auto& branch = as<dsl::IfStatement>(statement);
        for (const auto& arm : branch.arms) {
          optional(arm.condition);
          block(arm.block);
        }
        if (branch.otherwise) block(*branch.otherwise);
        break;
      }
      case StatementKind::kDlq:
      case StatementKind::kEmit:
        optional(as<dsl::ValueStatement>(statement).value);
        break;
      case StatementKind::kFor:
        optional(as<dsl::ForStatement>(statement).over);
        block(as<dsl::ForStatement>(statement).body);
        break;
      case StatementKind::kDrop:
        break;
    }
  }

  std::vector<Reference>& out_;
};

}  // namespace

void references_of(const dsl::Pipeline& pipeline, std::vector<Reference>& out) {
  Walker(out).pipeline(pipeline);
}
void references_of(const dsl::Expr& expr, std::vector<Reference>& out) {
  Walker(out).expression(expr);
}

}  // namespace pipec::compiler
