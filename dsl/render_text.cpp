#include <algorithm>
#include <cstdint>

#include "dsl/unicode.h"
#include "pipec/dsl/render.h"

namespace pipec::dsl {

namespace {

constexpr unsigned kTabStop = 4;

// A line as displayed: tabs are blanks, control characters and invalid bytes are substituted, and a long line
// is shown only in part.
struct ShownLine {
  std::string text;
  unsigned caret_begin = 0;  // cells from the text's beginning
  unsigned caret_end = 0;
};

struct Shape {
  std::string text;
  unsigned width;
};

Shape shape_at(std::string_view line, std::size_t at, const Decoded& c, unsigned column) {
  if (c.code_point == '\t') {
    unsigned width = kTabStop - column % kTabStop;
    return {std::string(width, ' '), width};
  }
  if (!c.valid) return {"\xEF\xBF\xBD", 1};
  // Control characters, and what would turn the direction of the text round, are not let through to a
  // terminal.
  bool control = c.code_point < 0x20 || (c.code_point >= 0x7F && c.code_point < 0xA0) ||
                 (c.code_point >= 0x200E && c.code_point <= 0x200F) ||
                 (c.code_point >= 0x202A && c.code_point <= 0x202E) ||
                 (c.code_point >= 0x2066 && c.code_point <= 0x2069);
  if (control) return {"\xEF\xBF\xBD", 1};
  return {std::string(line.substr(at, c.bytes)), cell_width(c.code_point)};
}

// The first byte examined: enough of the line to fill the width, however long the line is.
std::size_t window_begin(std::string_view line, std::size_t from, unsigned width) {
  if (from <= width) return 0;
  std::size_t begin = from - width / 2;
  while (begin > 0 && !begins_character(line[begin])) --begin;
  return begin;
}

ShownLine show(std::string_view line, std::size_t from, std::size_t to, unsigned width) {
  ShownLine shown;
  from = std::min(from, line.size());
  to = std::clamp(to, from, line.size());
  // A caret within a long line decides which part is shown; a line that fits is shown from its beginning.
  std::size_t at = line.size() > width ? window_begin(line, from, width) : 0;
  unsigned column = 0;
  if (at > 0) {
    shown.text = "...";
    column = 3;
  }
  unsigned last_column = column + width;
  std::size_t last = at + std::size_t{8} * width;  // in bytes: characters without width could be unlimited
  shown.caret_begin = shown.caret_end = column;
  bool begin_set = false, end_set = false;
  while (at < line.size() && at < last && column < last_column) {
    if (at >= from && !begin_set) {
      shown.caret_begin = column;
      begin_set = true;
    }
    if (at >= to && !end_set) {
      shown.caret_end = column;
      end_set = true;
    }
    auto c = decode_utf8(line, at);
    Shape shape = shape_at(line, at, c, column);
    shown.text += shape.text;
    column += shape.width;
    at += c.bytes;
  }
  if (!begin_set) shown.caret_begin = column;
  if (!end_set) shown.caret_end = column;
  if (at < line.size()) shown.text += "...";
  while (shown.text.ends_with(' ')) shown.text.pop_back();
  shown.caret_end = std::max(shown.caret_end, shown.caret_begin + 1);
  return shown;
}

class TextRenderer {
 public:
  TextRenderer(const SourceMap& sources, const RenderOptions& options)
      : sources_(sources), options_(options) {}

