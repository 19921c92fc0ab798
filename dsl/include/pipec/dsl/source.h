// Source texts and places in them. A SourceMap owns every text of a compilation; spans refer to them by id.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace pipec::dsl {

using FileId = std::uint32_t;

// A half-open range of bytes [begin, end) in one file. Empty spans are places between two bytes.
struct Span {
  FileId file = 0;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  std::uint32_t size() const { return end - begin; }
  friend bool operator==(const Span&, const Span&) = default;
};

// From the beginning of the first to the end of the last; both must be in the same file.
inline Span join(Span first, Span last) {
  return {first.file, first.begin, last.end};
}

// Both count from 1. A column is one code point; a stray continuation byte does not count, a tab counts as
// one.
struct Location {
  std::uint32_t line = 1;
  std::uint32_t column = 1;

  friend bool operator==(const Location&, const Location&) = default;
};

class SourceFile {
 public:
  // Longer texts are cut to this length; parse() reports it.
  static constexpr std::size_t kMaxBytes = std::size_t{64} << 20;

  // `name` is shown in diagnostics, usually the path as the user wrote it.
  SourceFile(FileId id, std::string name, std::string text);

  FileId id() const { return id_; }
  const std::string& name() const { return name_; }
  std::string_view text() const { return text_; }
  // The bytes of a span of this file; bytes past the end are omitted.
  std::string_view text(Span span) const;
  bool was_cut() const { return was_cut_; }

  // An offset past the end gives the location after the last character. O(log lines), whatever a line's
  // length.
  Location locate(std::uint32_t offset) const;
  std::uint32_t line_count() const { return static_cast<std::uint32_t>(line_starts_.size()); }
  // `line` counts from 1. The text is without its "\n" or "\r\n", and without a leading byte order mark.
  std::string_view line_text(std::uint32_t line) const;
  std::uint32_t line_start(std::uint32_t line) const;

 private:
  std::uint64_t characters_before(std::uint32_t offset) const;

  FileId id_;
  std::string name_;
  std::string text_;
  bool was_cut_ = false;
  std::vector<std::uint32_t> line_starts_;
  // Characters before every 4096th byte, so that a column in a line of megabytes is found quickly.
  std::vector<std::uint32_t> character_marks_;
};

// Files keep their address for the life of the map.
class SourceMap {
 public:
  const SourceFile& add(std::string name, std::string text);
  const SourceFile& get(FileId id) const { return *files_[id]; }
  std::size_t size() const { return files_.size(); }

  Location locate(Span span) const { return get(span.file).locate(span.begin); }
  // "file:line:column" of the span's beginning.
  std::string place(Span span) const;

 private:
  std::vector<std::unique_ptr<SourceFile>> files_;
};

}  // namespace pipec::dsl
