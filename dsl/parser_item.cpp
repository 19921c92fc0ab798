#include <utility>

#include "dsl/parser.h"
#include "pipec/dsl/suggest.h"

namespace pipec::dsl {

namespace {

const std::vector<std::string_view> kItems = {"let",  "recv", "merge", "fn",     "use",
                                              "test", "dlq",  "name",  "commit", "govern"};

bool begins_stage(Keyword keyword) {
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

void Parser::file(File& out) {
  for (;;) {
    while (tokens_.take_if(TokenKind::kSemicolon)) {
    }
    if (at(TokenKind::kEnd)) return;
    auto taken = tokens_.taken();
    item(out.items);
    if (failed_) {
      if (tokens_.taken() == taken) tokens_.take();
      skip_to_item();
      failed_ = false;
    }
  }
}

void Parser::bare_chain(Chain& out) {
  while (tokens_.take_if(TokenKind::kSemicolon)) {
  }
  if (at(TokenKind::kEnd)) return;
  if (at(Keyword::kRecv) || at(Keyword::kMerge) || at(Keyword::kLet)) {
    fail_expecting("a stage").hint(
        "records come from the standard input or from a file here: begin with a stage");
    return;
  }
  pipes(out, Context::kBare, true);
  while (tokens_.take_if(TokenKind::kSemicolon)) {
  }
  if (!failed_ && !at(TokenKind::kEnd)) fail_expecting("'|' or the end of the text");
}

// True at tokens that can only begin an item, whatever surrounds them.
bool Parser::at_hard_item_start() {
  if (!peek().first_on_line) return false;
  switch (peek().keyword) {
    case Keyword::kRecv:
    case Keyword::kCommit:
    case Keyword::kGovern:
    case Keyword::kUse:
      return true;
    case Keyword::kFn:
      return peek(1).kind == TokenKind::kWord;
    case Keyword::kTest:
      return peek(1).kind == TokenKind::kQuote || peek(1).kind == TokenKind::kRawString;
    default:
      return false;
  }
}

bool Parser::at_item_start() {
  if (at_hard_item_start()) return true;
  if (!at_word()) return false;
  switch (peek().keyword) {
    case Keyword::kLet:
    case Keyword::kDlq:
    case Keyword::kMerge:
    case Keyword::kFn:
    case Keyword::kTest:
      return true;
    case Keyword::kNone:
      return peek(1).kind == TokenKind::kPipe ||
             (peek().text == "name" &&
              (peek(1).kind == TokenKind::kQuote || peek(1).kind == TokenKind::kRawString));
    default:
      return false;
  }
}

void Parser::skip_to_item() {
  unsigned braces = 0;
  for (; !at(TokenKind::kEnd); tokens_.take()) {
    const Token& token = peek();
    if (token.first_on_line && at_hard_item_start()) return;
    if (token.kind == TokenKind::kLeftBrace) ++braces;
    if (token.kind == TokenKind::kRightBrace && braces > 0) --braces;
    if (braces == 0 && (token.kind == TokenKind::kSemicolon || (token.first_on_line && at_item_start())))
      return;
  }
}

void Parser::item(std::vector<ItemPtr>& out) {
  auto begin = peek().begin;
  ItemPtr made;
  switch (peek().keyword) {
    case Keyword::kLet:
      made = let_item();
      break;
    case Keyword::kCommit:
      made = commit_item();
      break;
    case Keyword::kDlq:
      made = dlq_item();
      break;
    case Keyword::kGovern:
      made = govern_item();
      break;
    case Keyword::kUse:
      made = use_item();
      break;
    case Keyword::kFn:
      made = fn_item();
      break;
    case Keyword::kTest:
      made = test_item();
      break;
    default: {
      bool names =
          at_word("name") && (peek(1).kind == TokenKind::kQuote || peek(1).kind == TokenKind::kRawString);
      if (!names) return flow_item(out);
      made = name_item();
    }
  }
  if (!made) return;
  made->span = since(begin);
  out.push_back(std::move(made));
}

void Parser::flow_item(std::vector<ItemPtr>& out) {
  auto made = std::make_unique<FlowItem>(here());
  switch (peek().keyword) {
    case Keyword::kRecv:
    case Keyword::kMerge:
      break;
    case Keyword::kFilter:
    case Keyword::kParse:
    case Keyword::kTransform:
    case Keyword::kRoute:
    case Keyword::kSink:
    case Keyword::kDrop:
      remark(Code::missing_source, here(), "a flow begins with its source, not with a stage")
          .hint("write 'recv file(\"...\") | " + peek().text + " ...', or begin with the name of a stream");
      break;
    case Keyword::kNone: {
      if (!at_word()) return unknown_item();
      // A '|' follows a stream's name; without one, only the next line or a stage can follow.
      const Token& next = peek(1);
      bool goes_on = next.kind == TokenKind::kPipe || next.kind == TokenKind::kEnd || next.silent ||
                     next.kind == TokenKind::kSemicolon ||
                     (next.kind == TokenKind::kWord && next.first_on_line);
      if (!goes_on && (begins_stage(next.keyword) || next.keyword == Keyword::kLet)) {
        goes_on = suggest(peek().text, kItems) == std::nullopt;
      }
      if (!goes_on) return unknown_item();
      const bool ends = next.kind == TokenKind::kEnd || next.kind == TokenKind::kSemicolon ||
                        (next.kind == TokenKind::kWord && !begins_stage(next.keyword));
      if (ends) {
        remark(Code::flow_without_end, here(), "this flow ends nowhere")
            .label("nothing takes the records after this")
            .hint("end it in 'sink', 'route' or 'drop'");
      }
      break;
    }
    default:
      return unknown_item();
  }
  pipeline(made->pipeline, Context::kFlow);
  made->span = made->pipeline.span;
  out.push_back(std::move(made));
}

void Parser::unknown_item() {
  auto expecting = "a flow, let, fn, use, test or a directive";
  if (!at_word()) {
    auto& found = fail_expecting(expecting);
    if (at(TokenKind::kPipe)) found.hint("a '|' continues a flow, but there is none before it");
    if (at(TokenKind::kRightBrace)) found.hint("no '{' is open here");
    return;
  }
  std::string word = peek().text;
  if (is_expression_keyword(peek().keyword)) {
    fail_expecting(expecting);
    return;
  }
  if (peek().keyword != Keyword::kNone) {
    fail_expecting(expecting).hint("'" + word + "' is a statement: write transform { " + word + " ... }");
    return;
  }
  std::string meant = did_you_mean(word, kItems);
  if (peek(1).kind == TokenKind::kAssign) {
    fail(Code::unexpected_token, "'" + word + "' is not bound").hint("write 'let " + word + " = ...'");
  } else if (meant.empty() && at_call(1)) {
    fail(Code::unexpected_token, "expected " + std::string(expecting) + ", found '" + word + "'")
        .hint("write a connector after 'recv': recv " + word + "(...)");
  } else {
    fail_expecting(expecting).hint(meant).note(
        "directives are commit, dlq, govern and name; a flow is 'source | stage | ...'");
  }
}

ItemPtr Parser::let_item() {
  auto made = std::make_unique<LetItem>(take());
  made->name = binding("the name of a stream or chain");
  expect(TokenKind::kAssign, "'='");
  if (failed_) return made;
  bool begins = at_word() && !is_expression_keyword(peek().keyword);
  if (!begins) {
    fail_expecting("a source or a stage")
        .note(
            "'let' binds a stream (let a = recv ...) or a chain of stages (let a = parse json | ...); "
            "a value is an 'fn', or a 'let' in a transform");
    return made;
  }
  pipeline(made->pipeline, Context::kLet);
  return made;
}

ItemPtr Parser::commit_item() {
  auto made = std::make_unique<CommitItem>(take());
  if (at_word("auto")) {
    take();
  } else if (tokens_.take_if(Keyword::kSink)) {
    made->mode = CommitItem::Mode::kSink;
  } else {
    std::string word = at_word() ? peek().text : std::string();
    fail(Code::unknown_directive_value, "'commit' takes auto or sink, found " + describe(peek()))
        .hint(did_you_mean(word, std::vector<std::string_view>{"auto", "sink"}));
  }
  return made;
}

ItemPtr Parser::dlq_item() {
  auto made = std::make_unique<DlqItem>(take());
  if (at_string()) {
    fail_expecting("reject, discard or a connector after 'dlq'").hint("write dlq file(\"dead.ndjson\")");
    return made;
  }
  if (at(Keyword::kDrop)) {
    fail(Code::unknown_directive_value,
         "'dlq' takes reject, discard or a connector, found the keyword 'drop'")
        .hint("write 'dlq discard'");
    return made;
  }
  if (at_word("reject") && !at_call(1)) {
    take();
  } else if (at_word("discard") && !at_call(1)) {
    take();
    made->mode = DlqItem::Mode::kDiscard;
  } else {
    made->mode = DlqItem::Mode::kConnector;
    made->connector = connector("dlq");
  }
  return made;
}

ItemPtr Parser::govern_item() {
  auto made = std::make_unique<GovernItem>(take());
  if (at_word("off")) {
    take();
  } else if (at(TokenKind::kLeftBrace)) {
    ExprPtr options = object();
    made->options.reset(static_cast<ObjectExpr*>(options.release()));
  } else {
    fail(Code::unknown_directive_value, "'govern' takes off or { options }, found " + describe(peek()))
        .hint("write govern { memory: 512MiB }");
  }
  return made;
}

ItemPtr Parser::name_item() {
  auto made = std::make_unique<NameItem>(take());
  made->name = plain_string("the pipeline's name").value_or(Name{});
  return made;
}

ItemPtr Parser::use_item() {
  auto made = std::make_unique<UseItem>(take());
  made->path = plain_string("the path of a file").value_or(Name{});
  return made;
}

ItemPtr Parser::fn_item() {
  auto made = std::make_unique<FnItem>(take());
  made->name = binding("a function's name");
  Span opening = here();
  if (!expect(TokenKind::kLeftParen, "'(' and the parameters")) return made;
  comma_list(TokenKind::kRightParen, opening, [&] { made->parameters.push_back(binding("a parameter")); });
  if (!failed_ && (at(TokenKind::kArrow) || at(TokenKind::kLeftBrace))) {
    fail_expecting("'='").hint("write fn f(x) = expression");
  }
  expect(TokenKind::kAssign, "'='");
  made->body = expression();
  return made;
}

ItemPtr Parser::test_item() {
  auto made = std::make_unique<TestItem>(take());
  made->title = plain_string("the test's title").value_or(Name{});
  Span opening = here();
  if (!expect(TokenKind::kLeftBrace, "'{'") || !enter()) return made;
  if (at_word("stage")) {
    take();
    made->stage = binding("the name of a stage chain");
  } else {
    fail_expecting("'stage' and the name of a chain bound by let");
  }
  while (!failed_ && !at(TokenKind::kRightBrace)) {
    if (tokens_.take_if(TokenKind::kSemicolon)) continue;
    if (at_word("given")) {
      test_case_given(*made);
    } else if (at_word("expect")) {
      test_case_expect(*made);
    } else {
      std::string word = at_word() ? peek().text : std::string();
      fail_expecting("'given', 'expect' or '}'")
          .hint(did_you_mean(word, std::vector<std::string_view>{"given", "expect"}));
    }
  }
  close(TokenKind::kRightBrace, opening);
  leave();
  return made;
}

void Parser::test_case_given(TestItem& test) {
  take();
  test.cases.emplace_back();
  do {
    test.cases.back().given.push_back(expression());
  } while (!failed_ && tokens_.take_if(TokenKind::kComma));
}

void Parser::test_case_expect(TestItem& test) {
  Expectation expectation;
  expectation.span = here();
  if (test.cases.empty()) {
    fail(Code::unexpected_token, "'expect' without a 'given' before it");
    return;
  }
  take();
  if (tokens_.take_if(Keyword::kDlq)) {
    expectation.kind = Expectation::Kind::kDlq;
    if (at_string()) expectation.reason = string();
  } else if (at_word("none")) {
    take();
  } else {
    expectation.kind = Expectation::Kind::kValue;
    expectation.value = expression();
  }
  expectation.span = since(expectation.span.begin);
  test.cases.back().expected.push_back(std::move(expectation));
}

}  // namespace pipec::dsl