  std::string render(const Diagnostic& diagnostic) {
    const char* strong = diagnostic.severity == Severity::kError ? kRed : kYellow;
    paint(strong, std::string(diagnostic.severity == Severity::kError ? "error" : "warning") + '[' +
                      std::string(code_text(diagnostic.code)) + ']');
    paint(kBold, ": " + printable(diagnostic.message));
    out_ += '\n';

    std::string label = diagnostic.primary.text;
    std::size_t first_hint = 0;
    if (label.empty() && !diagnostic.hints.empty()) {
      label = diagnostic.hints.front();
      first_hint = 1;
    }
    margin_ = margin(diagnostic);
    snippet(" --> ", diagnostic.primary.span, label, '^', strong);
    for (const Label& other : diagnostic.secondary) snippet(" ::: ", other.span, other.text, '-', kBlue);

    bool remarks = first_hint < diagnostic.hints.size() || !diagnostic.notes.empty();
    if (remarks) {
      bar();
      out_ += '\n';
    }
    for (std::size_t i = first_hint; i < diagnostic.hints.size(); ++i) remark("hint", diagnostic.hints[i]);
    for (const std::string& note : diagnostic.notes) remark("note", note);
    return std::move(out_);
  }

 private:
  static constexpr const char* kRed = "\x1b[1;31m";
  static constexpr const char* kYellow = "\x1b[1;33m";
  static constexpr const char* kBlue = "\x1b[1;34m";
  static constexpr const char* kBold = "\x1b[1m";

  void paint(const char* color, const std::string& text) {
    if (options_.color) out_ += color;
    out_ += text;
    if (options_.color) out_ += "\x1b[0m";
  }

  // Names and keys from the text appear in messages: no control characters, no line breaks.
  static std::string printable(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size();) {
      auto c = decode_utf8(text, i);
      out += shape_at(text, i, c, 0).text;
      i += c.bytes;
    }
    return out;
  }

  unsigned margin(const Diagnostic& diagnostic) const {
    std::uint32_t line = sources_.locate(diagnostic.primary.span).line;
    for (const Label& other : diagnostic.secondary) line = std::max(line, sources_.locate(other.span).line);
    return static_cast<unsigned>(std::to_string(line).size());
  }

  void bar() { paint(kBlue, std::string(margin_ + 2, ' ') + '|'); }

  void snippet(const char* arrow, Span span, const std::string& label, char mark, const char* color) {
    const SourceFile& file = sources_.get(span.file);
    Location at = file.locate(span.begin);
    paint(kBlue, std::string(margin_, ' ') + arrow);
    out_ += printable(file.name()) + ':' + std::to_string(at.line) + ':' + std::to_string(at.column) + '\n';
    bar();
    out_ += '\n';

    std::string_view line = file.line_text(at.line);
    std::uint32_t start = file.line_start(at.line);
    std::size_t from = span.begin < start ? 0 : span.begin - start;
    std::size_t to = span.end < start ? 0 : span.end - start;
    ShownLine shown = show(line, from, to, std::max(options_.width, 20U));
    std::string number = std::to_string(at.line);
    paint(kBlue, std::string(margin_ + 1 - number.size(), ' ') + number + " |");
    out_ += (shown.text.empty() ? "" : " ") + shown.text + '\n';
    bar();
    out_ += std::string(shown.caret_begin + 1, ' ');
    std::string marks(shown.caret_end - shown.caret_begin, mark);
    paint(color, label.empty() ? marks : marks + ' ' + printable(label));
    out_ += '\n';
  }

  void remark(const char* kind, const std::string& text) {
    paint(kBlue, std::string(margin_ + 2, ' ') + "= ");
    paint(kBold, std::string(kind) + ": ");
    out_ += printable(text) + '\n';
  }

  const SourceMap& sources_;
  RenderOptions options_;
  std::string out_;
  unsigned margin_ = 1;
};

}  // namespace

std::string render_text(const Diagnostic& diagnostic, const SourceMap& sources,
                        const RenderOptions& options) {
  return TextRenderer(sources, options).render(diagnostic);
}

std::string render_text(const std::vector<Diagnostic>& diagnostics, const SourceMap& sources,
                        const RenderOptions& options) {
  std::string out;
  for (const Diagnostic& diagnostic : diagnostics) {
    if (!out.empty()) out += '\n';
    out += render_text(diagnostic, sources, options);
  }
  return out;
}

}  // namespace pipec::dsl
