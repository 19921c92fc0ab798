#include <utility>

#include "dsl/parser.h"
#include "pipec/dsl/suggest.h"

namespace pipec::dsl {

namespace {

const std::vector<std::string_view> kStatements = {"let",  "del", "keep", "rename", "if",
                                                   "drop", "dlq", "emit", "for"};

bool begins_statement(const Token& token) {
  switch (token.kind) {
    case TokenKind::kDot:
    case TokenKind::kAt:
      return true;
    case TokenKind::kWord:
      break;
    default:
      return false;
  }
  switch (token.keyword) {
    case Keyword::kLet:
    case Keyword::kDel:
    case Keyword::kKeep:
    case Keyword::kRename:
    case Keyword::kIf:
    case Keyword::kDrop:
    case Keyword::kDlq:
    case Keyword::kEmit:
    case Keyword::kFor:
      return true;
    default:
      return false;
  }
}

}  // namespace

Block Parser::block(const char* what) {
  Block out;
  out.span = here();
  if (failed_) return out;
  if (!at(TokenKind::kLeftBrace)) {
    fail_expecting(std::string("'{' and the statements of ") + what);
    return out;
  }
  if (!enter()) return out;
  Span opening = take();
  statements(out);
  if (at(TokenKind::kRightBrace)) {
    take();
    failed_ = false;
  } else if (!failed_) {
    unclosed_block(opening);  // the rest belongs to the flow: the block is assumed to end here
  }
  leave();
  out.span = since(opening.begin);
  return out;
}

void Parser::unclosed_block(Span opening) {
  if (peek().silent) return;
  remark(Code::unclosed_bracket, here(), "expected '}', found " + describe(peek()))
      .also(opening, "opened here")
      .hint("add the missing '}'");
}

void Parser::statements(Block& out) {
  for (;;) {
    while (tokens_.take_if(TokenKind::kSemicolon)) {
    }
    if (at(TokenKind::kRightBrace) || at_outside_of_block()) return;
    auto taken = tokens_.taken();
    auto begin = peek().begin;
    StatementPtr made = statement();
    if (made) {
      made->span = since(begin);
      out.statements.push_back(std::move(made));
    }
    if (!failed_) continue;
    if (tokens_.taken() == taken) tokens_.take();
    skip_to_statement();
    if (at_outside_of_block()) return;
    failed_ = false;
  }
}

// True at a token that cannot be part of a block, so its '}' must be missing.
bool Parser::at_outside_of_block() {
  if (at(TokenKind::kEnd) || at(TokenKind::kPipe)) return true;
  if (!at_word() || peek(1).kind == TokenKind::kAssign) return false;
  if (at_hard_item_start()) return true;
  switch (peek().keyword) {
    case Keyword::kSink:
    case Keyword::kRoute:
    case Keyword::kTransform:
    case Keyword::kParse:
      return peek().first_on_line;
    default:
      return false;
  }
}

void Parser::skip_to_statement() {
  unsigned braces = 0;
  for (; !at(TokenKind::kEnd); tokens_.take()) {
    const Token& token = peek();
    if (token.kind == TokenKind::kLeftBrace) ++braces;
    if (token.kind == TokenKind::kRightBrace && braces-- == 0) return;
    if (braces > 0) continue;
    if (token.kind == TokenKind::kSemicolon || (token.first_on_line && begins_statement(token))) return;
    if (token.kind == TokenKind::kPipe || (token.first_on_line && at_outside_of_block())) return;
  }
}

StatementPtr Parser::statement() {
  switch (peek().keyword) {
    case Keyword::kLet:
      return let_statement();
    case Keyword::kDel:
      return paths_statement(StatementKind::kDel);
    case Keyword::kKeep:
      return paths_statement(StatementKind::kKeep);
    case Keyword::kRename:
      return rename_statement();
    case Keyword::kIf:
      return if_statement();
    case Keyword::kDrop:
      return std::make_unique<DropStatement>(take());
    case Keyword::kDlq:
      return value_statement(StatementKind::kDlq);
    case Keyword::kEmit:
      return value_statement(StatementKind::kEmit);
    case Keyword::kFor:
      return for_statement();
    default:
      break;
  }
  if (at(TokenKind::kDot) || at(TokenKind::kAt)) return set_statement();
  not_a_statement();
  return nullptr;
}

void Parser::not_a_statement() {
  if (!at_word()) {
    fail_expecting("a statement");
    return;
  }
  std::string name = peek().text;
  if (peek(1).kind == TokenKind::kAssign) {
    fail(Code::bad_assignment_target, "only a field or metadata can be set")
        .hint("write '." + name + " = ...' for a field, 'let " + name + " = ...' for a local value");
  } else if (peek().keyword == Keyword::kElse) {
    fail_expecting("a statement").note("an 'else' follows the '}' of its 'if'");
  } else if (peek().keyword == Keyword::kFilter) {
    fail_expecting("a statement").hint("in a transform, 'if not (...) { drop }' filters");
  } else if (tokens_.previous_kind() == TokenKind::kLeftBrace || peek().first_on_line) {
    fail_expecting("a statement")
        .hint(did_you_mean(name, kStatements))
        .note(
            "statements are '.field = ...', '@key = ...', let, del, keep, rename, if, drop, dlq, emit and "
            "for");
  } else {
    fail_expecting("an operator or a statement");
  }
}

StatementPtr Parser::set_statement() {
  auto made = std::make_unique<SetStatement>(here());
  made->target = path();
  if (failed_) return nullptr;
  if (!at(TokenKind::kAssign)) {
    auto& found = fail_expecting("'=' and a value");
    if (at(TokenKind::kEqual)) found.hint("to set a field, write a single '='");
    return nullptr;
  }
  take();
  made->value = expression();
  return made;
}

StatementPtr Parser::let_statement() {
  auto made = std::make_unique<LetStatement>(take());
  made->name = binding("a local value's name");
  expect(TokenKind::kAssign, "'='");
  made->value = expression();
  return made;
}

PathPtr Parser::path_argument() {
  if (at(TokenKind::kDot) || at(TokenKind::kAt)) return path();
  auto& found = fail_expecting("a path");
  if (at_word()) found.hint("write '." + peek().text + "'");
  return std::make_unique<PathExpr>(here());
}

StatementPtr Parser::paths_statement(StatementKind kind) {
  auto made = std::make_unique<PathsStatement>(kind, here());
  take();
  Span opening = here();
  if (!at(TokenKind::kLeftParen)) {
    fail_expecting("'(' and paths");
    return nullptr;
  }
  if (!enter()) return nullptr;
  take();
  if (at(TokenKind::kRightParen)) fail_expecting("a path");
  comma_list(TokenKind::kRightParen, opening, [&] { made->paths.push_back(path_argument()); });
  leave();
  return made;
}

StatementPtr Parser::rename_statement() {
  auto made = std::make_unique<RenameStatement>(take());
  Span opening = here();
  if (!expect(TokenKind::kLeftParen, "'(' and two paths")) return nullptr;
  made->from = path_argument();
  if (at(TokenKind::kArrow) || at(TokenKind::kColon)) {
    fail_expecting("','").hint("write rename(.old, .new)");
  }
  expect(TokenKind::kComma, "',' and the new path");
  if (failed_) return nullptr;
  made->to = path_argument();
  tokens_.take_if(TokenKind::kComma);
  if (!failed_ && (at(TokenKind::kDot) || at(TokenKind::kAt))) {
    fail_expecting("')'").hint("one 'rename' moves one value: write another for the next");
  }
  close(TokenKind::kRightParen, opening);
  return made;
}

StatementPtr Parser::if_statement() {
  auto made = std::make_unique<IfStatement>(take());
  for (;;) {
    StatementArm arm;
    arm.condition = expression();
    arm.block = block("the 'if'");
    made->arms.push_back(std::move(arm));
    if (failed_) return made;
    if (at_elif()) {
      take();
      continue;
    }
    if (!tokens_.take_if(Keyword::kElse)) return made;
    if (tokens_.take_if(Keyword::kIf)) continue;
    made->otherwise = block("the 'else'");
    return made;
  }
}

bool Parser::at_elif() {
  if (!at_word() || !(peek().text == "elif" || peek().text == "elsif" || peek().text == "elseif"))
    return false;
  remark(Code::unexpected_token, here(), "unknown word '" + peek().text + "'").hint("write 'else if'");
  return true;
}

StatementPtr Parser::value_statement(StatementKind kind) {
  auto made = std::make_unique<ValueStatement>(kind, take());
  if (kind == StatementKind::kDlq && (at(TokenKind::kRightBrace) || at(TokenKind::kSemicolon))) {
    fail_expecting("the reason").hint("write dlq \"why\"");
  }
  made->value = expression();
  return made;
}

StatementPtr Parser::for_statement() {
  auto made = std::make_unique<ForStatement>(take());
  made->value = binding("the loop's name");
  if (!failed_ && tokens_.take_if(TokenKind::kComma)) {
    made->key = std::move(made->value);
    made->value = binding("the loop's second name");
  }
  if (!failed_ && !tokens_.take_if(Keyword::kIn)) {
    fail_expecting("'in'").hint("write 'for x in .items { ... }'");
  }
  made->over = expression();
  made->body = block("the loop");
  return made;
}

}  // namespace pipec::dsl
