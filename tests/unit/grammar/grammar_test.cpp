// The EBNF of docs/language.md accepts and rejects what the parser does: over all programs of the repository,
// and over mutations of them.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include "grammar.h"
#include "pipec/dsl/parser.h"
#include "pipec/dsl/render.h"
#include "support/catch.h"

namespace fs = std::filesystem;
using namespace pipec::dsl;

namespace {

bool grammar_accepts(const std::string& text) {
  tao::pegtl::memory_input<> input(text, "text");
  return tao::pegtl::parse<ebnf::rule_file>(input);
}

// What no grammar says: numbers that do not fit, nesting, the length of a text.
bool beyond_grammar(Code code) {
  return code == Code::number_out_of_range || code == Code::nesting_too_deep || code == Code::file_too_large;
}

enum class Verdict : std::uint8_t { accepted, rejected, undecided };

Verdict parser_says(const std::string& text, std::string& why) {
  SourceMap sources;
  DiagnosticSink sink;
  const SourceFile& source = sources.add("text.pipe", text);
  parse(source, sink);
  why = render_text(sink.all(), sources);
  bool beyond = false;
  bool rejected = false;
  for (const Diagnostic& each : sink.all()) {
    // `r"a"b"c"` is two strings by the grammar and one with quotes in it by the parser's guess: an error
    // either way, or not even that.
    if (each.code == Code::bad_quotes && each.message.starts_with("a raw string")) return Verdict::undecided;
    (beyond_grammar(each.code) ? beyond : rejected) = true;
  }
  return rejected ? Verdict::rejected : beyond ? Verdict::undecided : Verdict::accepted;
}

std::string read(const fs::path& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::vector<std::string> programs() {
  std::vector<fs::path> paths;
  for (const char* folder : {PIPEC_ROOT "/tests/golden", PIPEC_ROOT "/samples"}) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.path().extension() == ".pipe") paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> texts;
  for (const fs::path& path : paths) texts.push_back(read(path));
  return texts;
}

Verdict compare(const std::string& text) {
  std::string why;
  const Verdict verdict = parser_says(text, why);
  if (verdict == Verdict::undecided) return verdict;
  const bool accepted = grammar_accepts(text);
  if (accepted != (verdict == Verdict::accepted)) {
    FAIL_CHECK("the grammar " << (accepted ? "accepts" : "rejects") << " this, the parser does not:\n"
                              << text << "\n"
                              << why);
  }
  return verdict;
}

// Words, signs, strings and the space between them.
std::vector<std::string> pieces(const std::string& text) {
  std::vector<std::string> out;
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    if (is_word(text[at])) {
      while (end < text.size() && is_word(text[end])) ++end;
    } else if (text[at] == '"') {
      while (end < text.size() && text[end - (end > at + 1 ? 1 : 0)] != '\n' && text[end] != '"') ++end;
      end = std::min(end + 1, text.size());
    } else if (text[at] == '-' && end < text.size() && text[end] == '>') {
      ++end;
    }
    out.push_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += part;
  return text;
}

}  // namespace

TEST_CASE("the grammar of the documentation and the parser agree over all programs") {
  const std::vector<std::string> all = programs();
  REQUIRE(all.size() > 150);
  std::size_t accepted = 0;
  for (const std::string& text : all) accepted += compare(text) == Verdict::accepted ? 1 : 0;
  CHECK(accepted > 100);
  CHECK(all.size() - accepted > 20);
}

