#include "stdlib/connectors/file_identity.h"

#include <fmt/format.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <utility>

namespace pipec::stdlib {

namespace {

// "<name>=<number> " for each, then "path=" and the rest.
class Fields {
 public:
  // False: the text is malformed.
  bool read(std::string_view text) {
    while (!text.starts_with("path=")) {
      const std::size_t equals = text.find('=');
      const std::size_t space = text.find(' ');
      if (equals == std::string_view::npos || space == std::string_view::npos || space < equals) return false;
      fields_[count_] = {text.substr(0, equals), text.substr(equals + 1, space - equals - 1)};
      if (++count_ == kMost) return false;
      text.remove_prefix(space + 1);
    }
    path_ = text.substr(5);
    return true;
  }
  std::string_view path() const { return path_; }

  // nullopt: missing. A value that is not a number makes the whole entry bad.
  std::optional<std::uint64_t> number(std::string_view name, int base = 10) {
    for (std::size_t i = 0; i < count_; ++i) {
      const auto& [known, value] = fields_[i];
      if (known != name) continue;
      std::uint64_t number = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number, base);
      if (error == std::errc{} && end == value.data() + value.size()) return number;
      good_ = false;
      return std::nullopt;
    }
    return std::nullopt;
  }
  bool good() const { return good_; }

 private:
  static constexpr std::size_t kMost = 24;
  std::pair<std::string_view, std::string_view> fields_[kMost];
  std::size_t count_ = 0;
  std::string_view path_;
  bool good_ = true;
};

// "device:inode", optionally followed by a number.
bool read_key(std::string_view key, std::uint64_t& device, std::uint64_t& inode) {
  const auto [colon, first] = std::from_chars(key.data(), key.data() + key.size(), device);
  if (first != std::errc{} || colon == key.data() + key.size() || *colon != ':') return false;
  const auto [end, second] = std::from_chars(colon + 1, key.data() + key.size(), inode);
  return second == std::errc{} && (end == key.data() + key.size() || *end == '#');
}

// The head of a short text is all of it, as its tail is.
bool head_is_tail(std::uint64_t offset) {
  return offset <= kFingerprintBytes;
}

}  // namespace

std::uint64_t hash_of(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::optional<std::uint64_t> tail_hash_of(int fd, std::uint64_t offset) {
  char bytes[kFingerprintBytes];
  const std::size_t wanted = std::min<std::uint64_t>(offset, sizeof bytes);
  std::size_t have = 0;
  while (have < wanted) {
    errno = 0;
    const ssize_t got = ::pread(fd, bytes + have, wanted - have, static_cast<off_t>(offset - wanted + have));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    have += static_cast<std::size_t>(got);
  }
  return hash_of({bytes, wanted});
}

bool same_text(const Fingerprint& a, const Fingerprint& b) {
  return a.tail == b.tail && (!a.head || !b.head || *a.head == *b.head);
}

void RunningFingerprint::add(std::string_view bytes) {
  offset_ += bytes.size();
  if (from_ == 0 && !head_ && offset_ > kFingerprintBytes) {
    // All before is in tail_ still.
    const std::size_t missing = kFingerprintBytes - tail_.size();
    std::string head = tail_;
    head += bytes.substr(0, missing);
    head_ = hash_of(head);
  }
  if (bytes.size() >= kFingerprintBytes) {
    tail_.assign(bytes.substr(bytes.size() - kFingerprintBytes));
    return;
  }
  if (tail_.size() + bytes.size() > kFingerprintBytes)
    tail_.erase(0, tail_.size() + bytes.size() - kFingerprintBytes);
  tail_ += bytes;
}

void RunningFingerprint::skip_to(std::uint64_t offset) {
  tail_.clear();
  from_ = offset_ = offset;
}

std::optional<Fingerprint> RunningFingerprint::get() const {
  if (tail_.size() < std::min<std::uint64_t>(offset_, kFingerprintBytes)) return std::nullopt;
  Fingerprint result;
  result.tail = hash_of(tail_);
  result.head = head_is_tail(offset_) ? std::optional(result.tail) : head_;
  return result;
}

std::string file_key(std::uint64_t device, std::uint64_t inode) {
  return fmt::format("{}:{}", device, inode);
}

runtime::StateEntry FileMark::entry() const {
  std::string value = fmt::format("offset={} hash={:x} line={} ", offset,
                                  packed ? packed->tail : (text ? text->tail : 0), open_line);
  std::uint64_t first_device = 0;
  std::uint64_t first_inode = 0;
  read_key(key, first_device, first_inode);
  if (first_device != device || first_inode != inode)
    value += fmt::format("device={} inode={} ", device, inode);
  if (packed) {
    value += fmt::format("packed={} frame={} at={} whole={} ", packed->end, packed->frame.packed,
                         packed->frame.offset, packed->whole ? 1 : 0);
    if (text) value += fmt::format("text={:x} ", text->tail);
  }
  if (text && text->head && !head_is_tail(offset)) value += fmt::format("head={:x} ", *text->head);
  if (closed) value += "closed=1 ";
  if (missing_since != 0) value += fmt::format("missing={} ", missing_since);
  return {key, value + "path=" + path};
}

std::optional<FileMark> FileMark::parse(const runtime::StateEntry& entry) {
  FileMark mark;
  mark.key = entry.key;
  Fields fields;
  if (!read_key(entry.key, mark.device, mark.inode) || !fields.read(entry.value)) return std::nullopt;
  const auto offset = fields.number("offset");
  const auto hash = fields.number("hash", 16);
  const auto line = fields.number("line");
  if (!offset || !hash || !line || *line > *offset) return std::nullopt;
  mark.offset = *offset;
  mark.open_line = *line;
  mark.device = fields.number("device").value_or(mark.device);
  mark.inode = fields.number("inode").value_or(mark.inode);
  mark.closed = fields.number("closed").value_or(0) != 0;
  mark.missing_since = fields.number("missing").value_or(0);
  mark.path = fields.path();
  std::optional<std::uint64_t> tail = hash;
  if (const auto end = fields.number("packed")) {
    const auto frame = fields.number("frame");
    const auto at = fields.number("at");
    const auto whole = fields.number("whole");
    if (!frame || !at || !whole || *frame > *end || *at > *offset || *whole > 1) return std::nullopt;
    mark.packed = FileMark::Packed{*end, {*frame, *at}, *whole == 1, *hash};
    tail = fields.number("text", 16);
  }
  if (tail) mark.text = Fingerprint{fields.number("head", 16), *tail};
  if (tail && head_is_tail(*offset)) mark.text->head = tail;
  if (!fields.good()) return std::nullopt;
  return mark;
}

}  // namespace pipec::stdlib
