#include "pipec/dsl/dump.h"

#include <array>
#include <charconv>

#include "dsl/quote.h"

namespace pipec::dsl {

namespace {

class Dumper {
 public:
  std::string take() { return std::move(out_); }

  void file(const File& file) {
    for (const auto& i : file.items) {
      item(*i);
      out_ += '\n';
    }
  }

  void chain_lines(const Chain& chain) {
    for (const auto& s : chain.stages) {
      line();
      stage(*s);
    }
  }

  void expr(const Expr& e) {
    switch (e.kind) {
      case ExprKind::kNull:
        out_ += "null";
        break;
      case ExprKind::kBool:
        out_ += as<BoolExpr>(e).value ? "true" : "false";
        break;
      case ExprKind::kInt:
        out_ += std::to_string(as<IntExpr>(e).value);
        break;
      case ExprKind::kFloat:
        real(as<FloatExpr>(e).value);
        break;
      case ExprKind::kDuration:
        out_ += "(duration " + std::to_string(as<DurationExpr>(e).nanoseconds) + ")";
        break;
      case ExprKind::kSize:
        out_ += "(size " + std::to_string(as<SizeExpr>(e).bytes) + ")";
        break;
      case ExprKind::kString:
        string(as<StringExpr>(e));
        break;
      case ExprKind::kName:
        out_ += "(name " + as<NameExpr>(e).name + ")";
        break;
      case ExprKind::kPath:
        path(as<PathExpr>(e));
        break;
      case ExprKind::kAccess:
        out_ += "(get ";
        expr(*as<AccessExpr>(e).base);
        out_ += ' ';
        segments(as<AccessExpr>(e).segments);
        out_ += ')';
        break;
      case ExprKind::kCall:
        out_ += "(call " + as<CallExpr>(e).function.text;
        args(as<CallExpr>(e).args);
        out_ += ')';
        break;
      case ExprKind::kArray:
        out_ += "(array";
        for (const auto& item : as<ArrayExpr>(e).items) spaced(*item);
        out_ += ')';
        break;
      case ExprKind::kObject:
        object(as<ObjectExpr>(e));
        break;
      case ExprKind::kUnary:
        out_ += as<UnaryExpr>(e).op == UnaryOp::kNot ? "(not" : "(neg";
        spaced(*as<UnaryExpr>(e).operand);
        out_ += ')';
        break;
      case ExprKind::kBinary:
        out_ += std::string("(") + to_string(as<BinaryExpr>(e).op);
        spaced(*as<BinaryExpr>(e).left);
        spaced(*as<BinaryExpr>(e).right);
        out_ += ')';
        break;
      case ExprKind::kLogic:
        out_ += as<LogicExpr>(e).op == LogicOp::kAnd ? "(and" : "(or";
        for (const auto& operand : as<LogicExpr>(e).operands) spaced(*operand);
        out_ += ')';
        break;
      case ExprKind::kIf:
        out_ += "(if";
        for (const IfArm& arm : as<IfExpr>(e).arms) {
          spaced(*arm.condition);
          spaced(*arm.value);
        }
        out_ += " else";
        spaced(*as<IfExpr>(e).otherwise);
        out_ += ')';
        break;
      case ExprKind::kLambda:
        out_ += "(-> " + as<LambdaExpr>(e).parameter.text;
        spaced(*as<LambdaExpr>(e).body);
        out_ += ')';
        break;
      case ExprKind::kError:
        out_ += "(error)";
        break;
    }
  }

 private:
  void line() {
    if (!out_.empty()) out_ += '\n';
    out_.append(indent_ * 2, ' ');
  }

  void spaced(const Expr& e) {
    out_ += ' ';
    expr(e);
  }

  void real(double value) {
    std::array<char, 32> buffer;
    auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
    out_ += "(float " + std::string(buffer.data(), end) + ")";
  }

  void string(const StringExpr& s) {
    if (s.is_plain()) {
      out_ += quoted(s.text());
      return;
    }
    out_ += "(string";
    for (const StringPart& part : s.parts) {
      if (part.expr) {
        spaced(*part.expr);
      } else {
        out_ += ' ' + quoted(part.text);
      }
    }
    out_ += ')';
  }

  void path(const PathExpr& p) {
    if (p.meta) {
      out_ += '@' + p.meta->text;
    } else if (p.segments.empty() || p.segments.front().kind == Segment::Kind::kIndex) {
      out_ += '.';
    }
    segments(p.segments);
  }

