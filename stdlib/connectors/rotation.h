// The names that log rotation gives to files: app.log becomes app.log.1, app.log-20260102, app-20260102.log
// or app.1.log, later app.log.2, and any of them packed (.gz, .zst). Works on names only, without accessing
// the disk.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pipec::stdlib {

// Without .gz or .zst.
std::string_view unpacked_name(std::string_view path);

// Could rotation have renamed `known` to `path`? A number only grows, a date stays. A packed file may have
// been unpacked by hand.
bool rotation_makes(std::string_view known, std::string_view path);

// For finding such pairs among many paths. rotation_makes(known, path) holds only if unpacked_name(known) is
// one of rotation_origins(path), the first of which is unpacked_name(path), or if both have a number at the
// same position of the same name.
std::vector<std::string> rotation_origins(std::string_view path);
struct RotationNumber {
  std::string name;  // with '#' for the number
  std::uint64_t number = 0;
};
std::vector<RotationNumber> rotation_numbers(std::string_view path);

}  // namespace pipec::stdlib
