#include <utility>

#include "dsl/parser.h"
#include "pipec/dsl/foreign_words.h"
#include "pipec/dsl/suggest.h"

namespace pipec::dsl {

namespace {

const std::vector<std::string_view> kStages = {"filter", "parse", "transform", "route", "sink", "drop"};
constexpr const char* kStageNote =
    "stages are filter, parse, transform, route, sink, drop, chains bound by let, and those that 'pipec "
    "functions' lists";

bool is_stage_keyword(Keyword keyword) {
  switch (keyword) {
    case Keyword::kFilter:
    case Keyword::kParse:
    case Keyword::kTransform:
    case Keyword::kRoute:
    case Keyword::kSink:
    case Keyword::kDrop:
      return true;
    default:
      return false;
  }
}

}  // namespace

void Parser::pipeline(Pipeline& out, Context context) {
  auto begin = peek().begin;
  bool needs_stage = true;
  const bool named = at_word() && peek().keyword == Keyword::kNone;
  const bool takes_options = at_call(1) || peek(1).kind == TokenKind::kLeftBrace;  // and so is a stage
  if (at(Keyword::kRecv) || at(Keyword::kMerge) || (named && !takes_options)) {
    out.source.emplace();
    source(*out.source);
    needs_stage = false;
  }
  if (failed_) skip_to_stage();
  pipes(out.chain, context, needs_stage);
  out.span = since(begin);
}

void Parser::source(Source& out) {
  out.span = here();
  if (at(Keyword::kRecv)) {
    out.kind = Source::Kind::kRecv;
    take();
    out.recv = connector("recv");
  } else if (at(Keyword::kMerge)) {
    out.kind = Source::Kind::kMerge;
    take();
    Span opening = here();
    if (expect(TokenKind::kLeftParen, "'(' and the names of streams")) {
      if (at(TokenKind::kRightParen)) fail_expecting("the name of a stream");
      comma_list(TokenKind::kRightParen, opening, [&] {
        if (at_word() && peek().keyword == Keyword::kNone) {
          out.names.push_back(take_name());
        } else {
          fail_expecting("the name of a stream").hint("bind it first: let a = recv ...");
        }
      });
    }
  } else {
    out.kind = Source::Kind::kName;
    out.names.push_back(take_name());
  }
  out.span = since(out.span.begin);
}

// `{ "|" stage }`, or where a stage is needed `stage { "|" stage }`. After an error the chain continues at
// the next '|'.
void Parser::pipes(Chain& out, Context context, bool needs_stage) {
  out.span = here();
  bool first = true;
  for (;; first = false) {
    if (!(first && needs_stage)) {
      if (!failed_ && at(TokenKind::kError)) {  // reported; the chain may continue after it
        failed_ = true;
        skip_to_stage();
      }
      if (failed_) {
        if (!at(TokenKind::kPipe)) break;
        failed_ = false;
      }
      if (at(TokenKind::kPipe)) {
        take();
      } else if (at_missing_pipe(context)) {
        missing_pipe();
      } else {
        break;
      }
    }
    auto begin = peek().begin;
    Span keyword = here();
    StagePtr made = stage(context);
    if (made) {
      made->span = since(begin);
      made->keyword = keyword;
      if (out.stages.empty()) out.span.begin = begin;
      out.stages.push_back(std::move(made));
    }
    if (failed_) skip_to_stage();
  }
  out.span = out.stages.empty() ? Span{file_, out.span.begin, out.span.begin} : since(out.span.begin);
}

// A stage where a '|' or the end should be. In a route it may be the next arm: `filter(...)` is a call there.
bool Parser::at_missing_pipe(Context context) {
  if (!is_stage_keyword(peek().keyword)) return false;
  return context != Context::kArm || !at_call(1);
}

void Parser::missing_pipe() {
  remark(Code::missing_pipe, here(), "a '|' is missing before '" + peek().text + "'")
      .hint("stages are joined by '|'");
}

StagePtr Parser::stage(Context context) {
  if (at_word() && peek().keyword == Keyword::kNone) return name_stage(context);
  return stage_of(peek().keyword, context);
}

StagePtr Parser::stage_of(Keyword keyword, Context context) {
  switch (keyword) {
    case Keyword::kFilter:
      return filter_stage(context);
    case Keyword::kParse: {
      auto made = std::make_unique<ParseStage>(take());
      made->format = connector("parse");
      if (context != Context::kArm && !failed_ && at(TokenKind::kLeftParen)) {
        fail_expecting("'|' or the end of the flow");
      }
      return made;
    }
    case Keyword::kTransform: {
      auto made = std::make_unique<TransformStage>(take());
      made->block = block("the transform");
      return made;
    }
    case Keyword::kRoute:
      return route_stage();
    case Keyword::kSink: {
      auto made = std::make_unique<SinkStage>(take());
      made->connector = connector("sink");
      return made;
    }
    case Keyword::kDrop:
      return std::make_unique<DropStage>(take());
    default:
      not_a_stage();
      return nullptr;
  }
}

void Parser::not_a_stage() {
  switch (peek().keyword) {
    case Keyword::kRecv:
    case Keyword::kMerge:
      fail_expecting("a stage").hint("'" + peek().text + "' begins a flow: it has no '|' before it");
      return;
    case Keyword::kDlq:
      fail_expecting("a stage").hint("write 'filter ... else dlq', or 'dlq \"why\"' in a transform");
      return;
    case Keyword::kLet:
    case Keyword::kDel:
    case Keyword::kKeep:
    case Keyword::kRename:
    case Keyword::kEmit:
    case Keyword::kFor:
    case Keyword::kIf:
      fail_expecting("a stage").hint("write transform { " + peek().text + " ... }");
      return;
    case Keyword::kNot:
      fail_expecting("a stage").hint("a condition needs its stage: filter not ...");
      return;
    default:
      break;
  }
  auto& found = fail_expecting("a stage");
  if (at(TokenKind::kDot) || at(TokenKind::kAt)) {
    found.hint("a condition needs its stage: filter .a == 1; setting a field too: transform { .a = 1 }");
  }
  found.note(kStageNote);
}

// A stage chain or a registered stage: which of them, and whether there is one, is for the compiler to find
// out. A name that something else follows is a misspelt stage.
StagePtr Parser::name_stage(Context context) {
  const Token& next = peek(1);
  bool ends = next.kind == TokenKind::kPipe || next.kind == TokenKind::kEnd ||
              next.kind == TokenKind::kSemicolon || next.kind == TokenKind::kRightBrace || next.silent;
  bool may_follow = next.kind == TokenKind::kWord && (next.first_on_line || next.keyword != Keyword::kNone) &&
                    !is_expression_keyword(next.keyword);
  bool block = next.kind == TokenKind::kLeftBrace && !begins_other_block(peek().text);
  if (!ends && !may_follow && !block && !at_call(1) &&
      (context != Context::kArm || next.kind == TokenKind::kLeftBrace)) {
    return misspelt_stage(context);
  }
  auto made = std::make_unique<NameStage>(here());
  made->call.span = here();
  made->call.name = take_name();
  if (at_call()) arguments(made->call.args, false);
  made->call.span = since(made->call.span.begin);
  if (!failed_ && at(TokenKind::kLeftBrace)) made->block = assignments();
  return made;
}

// `transfrm { .a = 1 }`: the braces do not contain `name = expr`, and the name resembles a keyword.
bool Parser::begins_other_block(const std::string& name) {
  if (!suggest(name, kStages)) return false;
  const bool empty = peek(2).kind == TokenKind::kRightBrace;
  const bool assignment = peek(2).kind == TokenKind::kWord && peek(3).kind == TokenKind::kAssign;
  return !empty && !assignment;
}

StagePtr Parser::misspelt_stage(Context context) {
  if (const std::string advice = foreign_stage_advice(peek().text); !advice.empty()) {
    fail(Code::unknown_stage, "unknown stage '" + peek().text + "'").hint(advice);
    return nullptr;
  }
  // `name "..."` after a flow is a directive, so only a name on the same line is treated as a misspelt stage.
  const auto meant = suggest(peek().text, kStages);
  if (!meant) {
    const std::string name = take_name().text;
    fail_expecting("'|' or the end of the flow after the stage '" + name + "'")
        .hint("write the options of a stage in parentheses: " + name + "(...)")
        .note(kStageNote);
    return nullptr;
  }
  remark(Code::unknown_stage, here(), "unknown stage '" + peek().text + "'")
      .hint("did you mean '" + *meant + "'?")
      .note(kStageNote);
  return stage_of(keyword_of(*meant), context);
}

// `{ name = expr ... }`
AssignmentBlock Parser::assignments() {
  AssignmentBlock out;
  out.span = here();
  if (!enter()) return out;
  const Span opening = take();
  for (;;) {
    while (tokens_.take_if(TokenKind::kSemicolon)) {
    }
    if (at(TokenKind::kComma) && !out.assignments.empty()) {
      remark(Code::unexpected_token, take(), "fields of a block are not separated by ','")
          .hint("leave it out");
    }
    if (failed_ || at(TokenKind::kRightBrace)) break;
    if (!at_word() || peek(1).kind != TokenKind::kAssign) {
      auto& found = fail_expecting("'name = expression' or '}'");
      if (at(TokenKind::kDot)) found.hint("the name has no leading dot: name = .field");
      found.also(opening, "opened here");
      break;
    }
    Assignment& made = out.assignments.emplace_back();
    made.name = binding("the name of a field");
    take();
    made.value = expression();
  }
  if (failed_) skip_to_brace();
  if (tokens_.take_if(TokenKind::kRightBrace)) failed_ = false;
  leave();
  out.span = since(opening.begin);
  return out;
}

// Skips to the '}' of the current block, or to where it must have ended.
void Parser::skip_to_brace() {
  unsigned braces = 0;
  for (; !at(TokenKind::kEnd); tokens_.take()) {
    if (peek().first_on_line && at_hard_item_start()) return;
    if (at(TokenKind::kLeftBrace)) ++braces;
    if (at(TokenKind::kRightBrace) && braces-- == 0) return;
  }
}

Connector Parser::connector(const char* what) {
  Connector out;
  out.span = here();
  bool named = at_word() && (peek().keyword == Keyword::kNone || peek().keyword == Keyword::kNull);
  if (failed_ || !named) {
    bool format = std::string_view(what) == "parse";
    auto& found = fail_expecting(std::string(format ? "a format" : "a connector") + " after '" + what + "'");
    if (at_string()) {
      found.hint(format ? "a format is a bare word: parse json"
                        : "write " + std::string(what) + " file(\"...\")");
    }
    return out;
  }
  out.name = take_name();
  if (at_call()) arguments(out.args, false);
  out.span = since(out.span.begin);
  return out;
}

StagePtr Parser::filter_stage(Context context) {
  auto made = std::make_unique<FilterStage>(take());
  made->condition = expression();
  if (failed_ || !at(Keyword::kElse)) return made;
  if (context == Context::kArm && peek(1).kind == TokenKind::kArrow) return made;  // the route's own
  take();
  if (tokens_.take_if(Keyword::kDrop)) {
    made->otherwise = FilterStage::Else::kDrop;
  } else if (tokens_.take_if(Keyword::kDlq)) {
    made->otherwise = FilterStage::Else::kDlq;
    if (at_string()) made->reason = string();
  } else {
    fail_expecting("'drop' or 'dlq' after the 'else' of a filter");
  }
  return made;
}

StagePtr Parser::route_stage() {
  auto made = std::make_unique<RouteStage>(here());
  Span keyword = take();
  Span opening = here();
  if (!expect(TokenKind::kLeftBrace, "'{' and the arms of the route")) return made;
  if (!enter()) return made;
  route_arms(*made);
  if (at(TokenKind::kRightBrace)) {
    take();
    failed_ = false;
  } else if (!failed_) {
    unclosed_block(opening);
    failed_ = true;
  }
  leave();
  if (!made->otherwise && !failed_) route_without_else(keyword);
  return made;
}

void Parser::route_without_else(Span keyword) {
  remark(Code::missing_else, keyword, "a route without an 'else'")
      .hint("add 'else -> drop' to drop the other records")
      .note("records are only dropped explicitly");
}

void Parser::route_arms(RouteStage& route) {
  for (;;) {
    while (tokens_.take_if(TokenKind::kSemicolon)) {
    }
    if (at(TokenKind::kRightBrace) || at(TokenKind::kEnd) || at_hard_item_start()) return;
    auto taken = tokens_.taken();
    route_arm(route);
    if (!failed_) continue;
    if (tokens_.taken() == taken) tokens_.take();
    skip_to_arm();
    if (at(TokenKind::kEnd) || at_hard_item_start()) return;
    failed_ = false;
  }
}

void Parser::route_arm(RouteStage& route) {
  if (at(TokenKind::kComma)) {
    comma_between_arms();
    if (at(TokenKind::kRightBrace)) return;
  }
  Span first = here();
  bool is_else = tokens_.take_if(Keyword::kElse);
  if (is_else) {
    expect(TokenKind::kArrow, "'->'");
  }
  if (route.otherwise) arm_after_else(first, is_else);
  ExprPtr condition;
  if (!is_else) {
    condition = expression();
    if (failed_ || !arm_arrow(route)) return;
    is_else = is_misspelt_else(*condition);
  }
  Chain& chain = is_else && !route.otherwise
                     ? route.otherwise.emplace()
                     : route.arms.emplace_back(RouteArm{std::move(condition), {}}).chain;
  if (!failed_) pipes(chain, Context::kArm, true);
  // A second 'else' has no condition; it was reported.
  if (!route.arms.empty() && !route.arms.back().condition) route.arms.pop_back();
}

void Parser::comma_between_arms() {
  remark(Code::unexpected_token, take(), "arms are not separated by ','").hint("leave it out");
}

void Parser::arm_after_else(Span first, bool is_else) {
  if (is_else) {
    remark(Code::unexpected_token, first, "a second 'else' in one route");
  } else {
    remark(Code::unexpected_token, first, "an arm after the 'else' of its route").hint("put the 'else' last");
  }
}

bool Parser::arm_arrow(RouteStage& route) {
  if (tokens_.take_if(TokenKind::kArrow)) return true;
  if (repair_last_arm(route)) return false;
  auto& found = fail_expecting("'->' and the stages of the arm");
  if (at(TokenKind::kColon)) found.hint("write '->'");
  return false;
}

bool Parser::is_misspelt_else(const Expr& condition) {
  if (condition.kind != ExprKind::kName) return false;
  const std::string& name = as<NameExpr>(condition).name;
  if (name != "_" && name != "default" && name != "otherwise") return false;
  remark(Code::unexpected_token, condition.span, "unknown arm '" + name + "'")
      .hint("the last arm is 'else -> ...'");
  return true;
}

// `a -> filer .x | ...`: parsed as the chain `filer` and an arm that begins with `.x`, but in fact a misspelt
// stage.
bool Parser::repair_last_arm(RouteStage& route) {
  Chain* chain = route.otherwise      ? &*route.otherwise
                 : route.arms.empty() ? nullptr
                                      : &route.arms.back().chain;
  if (!chain || chain->stages.empty() || chain->stages.back()->kind != StageKind::kName) return false;
  const auto& last = as<NameStage>(*chain->stages.back());
  if (last.has_arguments() || last.block) return false;
  const Name& name = last.call.name;
  std::string hint = did_you_mean(name.text, kStages);
  if (hint.empty()) return false;
  remark(Code::unknown_stage, name.span, "unknown stage '" + name.text + "'")
      .hint(std::move(hint))
      .note(kStageNote);
  chain->stages.pop_back();
  if (at(TokenKind::kPipe)) {
    Chain rest;
    pipes(rest, Context::kArm, false);
    for (auto& stage : rest.stages) chain->stages.push_back(std::move(stage));
  }
  return true;
}

// To the next '|' of this chain, or to where the chain must have ended.
void Parser::skip_to_stage() {
  unsigned braces = 0;
  for (; !at(TokenKind::kEnd); tokens_.take()) {
    const Token& token = peek();
    if (token.first_on_line && at_hard_item_start()) return;
    if (token.kind == TokenKind::kLeftBrace) ++braces;
    if (token.kind == TokenKind::kRightBrace && braces-- == 0) return;
    if (braces > 0) continue;
    if (token.kind == TokenKind::kPipe || token.kind == TokenKind::kSemicolon) return;
    if (token.first_on_line && at_item_start()) return;
  }
}

// Arms usually begin on a new line.
void Parser::skip_to_arm() {
  unsigned braces = 0;
  for (; !at(TokenKind::kEnd); tokens_.take()) {
    const Token& token = peek();
    if (token.first_on_line && at_hard_item_start()) return;
    if (token.kind == TokenKind::kLeftBrace) ++braces;
    if (token.kind == TokenKind::kRightBrace && braces-- == 0) return;
    if (braces > 0) continue;
    if (token.kind == TokenKind::kSemicolon || (token.first_on_line && token.kind != TokenKind::kPipe))
      return;
  }
}

}  // namespace pipec::dsl
