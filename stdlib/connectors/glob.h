// Globs as a shell has them: * ? and [...] within a name, ** for any number of directories, {a,b} for either.
// A backslash removes the special meaning of the next character. Names that begin with a dot match only a
// pattern that begins with one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/error.h"

namespace pipec::stdlib {

bool is_glob(std::string_view text);

// "a{b,c}" as "ab" and "ac". Braces without a comma in them stand for themselves.
std::vector<std::string> expand_braces(std::string_view pattern);

// All matches of the pattern except directories, sorted by name. ** does not follow links. Fails if a
// directory on the path cannot be read.
runtime::Result<std::vector<std::string>> glob_files(std::string_view pattern);

// Whether the pattern matches this path, without accessing the disk.
bool glob_matches(std::string_view pattern, std::string_view path);

}  // namespace pipec::stdlib
