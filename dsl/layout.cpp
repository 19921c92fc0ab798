#include "dsl/layout.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "dsl/unicode.h"

namespace pipec::dsl {

namespace {

constexpr std::size_t kEndless = std::numeric_limits<std::size_t>::max() / 4;

std::size_t cells(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size();) {
    auto c = decode_utf8(text, i);
    width += c.valid ? cell_width(c.code_point) : 1;
    i += c.bytes;
  }
  return width;
}

}  // namespace

void Layout::text(std::string_view text) {
  pieces_.push_back({Op::kText, 0, std::string(text), cells(text)});
}
void Layout::lines(unsigned flat_width) {
  pieces_.push_back({Op::kLine, flat_width, {}});
}
void Layout::hard_line() {
  pieces_.push_back({Op::kHard, 0, {}});
}
// A hard line that writes nothing.
void Layout::force_break() {
  pieces_.push_back({Op::kHard, 1, {}});
}
void Layout::if_broken(std::string_view text) {
  pieces_.push_back({Op::kIfBroken, 0, std::string(text)});
}
void Layout::comment(std::string_view text, bool trailing) {
  // A trailing comment is placed before the breaks written since the text that it follows.
  auto at = pieces_.end();
  while (trailing && at != pieces_.begin() && is_space_between(*std::prev(at))) --at;
  pieces_.insert(at, {Op::kComment, trailing ? 1U : 0U, std::string(text)});
}
bool Layout::is_space_between(const Piece& piece) {
  switch (piece.op) {
    case Op::kLine:
    case Op::kHard:
    case Op::kOpen:
    case Op::kIndent:
    case Op::kDedent:
      return true;
    case Op::kText:
      return piece.text.find_first_not_of(' ') == std::string::npos;
    default:
      return false;
  }
}
void Layout::open_group() {
  pieces_.push_back({Op::kOpen, 0, {}});
}
void Layout::close_group() {
  pieces_.push_back({Op::kClose, 0, {}});
}
void Layout::indent(unsigned columns) {
  pieces_.push_back({Op::kIndent, columns, {}});
}
void Layout::dedent() {
  pieces_.push_back({Op::kDedent, 0, {}});
}

void Layout::measure() {
  std::size_t total = 0;
  std::vector<std::pair<std::size_t, std::size_t>> open;  // piece, total before it
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    Piece& piece = pieces_[i];
    if (piece.op == Op::kText) total += piece.width;
    if (piece.op == Op::kLine) total += piece.number;
    if (piece.op == Op::kHard || piece.op == Op::kComment) {
      // Outwards, up to one that is already endless: all enclosing ones are too.
      for (auto group = open.rbegin(); group != open.rend() && pieces_[group->first].width != kEndless;
           ++group) {
        pieces_[group->first].width = kEndless;
      }
    }
    if (piece.op == Op::kOpen) open.emplace_back(i, total);
    if (piece.op == Op::kClose) {
      Piece& group = pieces_[open.back().first];
      group.width = std::max(group.width, total - open.back().second);
      open.pop_back();
    }
  }
  std::size_t tail = 0;
  for (std::size_t i = pieces_.size(); i-- > 0;) {
    Piece& piece = pieces_[i];
    if (piece.op == Op::kLine || piece.op == Op::kComment || (piece.op == Op::kHard && piece.number == 0))
      tail = 0;
    if (piece.op == Op::kText) tail += piece.width;
    piece.tail = tail;
  }
}

std::string Layout::print(unsigned width) {
  measure();
  std::string out;
  std::size_t column = 0;
  bool fresh = true;   // nothing is on this line yet, its indentation neither
  bool ended = false;  // by a comment
  std::vector<unsigned> indents{0};
  std::vector<bool> broken{true};
  auto end_line = [&] {
    while (out.ends_with(' ')) out.pop_back();
    out += '\n';
    fresh = true;
    ended = false;
    column = indents.back();
  };
  auto write = [&](std::string_view text) {
    if (text.empty()) return;
    if (ended) {
      if (text.find_first_not_of(' ') == std::string_view::npos) return;
      end_line();
    }
    if (fresh) {
      out.append(indents.back(), ' ');
      column = indents.back();
      fresh = false;
    }
    out += text;
    column += cells(text);
  };
  std::vector<std::size_t> close_of(pieces_.size());
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    if (pieces_[i].op == Op::kOpen) open.push_back(i);
    if (pieces_[i].op == Op::kClose) {
      close_of[open.back()] = i;
      open.pop_back();
    }
  }
  for (std::size_t i = 0; i < pieces_.size(); ++i) {
    const Piece& piece = pieces_[i];
    switch (piece.op) {
      case Op::kText:
        write(piece.text);
        break;
      case Op::kLine:
        if (broken.back()) {
          end_line();
        } else if (piece.number > 0) {
          write(" ");
        }
        break;
      case Op::kHard:
        if (piece.number == 0) end_line();
        break;
      case Op::kIfBroken:
        if (broken.back()) write(piece.text);
        break;
      case Op::kComment:
        if (piece.number == 1 && !fresh && !ended) {
          write("  ");
        } else if (!fresh) {
          end_line();
        }
        write(piece.text);
        ended = true;
        break;
      case Op::kOpen: {
        std::size_t start = fresh ? indents.back() : column;
        broken.push_back(broken.back() && start + piece.width + pieces_[close_of[i]].tail > width);
        break;
      }
      case Op::kClose:
        broken.pop_back();
        break;
      case Op::kIndent:
        indents.push_back(indents.back() + piece.number);
        break;
      case Op::kDedent:
        indents.pop_back();
        break;
    }
  }
  if (!fresh) end_line();
  return out;
}

}  // namespace pipec::dsl
