// language.md sections 3 and 5: items, stages, statements.
#include "parse_text.h"
#include "support/catch.h"

using namespace pipec::dsl::testing;
using namespace pipec::dsl;

TEST_CASE("directives") {
  CHECK(dump_of("commit auto") == "(commit auto)\n");
  CHECK(dump_of("commit sink") == "(commit sink)\n");
  CHECK(dump_of("dlq reject dlq discard") == "(dlq reject)\n(dlq discard)\n");
  CHECK(dump_of("dlq file(\"d\")") == "(dlq (to file \"d\"))\n");
  CHECK(dump_of("govern off") == "(govern off)\n");
  CHECK(dump_of("govern {memory: 1MiB, profile: balanced}") ==
        "(govern (object \"memory\": (size 1048576) \"profile\": (name balanced)))\n");
  CHECK(dump_of("name \"x\" use \"lib.pipe\"") == "(name \"x\")\n(use \"lib.pipe\")\n");
  CHECK(errors_of("commit never") == "E0122 1:8");
  CHECK(errors_of("dlq drop") == "E0122 1:5");
  CHECK(errors_of("govern on") == "E0122 1:8");
  CHECK(errors_of("name \"a${1}\"") == "E0123 1:6");
}

TEST_CASE("'name' is a directive only before a string") {
  CHECK(dump_of("name | drop") == "(flow\n  (from name)\n  (drop))\n");
  CHECK(dump_of("let name = recv stdin()\nname \"x\"") == "(let name\n  (recv stdin))\n(name \"x\")\n");
}

TEST_CASE("an else belongs to the filter or to the route") {
  CHECK(dump_of("a | route { .x -> filter .y else -> drop }") ==
        "(flow\n  (from a)\n  (route\n    (when .x\n      (filter .y))\n    (else\n      (drop))))\n");
  CHECK(dump_of("a | route { .x -> filter .y else drop else -> drop }") ==
        "(flow\n  (from a)\n  (route\n    (when .x\n      (filter .y else drop))\n    (else\n      "
        "(drop))))\n");
  CHECK(dump_of("a | filter .x else dlq | filter .y else dlq \"why\" | drop") ==
        "(flow\n  (from a)\n  (filter .x else dlq)\n  (filter .y else dlq \"why\")\n  (drop))\n");
}

TEST_CASE("arms need no line breaks") {
  std::string arms =
      dump_of("a | route {\n (.x or .y) -> clean\n (.z) -> parse json\n [1] == . -> drop\n else -> drop\n}");
  CHECK(dump_of("a | route { (.x or .y) -> clean (.z) -> parse json [1] == . -> drop else -> drop }") ==
        arms);
  CHECK(dump_of("a | route { .x -> drop filter(.a, x -> x) == [] -> drop else -> drop }") ==
        "(flow\n  (from a)\n  (route\n    (when .x\n      (drop))\n    (when (== (call filter .a (-> x (name "
        "x))) "
        "(array))\n      (drop))\n    (else\n      (drop))))\n");
}

TEST_CASE("statements need no line breaks, and line breaks end none") {
  CHECK(dump_of("a | transform { .a = .b .c = 1 }") == dump_of("a | transform { .a = .b\n.c = 1 }"));
  CHECK(dump_of("a | transform { .a = .b\n- 1 }") ==
        "(flow\n  (from a)\n  (transform\n    (set .a (- .b 1))))\n");
  CHECK(dump_of("a | transform { . = .\n.c = 1 }") ==
        "(flow\n  (from a)\n  (transform\n    (set . .)\n    (set .c 1)))\n");
  CHECK(errors_of("a | transform { .a = x\n[1] = 2 } | drop") == "E0110 2:1");
}

TEST_CASE("all statements") {
  CHECK(
      dump_of(
          "a | transform { let x = 1; del(.a, .b.c) keep(.a,) rename(.a, .b) if .a { drop } else if .b { } "
          "else { dlq \"w\" } for x in .i { emit x } for k, v in .o { @key = k } }") ==
      "(flow\n  (from a)\n  (transform\n    (let x 1)\n    (del .a .b.c)\n    (keep .a)\n    (rename .a .b)\n"
      "    (if\n      (when .a\n        (drop))\n      (when .b)\n      (else\n        (dlq \"w\")))\n"
      "    (for x .i\n      (emit (name x)))\n    (for k v .o\n      (set @key (name k)))))\n");
  CHECK(errors_of("a | transform { a = 1 } | drop") == "E0121 1:17");
  CHECK(errors_of("a | transform { del() } | drop") == "E0110 1:21");
  CHECK(errors_of("a | transform { let if = 1 } | drop") == "E0115 1:21");
  CHECK(errors_of("a | transform { for in in .x {} } | drop") == "E0115 1:21");
}

