#include "pipec/dsl/foreign_words.h"

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "parse_text.h"
#include "pipec/dsl/suggest.h"
#include "support/catch.h"

using namespace pipec::dsl;

TEST_CASE("the table of other tools' words is long and sorted, and each entry names a replacement") {
  const auto words = foreign_words();
  CHECK(words.size() >= 80);
  for (std::size_t i = 0; i < words.size(); ++i) {
    CAPTURE(words[i].word);
    CHECK(!words[i].entry.empty());
    CHECK(words[i].advice.size() > 8);
    if (i == 0) continue;
    const auto before = std::pair(words[i - 1].word, words[i - 1].where == ForeignWord::Where::stage);
    CHECK(before != std::pair(words[i].word, words[i].where == ForeignWord::Where::stage));
    CHECK(words[i - 1].word <= words[i].word);
  }
  CHECK(foreign_word("gsub", ForeignWord::Where::expression)->entry == "replace_re");
  CHECK(foreign_word("gsub", ForeignWord::Where::stage) == nullptr);
}

TEST_CASE("every other tool's stage, followed by a value, gets a hint with the name to write") {
  for (const ForeignWord& word : foreign_words()) {
    if (word.where != ForeignWord::Where::stage) continue;
    for (const char* behind : {" .a > 1", " 2", " \"x\""}) {
      const std::string text = "recv file(\"a\") | " + std::string(word.word) + behind + " | sink stdout()";
      CAPTURE(text);
      SourceMap sources;
      DiagnosticSink sink;
      const SourceFile& source = sources.add("a.pipe", text);
      parse(source, sink);
      REQUIRE(sink.error_count() == 1);
      // A word that is also a keyword of this language has a different hint.
      if (code_text(sink.all()[0].code) != "E0117") continue;
      CHECK(sink.all()[0].hints == std::vector<std::string>{std::string(word.advice)});
    }
  }
}

TEST_CASE("a suggestion does not change the meaning") {
  const std::vector<std::string_view> names = {"is_int", "is_null", "has", "parse_time", "from_unix"};
  CHECK(!suggest("to_int", names));
  CHECK(!suggest("in_int", std::vector<std::string_view>{"to_int"}));
  CHECK(suggest("is_nul", names) == "is_null");
  CHECK(suggest("parse_tiem", names) == "parse_time");
  CHECK(suggest("form_unix", names) == "from_unix");
}
