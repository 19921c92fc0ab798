// .pipe files in and out.
#pragma once

#include <optional>
#include <string>

namespace pipec::cli {

// The whole text; for "-", that of stdin. Returns nullopt if it cannot be read, with the cause in `reason`
// ("No such file or directory").
std::optional<std::string> read_text(const std::string& path, std::string& reason);

// Replaces a file's content in one step, so that no reader and no crash sees half of it. Keeps its mode;
// follows a link.
bool replace_text(const std::string& path, const std::string& text, std::string& reason);

}  // namespace pipec::cli
