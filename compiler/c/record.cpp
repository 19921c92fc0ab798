#include "compiler/c/record.h"

#include <algorithm>
#include <optional>
#include <string>

namespace pipec::c {
namespace {

std::optional<std::string> bytes(const char* data, std::size_t size) {
  if (!data) return std::nullopt;
  return std::string(data, size);
}

}  // namespace

Lent::Lent(std::uint64_t number, const stdlib::MemoryRecord& from) {
  headers.reserve(from.metadata.headers.size());
  for (const runtime::Header& header : from.metadata.headers) {
    headers.push_back({header.name.c_str(), header.value ? header.value->c_str() : nullptr,
                       header.value ? header.value->size() : 0});
  }
  record.struct_size = sizeof record;
  record.payload = from.payload.c_str();
  record.payload_size = from.payload.size();
  if (from.metadata.key) {
    record.key = from.metadata.key->c_str();
    record.key_size = from.metadata.key->size();
  }
  record.headers = headers.data();
  record.header_count = headers.size();
  record.has_timestamp = from.metadata.timestamp.has_value();
  record.timestamp = from.metadata.timestamp.value_or(0);
  record.number = number;
}

const char* wrong_with(const pipec_record* record) {
  if (!record) return "the record is null";
  if (record->struct_size < sizeof(pipec_record)) return "struct_size of the record is not set";
  if (!record->payload && record->payload_size != 0) return "the payload is null, but its size is not 0";
  if (!record->headers && record->header_count != 0) return "the headers are null, but their count is not 0";
  const pipec_header* end = record->headers + record->header_count;
  const bool unnamed = std::any_of(record->headers, end, [](const pipec_header& each) { return !each.name; });
  return unnamed ? "the name of a header is null" : nullptr;
}

stdlib::MemoryRecord copy_of(const pipec_record& record) {
  stdlib::MemoryRecord copy;
  copy.payload = bytes(record.payload, record.payload_size).value_or("");
  copy.metadata.key = bytes(record.key, record.key_size);
  for (std::size_t i = 0; i < record.header_count; ++i) {
    const pipec_header& header = record.headers[i];
    copy.metadata.headers.push_back({header.name, bytes(header.value, header.value_size)});
  }
  if (record.has_timestamp) copy.metadata.timestamp = record.timestamp;
  return copy;
}

}  // namespace pipec::c
