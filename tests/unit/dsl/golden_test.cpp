// tests/golden/parse: each x.pipe has an x.out with its AST or its diagnostics. PIPEC_UPDATE_GOLDEN=1 writes
// them.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "parse_text.h"
#include "support/catch.h"

using namespace pipec::dsl::testing;
namespace fs = std::filesystem;

namespace {

std::string read(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("golden programs parse to their expected output") {
  std::vector<fs::path> programs;
  for (const auto& entry : fs::directory_iterator(PIPEC_GOLDEN_PARSE)) {
    if (entry.path().extension() == ".pipe") programs.push_back(entry.path());
  }
  std::sort(programs.begin(), programs.end());
  REQUIRE(programs.size() >= 5);
  for (const fs::path& program : programs) {
    INFO(program.string());
    Parsed parsed(read(program), program.filename().string());
    // A name that begins with fail_ promises an error.
    CHECK(parsed.result.ok == (program.filename().string().substr(0, 5) != "fail_"));
    std::string got = parsed.result.ok ? parsed.dumped() : parsed.rendered();
    fs::path expected = fs::path(program).replace_extension(".out");
    if (std::getenv("PIPEC_UPDATE_GOLDEN")) {
      std::ofstream(expected, std::ios::binary) << got;
    } else {
      CHECK(got == read(expected));
    }
  }
}
