#include "stdlib/stages/held_record.h"

#include <limits>

#include "stdlib/stages/state_bytes.h"

namespace pipec::stdlib {

using runtime::Metadata;

namespace {

// The bits of a record's first byte.
constexpr unsigned kMsgPack = 1;
constexpr unsigned kValidated = 2;
constexpr unsigned kMetadata = 4;
constexpr unsigned kKey = 8;
constexpr unsigned kTimestamp = 16;
constexpr unsigned kNullPayload = 32;
constexpr unsigned kAll = 63;

}  // namespace

HeldRecord HeldRecord::of(const runtime::Batch& batch, const runtime::Record& record) {
  HeldRecord held{std::string(batch.payload(record)), record.format, record.validated, {}};
  if (const Metadata* metadata = batch.metadata_of(record)) held.metadata = *metadata;
  return held;
}

std::size_t HeldRecord::bytes() const {
  std::size_t all = sizeof(HeldRecord) + payload.capacity();
  if (!metadata) return all;
  if (metadata->key) all += metadata->key->size();
  for (const runtime::Header& header : metadata->headers) {
    all += sizeof header + header.name.size() + (header.value ? header.value->size() : 0);
  }
  return all;
}

void HeldRecord::write(std::string& out) const {
  unsigned bits = (format == runtime::Format::msgpack ? kMsgPack : 0) | (validated ? kValidated : 0);
  if (metadata) {
    bits |= kMetadata | (metadata->key ? kKey : 0) | (metadata->timestamp ? kTimestamp : 0) |
            (metadata->null_payload ? kNullPayload : 0);
  }
  out += static_cast<char>(bits);
  write_text(payload, out);
  if (!metadata) return;
  if (metadata->key) write_text(*metadata->key, out);
  if (metadata->timestamp) write_word(static_cast<std::uint64_t>(*metadata->timestamp), out);
  write_word(metadata->headers.size(), out);
  for (const runtime::Header& header : metadata->headers) {
    write_text(header.name, out);
    out += header.value ? '1' : '0';
    if (header.value) write_text(*header.value, out);
  }
}

std::optional<HeldRecord> HeldRecord::read(std::string_view& from) {
  if (from.empty()) return std::nullopt;
  const auto bits = static_cast<unsigned char>(from[0]);
  from.remove_prefix(1);
  const auto payload = read_text(from);
  if (!payload || bits > kAll) return std::nullopt;
  HeldRecord held{std::string(*payload),
                  bits & kMsgPack ? runtime::Format::msgpack : runtime::Format::json,
                  (bits & kValidated) != 0,
                  {}};
  if (!(bits & kMetadata)) return held;
  Metadata& metadata = held.metadata.emplace();
  metadata.null_payload = bits & kNullPayload;
  if (bits & kKey) {
    const auto key = read_text(from);
    if (!key) return std::nullopt;
    metadata.key = *key;
  }
  if (bits & kTimestamp) {
    const auto time = read_word(from);
    if (!time) return std::nullopt;
    metadata.timestamp = static_cast<std::int64_t>(*time);
  }
  auto headers = read_word(from);
  if (!headers) return std::nullopt;
  for (; *headers > 0; --*headers) {
    const auto name = read_text(from);
    if (!name || from.empty()) return std::nullopt;
    const bool valued = from[0] == '1';
    from.remove_prefix(1);
    const auto value = valued ? read_text(from) : std::optional<std::string_view>();
    if (valued && !value) return std::nullopt;
    metadata.headers.push_back({std::string(*name), {}});
    if (value) metadata.headers.back().value = *value;
  }
  return held;
}

Released::Released(runtime::Batch& out, std::size_t bytes) : out_(out), buffer_(out.add_buffer(bytes)) {}

runtime::Status Released::add(const HeldRecord& record) {
  if (runtime::Status added = add(record.payload, record.format, record.validated); !added) return added;
  if (!record.metadata) return {};
  out_.metadata.push_back(*record.metadata);
  out_.records.back().metadata = static_cast<std::uint32_t>(out_.metadata.size());
  return {};
}

runtime::Status Released::add(std::string_view payload, runtime::Format format, bool validated) {
  runtime::Buffer& buffer = *out_.buffers[buffer_];
  if (payload.size() >= std::numeric_limits<std::uint32_t>::max() - buffer.size()) {
    return runtime::Error::make(runtime::ErrorCode::resources,
                                "the records that leave at once are more than 4 GiB");
  }
  runtime::Record record;
  record.buffer = buffer_;
  record.begin = static_cast<std::uint32_t>(buffer.size());
  record.size = static_cast<std::uint32_t>(payload.size());
  record.format = format;
  record.validated = validated;
  buffer.append(payload);
  if (format == runtime::Format::json) buffer.append('\n');
  out_.records.push_back(record);
  return {};
}

}  // namespace pipec::stdlib
