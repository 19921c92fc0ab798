#include <string>

#include "support/catch.h"
#include "unit/compiler/harness.h"

using namespace pipec;
using namespace pipec::compiler::test;

TEST_CASE("a flow becomes one node a stage") {
  const Compiled made = compile_flow("filter .a > 1 | parse json | transform { .b = 2 }");
  INFO(made.text);
  REQUIRE(made.plan);
  CHECK(made.codes.empty());
  CHECK(made.plan->name == "flow");
  REQUIRE(made.plan->nodes.size() == 5);
  for (std::uint32_t i = 0; i < 4; ++i) CHECK(made.plan->nodes[i].next == std::vector<std::uint32_t>{i + 1});
  CHECK(made.plan->nodes[1].stage);
  CHECK(made.plan->nodes[1].facts[0] == "reads .a on demand: only as far as needed");
  CHECK(made.plan->nodes[1].can_dead_letter);
  CHECK(made.plan->nodes[0].state_key == "recv.file:in");
}

TEST_CASE("P3 a filter after parse reads validated records and cannot dead-letter") {
  const Compiled made = compile_flow("parse json | filter .a > 1 and has(.b)");
  REQUIRE(made.plan);
  CHECK(made.plan->nodes[2].facts[0] == "reads .a, .b from validated records");
  CHECK_FALSE(made.plan->nodes[2].can_dead_letter);
}

TEST_CASE("a filter that does not read the record cannot dead-letter") {
  const Compiled made = compile_flow("filter @offset > 3");
  REQUIRE(made.plan);
  CHECK_FALSE(made.plan->nodes[1].can_dead_letter);
}

TEST_CASE("a stream is compiled once, a stage chain at every use") {
  const Compiled made = compile_text(
      "dlq discard\nlet raw = recv file(\"in\") | tidy\nlet tidy = filter .a\n"
      "raw | sink null()\nraw | tidy | sink file(\"out\")\n");
  INFO(made.text);
  REQUIRE(made.plan);
  REQUIRE(made.plan->nodes.size() == 5);
  CHECK(made.plan->nodes[1].next == std::vector<std::uint32_t>{2, 3});
  CHECK(made.plan->nodes[1].place.line == 3);
  CHECK(made.plan->nodes[3].place.line == 3);
}

TEST_CASE("route has one edge an arm, merge several in") {
  const Compiled made = compile_text(
      "dlq discard\nlet a = recv file(\"a\")\nlet b = recv file(\"b\")\n"
      "merge(a, b) | route { .x == 1 -> drop .y -> sink null() else -> filter .z | sink file(\"o\") }\n");
  INFO(made.text);
  REQUIRE(made.plan);
  REQUIRE(made.plan->nodes.size() == 8);
  CHECK(made.plan->nodes[0].next == std::vector<std::uint32_t>{2});
  CHECK(made.plan->nodes[1].next == std::vector<std::uint32_t>{2});
  CHECK(made.plan->nodes[3].next == std::vector<std::uint32_t>{4, 5, 6});
  CHECK(made.plan->nodes[3].arms == std::vector<std::string>{".x == 1", ".y", "else"});
  CHECK(made.plan->nodes[3].router);
}

TEST_CASE("loose ends are errors") {
  const auto codes = [](const std::string& text) { return compile_text("dlq discard\n" + text).codes; };
  using Codes = std::vector<std::string>;
  CHECK(codes("") == Codes{"E0401"});
  CHECK(codes("let a = recv file(\"x\")\nrecv file(\"y\") | sink null()") == Codes{"E0402"});
  CHECK(codes("recv file(\"y\") | filter .a") == Codes{"E0403"});
  CHECK(codes("recv file(\"y\")") == Codes{"E0403"});
  CHECK(codes("recv file(\"y\") | sink null() | filter .a") == Codes{"E0404"});
  CHECK(codes("recv file(\"y\") | route { else -> filter .a }") == Codes{"E0403"});
  CHECK(codes("let a = recv file(\"x\") | sink null()\na | sink null()") == Codes{"E0404"});
  CHECK(codes("let r = recv file(\"x\")\nr | sink file(\"o\")\nr | sink file(\"o\")") == Codes{"E0405"});
  CHECK(codes("dlq reject\nrecv file(\"x\") | sink null()") == Codes{"E0406"});
  CHECK(codes("let r = recv file(\"x\")\nmerge(r, r) | sink null()") == Codes{"E0408"});
  CHECK(codes("let c = filter .a\nrecv file(\"x\") | sink null()") == Codes{"W0501"});
  CHECK(codes("fn f(x) = x\nrecv file(\"x\") | sink null()") == Codes{"W0503"});
  CHECK(codes("recv file(\"x\") | transform { let x = 1 } | sink null()") == Codes{"W0502"});
  CHECK(codes("recv file(\"x\") | transform { drop .a = 1 } | sink null()") == Codes{"W0506"});
}

