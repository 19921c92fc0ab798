// "Did you mean ...?"
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pipec::dsl {

// Damerau-Levenshtein (optimal string alignment) over bytes: insert, delete, change and swap of neighbours
// cost 1. Gives limit + 1 for everything beyond the limit.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

// The candidate that is likely meant: equal without regard to ASCII case, or within a third of the word's
// length (at least 1), without another word between its underscores. The nearest one wins, the earlier one
// among equals. Nothing for words beyond 64 bytes.
std::optional<std::string> suggest(std::string_view word, const std::vector<std::string_view>& candidates);
std::optional<std::string> suggest(std::string_view word, const std::vector<std::string>& candidates);

// "did you mean 'x'?", or an empty string where nothing is near.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace pipec::dsl
