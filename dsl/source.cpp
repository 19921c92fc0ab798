#include "pipec/dsl/source.h"

#include <algorithm>
#include <utility>

#include "dsl/unicode.h"

namespace pipec::dsl {

namespace {

constexpr std::uint32_t kMarkEvery = 4096;

std::uint32_t count_characters(std::string_view text) {
  return static_cast<std::uint32_t>(std::count_if(text.begin(), text.end(), begins_character));
}

}  // namespace

SourceFile::SourceFile(FileId id, std::string name, std::string text)
    : id_(id), name_(std::move(name)), text_(std::move(text)) {
  if (text_.size() > kMaxBytes) {
    text_.resize(kMaxBytes);
    was_cut_ = true;
  }
  auto size = static_cast<std::uint32_t>(text_.size());
  line_starts_.push_back(std::string_view(text_).starts_with(kByteOrderMark) ? 3 : 0);
  for (std::size_t at = text_.find('\n'); at != std::string::npos; at = text_.find('\n', at + 1)) {
    line_starts_.push_back(static_cast<std::uint32_t>(at + 1));
  }
  std::uint32_t characters = 0;
  for (std::uint32_t at = 0; at < size; at += kMarkEvery) {
    character_marks_.push_back(characters);
    characters += count_characters(std::string_view(text_).substr(at, kMarkEvery));
  }
  character_marks_.push_back(characters);
}

std::string_view SourceFile::text(Span span) const {
  auto begin = std::min<std::size_t>(span.begin, text_.size());
  auto end = std::clamp<std::size_t>(span.end, begin, text_.size());
  return std::string_view(text_).substr(begin, end - begin);
}

std::uint64_t SourceFile::characters_before(std::uint32_t offset) const {
  std::uint32_t mark = offset / kMarkEvery;
  return character_marks_[mark] +
         count_characters(std::string_view(text_).substr(mark * kMarkEvery, offset - mark * kMarkEvery));
}

Location SourceFile::locate(std::uint32_t offset) const {
  offset = std::min(offset, static_cast<std::uint32_t>(text_.size()));
  auto after = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset);
  if (after == line_starts_.begin()) return {1, 1};  // within the byte order mark
  auto line = static_cast<std::uint32_t>(after - line_starts_.begin());
  auto characters = characters_before(offset) - characters_before(*std::prev(after));
  return {line, static_cast<std::uint32_t>(characters) + 1};
}

std::uint32_t SourceFile::line_start(std::uint32_t line) const {
  return line_starts_[line - 1];
}

std::string_view SourceFile::line_text(std::uint32_t line) const {
  std::size_t begin = line_starts_[line - 1];
  std::size_t end = line < line_starts_.size() ? line_starts_[line] - 1 : text_.size();
  std::string_view text = std::string_view(text_).substr(begin, end - begin);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

const SourceFile& SourceMap::add(std::string name, std::string text) {
  files_.push_back(
      std::make_unique<SourceFile>(static_cast<FileId>(files_.size()), std::move(name), std::move(text)));
  return *files_.back();
}

std::string SourceMap::place(Span span) const {
  Location at = locate(span);
  return get(span.file).name() + ':' + std::to_string(at.line) + ':' + std::to_string(at.column);
}

}  // namespace pipec::dsl
