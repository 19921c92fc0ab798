// Several errors in one run, each once, each where it is; and the likely fix of common mistakes.
#include "parse_text.h"
#include "support/catch.h"

using namespace pipec::dsl::testing;
using namespace pipec::dsl;

TEST_CASE("one run reports the errors of every statement, stage and item") {
  CHECK(errors_of("a | filter .x == | parse 5 | transform {\n .a = \n .b == 2\n c = 1\n .d = [1\n}\n| drop\n"
                  "let x 5\nfn f(= 1\ncommit maybe\na | sink\n") ==
        "E0110 1:18, E0110 1:26, E0121 4:2, E0111 6:1, E0110 8:7, E0110 9:6, E0122 10:8, E0110 12:1");
}

TEST_CASE("statements after an error are still parsed") {
  Parsed parsed("a | filter ) | sink file(\"x\")\nb | drop\n");
  CHECK(parsed.errors() == "E0110 1:12");
  CHECK(parsed.result.file.items.size() == 2);
  CHECK(parsed.dumped() ==
        "(flow\n  (from a)\n  (filter (error))\n  (sink file \"x\"))\n(flow\n  (from b)\n  (drop))\n");
}

TEST_CASE("a block or bracket that is not closed is one error") {
  CHECK(errors_of("a | transform { .a = 1\n| drop\nb | drop") == "E0111 2:1");
  CHECK(errors_of("a | transform { .a = 1") == "E0111 1:23");
  CHECK(errors_of("a | route { .x -> drop else -> drop\nrecv stdin() | drop") == "E0111 2:1");
  CHECK(errors_of("recv file(\"a\" | drop\nb | drop") == "E0111 1:15");
  CHECK(errors_of("recv file(\"a\"\nrecv stdin() | drop") == "E0111 2:1");
  CHECK(errors_of("a | filter (.x | drop") == "E0111 1:16");
  CHECK(errors_of("a | drop }\nb | drop") == "E0110 1:10");
}

TEST_CASE("an unterminated string costs one error and its line") {
  CHECK(errors_of("recv file(\"a.ndjson)\n| filter .x\n| drop").substr(0, 10) == "E0103 1:11");
  CHECK(errors_of("a | filter .x == \"y | drop\nb | filter ) | drop") == "E0103 1:18, E0110 2:12");
}

TEST_CASE("at most twenty errors are reported") {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "a | filter ) | drop\n";
  Parsed parsed(text);
  CHECK(parsed.sink.all().size() == kMaxParseErrors);
  CHECK(parsed.sink.all().back().notes.size() == 1);
}

TEST_CASE("misspelt and missing words are suggested") {
  CHECK(hint_of("a | filer .x == 1 | drop") == "did you mean 'filter'?");
  CHECK(hint_of("a | snik file(\"x\")") == "did you mean 'sink'?");
  CHECK(hint_of("a | route { .x -> filer .y | drop else -> drop }") == "did you mean 'filter'?");
  CHECK(hint_of("lte x = recv stdin()") == "did you mean 'let'?");
  CHECK(hint_of("revc stdin() | drop") == "did you mean 'recv'?");
  CHECK(hint_of("a | transform { delt(.x) } | drop") == "did you mean 'del'?");
  CHECK(hint_of("a filter .x | drop") == "stages are joined by '|'");
  CHECK(hint_of("a | filter .x\nsink null") == "stages are joined by '|'");
  CHECK(hint_of("commit snik") == "did you mean 'sink'?");
  CHECK(hint_of("test \"t\" { stage c givn 1 }") == "did you mean 'given'?");
  CHECK(hint_of("file(\"x\") | drop") == "write a connector after 'recv': recv file(...)");
  CHECK(hint_of("a | dedupe .id") == "write the options of a stage in parentheses: dedupe(...)");
  CHECK(hint_of("a | transfrm { .a = 1 } | drop") == "did you mean 'transform'?");
  CHECK(hint_of("a | rout { .a -> drop else -> drop }") == "did you mean 'route'?");
  CHECK(hint_of("a | stamp { .a = 1 } | drop") == "the name has no leading dot: name = .field");
  CHECK(hint_of("a | stamp { b = 1, c = 2 } | drop") == "leave it out");
  CHECK(hint_of("filter .x | drop").substr(0, 5) == "write");
  CHECK(hint_of("x = recv stdin()") == "write 'let x = ...'");
  CHECK(hint_of("a | route { .x -> drop }") == "add 'else -> drop' to drop the other records");
  CHECK(hint_of("a | route { .x -> drop _ -> drop }") == "the last arm is 'else -> ...'");
  CHECK(hint_of("a | route { else -> drop .x -> drop }") == "put the 'else' last");
  CHECK(hint_of("a | route { .x -> drop, else -> drop }") == "leave it out");
  CHECK(hint_of("a | parse \"json\" | drop") == "a format is a bare word: parse json");
  CHECK(hint_of("a | recv stdin()").substr(0, 6) == "'recv'");
  CHECK(hint_of("a | del(.x) | drop") == "write transform { del ... }");
  CHECK(hint_of("a | transform { .x == 1 } | drop") == "to set a field, write a single '='");
  CHECK(hint_of("a | transform { rename(.a -> .b) } | drop") == "write rename(.old, .new)");
  CHECK(hint_of("a | filter f (.x) | drop") == "the '(' of a call follows its name directly");
  CHECK(hint_of("a | filter .gr\xC3\xB6\xC3\x9F"
                "e == 1 | drop")
            .find("gr\xC3\xB6\xC3\x9F"
                  "e") != std::string::npos);
}

TEST_CASE("a stage chain's name before an arm on the same line is no misspelt stage") {
  CHECK(errors_of("a | route { .x -> sinks .y -> drop else -> drop }") == "");
}
