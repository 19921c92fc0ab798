#include "runtime/state/checkpoint_file.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <charconv>
#include <iterator>
#include <optional>

namespace pipec::runtime::state {

namespace {

constexpr int kVersion = 1;
constexpr std::string_view kMagic = "pipec checkpoint ";

std::string header_of(std::string_view body) {
  return fmt::format("{}{}\nbytes {}\nxxh3 {:016x}\n\n", kMagic, kVersion, body.size(),
                     XXH3_64bits(body.data(), body.size()));
}

// Takes pieces off the front of the body; every length is checked against what is left.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}
  bool at_end() const { return text_.empty(); }

  bool literal(std::string_view expected) {
    if (!text_.starts_with(expected)) return false;
    text_.remove_prefix(expected.size());
    return true;
  }
  std::optional<std::size_t> number() {
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc{}) return std::nullopt;
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return value;
  }
  std::optional<std::string_view> bytes(std::size_t count) {
    if (count > text_.size()) return std::nullopt;
    const std::string_view result = text_.substr(0, count);
    text_.remove_prefix(count);
    return result;
  }

 private:
  std::string_view text_;
};

bool read_pipeline(Reader& reader, CheckpointContent& content) {
  if (!reader.literal("pipeline ")) return false;
  const auto length = reader.number();
  if (!length || !reader.literal("\n")) return false;
  const auto name = reader.bytes(*length);
  if (!name || !reader.literal("\n")) return false;
  content.pipeline = *name;
  return true;
}

bool read_entry(Reader& reader, CheckpointContent& content) {
  if (!reader.literal("entry ")) return false;
  const auto key_length = reader.number();
  if (!key_length || !reader.literal(" ")) return false;
  const auto value_length = reader.number();
  if (!value_length || !reader.literal("\n")) return false;
  const auto key = reader.bytes(*key_length);
  if (!key || !reader.literal("\n")) return false;
  const auto value = reader.bytes(*value_length);
  if (!value || !reader.literal("\n")) return false;
  content.entries.push_back({std::string(*key), std::string(*value)});
  return true;
}

Error wrong(std::string message) {
  return Error{"checkpoint", std::move(message), {}, {}};
}

}  // namespace

std::string encode_checkpoint(const CheckpointContent& content) {
  std::string body;
  const auto out = std::back_inserter(body);
  fmt::format_to(out, "pipeline {}\n{}\n", content.pipeline.size(), content.pipeline);
  for (const StateEntry& entry : content.entries) {
    fmt::format_to(out, "entry {} {}\n{}\n{}\n", entry.key.size(), entry.value.size(), entry.key,
                   entry.value);
  }
  return header_of(body) + body;
}

Result<CheckpointContent> decode_checkpoint(std::string_view bytes) {
  if (bytes.empty()) return wrong("is empty");
  if (!bytes.starts_with(kMagic)) return wrong("is no checkpoint of pipec, or damaged at its beginning");
  Reader reader(bytes.substr(kMagic.size()));
  const auto version = reader.number();
  if (version && *version != kVersion && reader.literal("\n")) {
    return wrong(fmt::format("was written in format {} by another version of pipec (this one reads {})",
                             *version, kVersion));
  }
  const std::size_t header_end = bytes.find("\n\n");
  if (header_end == std::string_view::npos) return wrong("is cut off in its header");
  const std::string_view header = bytes.substr(0, header_end + 2);
  const std::string_view body = bytes.substr(header_end + 2);
  if (header != header_of(body)) return wrong("is damaged: length or checksum do not fit its content");

  CheckpointContent content;
  Reader entries(body);
  if (!read_pipeline(entries, content)) return wrong("is damaged: no pipeline name");
  while (!entries.at_end()) {
    if (!read_entry(entries, content)) return wrong("is damaged: an entry is cut off");
  }
  return content;
}

}  // namespace pipec::runtime::state