  void segments(const std::vector<Segment>& all) {
    for (const Segment& segment : all) {
      if (segment.kind == Segment::Kind::kKey) {
        out_ += key_segment(segment.key);
      } else {
        out_ += '[';
        expr(*segment.index);
        out_ += ']';
      }
    }
  }

  void args(const std::vector<Arg>& all) {
    for (const Arg& arg : all) {
      if (arg.name) out_ += ' ' + arg.name->text + ':';
      spaced(*arg.value);
    }
  }

  void object(const ObjectExpr& o) {
    out_ += "(object";
    for (const ObjectMember& member : o.members) {
      out_ += ' ' + quoted(member.key.text) + ':';
      spaced(*member.value);
    }
    out_ += ')';
  }

  void connector(const char* what, const Connector& c) {
    out_ += std::string("(") + what + ' ' + c.name.text;
    args(c.args);
    out_ += ')';
  }

  void block_lines(const Block& block) {
    ++indent_;
    for (const auto& s : block.statements) {
      line();
      statement(*s);
    }
    --indent_;
  }

  void statement(const Statement& s) {
    switch (s.kind) {
      case StatementKind::kSet:
        out_ += "(set ";
        path(*as<SetStatement>(s).target);
        spaced(*as<SetStatement>(s).value);
        break;
      case StatementKind::kLet:
        out_ += "(let " + as<LetStatement>(s).name.text;
        spaced(*as<LetStatement>(s).value);
        break;
      case StatementKind::kDel:
      case StatementKind::kKeep:
        out_ += s.kind == StatementKind::kDel ? "(del" : "(keep";
        for (const auto& p : as<PathsStatement>(s).paths) spaced(*p);
        break;
      case StatementKind::kRename:
        out_ += "(rename";
        spaced(*as<RenameStatement>(s).from);
        spaced(*as<RenameStatement>(s).to);
        break;
      case StatementKind::kIf:
        out_ += "(if";
        ++indent_;
        for (const StatementArm& arm : as<IfStatement>(s).arms) {
          line();
          out_ += "(when";
          spaced(*arm.condition);
          block_lines(arm.block);
          out_ += ')';
        }
        if (as<IfStatement>(s).otherwise) {
          line();
          out_ += "(else";
          block_lines(*as<IfStatement>(s).otherwise);
          out_ += ')';
        }
        --indent_;
        break;
      case StatementKind::kDrop:
        out_ += "(drop";
        break;
      case StatementKind::kDlq:
      case StatementKind::kEmit:
        out_ += s.kind == StatementKind::kDlq ? "(dlq" : "(emit";
        spaced(*as<ValueStatement>(s).value);
        break;
      case StatementKind::kFor: {
        const auto& loop = as<ForStatement>(s);
        out_ += "(for ";
        if (loop.key) out_ += loop.key->text + ' ';
        out_ += loop.value.text;
        spaced(*loop.over);
        block_lines(loop.body);
        break;
      }
    }
    out_ += ')';
  }

  void stage(const Stage& s) {
    switch (s.kind) {
      case StageKind::kFilter: {
        const auto& filter = as<FilterStage>(s);
        out_ += "(filter";
        spaced(*filter.condition);
        if (filter.otherwise == FilterStage::Else::kDrop) out_ += " else drop";
        if (filter.otherwise == FilterStage::Else::kDlq) out_ += " else dlq";
        if (filter.reason) spaced(*filter.reason);
        out_ += ')';
        break;
      }
      case StageKind::kParse:
        connector("parse", as<ParseStage>(s).format);
        break;
      case StageKind::kTransform:
        out_ += "(transform";
        block_lines(as<TransformStage>(s).block);
        out_ += ')';
        break;
      case StageKind::kRoute:
        out_ += "(route";
        ++indent_;
        for (const RouteArm& arm : as<RouteStage>(s).arms) {
          line();
          out_ += "(when";
          spaced(*arm.condition);
          nested(arm.chain);
          out_ += ')';
        }
        if (as<RouteStage>(s).otherwise) {
          line();
          out_ += "(else";
          nested(*as<RouteStage>(s).otherwise);
          out_ += ')';
        }
        --indent_;
        out_ += ')';
        break;
      case StageKind::kSink:
        connector("sink", as<SinkStage>(s).connector);
        break;
      case StageKind::kDrop:
        out_ += "(drop)";
        break;
      case StageKind::kName:
        named(as<NameStage>(s));
        break;
    }
  }

