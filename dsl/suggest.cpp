#include "pipec/dsl/suggest.h"

#include <algorithm>
#include <array>
#include <utility>

namespace pipec::dsl {

namespace {

constexpr std::size_t kLongestWord = 64;

char lower_ascii(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// "to_int" is not similar to "is_int": an entirely different word between underscores changes the meaning.
bool changes_a_part(std::string_view a, std::string_view b) {
  if (std::count(a.begin(), a.end(), '_') != std::count(b.begin(), b.end(), '_')) return false;
  while (a.find('_') != std::string_view::npos) {
    const std::size_t end_a = a.find('_');
    const std::size_t end_b = b.find('_');
    const std::size_t longest = std::max(end_a, end_b);
    if (longest != 0 && edit_distance(a.substr(0, end_a), b.substr(0, end_b), longest) >= longest)
      return true;
    a.remove_prefix(end_a + 1);
    b.remove_prefix(end_b + 1);
  }
  const std::size_t longest = std::max(a.size(), b.size());
  return longest > 1 && edit_distance(a, b, longest) >= longest;
}

template <class Text>
std::optional<std::string> nearest(std::string_view word, const std::vector<Text>& candidates) {
  if (word.empty() || word.size() > kLongestWord) return std::nullopt;
  std::string folded(word);
  std::transform(folded.begin(), folded.end(), folded.begin(), lower_ascii);
  std::size_t limit = std::max<std::size_t>(1, word.size() / 3);
  std::optional<std::string> best;
  for (const auto& candidate : candidates) {
    std::string text(candidate);
    if (text == word) continue;
    std::transform(text.begin(), text.end(), text.begin(), lower_ascii);
    std::size_t distance = edit_distance(folded, text, limit);
    // A word that would be replaced entirely ("a" for "x") is not suggested.
    if (distance > limit || distance >= std::max(folded.size(), text.size())) continue;
    if (changes_a_part(folded, text)) continue;
    best = std::string(candidate);
    if (distance == 0) break;
    limit = distance - 1;
  }
  return best;
}

std::string question(const std::optional<std::string>& found) {
  return found ? "did you mean '" + *found + "'?" : std::string();
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  if (a.size() > b.size()) std::swap(a, b);
  if (b.size() - a.size() > limit) return limit + 1;
  if (a.size() > kLongestWord) return a == b ? 0 : limit + 1;
  // Three rows of the table: the swap of neighbours looks two rows back.
  std::array<std::array<std::size_t, kLongestWord + 1>, 3> rows{};
  for (std::size_t i = 0; i <= a.size(); ++i) rows[0][i] = i;
  for (std::size_t j = 1; j <= b.size(); ++j) {
    auto& row = rows[j % 3];
    const auto& above = rows[(j + 2) % 3];
    const auto& twice_above = rows[(j + 1) % 3];
    row[0] = j;
    std::size_t smallest = row[0];
    for (std::size_t i = 1; i <= a.size(); ++i) {
      std::size_t change = above[i - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[i] = std::min({change, above[i] + 1, row[i - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[i] = std::min(row[i], twice_above[i - 2] + 1);
      }
      smallest = std::min(smallest, row[i]);
    }
    if (smallest > limit + 1) return limit + 1;
  }
  return std::min(rows[b.size() % 3][a.size()], limit + 1);
}

std::optional<std::string> suggest(std::string_view word, const std::vector<std::string_view>& candidates) {
  return nearest(word, candidates);
}
std::optional<std::string> suggest(std::string_view word, const std::vector<std::string>& candidates) {
  return nearest(word, candidates);
}
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates) {
  return question(nearest(word, candidates));
}
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  return question(nearest(word, candidates));
}

}  // namespace pipec::dsl
