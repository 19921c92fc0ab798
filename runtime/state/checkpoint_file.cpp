#include "runtime/state/checkpoint_file.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <optional>

#include "pipec/runtime/paths.h"

namespace pipec::runtime::state {

namespace {

constexpr std::size_t kVersion = 2;
constexpr std::size_t kTextKeys =
    1;  // the version in which files' entries were kept by the text of their connector
constexpr std::string_view kMagic = "pipec checkpoint ";

std::string header_of(std::string_view body, std::size_t version = kVersion) {
  return fmt::format("{}{}\nbytes {}\nxxh3 {:016x}\n\n", kMagic, version, body.size(),
                     XXH3_64bits(body.data(), body.size()));
}

// Takes pieces off the front of the body; every length is checked against the remaining bytes.
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

// "recv.file:in\t2049:77" to "input\t2049:77", "sink.file:./out\t./out" to "output\tout". Of two entries that
// become one the first stays.
void leave_text_keys(StateEntries& entries) {
  const auto kept_by = [](std::string_view owner, std::string_view connector) {
    if (!owner.starts_with(connector)) return false;
    owner.remove_prefix(connector.size());
    return owner.empty() || owner.front() == ':' || owner.front() == '#';
  };
  for (StateEntry& entry : entries) {
    const std::size_t tab = entry.key.find('\t');
    if (tab == std::string::npos) continue;
    const std::string_view owner = std::string_view(entry.key).substr(0, tab);
    const std::string own = entry.key.substr(tab + 1);
    if (kept_by(owner, "recv.file")) {
      entry.key = "input\t" + own;
    } else if (kept_by(owner, "sink.file") || kept_by(owner, "dlq.file")) {
      entry.key = "output\t" + state_path(own);
    }
  }
  const auto key = [](const StateEntry& entry) -> const std::string& { return entry.key; };
  std::ranges::stable_sort(entries, {}, key);
  const auto same = [&](const StateEntry& a, const StateEntry& b) { return key(a) == key(b); };
  entries.erase(std::unique(entries.begin(), entries.end(), same), entries.end());
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
  if (!bytes.starts_with(kMagic)) return wrong("is not a pipec checkpoint, or is damaged at its beginning");
  Reader reader(bytes.substr(kMagic.size()));
  const auto version = reader.number();
  if (version && (*version == 0 || *version > kVersion) && reader.literal("\n")) {
    return wrong(fmt::format("was written in format {} by another version of pipec (this one reads up to {})",
                             *version, kVersion));
  }
  const std::size_t header_end = bytes.find("\n\n");
  if (header_end == std::string_view::npos) return wrong("is cut off in its header");
  const std::string_view header = bytes.substr(0, header_end + 2);
  const std::string_view body = bytes.substr(header_end + 2);
  if (header != header_of(body, version.value_or(kVersion)))
    return wrong("is damaged: length or checksum do not match its content");

  CheckpointContent content;
  Reader entries(body);
  if (!read_pipeline(entries, content)) return wrong("is damaged: no pipeline name");
  while (!entries.at_end()) {
    if (!read_entry(entries, content)) return wrong("is damaged: an entry is cut off");
  }
  if (*version == kTextKeys) leave_text_keys(content.entries);
  return content;
}

}  // namespace pipec::runtime::state