  void named(const NameStage& s) {
    if (!s.has_arguments() && !s.block) {
      out_ += "(stages " + s.call.name.text + ")";
      return;
    }
    connector("stage", s.call);
    if (!s.block) return;
    out_.pop_back();
    ++indent_;
    for (const Assignment& assignment : s.block->assignments) {
      line();
      out_ += "(= " + assignment.name.text;
      spaced(*assignment.value);
      out_ += ')';
    }
    --indent_;
    out_ += ')';
  }

  void nested(const Chain& chain) {
    ++indent_;
    chain_lines(chain);
    --indent_;
  }

  void pipeline(const Pipeline& p) {
    if (p.source) {
      ++indent_;
      line();
      --indent_;
      switch (p.source->kind) {
        case Source::Kind::kRecv:
          connector("recv", p.source->recv);
          break;
        case Source::Kind::kName:
          out_ += "(from " + p.source->names[0].text + ")";
          break;
        case Source::Kind::kMerge:
          out_ += "(merge";
          for (const Name& name : p.source->names) out_ += ' ' + name.text;
          out_ += ')';
          break;
      }
    }
    nested(p.chain);
  }

  void item(const Item& i) {
    switch (i.kind) {
      case ItemKind::kCommit:
        out_ += as<CommitItem>(i).mode == CommitItem::Mode::kAuto ? "(commit auto" : "(commit sink";
        break;
      case ItemKind::kDlq:
        out_ += "(dlq ";
        if (as<DlqItem>(i).mode == DlqItem::Mode::kReject) out_ += "reject";
        if (as<DlqItem>(i).mode == DlqItem::Mode::kDiscard) out_ += "discard";
        if (as<DlqItem>(i).mode == DlqItem::Mode::kConnector) connector("to", as<DlqItem>(i).connector);
        break;
      case ItemKind::kGovern:
        out_ += "(govern ";
        if (as<GovernItem>(i).options) {
          object(*as<GovernItem>(i).options);
        } else {
          out_ += "off";
        }
        break;
      case ItemKind::kName:
        out_ += "(name " + quoted(as<NameItem>(i).name.text);
        break;
      case ItemKind::kLet:
        out_ += "(let " + as<LetItem>(i).name.text;
        pipeline(as<LetItem>(i).pipeline);
        break;
      case ItemKind::kFlow:
        out_ += "(flow";
        pipeline(as<FlowItem>(i).pipeline);
        break;
      case ItemKind::kFn:
        out_ += "(fn " + as<FnItem>(i).name.text + " (";
        for (const Name& name : as<FnItem>(i).parameters) {
          out_ += (out_.ends_with('(') ? "" : " ") + name.text;
        }
        out_ += ')';
        if (as<FnItem>(i).body) spaced(*as<FnItem>(i).body);
        break;
      case ItemKind::kUse:
        out_ += "(use " + quoted(as<UseItem>(i).path.text);
        break;
      case ItemKind::kTest:
        test(as<TestItem>(i));
        break;
    }
    out_ += ')';
  }

  void test(const TestItem& t) {
    out_ += "(test " + quoted(t.title.text) + ' ' + t.stage.text;
    for (const TestCase& c : t.cases) {
      ++indent_;
      line();
      out_ += "(given";
      for (const ExprPtr& given : c.given) spaced(*given);
      ++indent_;
      for (const Expectation& e : c.expected) {
        line();
        out_ += "(expect";
        if (e.value) spaced(*e.value);
        if (e.kind == Expectation::Kind::kDlq) out_ += " dlq";
        if (e.kind == Expectation::Kind::kNone) out_ += " none";
        if (e.reason) spaced(*e.reason);
        out_ += ')';
      }
      out_ += ')';
      indent_ -= 2;
    }
  }

  std::string out_;
  unsigned indent_ = 0;
};

}  // namespace

std::string dump(const File& file) {
  Dumper dumper;
  dumper.file(file);
  return dumper.take();
}

std::string dump(const Chain& chain) {
  Dumper dumper;
  dumper.chain_lines(chain);
  return dumper.take();
}

std::string dump(const Expr& expr) {
  Dumper dumper;
  dumper.expr(expr);
  return dumper.take();
}

}  // namespace pipec::dsl
