// Globs and the names from log rotation: which paths belong to a recv file.
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "stdlib/connectors/glob.h"
#include "stdlib/connectors/input_paths.h"
#include "stdlib/connectors/rotation.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace pipec::test;
using namespace pipec::stdlib;

namespace {

using Paths = std::vector<std::string>;

Paths found(const TempDir& temp, const std::string& pattern) {
  auto files = glob_files(temp / pattern);
  REQUIRE(files.ok());
  for (std::string& path : *files) path.erase(0, (temp / "").size());
  return *files;
}

}  // namespace

TEST_CASE("braces are expanded as in a shell") {
  CHECK(expand_braces("a{b,c}d") == Paths{"abd", "acd"});
  CHECK(expand_braces("{a,b{c,d}}{1,2}") == Paths{"a1", "a2", "bc1", "bc2", "bd1", "bd2"});
  CHECK(expand_braces("a{b}c") == Paths{"a{b}c"});
  CHECK(expand_braces("a{b,c") == Paths{"a{b,c"});
  CHECK(expand_braces("a\\{b,c}") == Paths{"a\\{b,c}"});
  CHECK(expand_braces("a{,.1}") == Paths{"a", "a.1"});
  CHECK_FALSE(is_glob("a{b}c"));
  CHECK(is_glob("a{b,c}"));
  CHECK(is_glob("[ab]"));
}

TEST_CASE("a glob matches the same names as a shell's, with ** through directories") {
  const TempDir temp;
  REQUIRE(::mkdir((temp / "x").c_str(), 0700) == 0);
  REQUIRE(::mkdir((temp / "x/y").c_str(), 0700) == 0);
  REQUIRE(::mkdir((temp / "x/y/z.log").c_str(), 0700) == 0);
  REQUIRE(::mkdir((temp / "x/.hidden").c_str(), 0700) == 0);
  REQUIRE(::symlink("y", (temp / "x/link").c_str()) == 0);
  for (const char* file :
       {"x/1.log", "x/y/2.log", "x/y/z.log/3.log", "x/.hidden/4.log", "x/.5.log", "x/a.txt"})
    write_file(temp / file, "1\n");
  CHECK(found(temp, "x/**/*.log") == Paths{"x/1.log", "x/y/2.log", "x/y/z.log/3.log"});
  CHECK(found(temp, "**/2.log") == Paths{"x/y/2.log"});
  CHECK(found(temp, "x/**") == Paths{"x/1.log", "x/a.txt", "x/y/2.log", "x/y/z.log/3.log"});
  CHECK(found(temp, "x/*") == Paths{"x/1.log", "x/a.txt"});
  CHECK(found(temp, "x/*/2.log") == Paths{"x/link/2.log", "x/y/2.log"});
  CHECK(found(temp, "x/.*") == Paths{"x/.5.log"});
  CHECK(found(temp, "x/{1.log,a.txt,none}") == Paths{"x/1.log", "x/a.txt"});
  CHECK(found(temp, "x/[!2-9].log") == Paths{"x/1.log"});
  CHECK(found(temp, "x/?.log") == Paths{"x/1.log"});
  CHECK(found(temp, "none/*").empty());
}

TEST_CASE("a pattern judges a path without a look at the disk") {
  CHECK(glob_matches("a/**/*.log", "a/b.log"));
  CHECK(glob_matches("./a/**/*.log", "a/b/c/d.log"));
  CHECK_FALSE(glob_matches("a/**/*.log", "a/.b/c.log"));
  CHECK_FALSE(glob_matches("a/*.log", "a/b/c.log"));
  CHECK_FALSE(glob_matches("a/*.log", "/a/b.log"));
  CHECK(glob_matches("{a,b}.log", "b.log"));
  CHECK_FALSE(glob_matches("**", ""));
}

