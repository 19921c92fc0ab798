#include "pipec/dsl/foreign_words.h"

#include <string>
#include <vector>

#include "harness.h"
#include "pipec/compiler/compile.h"
#include "pipec/stdlib/register.h"
#include "support/catch.h"

using namespace pipec;

TEST_CASE("every other tool's function gets a hint with the name to write") {
  runtime::Registry registry;
  stdlib::register_all(registry);
  std::size_t answered = 0;
  for (const dsl::ForeignWord& word : dsl::foreign_words()) {
    if (word.where != dsl::ForeignWord::Where::expression || registry.function(word.word)) continue;
    CAPTURE(word.word);
    dsl::SourceMap sources;
    dsl::DiagnosticSink sink;
    const dsl::SourceFile& source = sources.add("<expression>", std::string(word.word) + "(.a)");
    compiler::compile_expression(source, registry, sink);
    REQUIRE(sink.error_count() == 1);
    const dsl::Diagnostic& said = sink.all()[0];
    if (dsl::code_text(said.code) != "E0202") continue;  // a keyword, which the parser answers
    CHECK(said.hints == std::vector<std::string>{std::string(word.advice)});
    ++answered;
  }
  CHECK(answered >= 80);
}

TEST_CASE("every other tool's stage, written as a call, gets a hint with the name to write") {
  runtime::Registry registry;
  stdlib::register_all(registry);
  std::size_t answered = 0;
  for (const dsl::ForeignWord& word : dsl::foreign_words()) {
    if (word.where != dsl::ForeignWord::Where::stage) continue;
    CAPTURE(word.word);
    CHECK_FALSE(registry.stage(word.word));
    dsl::SourceMap sources;
    dsl::DiagnosticSink sink;
    const dsl::SourceFile& source =
        sources.add("a.pipe", "recv stdin() | " + std::string(word.word) + "(.a > 1) | sink stdout()");
    compiler::compile(source, registry, {}, sink);
    REQUIRE(sink.error_count() == 1);
    const dsl::Diagnostic& said = sink.all()[0];
    if (dsl::code_text(said.code) != "E0117") continue;  // a keyword, which the parser answers
    CHECK(said.hints == std::vector<std::string>{std::string(word.advice)});
    ++answered;
  }
  CHECK(answered >= 40);
}
