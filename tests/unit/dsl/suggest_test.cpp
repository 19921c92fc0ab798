#include "pipec/dsl/suggest.h"

#include "support/catch.h"

using namespace pipec::dsl;

TEST_CASE("the edit distance counts inserts, deletes, changes and swaps of neighbours") {
  CHECK(edit_distance("", "", 3) == 0);
  CHECK(edit_distance("abc", "abc", 3) == 0);
  CHECK(edit_distance("abc", "acb", 3) == 1);
  CHECK(edit_distance("abc", "ab", 3) == 1);
  CHECK(edit_distance("abc", "xabc", 3) == 1);
  CHECK(edit_distance("abc", "axc", 3) == 1);
  CHECK(edit_distance("kitten", "sitting", 5) == 3);
  CHECK(edit_distance("ca", "abc", 5) == 3);
  CHECK(edit_distance("abcdef", "uvwxyz", 2) == 3);
  CHECK(edit_distance(std::string(100, 'a'), std::string(100, 'b'), 2) == 3);
}

TEST_CASE("the nearest name is suggested, and none if no name is near") {
  std::vector<std::string_view> stages{"filter", "parse", "transform", "route", "sink", "drop"};
  CHECK(suggest("filer", stages) == "filter");
  CHECK(suggest("FILTER", stages) == "filter");
  CHECK(suggest("tranfsorm", stages) == "transform");
  CHECK(suggest("snik", stages) == "sink");
  CHECK_FALSE(suggest("x", stages));
  CHECK_FALSE(suggest("", stages));
  CHECK_FALSE(suggest("elephant", stages));
  CHECK_FALSE(suggest(std::string(1000, 'x'), stages));
  CHECK(did_you_mean("topic", std::vector<std::string>{"brokers", "topics"}) == "did you mean 'topics'?");
  CHECK(did_you_mean("zzz", stages).empty());
}
