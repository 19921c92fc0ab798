#include <random>
#include <string>
#include <vector>

#include "stdlib/connectors/lines.h"
#include "support/catch.h"

using pipec::runtime::Slice;
using pipec::stdlib::find_lines;

namespace {

// The rule, said slowly.
std::size_t find_slowly(const std::string& text, std::size_t max_records, std::vector<std::string>& lines) {
  std::size_t begin = 0;
  while (max_records == 0 || lines.size() < max_records) {
    const std::size_t newline = text.find('\n', begin);
    if (newline == std::string::npos) break;
    std::string line = text.substr(begin, newline - begin);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.find_first_not_of(" \t\r") != std::string::npos) lines.push_back(line);
    begin = newline + 1;
  }
  return begin;
}

}  // namespace

TEST_CASE("lines are found as the slow way finds them, whatever their lengths") {
  std::mt19937 random(20);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    const std::size_t length = random() % 400;
    const std::size_t rarity = 1 + random() % 40;
    for (std::size_t i = 0; i < length; ++i) text += random() % rarity == 0 ? "\n\r\n \t"[random() % 5] : 'x';
    const std::size_t max_records = random() % 3 == 0 ? 1 + random() % 5 : 0;
    std::vector<std::string> expected;
    const std::size_t taken = find_slowly(text, max_records, expected);
    std::vector<Slice> found;
    REQUIRE(find_lines(text.data(), text.size(), max_records, found) == taken);
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i)
      REQUIRE(text.substr(found[i].begin, found[i].size) == expected[i]);
  }
}
