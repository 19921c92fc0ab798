#include "pipec/dsl/source.h"

#include "support/catch.h"

using namespace pipec::dsl;

TEST_CASE("a place is a line and a character, both from 1") {
  SourceFile file(0, "a.pipe", "ab\n\tc\xC3\xA9z\n");
  CHECK(file.line_count() == 3);
  CHECK(file.locate(0) == Location{1, 1});
  CHECK(file.locate(2) == Location{1, 3});
  CHECK(file.locate(4) == Location{2, 2});  // after the tab, which is one character
  CHECK(file.locate(7) == Location{2, 4});  // after the two bytes of the e
  CHECK(file.locate(9) == Location{3, 1});
  CHECK(file.locate(1000) == Location{3, 1});
}

TEST_CASE("a line's text has neither its end nor a byte order mark") {
  SourceFile file(0, "a.pipe",
                  "\xEF\xBB\xBF"
                  "x\r\ny");
  CHECK(file.line_text(1) == "x");
  CHECK(file.line_text(2) == "y");
  CHECK(file.locate(3) == Location{1, 1});
  CHECK(file.locate(4) == Location{1, 2});
  CHECK(file.locate(0) == Location{1, 1});
}

TEST_CASE("columns are right far along a line of megabytes") {
  std::string text;
  for (int i = 0; i < 300000; ++i) text += "\xC3\xA9x";
  SourceFile file(0, "a.pipe", "first\n" + text);
  CHECK(file.locate(6 + 3 * 250000) == Location{2, 500001});
  CHECK(file.locate(6 + 3 * 250000 + 2) == Location{2, 500002});
  CHECK(file.locate(static_cast<std::uint32_t>(6 + text.size())) == Location{2, 600001});
}

TEST_CASE("an empty text has one empty line") {
  SourceFile file(0, "a.pipe", "");
  CHECK(file.line_count() == 1);
  CHECK(file.line_text(1).empty());
  CHECK(file.locate(0) == Location{1, 1});
  CHECK(file.text(Span{0, 5, 9}).empty());
}

TEST_CASE("a source map names places across files") {
  SourceMap map;
  const SourceFile& first = map.add("a.pipe", "one");
  const SourceFile& second = map.add("b.pipe", "one\ntwo");
  CHECK(first.id() == 0);
  CHECK(map.place(Span{second.id(), 4, 5}) == "b.pipe:2:1");
  CHECK(&map.get(0) == &first);
}
