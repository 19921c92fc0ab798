#include "pipec/dsl/format.h"

#include <limits>

#include "dsl/formatter.h"
#include "pipec/dsl/parser.h"

namespace pipec::dsl {

namespace {

// Behind a leading `| `, which takes two columns itself.
constexpr unsigned kPipeIndent = 2;
// A flow with more stages has each on its own line.
constexpr std::size_t kStagesOnOneLine = 2;

}  // namespace

std::string Formatter::format() {
  Lines lines;
  for (const auto& i : file_.items) {
    next_line(lines);
    item(*i);
    end_element(lines);
  }
  own_line_comments(lines);
  return layout_.print(kFormatWidth);
}

std::string Formatter::format(const Expr& expr) {
  skip_to(expr.span.begin);
  expression(expr);
  std::string text = layout_.print(std::numeric_limits<unsigned>::max() / 2);
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

void Formatter::item(const Item& i) {
  switch (i.kind) {
    case ItemKind::kCommit:
      write(as<CommitItem>(i).mode == CommitItem::Mode::kAuto ? "commit auto" : "commit sink");
      break;
    case ItemKind::kDlq:
      write("dlq ");
      if (as<DlqItem>(i).mode == DlqItem::Mode::kReject) write("reject");
      if (as<DlqItem>(i).mode == DlqItem::Mode::kDiscard) write("discard");
      if (as<DlqItem>(i).mode == DlqItem::Mode::kConnector) connector(as<DlqItem>(i).connector, kIndent);
      break;
    case ItemKind::kGovern:
      write("govern ");
      if (as<GovernItem>(i).options) {
        object(*as<GovernItem>(i).options);
      } else {
        write("off");
      }
      break;
    case ItemKind::kName:
      write("name ");
      leaf(as<NameItem>(i).name.span, source_.text(as<NameItem>(i).name.span));
      break;
    case ItemKind::kUse:
      write("use ");
      leaf(as<UseItem>(i).path.span, source_.text(as<UseItem>(i).path.span));
      break;
    case ItemKind::kLet:
      let(as<LetItem>(i));
      break;
    case ItemKind::kFlow:
      pipeline(as<FlowItem>(i).pipeline, 0);
      break;
    case ItemKind::kFn:
      fn(as<FnItem>(i));
      break;
    case ItemKind::kTest:
      test(as<TestItem>(i));
      break;
  }
}

void Formatter::let(const LetItem& item) {
  write("let " + item.name.text + " = ");
  pipeline(item.pipeline, kPipeIndent);
}

void Formatter::fn(const FnItem& item) {
  std::string head = "fn " + item.name.text + "(";
  for (const Name& name : item.parameters) {
    if (&name != &item.parameters.front()) head += ", ";
    head += name.text;
  }
  write(head + ") =");
  layout_.open_group();
  layout_.indent(kIndent);
  layout_.line();
  expression(*item.body);
  layout_.dedent();
  layout_.close_group();
}

void Formatter::test(const TestItem& test) {
  write("test ");
  leaf(test.title.span, source_.text(test.title.span));
  write(" {");
  layout_.indent(kIndent);
  Lines lines;
  lines.keep_first_break = true;
  auto entry = [&](auto print) {
    next_line(lines);
    print();
    end_element(lines);
  };
  trailing_comment();
  entry([&] { write("stage " + test.stage.text); });
  for (const TestCase& c : test.cases) {
    entry([&] {
      write("given ");
      for (const ExprPtr& given : c.given) {
        if (&given != &c.given.front()) layout_.text(", ");
        expression(*given);
      }
    });
    for (const Expectation& e : c.expected) {
      entry([&] {
        write(e.kind == Expectation::Kind::kNone  ? "expect none"
              : e.kind == Expectation::Kind::kDlq ? "expect dlq"
                                                  : "expect ");
        if (e.reason) layout_.text(" ");
        if (e.reason || e.value) expression(e.reason ? *e.reason : *e.value);
      });
    }
  }
  own_line_comments(lines);
  layout_.dedent();
  layout_.hard_line();
  write("}");
}

void Formatter::pipeline(const Pipeline& pipeline, unsigned indent) {
  elements(pipeline.source ? &*pipeline.source : nullptr, pipeline.chain, indent);
}

// On one line, or with each stage after the first on its own line that begins with `| `, indented by `indent`
// columns. A single stage always stays on the line.
void Formatter::elements(const Source* first, const Chain& chain, unsigned indent) {
  std::size_t joined = chain.stages.size() - (first || chain.stages.empty() ? 0 : 1);
  bool comments = !chain.stages.empty() && comment_between(first ? first->span.begin : chain.span.begin,
                                                           chain.stages.back()->span.begin);
  bool broken = comments || chain.stages.size() > kStagesOnOneLine;
  bool fixed = joined <= 1 && chain.stages.size() == 1 && !broken;
  Lines lines;
  layout_.open_group();
  if (broken) layout_.force_break();
  if (first) {
    source(*first);
    if (broken) end_element(lines);
  }
  for (const auto& s : chain.stages) {
    bool leads = !first && s == chain.stages.front();
    if (leads) {
      stage(*s, false);
      if (broken) end_element(lines);
      continue;
    }
    layout_.indent(indent);
    if (broken) {
      next_line(lines);
    } else if (fixed) {
      layout_.text(" ");
    } else {
      layout_.line();
    }
    write("| ");
    if (!fixed) layout_.indent(kPipeIndent);
    stage(*s, !fixed);
    if (broken) end_element(lines);
    if (!fixed) layout_.dedent();
    layout_.dedent();
  }
  layout_.close_group();
}

void Formatter::source(const Source& source) {
  switch (source.kind) {
    case Source::Kind::kRecv:
      write("recv ");
      connector(source.recv, kIndent);
      break;
    case Source::Kind::kName:
      write(source.names.front().text);
      break;
    case Source::Kind::kMerge:
      write("merge");
      comma_list("(", ")", source.names.size(), source.span, kIndent,
                 [&](std::size_t i) { write(source.names[i].text); });
      break;
  }
}

void Formatter::stage(const Stage& s, bool behind_pipe) {
  unsigned indent = behind_pipe ? kPipeIndent : kIndent;
  switch (s.kind) {
    case StageKind::kFilter:
      filter(as<FilterStage>(s));
      break;
    case StageKind::kParse:
      write("parse ");
      connector(as<ParseStage>(s).format, indent);
      break;
    case StageKind::kTransform:
      write("transform ");
      block(as<TransformStage>(s).block, indent);
      break;
    case StageKind::kRoute:
      route(as<RouteStage>(s), indent);
      break;
    case StageKind::kSink:
      write("sink ");
      connector(as<SinkStage>(s).connector, indent);
      break;
    case StageKind::kDrop:
      write("drop");
      break;
    case StageKind::kName:
      connector(as<NameStage>(s).call, indent);
      if (!as<NameStage>(s).block) break;
      write(" ");
      assignments(*as<NameStage>(s).block, indent);
      break;
  }
}

void Formatter::filter(const FilterStage& s) {
  write("filter ");
  expression(*s.condition);
  if (s.otherwise == FilterStage::Else::kDrop) write(" else drop");
  if (s.otherwise == FilterStage::Else::kDlq) write(" else dlq");
  if (s.reason) {
    layout_.text(" ");
    expression(*s.reason);
  }
}

void Formatter::route(const RouteStage& s, unsigned indent) {
  write("route {");
  trailing_comment();
  layout_.indent(indent);
  Lines lines;
  lines.keep_first_break = true;
  for (const RouteArm& arm : s.arms) {
    next_line(lines);
    expression(*arm.condition);
    write(" -> ");
    elements(nullptr, arm.chain, kPipeIndent);
    end_element(lines);
  }
  if (s.otherwise) {
    next_line(lines);
    write("else -> ");
    elements(nullptr, *s.otherwise, kPipeIndent);
    end_element(lines);
  }
  own_line_comments(lines);
  layout_.dedent();
  layout_.hard_line();
  write("}");
}

void Formatter::connector(const Connector& c, unsigned indent) {
  write(c.name.text);
  Span span{c.span.file, c.name.span.end, c.span.end};
  // Empty parentheses stay: they are the user's.
  if (!c.args.empty() || comment_within(span) || c.span.end > c.name.span.end)
    arguments(c.args, span, indent);
}

std::optional<std::string> format(const SourceFile& source, DiagnosticSink& sink) {
  ParseResult parsed = parse(source, sink);
  if (!parsed.ok) return std::nullopt;
  return Formatter(source, parsed.file).format();
}

std::string format_expression(const SourceFile& source, const Expr& expr) {
  const File without_comments;
  return Formatter(source, without_comments).format(expr);
}

}  // namespace pipec::dsl