TEST_CASE("keywords cannot be bound but may be fields, keys and options") {
  CHECK(errors_of("let filter = recv stdin()") == "E0115 1:5");
  CHECK(errors_of("fn test(let) = 1") == "E0115 1:4, E0115 1:9");
  CHECK(errors_of("recv x(if: 1, let: 2) | transform { .let = {sink: .filter} } | sink null") == "");
  CHECK(is_keyword("filter"));
  CHECK_FALSE(is_keyword("name"));
  CHECK_FALSE(is_keyword("given"));
}

TEST_CASE("a let whose pipeline begins with a name has it as its source") {
  Parsed parsed("let a = b | c");
  const auto& let = as<LetItem>(*parsed.result.file.items[0]);
  REQUIRE(let.pipeline.source);
  CHECK(let.pipeline.source->kind == Source::Kind::kName);
  CHECK(let.pipeline.source->names[0].text == "b");
  CHECK(let.pipeline.chain.stages.size() == 1);
  CHECK(errors_of("let a = 5") == "E0110 1:9");
}

TEST_CASE("a name with options or a block is a stage wherever a stage is allowed") {
  Parsed parsed("let a = head(10)");
  const auto& let = as<LetItem>(*parsed.result.file.items[0]);
  CHECK_FALSE(let.pipeline.source);
  CHECK(dump_of("let a = head(10)") == "(let a\n  (stage head 10))\n");
  CHECK(dump_of("let a = x {} | y() { b = .c; d = 1 } | z") ==
        "(let a\n  (stage x)\n  (stage y\n    (= b .c)\n    (= d 1))\n  (stages z))\n");
  CHECK(dump_of("a | route { .x -> y(.z) .w -> v (.u) -> drop else -> s { t = 1 } }") ==
        "(flow\n  (from a)\n  (route\n    (when .x\n      (stage y .z))\n    (when .w\n      (stages v))\n"
        "    (when .u\n      (drop))\n    (else\n      (stage s\n        (= t 1)))))\n");
  CHECK(errors_of("a | x { b = 1 c } | y { d = } | z") == "E0110 1:15, E0110 1:29");
}

TEST_CASE("tests") {
  CHECK(dump_of("test \"t\" { stage c given {a: 1} expect {a: 1} expect none given . expect dlq expect dlq "
                "\"r\" }") ==
        "(test \"t\" c\n  (given (object \"a\": 1)\n    (expect (object \"a\": 1))\n    (expect none))\n"
        "  (given .\n    (expect dlq)\n    (expect dlq \"r\")))\n");
  CHECK(errors_of("test \"t\" { stage c expect 1 }") == "E0110 1:20");
  CHECK(errors_of("test \"t\" { given 1 }") == "E0110 1:12");
}

TEST_CASE("spans match their text") {
  Parsed parsed("x | filter (.a + 1) * f(.b)[0] == 2 | drop");
  const auto& flow = as<FlowItem>(*parsed.result.file.items[0]);
  const auto& filter = as<FilterStage>(*flow.pipeline.chain.stages[0]);
  CHECK(parsed.file.text(flow.span) == "x | filter (.a + 1) * f(.b)[0] == 2 | drop");
  CHECK(parsed.file.text(filter.span) == "filter (.a + 1) * f(.b)[0] == 2");
  CHECK(parsed.file.text(filter.keyword) == "filter");
  const auto& equal = as<BinaryExpr>(*filter.condition);
  CHECK(parsed.file.text(equal.op_span) == "==");
  const auto& product = as<BinaryExpr>(*equal.left);
  CHECK(product.left->parenthesized);
  CHECK(parsed.file.text(product.left->span) == ".a + 1");
  CHECK(parsed.file.text(product.right->span) == "f(.b)[0]");
}

TEST_CASE("a bare chain, as one-liners have it") {
  SourceMap sources;
  DiagnosticSink sink;
  auto good = parse_chain(sources.add("-", "filter .status >= 500 | transform { del(.x) }"), sink);
  CHECK(good.ok);
  CHECK(dump(good.chain) == "(filter (>= .status 500))\n(transform\n  (del .x))");
  CHECK(parse_chain(sources.add("-", " # nothing\n"), sink).ok);
  CHECK_FALSE(parse_chain(sources.add("-", ".status >= 500"), sink).ok);
  CHECK(sink.all().back().hints.front().substr(0, 44) == "a condition needs its stage: filter .a == 1;");
  CHECK_FALSE(parse_chain(sources.add("-", "recv stdin() | drop"), sink).ok);
  CHECK_FALSE(parse_chain(sources.add("-", "filter .a | drop extra stuff"), sink).ok);
  CHECK_FALSE(parse_chain(sources.add("-", "filter .a |"), sink).ok);
}
