#include "pipec/dsl/render.h"

#include "support/catch.h"

using namespace pipec::dsl;

namespace {

struct Rendering {
  explicit Rendering(std::string text, std::string name = "a.pipe") {
    sources.add(std::move(name), std::move(text));
  }
  Diagnostic at(std::uint32_t begin, std::uint32_t end) {
    return Diagnostic(Code::unknown_option, Span{0, begin, end}, "message");
  }
  std::string text(const Diagnostic& d, RenderOptions options = {}) {
    return render_text(d, sources, options);
  }
  SourceMap sources;
};

}  // namespace

TEST_CASE("the layout is that of the language's contract") {
  Rendering r("\n\nlet raw = recv kafka(brokers: \"b:9092\", topic: \"access\")\n", "router.pipe");
  Diagnostic d(Code::unknown_option, Span{0, 42, 47}, "unknown option 'topic' for recv kafka");
  d.hint("did you mean 'topics'?").note("recv kafka takes brokers, topics, group, properties, ...");
  CHECK(r.text(d) ==
        "error[E0203]: unknown option 'topic' for recv kafka\n"
        "  --> router.pipe:3:41\n"
        "   |\n"
        " 3 | let raw = recv kafka(brokers: \"b:9092\", topic: \"access\")\n"
        "   |                                         ^^^^^ did you mean 'topics'?\n"
        "   |\n"
        "   = note: recv kafka takes brokers, topics, group, properties, ...\n");
}

TEST_CASE("tabs, wide and combining characters keep the carets below their text") {
  Rendering tab("\tx\ty");
  CHECK(tab.text(tab.at(3, 4)).find(" 1 |     x   y\n   |         ^\n") != std::string::npos);
  Rendering wide("\xE6\xBC\xA2x\xE6\xBC\xA2");  // two cells, one, two
  CHECK(wide.text(wide.at(3, 4)).find("   |   ^\n") != std::string::npos);
  CHECK(wide.text(wide.at(4, 7)).find("   |    ^^\n") != std::string::npos);
  Rendering combining("e\xCC\x81x");
  CHECK(combining.text(combining.at(3, 4)).find("   |  ^\n") != std::string::npos);
  CHECK(combining.text(combining.at(3, 4)).find("a.pipe:1:3") != std::string::npos);
}

TEST_CASE("places at the end of the text and in empty texts have a caret") {
  Rendering end("ab\n");
  CHECK(end.text(end.at(3, 3)) == "error[E0203]: message\n  --> a.pipe:2:1\n   |\n 2 |\n   | ^\n");
  Rendering line_end("ab\n");
  CHECK(line_end.text(line_end.at(2, 2)).find(" 1 | ab\n   |   ^\n") != std::string::npos);
  Rendering empty("");
  CHECK(empty.text(empty.at(0, 0)).find(" 1 |\n   | ^\n") != std::string::npos);
}

TEST_CASE("a span over several lines is marked to the end of its first") {
  Rendering r("abc\ndef");
  CHECK(r.text(r.at(1, 6)).find(" 1 | abc\n   |  ^^\n") != std::string::npos);
}

TEST_CASE("of a long line the part around the carets is shown") {
  Rendering r(std::string(5000, 'x') + "HERE" + std::string(5000, 'y'));
  std::string text = r.text(r.at(5000, 5004), {false, 40});
  CHECK(text.find(" 1 | ..." + std::string(20, 'x') + "HERE" + std::string(16, 'y') + "...\n") !=
        std::string::npos);
  CHECK(text.find("   | " + std::string(23, ' ') + "^^^^\n") != std::string::npos);
  CHECK(text.find("a.pipe:1:5001") != std::string::npos);
}

TEST_CASE("control characters and invalid bytes do not reach the terminal") {
  Rendering r(
      "a\x1b[31m\xFF"
      "b\xE2\x80\xAE"
      "c",
      "x\x1b.pipe");
  std::string text = r.text(r.at(0, 1));
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find('\xFF') == std::string::npos);
  CHECK(text.find("\xE2\x80\xAE") == std::string::npos);
}

TEST_CASE("secondary places, further hints and colours") {
  Rendering r("one two\nthree");
  Diagnostic d = r.at(8, 13);
  d.label("bound again").also(Span{0, 0, 3}, "first bound here").hint("rename it");
  CHECK(r.text(d) ==
        "error[E0203]: message\n  --> a.pipe:2:1\n   |\n 2 | three\n   | ^^^^^ bound again\n"
        "  ::: a.pipe:1:1\n   |\n 1 | one two\n   | --- first bound here\n   |\n   = hint: rename it\n");
  std::string colored = r.text(d, {true, 100});
  CHECK(colored.find("\x1b[1;31merror[E0203]\x1b[0m") != std::string::npos);
}

TEST_CASE("several diagnostics have an empty line between them") {
  Rendering r("x");
  CHECK(render_text({r.at(0, 1), r.at(0, 1)}, r.sources) == r.text(r.at(0, 1)) + "\n" + r.text(r.at(0, 1)));
  CHECK(render_text(std::vector<Diagnostic>{}, r.sources).empty());
}

TEST_CASE("JSON is one array with everything in it") {
  Rendering r("\xC3\xA9 \"x\"\n");
  Diagnostic d = r.at(3, 6);
  d.message = "a \"quote\"\n\xFF";
  d.label("l").also(Span{0, 0, 2}, "s").note("n").hint("h");
  CHECK(render_json({d}, r.sources) ==
        "[\n{\"severity\":\"error\",\"code\":\"E0203\",\"name\":\"unknown_option\","
        "\"message\":\"a \\\"quote\\\"\\u000a\\ufffd\",\"file\":\"a.pipe\","
        "\"start\":{\"line\":1,\"column\":3,\"offset\":3},\"end\":{\"line\":1,\"column\":6,\"offset\":6},"
        "\"label\":\"l\",\"related\":[{\"file\":\"a.pipe\",\"start\":{\"line\":1,\"column\":1,\"offset\":0},"
        "\"end\":{\"line\":1,\"column\":2,\"offset\":2},\"label\":\"s\"}],\"notes\":[\"n\"],\"hints\":[\"h\"]"
        "}\n]\n");
  CHECK(render_json({}, r.sources) == "[]\n");
}
