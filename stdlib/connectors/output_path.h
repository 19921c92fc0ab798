// The path of a file sink: where its template may write, and which paths are none.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/program.h"

namespace pipec::stdlib {

struct OutputTemplate {
  // The constant directory, up to the last '/' before the first value of a record. Ends with '/', or is empty
  // for the working directory. Records' paths stay below it.
  std::string base;
  bool constant = false;
  std::string name;  // constant: the part after the base
  // The text between the record's values, after the base. One piece if it is constant.
  std::vector<std::string> pieces;

  // Can a path below the base be one of its files? Each value stands for any text.
  bool matches(std::string_view relative) const;
};
OutputTemplate analyse_output(const runtime::Program& program);

// Null for a path below a base that may be used, else why not.
const char* refuse_output(std::string_view relative);

// The same name for the same file where the spelling differs only in "//" and "/./".
std::string plain_path(std::string_view path);

}  // namespace pipec::stdlib
