// Where two JSON texts differ, as the language compares values: key order and spacing do not count.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pipec::cli {

// One line for each place, the first few of them: `.status: expected 200, got "200"`. Empty where they are
// equal.
std::vector<std::string> json_differences(std::string_view expected, std::string_view got);

}  // namespace pipec::cli
