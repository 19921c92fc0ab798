// Walks the AST in the order of the text and writes it into a Layout. The comments are merged in by their
// places: one on its own line stays before the element of the list (items, stages, arms, statements, members,
// arguments) that follows it; any other one goes to the end of the line it is met on.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/layout.h"
#include "pipec/dsl/ast.h"

namespace pipec::dsl {

inline constexpr unsigned kIndent = 4;  // columns, for what a bracket or a block holds

class Formatter {
 public:
  Formatter(const SourceFile& source, const File& file) : source_(source), file_(file) {}

  std::string format();

 private:
  // Where the lines of one list stand: what was written last, and whether anything was.
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
  bool is_long(const Block& block) const;
  void statement_block(const Block& block, unsigned indent);
  void statement(const Statement& statement);
  void if_statement(const IfStatement& statement);
  void paths(const char* keyword, const std::vector<PathPtr>& paths, Span span);

  // Expressions (format_expression.cpp)
  void expression(const Expr& expr);
  void unparenthesized(const Expr& expr);
  void string(const StringExpr& expr);
  void path(const PathExpr& expr);
  void segments(const std::vector<Segment>& segments);
  void number(const Expr& expr);
  void if_expression(const IfExpr& expr);
  void binary(const BinaryExpr& expr);
  void logic(const LogicExpr& expr);
  void object(const ObjectExpr& expr);
  void arguments(const std::vector<Arg>& args, Span span, unsigned indent);
  // `print(i)` writes one element; `span_of(i)` is where it was. Breaks with a comma behind the last.
  template <class SpanOf, class Print>
  void comma_list(const char* opening, const char* closing, std::size_t count, Span whole, unsigned indent,
                  SpanOf span_of, Print print);

  // Comments and lines (format_comments.cpp)
  bool comment_within(Span span) const { return comment_between(span.begin, span.end); }
  bool comment_between(std::uint32_t begin, std::uint32_t end) const;
  // Comments before `offset` go to the end of the line.
  void pass_comments(std::uint32_t offset);
  // The comment right behind an element that ended at `end`, on its line.
  void trailing_comment(std::uint32_t end);
  // Comments before `offset`, each on its own line.
  void own_line_comments(Lines& lines, std::uint32_t offset);
  // To where the element at `begin` is written.
  void next_line(Lines& lines, std::uint32_t begin);
  void end_element(Lines& lines, std::uint32_t end);
  std::string comment_text(std::size_t index) const;
  bool blank_line_between(std::uint32_t begin, std::uint32_t end) const;
  // Of what was written at `span`, so comments before it are passed first.
  void leaf(Span span, std::string_view text);

  const SourceFile& source_;
  const File& file_;
  Layout layout_;
  std::size_t next_comment_ = 0;
};

template <class SpanOf, class Print>
void Formatter::comma_list(const char* opening, const char* closing, std::size_t count, Span whole,
                           unsigned indent, SpanOf span_of, Print print) {
  layout_.text(opening);
  bool broken = comment_within(whole);
  if (count == 0 && !broken) {
    layout_.text(closing);
    return;
  }
  layout_.open_group();
  layout_.indent(indent);
  if (broken) {
    layout_.force_break();
    Lines lines;
    lines.keep_first_break = true;
    for (std::size_t i = 0; i < count; ++i) {
      next_line(lines, span_of(i).begin);
      print(i);
      layout_.text(",");
      end_element(lines, span_of(i).end);
    }
    own_line_comments(lines, whole.end - 1);
  } else {
    layout_.soft_line();
    for (std::size_t i = 0; i < count; ++i) {
      print(i);
      if (i + 1 < count) {
        layout_.text(",");
        layout_.line();
      } else {
        layout_.if_broken(",");
      }
    }
  }
  layout_.dedent();
  layout_.soft_line();
  layout_.close_group();
  layout_.text(closing);
}

}  // namespace pipec::dsl