TEST_CASE("names") {
  const auto codes = [](const std::string& text) { return compile_text("dlq discard\n" + text).codes; };
  using Codes = std::vector<std::string>;
  const std::string flow = "recv file(\"x\") | sink null()\n";
  CHECK(codes("unknown | sink null()") == Codes{"E0201"});
  CHECK(codes("recv file(\"x\") | unknown | sink null()") == Codes{"E0117"});
  CHECK(codes("let c = filter .a\nc | sink null()\n" + flow) == Codes{"E0211"});
  CHECK(codes("let r = recv file(\"z\")\nr | sink null()\nrecv file(\"x\") | r | sink null()") ==
        Codes{"E0211"});
  CHECK(codes("let a = b | filter .x\nlet b = a | filter .y\na | sink null()") == Codes{"E0212"});
  CHECK(codes("let a = filter .x | b\nlet b = a | filter .y\nrecv file(\"x\") | a | sink null()") ==
        Codes{"E0212"});
  CHECK(codes("fn f(x) = g(x)\nfn g(x) = f(x)\nrecv file(\"x\") | filter f(.a) | sink null()") ==
        Codes{"E0212"});
  CHECK(codes("let a = filter .x\nlet a = filter .y\nrecv file(\"x\") | a | sink null()") == Codes{"E0209"});
  CHECK(codes("recv file(\"x\") | transform { let x = .a let x = .b .c = x } | sink null()") ==
        Codes{"E0209"});
  CHECK(codes("recv file(\"x\") | transform { let x = .a if x { let x = 2 .b = x } } | sink null()").empty());
  CHECK(codes("let l = k | filter .b\nlet k = filter .a\nrecv file(\"x\") | l | sink null()").empty());
}

TEST_CASE("options are checked against the connector's declaration") {
  const auto codes = [](const std::string& sink) {
    return compile_text("dlq discard\nrecv file(\"x\") | " + sink).codes;
  };
  using Codes = std::vector<std::string>;
  CHECK(codes("sink fiel(\"o\")") == Codes{"E0204"});
  CHECK(codes("sink file()") == Codes{"E0205"});
  CHECK(codes("sink file(\"o\", path: \"p\")") == Codes{"E0206"});
  CHECK(codes("sink file(\"o\", \"p\")") == Codes{"E0207"});
  CHECK(codes("sink file(\"o\", encode: jsno)") == Codes{"E0208"});
  CHECK(codes("sink file(\"o\", encode: json)").empty());
  CHECK(codes("sink file(\"o\", encode: \"text\")").empty());
  CHECK(codes("sink file(5)") == Codes{"E0304"});
  CHECK(codes("sink file(\"o\", token: .x)") == Codes{"E0307"});
  CHECK(codes("sink file(\"o\", token: upper(\"x\"), rotate: 1GiB, flush: 5s, ratio: 1)").empty());
  CHECK(codes("sink file(\"o\", rotate: 5s)") == Codes{"E0304"});
  CHECK(compile_text("recv file(\"\") | sink null()").has("E0214"));
  CHECK(compile_text("recv numbers({a: .b}) | sink null()").has("E0307"));
  CHECK(compile_text("recv numbers({a: @offset}) | sink null()").codes.empty());
}

TEST_CASE("E0203 looks as in the language reference") {
  const Compiled made = compile_text("recv file(\"in\", paht: 1) | sink null()\n");
  CHECK(made.text ==
        "error[E0203]: unknown option 'paht' for recv file\n"
        "  --> flow.pipe:1:17\n"
        "   |\n"
        " 1 | recv file(\"in\", paht: 1) | sink null()\n"
        "   |                 ^^^^ did you mean 'path'?\n"
        "   |\n"
        "   = note: recv file takes path, follow, framing\n");
}

TEST_CASE("functions of the file are inlined, and their arguments evaluated once") {
  const std::string flow = "recv file(\"x\") | filter big(.a) and twice(.a + 1) > 3 | sink null()\n";
  const Compiled made =
      compile_text("dlq discard\nfn big(x) = x > limit()\nfn limit() = 5\nfn twice(x) = x + x\n" + flow);
  INFO(made.text);
  CHECK(made.codes.empty());
  CHECK(compile_text("dlq discard\nfn f(x) = x * 2\nrecv file(\"x\") | filter f(\"a\") > 1 | sink null()")
            .has("E0301"));
  CHECK(compile_text(
            "dlq discard\nfn f(x, p) = x matches p\nrecv file(\"x\") | filter f(.a, \"b\") | sink null()")
            .codes.empty());
}

