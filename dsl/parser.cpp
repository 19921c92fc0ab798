#include "dsl/parser.h"

#include <string>
#include <utility>

#include "dsl/lexer.h"

namespace pipec::dsl {

Span Parser::take() {
  Span span = here();
  tokens_.take();
  return span;
}

Name Parser::take_name() {
  Name name{peek().text, here()};
  tokens_.take();
  return name;
}

Diagnostic& Parser::fail(Code code, std::string message) {
  if (peek().silent || tokens_.previous_silent()) {
    failed_ = true;
    unheard_ = Diagnostic(code, {}, {});
    return unheard_;
  }
  return fail_at(code, here(), std::move(message));
}

Diagnostic& Parser::fail_at(Code code, Span span, std::string message) {
  bool heard = !std::exchange(failed_, true) && !reporter_.stopped();
  if (heard) return reporter_.report(code, span.begin, span.end, std::move(message));
  unheard_ = Diagnostic(code, {}, {});
  return unheard_;
}

Diagnostic& Parser::fail_expecting(std::string_view what) {
  auto& found = fail(Code::unexpected_token, "expected " + std::string(what) + ", found " + describe(peek()));
  bool broken_call =
      at(TokenKind::kLeftParen) && !peek().touches && tokens_.previous_kind() == TokenKind::kWord;
  if (broken_call) found.hint("the '(' of a call follows its name directly");
  return found;
}

Diagnostic& Parser::remark(Code code, Span span, std::string message) {
  if (!failed_ && !reporter_.stopped())
    return reporter_.report(code, span.begin, span.end, std::move(message));
  unheard_ = Diagnostic(code, {}, {});
  return unheard_;
}

bool Parser::expect(TokenKind kind, std::string_view what) {
  if (failed_) return false;
  if (tokens_.take_if(kind)) return true;
  fail_expecting(what);
  return false;
}

bool Parser::close(TokenKind kind, Span opening, bool ends_list) {
  if (failed_) return false;
  if (tokens_.take_if(kind)) return true;
  const char* closing = kind == TokenKind::kRightParen     ? "')'"
                        : kind == TokenKind::kRightBracket ? "']'"
                                                           : "'}'";
  const Token& token = peek();
  bool list_ends = token.kind == TokenKind::kEnd || token.kind == TokenKind::kPipe ||
                   token.kind == TokenKind::kRightParen || token.kind == TokenKind::kRightBracket ||
                   token.kind == TokenKind::kRightBrace || token.kind == TokenKind::kSemicolon ||
                   (token.kind == TokenKind::kWord && token.first_on_line);
  if (list_ends) {
    fail(Code::unclosed_bracket, std::string("expected ") + closing + ", found " + describe(token))
        .also(opening, "opened here")
        .hint(std::string("add the missing ") + closing);
  } else {
    fail_expecting(std::string(ends_list ? "',' or " : "") + closing).also(opening, "opened here");
  }
  return false;
}

Name Parser::binding(std::string_view what) {
  if (failed_) return {};
  if (!at_word()) {
    fail_expecting(what);
    return {};
  }
  if (peek().keyword != Keyword::kNone) {
    remark(Code::reserved_word, here(), "the keyword '" + peek().text + "' cannot be " + std::string(what))
        .hint("choose another name, such as '" + peek().text + "_'");
  }
  return take_name();
}

std::optional<Name> Parser::plain_string(std::string_view what) {
  if (failed_) return std::nullopt;
  if (!at_string()) {
    auto& found = fail_expecting(what);
    if (at_word()) found.hint("write it in quotes: \"" + peek().text + "\"");
    return std::nullopt;
  }
  auto begin = peek().begin;
  ExprPtr expr = string();
  const auto& text = as<StringExpr>(*expr);
  if (!text.is_plain()) {
    remark(Code::interpolation_not_allowed, expr->span, std::string(what) + " cannot be interpolated");
    return Name{{}, expr->span};
  }
  return Name{text.text(), since(begin)};
}

bool Parser::enter() {
  if (depth_ < kMaxNesting) {
    ++depth_;
    return true;
  }
  fail(Code::nesting_too_deep, "brackets and blocks are nested deeper than " + std::to_string(kMaxNesting));
  reporter_.stop();
  return false;
}

bool Parser::skip_to_comma(TokenKind closing) {
  std::vector<TokenKind> open;
  for (;;) {
    const Token& token = peek();
    switch (token.kind) {
      case TokenKind::kEnd:
      case TokenKind::kPipe:
      case TokenKind::kSemicolon:
        return false;
      case TokenKind::kWord:
        if (at_hard_item_start()) return false;
        break;
      case TokenKind::kLeftParen:
        open.push_back(TokenKind::kRightParen);
        break;
      case TokenKind::kLeftBracket:
        open.push_back(TokenKind::kRightBracket);
        break;
      case TokenKind::kLeftBrace:
        open.push_back(TokenKind::kRightBrace);
        break;
      case TokenKind::kQuote:
        open.push_back(TokenKind::kUnquote);
        break;
      case TokenKind::kInterpolation:
        open.push_back(TokenKind::kInterpolationEnd);
        break;
      case TokenKind::kComma:
        if (open.empty()) return true;
        break;
      case TokenKind::kRightParen:
      case TokenKind::kRightBracket:
      case TokenKind::kRightBrace:
      case TokenKind::kUnquote:
      case TokenKind::kInterpolationEnd:
        if (open.empty()) return token.kind == closing;
        if (open.back() == token.kind) open.pop_back();
        break;
      default:
        break;
    }
    tokens_.take();
  }
}

namespace {

bool begin_reading(const SourceFile& source, Reporter& reporter) {
  if (!source.was_cut()) return true;
  auto end = static_cast<std::uint32_t>(source.text().size());
  reporter.report(Code::file_too_large, end, end,
                  "the text is longer than " + std::to_string(SourceFile::kMaxBytes) + " bytes");
  return false;
}

}  // namespace

ParseResult parse(const SourceFile& source, DiagnosticSink& sink) {
  ParseResult result;
  result.file.id = source.id();
  Reporter reporter(source.id());
  if (begin_reading(source, reporter)) {
    Lexer lexer(source, reporter, result.file.comments);
    TokenStream tokens(lexer, reporter);
    Parser(source.id(), tokens, reporter).file(result.file);
  }
  result.ok = !reporter.has_errors();
  reporter.flush_to(sink);
  return result;
}

ChainResult parse_chain(const SourceFile& source, DiagnosticSink& sink) {
  ChainResult result;
  Reporter reporter(source.id());
  std::vector<Span> comments;
  if (begin_reading(source, reporter)) {
    Lexer lexer(source, reporter, comments);
    TokenStream tokens(lexer, reporter);
    Parser(source.id(), tokens, reporter).bare_chain(result.chain);
  }
  result.ok = !reporter.has_errors();
  reporter.flush_to(sink);
  return result;
}

ExprPtr Parser::bare_expression() {
  ExprPtr result = expression();
  if (!failed_ && !at(TokenKind::kEnd)) fail_expecting("the end of the expression");
  return result;
}

ExpressionResult parse_expression(const SourceFile& source, DiagnosticSink& sink) {
  ExpressionResult result;
  Reporter reporter(source.id());
  std::vector<Span> comments;
  if (begin_reading(source, reporter)) {
    Lexer lexer(source, reporter, comments);
    TokenStream tokens(lexer, reporter);
    result.expression = Parser(source.id(), tokens, reporter).bare_expression();
  }
  result.ok = !reporter.has_errors();
  if (!result.expression) result.expression = std::make_unique<ErrorExpr>(Span{source.id(), 0, 0});
  reporter.flush_to(sink);
  return result;
}

}  // namespace pipec::dsl
