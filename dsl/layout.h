// Line breaking for the formatter: a stream of pieces in which groups either stay on one line or break all
// their lines.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pipec::dsl {

class Layout {
 public:
  void text(std::string_view text);
  // In a group that stays on one line a blank (line) or nothing (soft_line), else a line break.
  void line() { lines(1); }
  void soft_line() { lines(0); }
  // Always a line break, and every group around it breaks too.
  void hard_line();
  // Breaks the current group although it holds no hard line.
  void force_break();
  // Written only if the current group is broken.
  void if_broken(std::string_view text);
  // A comment, which ends its line: every enclosing group breaks, and the following text begins a new line.
  // `trailing`: it is at the end of the preceding text's line; otherwise it has its own line. Not counted in
  // widths.
  void comment(std::string_view text, bool trailing);
  void open_group();
  void close_group();
  void indent(unsigned columns);
  void dedent();

  std::string print(unsigned width);

 private:
  enum class Op : std::uint8_t { kText, kLine, kHard, kIfBroken, kComment, kOpen, kClose, kIndent, kDedent };
  struct Piece {
    Op op;
    unsigned number = 0;  // kLine: its width in one line; kIndent: columns; kComment: 1 for a trailing one
    std::string text;
    std::size_t width = 0;  // kOpen: of the group in one line
    std::size_t tail = 0;   // of the following text up to the next possible line break
  };
  void lines(unsigned flat_width);
  static bool is_space_between(const Piece& piece);
  void measure();

  std::vector<Piece> pieces_;
};

}  // namespace pipec::dsl