TEST_CASE("the grammar of the documentation and the parser agree on near misses") {
  const char* texts[] = {
      "",
      ";;",
      "\xef\xbb\xbf"
      "recv a",
      "# only a comment",
      "recv a|drop;b|c",
      "recv a | b c | d",
      "recv a | b\nc | d",
      "a",
      "a b",
      "a\nb",
      "a | b;",
      "recv a | b() c | d",
      "let a = b c | d",
      "let a = b(1)",
      "let a = b {} | c",
      "dlq reject",
      "dlq reject(1)",
      "dlq drop",
      "dlq null",
      "commit auto",
      "commit b",
      "govern off",
      "govern {}",
      "name \"a\"",
      "name \"${a}\"",
      "name | drop",
      "use r\"a\"",
      "fn f() = 1",
      "fn f(a,) = a",
      "fn f(,) = 1",
      "fn f (a, if) = a",
      "recv a(1, b: 2,)",
      "recv a(b: 1, 2)",
      "recv a (1)",
      "recv a(x -> 1)",
      "recv a(else: drop)",
      "recv a(else)",
      "recv a(filter, drop: sink)",
      "recv a | filter f(x -> 1, y: z -> 2)",
      "recv a | filter filter(.a)",
      "recv a | filter filter (.a)",
      "recv a | filter not (a) in b",
      "recv a | filter a == not b",
      "recv a | filter a < b < c",
      "recv a | filter a < b and b < c",
      "recv a | filter - - 1",
      "recv a | filter -not a",
      "recv a | filter not -a",
      "recv a | filter 1--1",
      "recv a | filter a->b",
      "recv a | filter .a else drop",
      "recv a | filter .a else dlq \"${.b}\" | c",
      "recv a | filter .a else c",
      "recv a | route { else -> drop }",
      "recv a | route { .a -> filter .b else -> drop }",
      "recv a | route { .a -> filter .b else drop else -> drop }",
      "recv a | route { .a -> b .c -> d(.e) else -> f { g = 1 } }",
      "recv a | route { .a -> b (.c) -> d else -> drop }",
      "recv a | route { .a -> b(.c) -> d else -> drop }",
      "recv a | route { .a -> parse b (.c) -> d else -> drop }",
      "recv a | route { .a -> b {c: 1}.c -> d else -> drop }",
      "recv a | route { .a -> drop }",
      "recv a | route { .a -> drop, .b -> drop else -> drop }",
      "recv a | route { .a -> filter .b(.c) -> d else -> drop }",
      "recv a | route { .a -> filter f(.b)(.c) -> d else -> drop }",
      "recv a | route { .a -> filter . 5 -> d else -> drop }",
      "recv a | route { .a -> filter .5 -> d else -> drop }",
      "recv a | route { .a -> filter ..b -> d else -> drop }",
      "recv a | b { c = 1 d = 2; e = {f: 1} }",
      "recv a | b { c = 1, d = 2 }",
      "recv a | b { .c = 1 }",
      "recv a | b { if = 1 }",
      "recv a | transform { .a.b[0].\"c d\"[-1] = 1 . = 2 @key = 3 }",
      "recv a | transform { .a .b = 1 }",
      "recv a | transform { .a = .b .c = 1 }",
      "recv a | transform { .a = .b.c = 1 }",
      "recv a | transform { .a == 1 }",
      "recv a | transform { .a. = 1 }",
      "recv a | transform { .[0].a[.b][\"c\"] = 1 }",
      "recv a | transform { . [0] = 1 }",
      "recv a | transform { @ key = 1 }",
      "recv a | transform { .a = 1.b }",
      "recv a | transform { .a = 1. }",
      "recv a | transform { .r\"x y\" = r\"\\d\" }",
      "recv a | transform { del(.a, @b,) keep (.c) rename(.d, .e) }",
      "recv a | transform { del() }",
      "recv a | transform { rename(.a) }",
      "recv a | transform { if .a {} else if .b {} else {} }",
      "recv a | transform { if .a {} elif .b {} }",
      "recv a | transform { for a, b in .c { drop } for d in .e {} }",
      "recv a | transform { let a = 1; emit a dlq \"b\" drop }",
      "recv a | transform { dlq }",
      "recv a | transform { foo = 1 }",
      "recv a | filter [1, 2,] == [,]",
      "recv a | filter {a: 1, \"b\": drop, if: else,}",
      "recv a | filter {a: drop}",
      "recv a | filter {\"${a}\": 1}",
      "recv a | filter if a { b } else if c { d } else { e }",
      "recv a | filter if a { b }",
      "recv a | filter a.b(c)",
      "recv a | filter (a.b)(c)",
      "recv a | filter \"a\".b[0]",
      "recv a | filter 0xfF_0 + 1_000 + 1.5e-3 + 2e3 + 5s + 64KiB + 07",
      "recv a | filter 0xg",
      "recv a | filter 1__0",
      "recv a | filter 1_",
      "recv a | filter 1.5s",
      "recv a | filter 1abc",
      "recv a | filter 1.2.3",
      "recv a | filter 1e",
      "recv a | filter 0x1.a",
      "recv a | filter \"a\\n\\u00e9\\${ $ $$ ${.a + \"${1}\"}\"",
      "recv a | filter \"\\q\"",
      "recv a | filter \"\\ud83d\\ude00\"",
      "recv a | filter \"\\ud83d\"",
      "recv a | filter \"\\ude00\"",
      "recv a | filter \"\\u12\"",
      "recv a | filter \"a\nb\"",
      "recv a | filter \"${\n1}\"",
      "recv a | filter \"${}\"",
      "recv a | filter \"${1 # x}\"",
      "recv a | filter \"a\tb\"",
      "recv a | filter \"a\x01"
      "b\"",
      "recv a | filter 'a'",
      "recv a | filter a && b",
      "recv a || drop",
      "recv a |> drop",
      "recv a | filter a <> b",
      "recv a | filter a ?? b ? c",
      "recv a | filter a != !b",
      "test \"t\" { stage a given 1 expect 2 expect none expect dlq expect dlq \"b\" }",
      "test \"t\" { stage a expect 1 }",
      "test \"t\" { stage a; given given; expect expect }",
      "test \"t\" { stage a given 1, {\"a\": 2}, .b expect 2 given 3 }",
      "test \"t\" { stage if }",
      "merge(a)",
      "merge()",
      "merge(a,) | b",
      "merge (a, b) | c",
      "recv a | \xc3\xa9",
      "recv a # \xff",
      "recv\xc2\xa0"
      "a",
      "recv a | filter a = b",
  };
  for (const char* text : texts) compare(text);
}

