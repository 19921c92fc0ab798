// MsgPack for tests: JSON as MsgPack and back, and handwritten bytes.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/msgpack.h"
#include "support/catch.h"
#include "unit/runtime/json_support.h"
#include "unit/runtime/support/records.h"

namespace pipec::runtime::test {

inline std::string bytes_of(std::initializer_list<int> bytes) {
  std::string text;
  for (const int byte : bytes) text += static_cast<char>(byte);
  return text;
}

// "!reason @offset" where there is none.
inline std::string packed(std::string_view json) {
  BufferPool pool(0);
  const BufferRef out = pool.get(16);
  std::size_t offset = 0;
  if (const char* reason = json_to_msgpack(Padded(json).view(), *out, &offset)) {
    REQUIRE(out->size() == 0);
    return "!" + std::string(reason) + " @" + std::to_string(offset);
  }
  return std::string(out->view());
}

// nullopt: the text is not JSON, or contains a number that MsgPack cannot represent.
inline std::optional<std::string> try_packed(std::string_view json) {
  BufferPool pool(0);
  const BufferRef out = pool.get(16);
  if (json_to_msgpack(Padded(json).view(), *out)) return std::nullopt;
  return std::string(out->view());
}

inline std::string unpacked(std::string_view bytes, bool checked = false) {
  BufferPool pool(0);
  const BufferRef out = pool.get(16);
  std::size_t offset = 0;
  if (const char* reason = msgpack_to_json(bytes, checked, *out, &offset)) {
    REQUIRE(out->size() == 0);
    return "!" + std::string(reason) + " @" + std::to_string(offset);
  }
  return std::string(out->view());
}

inline std::string validated(std::string_view bytes) {
  std::size_t offset = 0;
  const char* const reason = validate_msgpack(bytes, &offset);
  return reason ? std::string(reason) + " @" + std::to_string(offset) : "valid";
}

inline std::vector<std::string> all_packed(const std::vector<std::string>& lines) {
  std::vector<std::string> result;
  for (const std::string& line : lines) result.push_back(packed(line));
  return result;
}

// A few bytes changed, taken out, put in or cut off.
inline std::string damaged_msgpack(Random& random, std::string bytes) {
  for (std::size_t n = 1 + random.below(3); n > 0 && !bytes.empty(); --n) {
    const std::size_t at = random.below(bytes.size());
    switch (random.below(4)) {
      case 0:
        bytes[at] = static_cast<char>(random.below(256));
        break;
      case 1:
        bytes.erase(at, 1 + random.below(3));
        break;
      case 2:
        bytes.insert(at, 1, static_cast<char>(0xc0 + random.below(32)));
        break;
      default:
        bytes.resize(at);
    }
  }
  return bytes;
}

// A block of MsgPack records, nothing between them.
inline std::shared_ptr<Block> msgpack_block(const std::vector<std::string>& records, BufferPool& pool) {
  auto block = std::make_shared<Block>();
  block->data = pool.get(64);
  for (const std::string& record : records) {
    block->origins.push_back(
        {static_cast<std::uint32_t>(block->data->size()), static_cast<std::uint32_t>(record.size())});
    block->data->append(record);
  }
  block->source = "in.msgpack";
  block->byte_positions = true;
  block->format = Format::msgpack;
  return block;
}

}  // namespace pipec::runtime::test
