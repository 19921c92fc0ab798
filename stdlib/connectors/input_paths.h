// The paths that a `recv file` reads: files, globs and lists of both, minus exclusions.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "pipec/runtime/error.h"
#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

struct InputPaths {
  std::vector<std::string> wanted;    // files and globs
  std::vector<std::string> excluded;  // globs; one without a slash is about names, in whatever directory
  // Removes the files that must not be read from a glob's matches; may be empty. Not called for paths without
  // a glob.
  std::function<void(std::vector<std::string>& found)> leave_out;
};

// The options `path` and `exclude`: each one text or a list of them.
InputPaths input_paths_of(const runtime::Options& options);
runtime::Status check_input_paths(const runtime::Options& options);

// Those that are named without a glob.
std::vector<std::string> constant_paths_of(const InputPaths& paths);

// In the order of `wanted`, a glob's matches sorted by name, each path once. A path with brackets or stars
// that exists is taken literally. Fails if a glob matches no file.
runtime::Result<std::vector<std::string>> expand_input_paths(const InputPaths& paths);

}  // namespace pipec::stdlib
