// A format that the program registers works like those of stdlib; no other code knows its name.
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>

#include "pipec/compiler/compile.h"
#include "pipec/graph/pipeline.h"
#include "pipec/stdlib/register.h"
#include "samples/embedding/psv.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace pipec;

namespace {

const runtime::Registry& registry() {
  static const auto* const all = [] {
    auto* made = new runtime::Registry;
    stdlib::register_all(*made);
    REQUIRE(psv::add(*made));
    return made;
  }();
  return *all;
}

// The compiler's messages; "" if the text compiles.
std::string said(const std::string& text) {
  auto plan = compiler::compile_text("a.pipe", text, registry());
  return plan ? std::string() : plan.error().message;
}

void run(const std::string& text) {
  auto plan = compiler::compile_text("a.pipe", text, registry());
  REQUIRE(plan);
  auto pipeline = graph::Pipeline::make(std::move(*plan), {});
  REQUIRE(pipeline);
  const graph::Outcome outcome = (*pipeline)->run();
  REQUIRE(!outcome.error);
}

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool mentions(const std::string& text, const std::string& part) {
  INFO(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a format of the program's own is framed, parsed and encoded under its name") {
  const test::TempDir directory;
  const std::string in = directory.path() + "/in.psv";
  std::ofstream(in) << "tea|3;cake|2;tea|x|y;milk|1";
  const auto text = [&](const std::string& sink) {
    return "dlq file(\"" + directory.path() + "/dead\")\nrecv file(\"" + in +
           "\", framing: psv) | parse psv([\"item\", \"count\"]) | " + sink;
  };
  SECTION("each output begins with the head, once") {
    const std::string out = directory.path() + "/out";
    const std::string pipe = text("sink file(\"" + out + "\", encode: psv(columns: [\"count\", \"item\"]))");
    run(pipe);
    CHECK(content(out) == "count|item;\n3|tea;\n2|cake;\n1|milk;\n");
    CHECK(mentions(content(directory.path() + "/dead"), "another number of values"));
    run(pipe);  // appends
    CHECK(content(out) == "count|item;\n3|tea;\n2|cake;\n1|milk;\n3|tea;\n2|cake;\n1|milk;\n");
  }
  SECTION("each file of a template has its own, and a record that does not go makes none") {
    const std::string base = directory.path() + "/of_";
    run(text("transform { if .item == \"milk\" { .item = 1 } } | sink file(\"" + base +
             "${.item}\", encode: psv([\"count\", \"item\"]))"));
    CHECK(content(base + "tea") == "count|item;\n3|tea;\n");
    CHECK(content(base + "cake") == "count|item;\n2|cake;\n");
    CHECK(content(base + "1").empty());
  }
  SECTION("packed files too") {
    const std::string out = directory.path() + "/out.gz";
    run(text("sink file(\"" + out + "\", compress: gzip, encode: psv([\"item\"]))"));
    const std::string back = directory.path() + "/back";
    run("recv file(\"" + out + "\") | parse text | sink file(\"" + back + "\", encode: text)");
    CHECK(content(back) == "item;\ntea;\ncake;\nmilk;\n");
  }
}

TEST_CASE("messages about formats come from the registry") {
  const std::string io = "recv stdin() | sink stdout";
  CHECK(mentions(
      said("recv stdin() | parse pvs | sink stdout()"),
      "parse takes json, msgpack, auto, text, csv, logfmt, kv, regex, grok, syslog, access_log, cef, psv"));
  CHECK(mentions(said("recv stdin() | parse lines | sink stdout()"), "unknown format 'lines'"));
  CHECK(mentions(said(io + "(encode: pvs)"), "did you mean 'psv'?"));
  CHECK(mentions(said(io + "(encode: pvs(columns: []))"),
                 "it is json, msgpack, text, csv, logfmt, pretty or psv"));
  CHECK(mentions(said(io + "(encode: lines)"), "'encode' cannot be 'lines'"));
  CHECK(mentions(said(io + "(encode: psv)"), "encode: psv needs 'columns'"));
  CHECK(mentions(said(io + "(encode: psv(columns: 1))"), "encode: psv takes an array as 'columns'"));
  CHECK(mentions(said(io + "(encode: psv(colums: []))"), "unknown option 'colums' for encode: psv"));
  CHECK(mentions(said(io + "(encode: json(indent: 2))"), "encode: json takes no options"));
  CHECK(mentions(said("recv stdin(framing: text) | sink stdout()"),
                 "it is lines, json, json_array, msgpack, csv, nul, bytes or psv"));
  CHECK(said(io + "(encode: json())").empty());
  CHECK(said("recv stdin(framing: \"psv\") | sink stdout(encode: \"json\")").empty());
  // Such a record becomes a dead letter, so the pipeline needs a dlq.
  CHECK(said(io + "(encode: psv([\"a\"]))") == said(io + "(encode: text)"));
}