TEST_CASE("input paths: lists, exclusion, and an error if a glob matches nothing") {
  const TempDir temp;
  for (const char* file : {"b.log", "a.log", "c.txt", "odd[1].log", "a.log.gz"}) write_file(temp / file, "");
  const auto all = [&](InputPaths paths) {
    for (std::string& path : paths.wanted) path = temp / path;
    return expand_input_paths(paths);
  };
  const auto names = [&](const InputPaths& paths) {
    auto expanded = all(paths);
    REQUIRE(expanded.ok());
    for (std::string& path : *expanded) path.erase(0, (temp / "").size());
    return *expanded;
  };
  CHECK(names({{"c.txt", "*.log"}, {}, {}}) == Paths{"c.txt", "a.log", "b.log", "odd[1].log"});
  CHECK(names({{"b.log", "*.log"}, {}, {}}) == Paths{"b.log", "a.log", "odd[1].log"});
  CHECK(names({{"*log*"}, {"*.gz", "odd*"}, {}}) == Paths{"a.log", "b.log"});
  CHECK(names({{"odd[1].log"}, {}, {}}) == Paths{"odd[1].log"});
  CHECK(names({{"*.log"}, {}, [&](Paths& found) { std::erase(found, temp / "b.log"); }}) ==
        Paths{"a.log", "odd[1].log"});
  CHECK(all({{"none"}, {}, {}}).ok());  // opening it reports the problem
  CHECK(all({{"*.none"}, {}, {}}).error().message == "no file matches " + (temp / "*.none"));
  CHECK(all({{"a.log", "*.none"}, {}, {}}).error().message == "no file matches " + (temp / "*.none"));
  CHECK(all({{"*.txt"}, {"c*"}, {}}).error().message ==
        (temp / "*.txt") + " matches only files that 'exclude' leaves out");
}

TEST_CASE("F1 names derived by log rotation") {
  for (const auto& [known, path] : std::vector<std::pair<std::string, std::string>>{
           {"app.log", "app.log.1"},          {"app.log", "app.log.12.gz"},
           {"app.log", "app.log.gz"},         {"app.log.gz", "app.log.zst"},
           {"app.log.1", "app.log.1.gz"},     {"app.log.1", "app.log.2.zst"},
           {"app.log", "app-20260102.log"},   {"app.log", "app-20260102.log.gz"},
           {"app.log", "app.log-20260102"},   {"app.log", "app.log-20260102-1767312000.gz"},
           {"app.log", "app.log.2026-01-02"}, {"app.log", "app.log.2026-01-02_15"},
           {"app.log", "app-2026-01-02.log"}, {"app.log", "app.1.log"},
           {"app.1.log", "app.2.log"},        {"app.log-20260102", "app.log-20260102.1.gz"},
           {"app.log", "app.log-20260102.1"}, {"d/app", "d/app.3"},
           {"messages", "messages-20260102"},
       }) {
    INFO(known << " to " << path);
    CHECK(rotation_makes(known, path));
    CHECK(rotation_makes(path, known) == (unpacked_name(known) == unpacked_name(path)));
    // Their search key.
    bool found = false;
    for (const std::string& origin : rotation_origins(path)) found = found || origin == unpacked_name(known);
    for (const RotationNumber& a : rotation_numbers(known)) {
      for (const RotationNumber& b : rotation_numbers(path)) found = found || a.name == b.name;
    }
    CHECK(found);
  }
  for (const auto& [known, path] : std::vector<std::pair<std::string, std::string>>{
           {"app.log", "app.log"},
           {"app.log", "apq.log.1"},
           {"app.log", "app.log.old"},
           {"app.log.2", "app.log.1"},
           {"app.log", "app.log.12345"},
           {"a/app.log", "b/app.log.1"},
           {"app-20260102.log", "app-20260103.log"},
           {"1", "2"},
           {".1", ".2"},
           {"d/.gz", "d/"},
       }) {
    INFO(known << " to " << path);
    CHECK_FALSE(rotation_makes(known, path));
  }
}
