#include "dsl/formatter.h"

namespace pipec::dsl {

bool Formatter::comment_between(std::uint32_t begin, std::uint32_t end) const {
  // What is before next_comment_ is written already.
  for (std::size_t i = next_comment_; i < file_.comments.size() && file_.comments[i].begin < end; ++i) {
    if (file_.comments[i].begin >= begin) return true;
  }
  return false;
}

std::string Formatter::comment_text(std::size_t index) const {
  std::string_view text = source_.text(file_.comments[index]);
  while (text.ends_with(' ') || text.ends_with('\t') || text.ends_with('\r')) text.remove_suffix(1);
  return std::string(text);
}

void Formatter::pass_comments(std::uint32_t offset) {
  while (next_comment_ < file_.comments.size() && file_.comments[next_comment_].begin < offset) {
    layout_.at_line_end(comment_text(next_comment_++));
  }
}

void Formatter::trailing_comment(std::uint32_t end) {
  if (next_comment_ == file_.comments.size()) return;
  Span comment = file_.comments[next_comment_];
  if (comment.begin < end) return;
  std::string_view between = source_.text(Span{comment.file, end, comment.begin});
  if (between.find_first_not_of(" \t\r,;)") != std::string_view::npos) return;
  layout_.at_line_end(comment_text(next_comment_++));
}

bool Formatter::blank_line_between(std::uint32_t begin, std::uint32_t end) const {
  std::string_view between = source_.text(Span{source_.id(), begin, end});
  unsigned breaks = 0;
  for (char c : between) {
    if (c == '\n') ++breaks;
    if (breaks == 2) return true;
    if (c != '\n' && c != ' ' && c != '\t' && c != '\r') breaks = 0;
  }
  return false;
}

void Formatter::own_line_comments(Lines& lines, std::uint32_t offset) {
  while (next_comment_ < file_.comments.size() && file_.comments[next_comment_].begin < offset) {
    Span comment = file_.comments[next_comment_];
    if (!lines.first || lines.keep_first_break) layout_.hard_line();
    if (!lines.first && blank_line_between(lines.last_end, comment.begin)) layout_.hard_line();
    layout_.text(comment_text(next_comment_++));
    lines.first = false;
    lines.last_end = comment.end;
  }
}

void Formatter::next_line(Lines& lines, std::uint32_t begin) {
  own_line_comments(lines, begin);
  if (!lines.first || lines.keep_first_break) layout_.hard_line();
  if (!lines.first && blank_line_between(lines.last_end, begin)) layout_.hard_line();
}

void Formatter::end_element(Lines& lines, std::uint32_t end) {
  lines.first = false;
  // A comment within the element that nothing took yet belongs to its line.
  pass_comments(end);
  trailing_comment(end);
  lines.last_end = next_comment_ > 0 && file_.comments[next_comment_ - 1].end > end
                       ? file_.comments[next_comment_ - 1].end
                       : end;
}

void Formatter::leaf(Span span, std::string_view text) {
  pass_comments(span.begin);
  layout_.text(text);
}

}  // namespace pipec::dsl
