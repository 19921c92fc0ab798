#include <filesystem>
#include <fstream>
#include <sstream>

#include "canonical.h"

using namespace pipec::dsl::testing;
using namespace pipec::dsl;

TEST_CASE("short flows stay on one line, longer ones have a line per stage") {
  CHECK(canonical("a|filter .x>1|sink  file( \"y\" )") == "a | filter .x > 1 | sink file(\"y\")\n");
  CHECK(canonical("a|parse json|filter .x|drop") == "a\n| parse json\n| filter .x\n| drop\n");
  CHECK(canonical("let c = parse json|clean") == "let c = parse json | clean\n");
  CHECK(canonical("let c=a|parse json|filter .x|d") == "let c = a\n  | parse json\n  | filter .x\n  | d\n");
  std::string long_name(90, 'n');
  CHECK(canonical("a | filter ." + long_name + " | drop") == "a\n| filter ." + long_name + "\n| drop\n");
}

TEST_CASE("blocks") {
  CHECK(canonical("a|transform{.x=1}|drop") == "a | transform { .x = 1 } | drop\n");
  CHECK(canonical("a|transform{.x=1;.y=2}|drop") ==
        "a\n| transform {\n    .x = 1\n    .y = 2\n  }\n| drop\n");
  CHECK(canonical("a|route{.x->drop else->b|c}") == "a | route {\n    .x -> drop\n    else -> b | c\n}\n");
  CHECK(canonical("a|transform{if .x{drop}else{.y=1 .z=2}}|drop") ==
        "a\n| transform {\n    if .x {\n        drop\n    } else {\n        .y = 1\n        .z = 2\n    }\n  "
        "}\n| drop\n");
}

TEST_CASE("long expressions break at operators and commas") {
  std::string a(40, 'a');
  CHECK(canonical("x | filter ." + a + " and ." + a + " and ." + a + " | drop") ==
        "x\n| filter ." + a + "\n      and ." + a + "\n      and ." + a + "\n| drop\n");
  CHECK(canonical("x | sink kafka(topic: \"" + a + "\", key: ." + a + ", z: ." + a + ")") ==
        "x | sink kafka(\n    topic: \"" + a + "\",\n    key: ." + a + ",\n    z: ." + a + ",\n)\n");
}

TEST_CASE("expressions have one spelling") {
  CHECK(canonical("fn f(a,b)=- 5+--a*(b)") == "fn f(a, b) = -5 + --a * (b)\n");
  CHECK(canonical("fn f(a)={\"k\":1,k2 : a ,}.k2[ 0 ][\"x\"]") == "fn f(a) = {\"k\": 1, k2: a}.k2[0].x\n");
  CHECK(canonical("fn f(a)=\"x${  g( a,1 ) }y\\n\"") == "fn f(a) = \"x${g(a, 1)}y\\n\"\n");
  CHECK(canonical("fn f(a)=map(a,x->x+1_000)") == "fn f(a) = map(a, x -> x + 1_000)\n");
  CHECK(canonical("fn f(a)=if a{1}else if not a{2}else{3}") ==
        "fn f(a) = if a { 1 } else if not a { 2 } else { 3 }\n");
  CHECK(canonical("fn f()=@headers[\"a b\"].c") == "fn f() = @headers.\"a b\".c\n");
}

TEST_CASE("comments stay where they belong") {
  CHECK(canonical("# top\n\n\n# two\na | drop # end\n# last") == "# top\n\n# two\na | drop  # end\n# last\n");
  CHECK(canonical("a\n# why\n| filter .x # how\n| drop") == "a\n# why\n| filter .x  # how\n| drop\n");
  CHECK(canonical("a|transform{ # begin\n# own\n.x=1 # one\n\n.y=2\n# end\n}|drop") ==
        "a\n| transform {  # begin\n    # own\n    .x = 1  # one\n\n    .y = 2\n    # end\n  }\n| drop\n");
  CHECK(canonical("a|route{ # r\n# first\n.x->drop # d\n# other\nelse->drop\n# end\n}") ==
        "a | route {  # r\n    # first\n    .x -> drop  # d\n    # other\n    else -> drop\n    # end\n}\n");
  CHECK(canonical("fn f() = [1, # one\n2, # two\n# end\n]") ==
        "fn f() =\n    [\n        1,  # one\n        2,  # two\n        # end\n    ]\n");
  CHECK(canonical("a | filter .x # left\n and # op\n .y | drop").find("# op") != std::string::npos);
  CHECK(canonical("fn f(a) = - # m\n 5 + a") == "fn f(a) =\n    -  # m\n    5\n        + a\n");
  CHECK(canonical("fn f(a) = ((a # in\n)).b") == "fn f(a) =\n    (a  # in\n    ).b\n");
  CHECK(canonical("fn f(a) = ((a) # in\n).b") == "fn f(a) = (a).b  # in\n");
  CHECK(canonical("a|route{(.a # kind\n matches r\"^a\")->filter .d in[1, # one\n 2]|drop else->drop}") ==
        "a | route {\n    (.a  # kind\n        matches r\"^a\") -> filter .d\n        in [\n            1,  "
        "# one\n"
        "            2,\n        ]\n      | drop\n    else -> drop\n}\n");
  CHECK(canonical("# only\r\n") == "# only\n");
}

TEST_CASE("blank lines are kept, one at most") {
  CHECK(canonical("\n\ncommit auto\n\n\n\ndlq discard\nname \"x\"\n\n") ==
        "commit auto\n\ndlq discard\nname \"x\"\n");
}

TEST_CASE("an empty text stays empty, one with errors is not formatted") {
  CHECK(formatted("") == "");
  CHECK(formatted(" \n\n") == "");
  CHECK(formatted("a | filter )").substr(0, 5) == "error");
}

TEST_CASE("every golden program and sample keeps its meaning when formatted") {
  std::size_t programs = 0;
  for (const char* folder : {PIPEC_GOLDEN_PARSE, PIPEC_SAMPLES}) {
    if (!std::filesystem::is_directory(folder)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.path().extension() != ".pipe") continue;
      std::stringstream text;
      text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
      if (!Parsed(text.str()).result.ok) continue;
      canonical(text.str());
      ++programs;
    }
  }
  CHECK(programs >= 5);
}

TEST_CASE("a comment between any two words is kept, and the form is stable") {
  const std::string program =
      "recv file ( \"a\" ) | parse json ( on_error : skip ) | transform { .a = f ( \"x\" , y -> y + 1 ) ; if "
      ".b { drop } "
      "else { for k , v in .o { emit { k : - 5 } } } del ( .x , .y ) } | route { .a in [ 1 ] -> sink null "
      "else -> drop }\n"
      "let s = merge ( p , q ) test \"t\" { stage c given 1s expect dlq \"r\" } fn g ( x , y ) = if x { 1 } "
      "else { 2 }\n";
  std::string joined = program;
  for (std::string call : {"file (", "json (", "f ("}) {
    auto at = joined.find(call);
    joined.erase(at + call.size() - 2, 1);
  }
  for (std::size_t i = joined.find(' '); i != std::string::npos; i = joined.find(' ', i + 1)) {
    std::string commented = joined;
    commented.replace(i, 1, " # c\n");
    if (i % 2 == 0) commented.replace(i, 1, "\n# own\n\n");
    canonical(commented);
  }
}
