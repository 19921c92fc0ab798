#include "stdlib/connectors/file_identity.h"

#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace pipec::stdlib {

namespace {

// Takes "<name>=<number in base>" and the space behind it off the front.
std::optional<std::uint64_t> take_number(std::string_view& text, std::string_view name, int base) {
  if (!text.starts_with(name) || text.size() == name.size() || text[name.size()] != '=') return std::nullopt;
  text.remove_prefix(name.size() + 1);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with(' ')) text.remove_prefix(1);
  return number;
}

std::string packed_text(const FileMark::Packed& packed) {
  return fmt::format("packed={} frame={} at={} whole={} ", packed.end, packed.frame.packed,
                     packed.frame.offset, packed.whole ? 1 : 0);
}

}  // namespace

std::uint64_t fingerprint(std::string_view tail) {
  return XXH3_64bits(tail.data(), tail.size());
}

std::optional<std::uint64_t> fingerprint_of(int fd, std::uint64_t offset) {
  char bytes[kFingerprintBytes];
  const std::size_t wanted = std::min<std::uint64_t>(offset, sizeof bytes);
  std::size_t have = 0;
  while (have < wanted) {
    const ssize_t got = ::pread(fd, bytes + have, wanted - have, static_cast<off_t>(offset - wanted + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    have += static_cast<std::size_t>(got);
  }
  return fingerprint({bytes, wanted});
}

runtime::StateEntry FileMark::entry() const {
  return {fmt::format("{}:{}", device, inode),
          fmt::format("offset={} hash={:x} line={} {}path={}", offset, tail_hash, open_line,
                      packed ? packed_text(*packed) : std::string(), path)};
}

std::optional<FileMark> FileMark::parse(const runtime::StateEntry& entry) {
  FileMark mark;
  const std::size_t colon = entry.key.find(':');
  if (colon == std::string::npos) return std::nullopt;
  const std::string numbers =
      "device=" + entry.key.substr(0, colon) + " inode=" + entry.key.substr(colon + 1);
  std::string_view key = numbers;
  const auto device = take_number(key, "device", 10);
  const auto inode = take_number(key, "inode", 10);
  if (!device || !inode || !key.empty()) return std::nullopt;
  std::string_view value = entry.value;
  const auto offset = take_number(value, "offset", 10);
  const auto hash = take_number(value, "hash", 16);
  const auto line = take_number(value, "line", 10);
  std::optional<FileMark::Packed> packed;
  if (const auto end = take_number(value, "packed", 10)) {
    const auto frame = take_number(value, "frame", 10);
    const auto at = take_number(value, "at", 10);
    const auto whole = take_number(value, "whole", 10);
    if (!offset || !frame || !at || !whole || *frame > *end || *at > *offset || *whole > 1)
      return std::nullopt;
    packed = FileMark::Packed{*end, {*frame, *at}, *whole == 1};
  }
  if (!offset || !hash || !line || *line > *offset || !value.starts_with("path=")) return std::nullopt;
  return FileMark{*device, *inode, *offset, *hash, *line, std::string(value.substr(5)), packed};
}

}  // namespace pipec::stdlib
