#include "stdlib/functions/zone_file.h"

#include <algorithm>

namespace pipec::stdlib {

namespace {

constexpr std::size_t kHeaderSize = 44;
// No offset is larger, so a local time is within this distance of its instant. A little over a day.
constexpr std::int64_t kMaxOffset = 26 * 3600;

std::int64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8U | static_cast<unsigned char>(c);
  return bytes.size() == 4 ? static_cast<std::int32_t>(value) : static_cast<std::int64_t>(value);
}

}  // namespace

struct ZoneFile::Header {
  char version = '\0';
  std::size_t utc_flags = 0;
  std::size_t standard_flags = 0;
  std::size_t leap_seconds = 0;
  std::size_t changes = 0;
  std::size_t types = 0;
  std::size_t letters = 0;

  static std::optional<Header> read(std::string_view content) {
    if (content.size() < kHeaderSize || !content.starts_with("TZif")) return std::nullopt;
    Header header;
    header.version = content[4];
    std::size_t at = 20;
    for (std::size_t* count : {&header.utc_flags, &header.standard_flags, &header.leap_seconds,
                               &header.changes, &header.types, &header.letters}) {
      const std::int64_t value = big_endian(content.substr(at, 4));
      if (value < 0) return std::nullopt;
      *count = static_cast<std::size_t>(value);
      at += 4;
    }
    return header;
  }

  std::size_t block_size(std::size_t time_size) const {
    return changes * (time_size + 1) + types * 6 + letters + leap_seconds * (time_size + 4) + standard_flags +
           utc_flags;
  }
};

std::shared_ptr<const ZoneFile> ZoneFile::read(std::string_view content) {
  auto header = Header::read(content);
  if (!header) return nullptr;
  std::size_t time_size = 4;
  content.remove_prefix(kHeaderSize);
  if (header->version != '\0') {  // the block of 32-bit times is for readers that know no other
    if (content.size() < header->block_size(4)) return nullptr;
    content.remove_prefix(header->block_size(4));
    header = Header::read(content);
    if (!header) return nullptr;
    content.remove_prefix(kHeaderSize);
    time_size = 8;
  }
  const std::size_t size = header->block_size(time_size);
  // With leap seconds its times would not be Unix times.
  if (content.size() < size || header->leap_seconds != 0) return nullptr;
  auto zone = std::make_shared<ZoneFile>();
  if (!zone->read_block(*header, content.substr(0, size), time_size)) return nullptr;
  content.remove_prefix(size);
  if (time_size == 8 && content.starts_with('\n')) {
    content.remove_prefix(1);
    const std::string_view rule = content.substr(0, content.find('\n'));
    zone->rule_ = ZoneRule::parse(rule);
    if (!rule.empty() && !zone->rule_) return nullptr;
  }
  return zone;
}

bool ZoneFile::read_block(const Header& header, std::string_view block, std::size_t time_size) {
  for (std::size_t i = 0; i < header.changes; ++i) {
    changes_.push_back(big_endian(block.substr(i * time_size, time_size)));
  }
  if (!std::is_sorted(changes_.begin(), changes_.end())) return false;
  block.remove_prefix(header.changes * time_size);
  for (std::size_t i = 0; i < header.changes; ++i) {
    to_types_.push_back(static_cast<std::uint8_t>(block[i]));
    if (to_types_.back() >= header.types) return false;
  }
  block.remove_prefix(header.changes);
  const std::string_view names = block.substr(header.types * 6, header.letters);
  for (std::size_t i = 0; i < header.types; ++i) {
    const std::string_view entry = block.substr(i * 6, 6);
    const auto name = static_cast<unsigned char>(entry[5]);
    if (name >= names.size()) return false;
    const std::string_view abbreviation = names.substr(name);
    types_.push_back(
        {big_endian(entry.substr(0, 4)), std::string(abbreviation.substr(0, abbreviation.find('\0')))});
    if (types_.back().offset < -kMaxOffset || types_.back().offset > kMaxOffset) return false;
  }
  return !types_.empty();
}

ZonePeriod ZoneFile::period_at(std::int64_t unix_seconds) const {
  const auto next = std::upper_bound(changes_.begin(), changes_.end(), unix_seconds);
  if (next == changes_.end() && rule_) {
    ZonePeriod period = rule_->at(unix_seconds);
    if (!changes_.empty()) period.begin = std::max(period.begin, changes_.back());
    return period;
  }
  ZonePeriod period;
  std::size_t type = 0;
  if (next != changes_.begin()) {
    period.begin = *std::prev(next);
    type = to_types_[static_cast<std::size_t>(next - changes_.begin()) - 1];
  }
  if (next != changes_.end()) period.end = *next;
  period.offset = types_[type].offset;
  period.abbreviation = types_[type].abbreviation;
  return period;
}

TimeZone::Local ZoneFile::at(std::int64_t unix_seconds) const {
  const ZonePeriod period = period_at(unix_seconds);
  return {period.offset, std::string(period.abbreviation)};
}

std::optional<std::int64_t> ZoneFile::to_utc(std::int64_t local_seconds) const {
  std::int64_t at = local_seconds - kMaxOffset;
  while (at <= local_seconds + kMaxOffset) {
    const ZonePeriod period = period_at(at);
    const std::int64_t instant = local_seconds - period.offset;
    if (instant >= period.begin && instant < period.end) return instant;
    if (period.end == std::numeric_limits<std::int64_t>::max()) break;
    at = period.end;
  }
  return std::nullopt;
}

std::optional<std::int64_t> ZoneFile::offset_of(std::string_view abbreviation,
                                                std::int64_t local_seconds) const {
  std::optional<std::int64_t> last;
  for (std::size_t i = 0; i < changes_.size() + 1; ++i) {
    const Type& type = i == 0 ? types_.front() : types_[to_types_[i - 1]];
    if (type.abbreviation == abbreviation) last = type.offset;
  }
  if (rule_) {
    if (const auto ruled = rule_->offset_of(abbreviation)) last = ruled;
  }
  if (!last) return std::nullopt;
  // An abbreviation in use at that time takes precedence over today's.
  for (const Type& type : types_) {
    if (type.abbreviation != abbreviation || type.offset == *last) continue;
    const ZonePeriod then = period_at(local_seconds - type.offset);
    if (then.abbreviation == abbreviation && then.offset == type.offset) return type.offset;
  }
  return last;
}

}  // namespace pipec::stdlib
