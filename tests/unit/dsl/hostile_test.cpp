// No text crashes or hangs the parser, the formatter or the renderer; all of it on a small stack.
#include <pthread.h>
#include <cstdint>

#include <functional>

#include "parse_text.h"
#include "support/catch.h"

using namespace pipec::dsl::testing;
using namespace pipec::dsl;

namespace {

#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
constexpr std::size_t kStack = 4096 * 1024;  // frames are several times as large
#else
constexpr std::size_t kStack = 256 * 1024;
#endif

void on_small_stack(const std::function<void()>& work) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  REQUIRE(pthread_attr_setstacksize(&attributes, kStack) == 0);
  pthread_t thread;
  auto run = [](void* argument) -> void* {
    (*static_cast<const std::function<void()>*>(argument))();
    return nullptr;
  };
  REQUIRE(pthread_create(&thread, &attributes, run, const_cast<void*>(static_cast<const void*>(&work))) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

// The codes of all errors, each once, and that everything else can be done with the text.
std::string survive(const std::string& text) {
  std::string codes;
  on_small_stack([&] {
    Parsed parsed(text);
    for (const Diagnostic& d : parsed.sink.all()) {
      if (codes.find(code_text(d.code)) == std::string::npos) codes += std::string(code_text(d.code)) + ' ';
    }
    parsed.rendered();
    render_json(parsed.sink.all(), parsed.sources);
    if (text.size() < 100000) {
      parsed.dumped();
      DiagnosticSink sink;
      format(parsed.file, sink);
    }
  });
  if (!codes.empty()) codes.pop_back();
  return codes;
}

std::string times(std::size_t count, const std::string& text) {
  std::string out;
  out.reserve(count * text.size());
  for (std::size_t i = 0; i < count; ++i) out += text;
  return out;
}

std::string nested(std::size_t depth, const std::string& open, const std::string& inner,
                   const std::string& close) {
  return times(depth, open) + inner + times(depth, close);
}

}  // namespace

TEST_CASE("256 brackets are read, 257 are an error") {
  auto filter = [](const std::string& condition) { return "a | filter " + condition + " | drop"; };
  for (std::size_t depth : {256, 257, 100000}) {
    std::string expected = depth == 256 ? "" : "E0112";
    CHECK(survive(filter(nested(depth, "(", "1", ")"))) == expected);
    CHECK(survive(filter(nested(depth, "[", "1", "]"))) == expected);
    CHECK(survive(filter(nested(depth, "{a: ", "1", "}"))) == expected);
    CHECK(survive(filter(nested(depth, "f(.a, ", "1", ")"))) == expected);
    CHECK(survive(filter(nested(depth, ".a[", "1", "]"))) == expected);
    CHECK(survive(filter(nested(depth, "if x { ", "1", "} else { 2 }"))) == expected);
    CHECK(survive(filter(nested(depth, "\"${", "1", "}\""))) == expected);
    CHECK(survive("a | " + nested(depth, "route { else -> ", "drop", "}")) == expected);
  }
  CHECK(survive("a | transform { " + nested(255, "if .a { ", "drop", "}") + "} | drop") == "");
  CHECK(survive("a | transform { " + nested(256, "if .a { ", "drop", "}") + "} | drop") == "E0112");
}

TEST_CASE("nesting without an end, and without brackets") {
  for (std::string open :
       {"(", "[", "{a: ", "f(", ".a[", "\"${", "if ", "if x {", "not ", "-", "1 + ", "x ?? "}) {
    CHECK(survive("a | filter " + times(100000, open)) == "E0112");
  }
  CHECK(survive("a | transform {" + times(100000, "if .a {")) == "E0112");
  CHECK(survive("a | " + times(100000, "route { else -> ")) == "E0112");
  CHECK(survive(times(100000, "[")) == "E0110");
  CHECK(survive(times(100000, "}")) == "E0110");
}

TEST_CASE("long lists are no nesting") {
  CHECK(survive("a | filter " + times(100000, ".a or ") + ".b | drop") == "");
  CHECK(survive("a | transform { if .a { } " + times(50000, "else if .b { } ") + "} | drop") == "");
  CHECK(survive("a | filter ." + times(100000, "b.") + "c | drop") == "");
  CHECK(survive("a | sink file(\"" + times(100000, "${.a}x") + "\")") == "");
  CHECK(survive("a | filter " + times(511, "1 + ") + "1 == 2 | drop") == "E0112");
  CHECK(survive("a | filter " + times(510, "1 + ") + "1 == 2 | drop") == "");
}

TEST_CASE("lines of 10 MB") {
  CHECK(survive("a | sink file(\"" + std::string(10'000'000, 'x') + "\")") == "");
  CHECK(survive("a | sink file(\"" + std::string(1'000'000, 'x')) == "E0103");
  CHECK(survive(std::string(10'000'000, 'x')) == "E0403");
  CHECK(survive("a | filter " + std::string(1'000'000, '1') + " | drop") == "E0107");
  CHECK(survive("#" + std::string(1'000'000, 'x')) == "");
  CHECK(survive("a | filter ^" + times(30'000, "\xCC\x81")).substr(0, 5) == "E0102");
}

TEST_CASE("garbage of every kind gives errors, quickly") {
  CHECK(survive(std::string(200'000, '\0')) == "E0102");
  CHECK(survive(std::string(200'000, '\xFF')) == "E0101");
  CHECK(survive(times(30'000, "\"\n")).find("E0103") != std::string::npos);
  CHECK(survive(times(30'000, "//\n")) == "E0109");
  CHECK(survive(times(30'000, "a | filter ) |\n")) == "E0110");
  CHECK(survive("a | filter f(" + times(30'000, "1 1,")) != "");
  CHECK(survive(std::string(200'000, '|')) != "");
  CHECK(survive(std::string(200'000, '.')) != "");
  CHECK(survive("") == "");
  CHECK(survive("\xEF\xBB\xBF") == "");
}

TEST_CASE("every beginning of a program, and the program without any one byte, is survived") {
  const std::string program =
      "recv file(\"a\") | parse json(on_error: skip) | transform { .a = \"${ f(\"x\", y -> y[0]) }\" if .b { "
      "drop } "
      "else { for k, v in .o { emit {k: -v} } } del(.x) } | route { .a in [1] -> sink null else -> drop }\n"
      "test \"t\" { stage c given 1s expect dlq r\"x\" }\nfn f(x) = if x { @headers.\"a b\" } else { 0x1f "
      "catch . }\n";
  CHECK(errors_of(program) == "");
  on_small_stack([&] {
    for (std::size_t i = 0; i < program.size(); ++i) {
      Parsed(program.substr(0, i)).rendered();
      std::string without = program;
      without.erase(i, 1);
      Parsed parsed(without);
      parsed.rendered();
      formatted(without);
      std::string changed = program;
      changed[i] = "|}{)(\"\n,."[i % 9];
      formatted(changed);
    }
  });
}

TEST_CASE("random tokens do not crash the parser, and programs that parse format to the same program") {
  const char* words[] = {"a ",    "|",     "filter ", ".x",   " ",   "\n",   "(",          ")",
                         "{",     "}",     "[",       "]",    "\"",  "${",   "transform ", "route ",
                         "else ", "->",    "drop ",   "let ", "= ",  "== ",  "1",          "-",
                         "sink ", "null",  ",",       ":",    "if ", "not ", "in ",        "# c\n",
                         "dlq ",  "recv ", "x",       "@key", "fn ", ";",    "test ",      "f("};
  std::uint64_t state = 1;
  for (int round = 0; round < 1000; ++round) {
    std::string text;
    for (int i = 0; i < 40; ++i) {
      state = state * 6364136223846793005ULL + 1442695040888963407ULL;
      text += words[(state >> 33) % std::size(words)];
    }
    Parsed parsed(text);
    CHECK(parsed.result.ok == parsed.errors().empty());
    parsed.rendered();
  }
}