TEST_CASE("growth by inlining is bounded") {
  std::string text = "dlq discard\nfn f0(x) = x + 1\n";
  for (int i = 1; i < 40; ++i) {
    const std::string before = "f" + std::to_string(i - 1);
    text += "fn f" + std::to_string(i) + "(x) = " + before + "(x) + " + before + "(x)\n";
  }
  CHECK(compile_text(text + "recv file(\"x\") | filter f39(.a) > 1 | sink null()").has("E0407"));
  text = "dlq discard\nlet c0 = filter .a\n";
  for (int i = 1; i < 40; ++i) {
    const std::string before = "c" + std::to_string(i - 1);
    text += "let c" + std::to_string(i) + " = " + before + " | " + before + "\n";
  }
  CHECK(compile_text(text + "recv file(\"x\") | c39 | sink null()").has("E0407"));
  text = "dlq discard\nlet s0 = recv file(\"x\")\n";
  for (int i = 1; i < 5'000; ++i)
    text += "let s" + std::to_string(i) + " = s" + std::to_string(i - 1) + " | filter .a\n";
  CHECK(compile_text(text + "s4999 | sink null()").codes == std::vector<std::string>{"E0407"});
}

TEST_CASE("used files") {
  const std::string flow =
      "dlq discard\nuse \"lib/a.pipe\"\nrecv file(\"x\") | tidy | filter f(.a) | sink null()\n";
  CHECK(compile_text(flow, {{"lib/a.pipe", "use \"b.pipe\"\nlet tidy = more\nfn f(x) = x > 1\n"},
                            {"lib/b.pipe", "let more = filter .b\n"}})
            .codes.empty());
  CHECK(compile_text(flow).has("E0213"));
  CHECK(compile_text(flow, {{"lib/a.pipe", "let tidy = filter .\nfn f(x) = x > 1\nuse \"../flow.pipe\"\n"}})
            .has("E0212"));
  CHECK(compile_text("let tidy = filter .b\n" + flow, {{"lib/a.pipe", "let tidy = drop\nfn f(x) = x\n"}})
            .has("E0209"));
}

TEST_CASE("G6 an inverted band does not compile") {
  const auto codes = [](const std::string& options) {
    return compile_text("dlq discard\ngovern " + options + "\nrecv file(\"x\") | sink null()").codes;
  };
  using Codes = std::vector<std::string>;
  CHECK(codes("{pause_above: 0.5, resume_below: 0.6}") == Codes{"E0310"});
  CHECK(codes("{pause_above: 0.5}") == Codes{"E0310"});
  CHECK(codes("{pause_above: 1.5}") == Codes{"E0310"});
  CHECK(codes("{memory: 512MiB, profile: low_latency, pause_above: 0.9}").empty());
  CHECK(codes("{memroy: 1}") == Codes{"E0203"});
  CHECK(codes("{profile: fast}") == Codes{"E0208"});
  CHECK(codes("off").empty());
}

TEST_CASE("G6 the options of govern are in the plan") {
  const auto settings = [](const std::string& directive) {
    return compile_text("dlq discard\n" + directive + "\nrecv file(\"x\") | sink null()").plan->govern;
  };
  CHECK(settings("").on);
  CHECK(settings("").memory == 0);
  CHECK_FALSE(settings("govern off").on);
  const runtime::GovernSettings all = settings(
      "govern {memory: 512MiB, profile: low_latency, pause_above: 0.9, resume_below: 0.5, target_rho: 0.6, "
      "md_factor: 0.25}");
  CHECK(all.on);
  CHECK(all.memory == std::size_t{512} << 20);
  CHECK(all.profile == runtime::Profile::low_latency);
  CHECK(all.pause_above == 0.9);
  CHECK(all.resume_below == 0.5);
  CHECK(all.target_rho == 0.6);
  CHECK(all.md_factor == 0.25);
  CHECK(all.check());
}

TEST_CASE("P8 a warning says that a dead letter stops the pipeline") {
  const Compiled made = compile_text("recv file(\"x\") | parse json | sink null()\n");
  CHECK(made.plan);
  CHECK(made.codes == std::vector<std::string>{"W0505"});
  CHECK(made.text.find("a record that does not parse stops this pipeline") != std::string::npos);
  CHECK(compile_text("recv file(\"x\") | parse json(on_error: skip) | sink null()\n").codes.empty());
  CHECK(compile_text("dlq file(\"d\")\nrecv file(\"x\") | parse json | sink null()\n").codes.empty());
}

TEST_CASE("metadata that says where a record came from cannot be set") {
  CHECK(compile_flow("transform { @topic = \"x\" }").has("E0308"));
  CHECK(compile_flow("transform { @headers.a = 5 }").has("E0301"));
  CHECK(compile_flow("transform { @key = .a @headers.b = \"c\" @timestamp = null }").codes.empty());
  CHECK(compile_flow("transform { del(@key) }").has("E0309"));
}

TEST_CASE("explain shows what each node does") {
  const Compiled made = compile_text(
      "dlq file(\"dead\", token: \"secret\")\nrecv file(\"in\")\n| filter .a > 1\n| transform { .b = .a + 1 "
      "; del(.c) }\n"
      "| sink file(\"out-${.b}\")\n");
  INFO(made.text);
  REQUIRE(made.plan);
  CHECK(compiler::explain(*made.plan) ==
        "pipeline flow\n\n"
        "  #1  recv file  \"in\"  [flow.pipe:2:1]\n"
        "      resumes where the last run ended\n"
        "      state: recv.file:in\n"
        "      -> #2\n\n"
        "  #2  filter  .a > 1  [flow.pipe:3:3]\n"
        "      reads .a on demand: only as far as needed\n"
        "      runs on raw bytes: looks for \"a\" in the whole block; records without a match do not pass; "
        "flat records are decided on the raw bytes; if most records contain it, members are indexed for many "
        "records at once, as for MsgPack\n"
        "      can dead-letter: a record that is malformed\n"
        "      -> #3\n\n"
        "  #3  transform  .b = .a + 1 ; del(.c)  [flow.pipe:4:3]\n"
        "      reads .a on demand: only as far as needed\n"
        "      sets .b\n"
        "      removes .c\n"
        "      processes many records at once, with one splice plan per record shape\n"
        "      can dead-letter: a record that is malformed; '+' on a wrong type or out of range; a record "
        "that is not an object\n"
        "      -> #4\n\n"
        "  #4  sink file  \"out-${.b}\"  [flow.pipe:5:3]\n"
        "      reads .b on demand: only as far as needed\n"
        "      can dead-letter: a record that is malformed; null or a missing field in a string; an option "
        "computed from the "
        "record that the sink rejects\n"
        "      state: sink.file:\"out-${.b}\"\n\n"
        "dead letters: written before the source is committed (dlq file \"dead\", token: ***)\n"
        "      state: dlq.file:dead\n"
        "commit: auto, after every sink took the whole batch\n");
}

TEST_CASE("pictures name every node and edge") {
  const Compiled made =
      compile_text("dlq discard\nrecv file(\"in\") | route { .a == \"x\" -> drop else -> sink null() }\n");
  REQUIRE(made.plan);
  const std::string dot = compiler::to_dot(*made.plan);
  CHECK(dot.find("n2 -> n3 [label=\".a == \\\"x\\\"\"];") != std::string::npos);
  CHECK(dot.find("n2 -> n4 [label=\"else\"];") != std::string::npos);
  CHECK(compiler::to_mermaid(*made.plan).find("n2 -->|\".a == #quot;x#quot;\"| n3") != std::string::npos);
}

TEST_CASE("a one-liner is placed between two given nodes") {
  dsl::DiagnosticSink sink;
  compiler::StageEnds ends;
  ends.source.name = "recv stdin";
  ends.sink.name = "sink stdout";
  const dsl::SourceFile open(0, "stages", "filter .a > 1 | transform { .b = 1 }");
  const auto plan = compiler::compile_stages(open, registry(), {}, ends, sink);
  REQUIRE(plan);
  CHECK(plan->nodes.size() == 4);
  const dsl::SourceFile ended(1, "stages", "sink null()");
  const auto own = compiler::compile_stages(ended, registry(), {}, ends, sink);
  REQUIRE(own);
  CHECK(own->nodes.size() == 2);
  const dsl::SourceFile nothing(2, "stages", "");
  CHECK(compiler::compile_stages(nothing, registry(), {}, ends, sink));
  const dsl::SourceFile wrong(3, "stages", "filter upper(1)");
  CHECK_FALSE(compiler::compile_stages(wrong, registry(), {}, ends, sink));
}

TEST_CASE("tests are checked with the file") {
  const std::string flow = "dlq discard\nlet c = filter .a\nrecv file(\"x\") | c | sink null()\n";
  CHECK(compile_text(flow + "test \"t\" { stage c given {\"a\": true} expect {\"a\": true} }").codes.empty());
  CHECK(compile_text(flow + "test \"t\" { stage d given {} expect none }").has("E0201"));
  CHECK(compile_text(flow + "test \"t\" { stage c given {\"a\": .b} expect none }").has("E0307"));
}

TEST_CASE("an error in a chain that nothing uses is found") {
  const Compiled made =
      compile_text("dlq discard\nlet c = filter upper(1)\nrecv file(\"x\") | sink null()\n");
  CHECK(made.has("E0304"));
  CHECK(!made.has("W0501"));
}

TEST_CASE("warnings are given for a text that compiles") {
  const std::string unused = "dlq discard\nlet c = filter .a\nrecv file(\"x\") | sink null()\n";
  CHECK(compile_text(unused).has("W0501"));
  CHECK(!compile_text(unused + "let d = filter upper(1)\n").has("W0501"));
}