TEST_CASE("the grammar of the documentation and the parser agree over mutated programs") {
  std::vector<std::vector<std::string>> seeds;
  std::vector<std::string> stock;
  for (const std::string& text : programs()) {
    if (text.size() > 4000) continue;
    seeds.push_back(pieces(text));
    stock.insert(stock.end(), seeds.back().begin(), seeds.back().end());
  }
  const char* const given = std::getenv("PIPEC_SEED");
  std::mt19937 random(given ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : 20261201U);
  const auto number = [&](std::size_t below) { return static_cast<std::size_t>(random() % below); };
  const char* const rounds = std::getenv("PIPEC_ROUNDS");
  const int count = rounds ? std::atoi(rounds) : 6000;
  int accepted = 0;
  for (int i = 0; i < count; ++i) {
    std::vector<std::string> parts = seeds[number(seeds.size())];
    if (parts.empty()) continue;
    for (std::size_t edits = 1 + number(3); edits > 0 && !parts.empty(); --edits) {
      const std::size_t at = number(parts.size());
      switch (number(5)) {
        case 0:
          parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(at));
          break;
        case 1:
          parts.insert(parts.begin() + static_cast<std::ptrdiff_t>(at), stock[number(stock.size())]);
          break;
        case 2:
          parts[at] = stock[number(stock.size())];
          break;
        case 3:
          std::swap(parts[at], parts[number(parts.size())]);
          break;
        default:
          parts.insert(parts.begin() + static_cast<std::ptrdiff_t>(at), parts[number(parts.size())]);
          break;
      }
    }
    accepted += compare(joined(parts)) == Verdict::accepted ? 1 : 0;
  }
  INFO(accepted << " of " << count);
  CHECK(accepted > count / 10);
  CHECK(accepted < count - count / 10);
}
