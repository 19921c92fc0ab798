// The position of a node or an expression in the pipeline's text. The runtime knows no language, so a place
// is preformatted text.
#pragma once

#include <cstdint>
#include <string>

namespace pipec::runtime {

struct Place {
  std::string file = {};
  std::uint32_t line = 0;    // from 1; 0: built in C++, without text
  std::uint32_t column = 0;  // from 1, in characters

  bool known() const { return line != 0; }
  std::string to_string() const;  // "file:line:column", or "" where not known
};

}  // namespace pipec::runtime
