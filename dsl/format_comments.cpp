// The formatter's position in the source, and the comments up to there.
#include <algorithm>

#include "dsl/formatter.h"
#include "dsl/lexer.h"
#include "dsl/reporter.h"

namespace pipec::dsl {

namespace {

// Tokens that the source may contain but the canonical form omits: `;`, a second pair of parentheses, a
// trailing comma.
bool may_be_left_out(TokenKind kind) {
  return kind == TokenKind::kSemicolon || kind == TokenKind::kComma || kind == TokenKind::kLeftParen ||
         kind == TokenKind::kRightParen;
}

}  // namespace

Formatter::Formatter(const SourceFile& source, const File& file) : source_(source), file_(file) {
  Reporter reporter(source.id());
  std::vector<Span> comments;
  Lexer lexer(source, reporter, comments);
  for (Token token = lexer.next(); token.kind != TokenKind::kEnd; token = lexer.next()) {
    tokens_.push_back({token.begin, token.end, token.kind});
  }
}

void Formatter::write(std::string_view text) {
  while (!text.empty()) {
    const std::size_t blanks = std::min(text.find_first_not_of(' '), text.size());
    layout_.text(text.substr(0, blanks));
    text.remove_prefix(blanks);
    if (text.empty()) return;
    std::size_t token = next_;
    while (token < tokens_.size() && !text.starts_with(text_of(token)) &&
           may_be_left_out(tokens_[token].kind)) {
      ++token;
    }
    std::size_t size = text.size();
    if (token < tokens_.size() && text.starts_with(text_of(token))) {
      comments_before(tokens_[token].begin);
      size = text_of(token).size();
      next_ = token + 1;
    }
    after_comment_ = false;
    layout_.text(text.substr(0, size));
    text.remove_prefix(size);
  }
}

void Formatter::leaf(Span span, std::string_view text) {
  comments_before(span.begin);
  after_comment_ = false;
  layout_.text(text);
  skip_to(span.end);
}

void Formatter::skip_to(std::uint32_t offset) {
  while (next_ < tokens_.size() && tokens_[next_].begin < offset) ++next_;
}

void Formatter::skip(TokenKind kind) {
  while (next_ < tokens_.size() && tokens_[next_].kind == kind) ++next_;
}

void Formatter::skip_rest() {
  while (next_ < tokens_.size() &&
         (tokens_[next_].kind == TokenKind::kRightParen || tokens_[next_].kind == TokenKind::kSemicolon)) {
    ++next_;
  }
}

std::uint32_t Formatter::next_begin() const {
  return next_ < tokens_.size() ? tokens_[next_].begin
                                : static_cast<std::uint32_t>(source_.text().size()) + 1;
}

bool Formatter::comment_between(std::uint32_t begin, std::uint32_t end) const {
  const auto first =
      std::lower_bound(file_.comments.begin(), file_.comments.end(), begin,
                       [](const Span& comment, std::uint32_t offset) { return comment.begin < offset; });
  return first != file_.comments.end() && first->begin < end;
}

// True if only separators are between the comment and the preceding word on its line, which was written last.
bool Formatter::is_trailing(std::size_t comment) const {
  if (after_comment_) return false;
  const std::string_view before = source_.text().substr(0, file_.comments[comment].begin);
  const std::size_t last = before.find_last_not_of(" \t\r,;");
  return last != std::string_view::npos && before[last] != '\n';
}

std::string Formatter::comment_text(std::size_t index) const {
  std::string_view text = source_.text(file_.comments[index]);
  while (text.ends_with(' ') || text.ends_with('\t') || text.ends_with('\r')) text.remove_suffix(1);
  return std::string(text);
}

void Formatter::comments_before(std::uint32_t offset) {
  for (; next_comment_ < file_.comments.size() && file_.comments[next_comment_].begin < offset;
       ++next_comment_) {
    layout_.comment(comment_text(next_comment_), is_trailing(next_comment_));
    after_comment_ = true;
  }
}

void Formatter::trailing_comment() {
  if (next_comment_ == file_.comments.size() || file_.comments[next_comment_].begin >= next_begin()) return;
  if (!is_trailing(next_comment_)) return;
  layout_.comment(comment_text(next_comment_), true);
  after_comment_ = true;
  ++next_comment_;
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

void Formatter::own_line_comments(Lines& lines) {
  skip(TokenKind::kSemicolon);
  const std::uint32_t offset = next_begin();
  while (next_comment_ < file_.comments.size() && file_.comments[next_comment_].begin < offset) {
    Span comment = file_.comments[next_comment_];
    if (!lines.first || lines.keep_first_break) layout_.hard_line();
    if (!lines.first && blank_line_between(lines.last_end, comment.begin)) layout_.hard_line();
    layout_.text(comment_text(next_comment_++));
    after_comment_ = true;
    lines.first = false;
    lines.last_end = comment.end;
  }
}

void Formatter::next_line(Lines& lines) {
  own_line_comments(lines);
  if (!lines.first || lines.keep_first_break) layout_.hard_line();
  if (!lines.first && blank_line_between(lines.last_end, next_begin())) layout_.hard_line();
}

void Formatter::end_element(Lines& lines) {
  skip_rest();
  end_line(lines);
}

void Formatter::end_line(Lines& lines) {
  lines.first = false;
  trailing_comment();
  lines.last_end = next_ > 0 ? tokens_[next_ - 1].end : 0;
  if (next_comment_ > 0) lines.last_end = std::max(lines.last_end, file_.comments[next_comment_ - 1].end);
}

}  // namespace pipec::dsl
