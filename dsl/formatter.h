// Walks the AST in the order of the text and writes it into a Layout, following the source's tokens. A
// comment stays between the same two tokens, at the end of the first one's line or on its own line, as in the
// source. Formatting is therefore idempotent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/layout.h"
#include "dsl/token.h"
#include "pipec/dsl/ast.h"

namespace pipec::dsl {

inline constexpr unsigned kIndent = 4;  // columns, for the content of a bracket or a block

class Formatter {
 public:
  // `file` is `source` parsed without an error.
  Formatter(const SourceFile& source, const File& file);

  std::string format();
  std::string format(const Expr& expr);

 private:
  // The state of one list's lines: what was written last, if anything.
  struct Lines {
    bool first = true;
    bool keep_first_break = false;  // a line break also before the first one
    std::uint32_t last_end = 0;
  };

  // Items and stages (format.cpp)
  void item(const Item& item);
  void let(const LetItem& item);
  void fn(const FnItem& item);
  void test(const TestItem& test);
  void pipeline(const Pipeline& pipeline, unsigned indent);
  void elements(const Source* source, const Chain& chain, unsigned indent);
  void source(const Source& source);
  void stage(const Stage& stage, bool behind_pipe);
  void filter(const FilterStage& stage);
  void route(const RouteStage& stage, unsigned indent);
  void connector(const Connector& connector, unsigned indent);

  // Statements (format_statement.cpp)
  void block(const Block& block, unsigned indent);
  void assignments(const AssignmentBlock& block, unsigned indent);
  void statement_block(const Block& block, unsigned indent);
  // `{`, elements, `}`; a single element may be on one line. Breaks with the group around it.
  template <class Print>
  void braces(std::size_t count, Span whole, unsigned indent, Print print);
  void statement(const Statement& statement);
  void if_statement(const IfStatement& statement);
  void paths(const char* keyword, const std::vector<PathPtr>& paths, Span span);

  // Expressions (format_expression.cpp)
  void expression(const Expr& expr);
  void unparenthesized(const Expr& expr);
  void string(const StringExpr& expr);
  void path(const PathExpr& expr);
  void segments(const std::vector<Segment>& segments);
  bool keeps_brackets(const Segment& segment) const;
  void number(const Expr& expr);
  void if_expression(const IfExpr& expr);
  void binary(const BinaryExpr& expr);
  void logic(const LogicExpr& expr);
  void object(const ObjectExpr& expr);
  void arguments(const std::vector<Arg>& args, Span span, unsigned indent);
  // `print(i)` writes one element. When broken, adds a comma after the last.
  template <class Print>
  void comma_list(const char* opening, const char* closing, std::size_t count, Span whole, unsigned indent,
                  Print print);

  // Tokens, comments and lines (format_comments.cpp)
  // Words and punctuation that also appear in the source, separated by blanks.
  void write(std::string_view text);
  // The source text at `span`, possibly spelled differently.
  void leaf(Span span, std::string_view text);
  void skip_to(std::uint32_t offset);
  void skip(TokenKind kind);
  // Skips omitted tokens after an element: closing extra parentheses, `;`.
  void skip_rest();
  // Where the next token of the source begins.
  std::uint32_t next_begin() const;
  std::string_view text_of(std::size_t token) const {
    return source_.text().substr(tokens_[token].begin, tokens_[token].end - tokens_[token].begin);
  }
  bool comment_within(Span span) const { return comment_between(span.begin, span.end); }
  bool comment_between(std::uint32_t begin, std::uint32_t end) const;
  bool is_trailing(std::size_t comment) const;
  std::string comment_text(std::size_t index) const;
  // Comments before `offset`, in the middle of something.
  void comments_before(std::uint32_t offset);
  // Writes the comment at the end of the last written element's line.
  void trailing_comment();
  // Comments before the next token, between the elements of a list: each on its own line.
  void own_line_comments(Lines& lines);
  // To where the next element is written.
  void next_line(Lines& lines);
  void end_element(Lines& lines);
  // The end of the line that was written last.
  void end_line(Lines& lines);
  bool blank_line_between(std::uint32_t begin, std::uint32_t end) const;

  struct Place {
    std::uint32_t begin;
    std::uint32_t end;
    TokenKind kind;
  };

  const SourceFile& source_;
  const File& file_;
  std::vector<Place> tokens_;
  std::size_t next_ = 0;  // the first token that was not written
  Layout layout_;
  std::size_t next_comment_ = 0;
  bool after_comment_ = false;  // a comment was written last
};

template <class Print>
void Formatter::braces(std::size_t count, Span whole, unsigned indent, Print print) {
  write("{");
  const bool is_long = count > 1 || comment_within(whole);
  if (count == 0 && !is_long) {
    write("}");
    return;
  }
  layout_.indent(indent);
  if (is_long) {
    trailing_comment();
    Lines lines;
    lines.keep_first_break = true;
    for (std::size_t i = 0; i < count; ++i) {
      next_line(lines);
      print(i);
      end_element(lines);
    }
    own_line_comments(lines);
    layout_.dedent();
    layout_.hard_line();
  } else {
    layout_.line();
    print(0);
    layout_.dedent();
    layout_.line();
  }
  write("}");
}

template <class Print>
void Formatter::comma_list(const char* opening, const char* closing, std::size_t count, Span whole,
                           unsigned indent, Print print) {
  write(opening);
  bool broken = comment_within(whole);
  if (count == 0 && !broken) {
    write(closing);
    return;
  }
  auto comma = [&] {
    skip(TokenKind::kRightParen);  // of a second pair
    skip(TokenKind::kComma);
  };
  layout_.open_group();
  layout_.indent(indent);
  if (broken) {
    layout_.force_break();
    trailing_comment();
    Lines lines;
    lines.keep_first_break = true;
    for (std::size_t i = 0; i < count; ++i) {
      next_line(lines);
      print(i);
      layout_.text(",");
      if (i + 1 < count) {
        comma();
      } else {
        skip_to(whole.end - 1);
      }
      end_line(lines);
    }
    own_line_comments(lines);
  } else {
    layout_.soft_line();
    for (std::size_t i = 0; i < count; ++i) {
      print(i);
      if (i + 1 < count) {
        comma();
        layout_.text(",");
        layout_.line();
      } else {
        skip_to(whole.end - 1);
        layout_.if_broken(",");
      }
    }
  }
  layout_.dedent();
  layout_.soft_line();
  layout_.close_group();
  write(closing);
}

}  // namespace pipec::dsl
