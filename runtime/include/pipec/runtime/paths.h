// One name for one file, however a text spells it.
#pragma once

#include <string>

namespace pipec::runtime {

// The absolute path of `path`: symbolic links are resolved as far as the path exists, including links to
// files that do not exist yet; "." and ".." are removed. If a directory cannot be searched, the rest is kept
// as written.
std::string canonical_path(const std::string& path);

// The canonical path as state keeps it: relative to the working directory if it is below it, so that a
// project's folder can be moved, else absolute.
std::string state_path(const std::string& path);

}  // namespace pipec::runtime
