// Helpers that the framings share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "pipec/runtime/format.h"

namespace pipec::stdlib {

inline constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

constexpr bool is_white(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

inline runtime::Slice slice(std::size_t begin, std::size_t end) {
  return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin)};
}

inline bool room_for_more(const std::vector<runtime::Slice>& origins, std::size_t max_records) {
  return max_records == 0 || origins.size() < max_records;
}

}  // namespace pipec::stdlib
