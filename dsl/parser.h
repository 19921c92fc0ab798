// Recursive descent over the tokens. One member function per rule of language.md sections 3 to 5; expressions
// are read with two explicit stacks, so their precedence costs no depth.
//
// Errors: a rule that meets something unexpected reports it and sets failed_; from then on the rules return
// immediately, with a partial result, until a list (of arguments, statements, arms, stages, items) finds its
// next element and clears failed_. Every recovery consumes tokens or leaves the list, so parsing is linear in
// the text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dsl/reporter.h"
#include "dsl/token_stream.h"
#include "pipec/dsl/ast.h"
#include "pipec/dsl/parser.h"

namespace pipec::dsl {

class Parser {
 public:
  Parser(FileId file, TokenStream& tokens, Reporter& reporter)
      : file_(file), tokens_(tokens), reporter_(reporter) {}

  void file(File& out);
  // To the end of the text.
  void bare_chain(Chain& out);
  ExprPtr bare_expression();

 private:
  // The context of a chain: within a route, the next arm may follow its last stage.
  enum class Context : std::uint8_t { kFlow, kLet, kArm, kBare };
  struct Operator {
    std::uint8_t level;  // weakest first, as language.md section 4 lists them
    bool prefix;
    std::uint8_t op;  // BinaryOp, LogicOp or UnaryOp, depending on level and prefix
    Span span;
  };

  // Items (parser_item.cpp)
  void item(std::vector<ItemPtr>& out);
  ItemPtr let_item();
  ItemPtr commit_item();
  ItemPtr dlq_item();
  ItemPtr govern_item();
  ItemPtr name_item();
  ItemPtr use_item();
  ItemPtr fn_item();
  ItemPtr test_item();
  void test_case_given(TestItem& test);
  void test_case_expect(TestItem& test);
  void flow_item(std::vector<ItemPtr>& out);
  void unknown_item();
  void skip_to_item();
  bool at_item_start();
  bool at_hard_item_start();

  // Stages (parser_stage.cpp)
  void pipeline(Pipeline& out, Context context);
  void source(Source& out);
  void pipes(Chain& out, Context context, bool needs_stage);
  bool at_missing_pipe(Context context);
  StagePtr stage(Context context);
  StagePtr stage_of(Keyword keyword, Context context);
  StagePtr filter_stage(Context context);
  StagePtr route_stage();
  void route_arms(RouteStage& route);
  void route_arm(RouteStage& route);
  bool arm_arrow(RouteStage& route);
  bool repair_last_arm(RouteStage& route);
  bool is_misspelt_else(const Expr& condition);
  void comma_between_arms();
  void arm_after_else(Span first, bool is_else);
  void route_without_else(Span keyword);
  void missing_pipe();
  StagePtr name_stage(Context context);
  bool begins_other_block(const std::string& name);
  StagePtr misspelt_stage(Context context);
  AssignmentBlock assignments();
  void skip_to_brace();
  void not_a_stage();
  Connector connector(const char* what);
  void skip_to_stage();
  void skip_to_arm();

  // Statements (parser_statement.cpp)
  Block block(const char* what);
  void statements(Block& out);
  void unclosed_block(Span opening);
  StatementPtr statement();
  StatementPtr set_statement();
  StatementPtr let_statement();
  StatementPtr paths_statement(StatementKind kind);
  StatementPtr rename_statement();
  StatementPtr if_statement();
  StatementPtr value_statement(StatementKind kind);
  StatementPtr for_statement();
  void not_a_statement();
  bool at_elif();
  bool at_outside_of_block();
  PathPtr path_argument();
  void skip_to_statement();

  // Expressions (parser_expression.cpp)
  ExprPtr expression();
  bool prefix_operators(std::size_t base);
  bool binary_operator(Operator& out);
  void push_operator(const Operator& op, std::size_t base);
  void reduce(std::size_t base, unsigned level);
  void apply(const Operator& op);
  ExprPtr operand();
  ExprPtr primary();
  ExprPtr word();
  ExprPtr number();
  ExprPtr group();
  ExprPtr array();
  ExprPtr object();
  Name object_key();
  void object_member(ObjectExpr& object);
  ExprPtr call();
  ExprPtr if_expression();
  ExprPtr string();
  ExprPtr raw_string();
  ExprPtr interpolated();
  void end_interpolation();
  PathPtr path();
  void segments(std::vector<Segment>& out);
  bool segment_follows();
  bool key_segment(std::vector<Segment>& out);
  bool index_segment(std::vector<Segment>& out);
  // `(` is the current token.
  void arguments(std::vector<Arg>& out, bool lambdas);
  void argument(std::vector<Arg>& out, bool lambdas);
  bool bare_word_follows();
  ExprPtr not_an_expression();
  void too_high();

  // Helpers (parser.cpp)
  const Token& peek(unsigned ahead = 0) { return tokens_.peek(ahead); }
  bool at(TokenKind kind) { return tokens_.at(kind); }
  bool at(Keyword keyword) { return tokens_.at(keyword); }
  bool at_word() { return tokens_.at(TokenKind::kWord); }
  bool at_word(std::string_view text) { return at_word() && peek().text == text; }
  bool at_string() { return at(TokenKind::kQuote) || at(TokenKind::kRawString); }
  // A `(` that belongs to the name before it: with nothing in between.
  bool at_call(unsigned ahead = 0) {
    return peek(ahead).kind == TokenKind::kLeftParen && peek(ahead).touches;
  }
  Span here() { return {file_, peek().begin, peek().end}; }
  Span since(std::uint32_t begin) const { return {file_, begin, tokens_.previous_end()}; }
  // Takes the token. Its span.
  Span take();
  Name take_name();

  // Reports nothing if the current token was already reported, or as a consequence of another error.
  Diagnostic& fail(Code code, std::string message);
  Diagnostic& fail_at(Code code, Span span, std::string message);
  Diagnostic& fail_expecting(std::string_view what);
  // Reports without failing: the intention is clear.
  Diagnostic& remark(Code code, Span span, std::string message);
  bool expect(TokenKind kind, std::string_view what);
  // The closing bracket of the one at `opening`.
  bool close(TokenKind kind, Span opening, bool ends_list = false);
  // A name that is being bound; a keyword is reported and taken all the same.
  Name binding(std::string_view what);
  // A constant string: no interpolation.
  std::optional<Name> plain_string(std::string_view what);

  // Of brackets and blocks. False: too deep, and reading has stopped.
  bool enter();
  void leave() { --depth_; }
  // Within brackets, after an error: skips to the next `,` or to `closing`, which is not consumed; false if
  // neither appears before the brackets must have ended.
  bool skip_to_comma(TokenKind closing);
  // Reads elements until `closing`, recovering at commas.
  template <class Element>
  void comma_list(TokenKind closing, Span opening, Element element);

  FileId file_;
  TokenStream& tokens_;
  Reporter& reporter_;
  bool failed_ = false;
  bool minus_before_ = false;  // primary() follows a `-` at minus_
  bool minus_folded_ = false;  // and made it part of its number
  std::uint32_t minus_ = 0;
  unsigned depth_ = 0;
  std::vector<Operator> operators_;
  std::vector<ExprPtr> operands_;
  Diagnostic unheard_{Code::unexpected_token, {}, {}};
};

template <class Element>
void Parser::comma_list(TokenKind closing, Span opening, Element element) {
  while (!failed_ && !at(closing)) {
    element();
    if (failed_ && skip_to_comma(closing)) failed_ = false;
    if (failed_) break;
    if (!tokens_.take_if(TokenKind::kComma)) break;
  }
  close(closing, opening, true);
}

}  // namespace pipec::dsl
