// Is it text? What is written as JSON must be UTF-8.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace pipec::runtime {

// The length of the longest prefix that is valid UTF-8 (no overlong forms, no surrogates); text.size() where
// all is.
std::size_t valid_utf8_prefix(std::string_view text);

inline bool is_utf8(std::string_view text) {
  return valid_utf8_prefix(text) == text.size();
}

// Each byte that is no part of valid UTF-8 becomes U+FFFD: for messages that quote what somebody sent.
std::string printable_utf8(std::string_view text);

}  // namespace pipec::runtime
