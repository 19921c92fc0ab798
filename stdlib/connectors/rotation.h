// The names that log rotation gives to files: app.log becomes app.log.1, app.log-20260102, app-20260102.log
// or app.1.log, later app.log.2, and any of them packed (.gz, .zst). Names only; nothing on disk is looked
// at.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pipec::stdlib {

// Without .gz or .zst.
std::string_view unpacked_name(std::string_view path);

// May rotation have renamed `known` to `path`? A number only grows, a date stays.
bool rotation_makes(std::string_view known, std::string_view path);

// For finding such pairs among many paths: rotation_makes(known, path) holds only if one of
// rotation_origins(path) is among rotation_origins(known). The first of a path's own is unpacked_name(path).
std::vector<std::string> rotation_origins(std::string_view path);

}  // namespace pipec::stdlib
