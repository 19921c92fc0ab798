#include <string>

#include "json_reference.h"
#include "json_support.h"
#include "pipec/runtime/json.h"
#include "runtime/json/validate.h"
#include "support/catch.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;
using json::usable_kernels;
using json::validate_with;

namespace {

bool valid(std::string_view text) {
  return validate_json(Padded(text).view()) == nullptr;
}

std::string reason(std::string_view text, std::size_t* offset = nullptr) {
  const char* why = validate_json(Padded(text).view(), offset);
  return why ? why : "";
}

// Every kernel, and the reference, agree.
void check_agreement(std::string_view text) {
  const bool expected = reference_valid(text);
  for (const json::Kernel* kernel : usable_kernels()) {
    for (const std::string_view behind : {"\"}],:{[\\1\n", "1", "\xff", " "}) {
      const Padded padded(text, behind);
      std::size_t offset = 0;
      const bool found = validate_with(*kernel, padded.view(), &offset) == nullptr;
      INFO(kernel->name << ": " << text);
      if (found != expected || (!found && offset > text.size())) {
        CHECK(found == expected);
        CHECK(offset <= text.size());
      }
    }
  }
}

}  // namespace

TEST_CASE("validate_json accepts what RFC 8259 allows") {
  for (const char* text : {"{}",
                           "[]",
                           "0",
                           "-0",
                           "\"\"",
                           "null",
                           "true",
                           "false",
                           " {} ",
                           "\t[ ]\r\n",
                           "[1,2]",
                           R"({"a":1})",
                           R"({"a":{"b":[1,{"c":null}]}})",
                           "1e400",
                           "123456789012345678901234567890",
                           "-1.5E+10",
                           R"(["\ud83d\ude00"])",
                           R"("\"\\\/\b\f\n\r\t\u0000")",
                           "[\"\x7f\"]",
                           "[\"\xf4\x8f\xbf\xbf\"]",
                           R"({"a":1,"a":2})"}) {
    CAPTURE(text);
    CHECK(valid(text));
    check_agreement(text);
  }
}

TEST_CASE("validate_json rejects what RFC 8259 does not allow") {
  for (const char* text : {"",
                           " ",
                           "{",
                           "[",
                           "}",
                           "]",
                           "{]",
                           "[}",
                           "[1,]",
                           "[,1]",
                           "[1 2]",
                           "{,}",
                           R"({"a"})",
                           R"({"a":})",
                           R"({"a":1,})",
                           R"({a:1})",
                           R"({"a" 1})",
                           R"({"a":1 "b":2})",
                           "{1:2}",
                           "tru",
                           "truex",
                           "nul",
                           "[true1]",
                           "[nullnull]",
                           "01",
                           "[01]",
                           "[-]",
                           "[1.]",
                           "[.5]",
                           "[1e]",
                           "[1e+]",
                           "[+1]",
                           "[0x1]",
                           "[NaN]",
                           "[\"a]",
                           "[\"\\\"]",
                           "[\"\\x\"]",
                           "[\"\\u12\"]",
                           "[\"\\u12g4\"]",
                           R"(["\ud83d"])",
                           R"(["\ude00"])",
                           R"(["\ud83d\u0061"])",
                           R"(["\ud83d\ud83d"])",
                           "[\"\n\"]",
                           "[\"\t\"]",
                           "[\"\x80\"]",
                           "[\"\xc0\xaf\"]",
                           "[\"\xed\xa0\x80\"]",
                           "[\"\xf4\x90\x80\x80\"]",
                           "[\"\xe2\x82\"]",
                           "{} {}",
                           "[1]]",
                           "1 2",
                           "\"a\" \"b\"",
                           "[true\"x\"]",
                           "[1\"x\"]",
                           "[\"a\"1]",
                           "[\"a\"\"b\"]",
                           "[\x0c]",
                           "[1\x1a"
                           "2]",
                           "\xef\xbb\xbf{}",
                           "[1]\x01",
                           "{\"a\":1}\xff",
                           "[1,\xff]"}) {
    CAPTURE(text);
    CHECK_FALSE(valid(text));
    check_agreement(text);
  }
}

TEST_CASE("validate_json accepts 1024 levels and no more") {
  for (const std::size_t depth : {1U, 63U, 64U, 65U, 128U, 1023U, 1024U, 1025U, 5000U}) {
    CAPTURE(depth);
    const std::string arrays = std::string(depth, '[') + std::string(depth, ']');
    std::string objects;
    for (std::size_t i = 0; i < depth; ++i) objects += "{\"a\":";
    objects += "1" + std::string(depth, '}');
    CHECK(valid(arrays) == (depth <= kMaxDepth));
    CHECK(valid(objects) == (depth <= kMaxDepth));
    if (depth > kMaxDepth) CHECK(reason(arrays) == "nested deeper than 1024");
    std::string crossed = arrays;
    crossed[depth] = '}';
    CHECK_FALSE(valid(crossed));
    if (depth > 64) {
      crossed = arrays;
      crossed[depth + 64] = '}';
      CHECK_FALSE(valid(crossed));
    }
  }
}

TEST_CASE("validate_json reports what is wrong and where") {
  std::size_t offset = 0;
  CHECK(reason(R"({"a":1,})", &offset) == "unexpected character");
  CHECK(offset == 7);
  CHECK(reason("  [\"a\\q\"]", &offset) == "invalid escape");
  CHECK(offset == 5);
  CHECK(reason("[\"\xc3(\"]", &offset) == "invalid UTF-8");
  CHECK(offset == 2);
  CHECK(reason("[\"a\nb\"]", &offset) == "control character in a string");
  CHECK(offset == 3);
  CHECK(reason(R"(["\ud800x"])", &offset) == "lone surrogate");
  CHECK(reason("[1", &offset) == "unexpected end");
  CHECK(reason("[1] 2 ]", &offset) == "unexpected data after the value");
  CHECK(offset == 4);
  CHECK(reason("  ", &offset) == "no value");
}

TEST_CASE("backslash runs of any length at any distance from a block's end are understood") {
  for (std::size_t lead = 40; lead < 80; ++lead) {
    for (std::size_t run = 0; run < 10; ++run) {
      for (const char* tail : {"\"]", "\\\"\"]", "n\"]", "\",\"x\"]"}) {
        check_agreement("[\"" + std::string(lead, 'x') + std::string(run, '\\') + tail);
      }
    }
    check_agreement("[\"" + std::string(lead, 'x') + "\\ud83d\\ude00\"]");
    check_agreement("[\"" + std::string(lead, 'x') + "\\ud83d\\u0041\"]");
    check_agreement("[\"" + std::string(lead, 'x') + "\xf0\x9f\x98\x80\"]");
    check_agreement("[\"" + std::string(lead, 'x') + "\xf0\x9f\x98\"]");
  }
  for (std::size_t run = 100; run < 300; ++run) check_agreement("[\"" + std::string(run, '\\') + "\"]");
}

TEST_CASE("a record truncated at any byte is not valid") {
  const std::string text = R"({"a": [1, {"b": "x\ud83d\ude00\"y"}], "c": -1.5e3, "d": true, "e": "é"})";
  REQUIRE(valid(text));
  for (std::size_t size = 0; size < text.size(); ++size) {
    CHECK_FALSE(valid(text.substr(0, size)));
    check_agreement(text.substr(0, size));
  }
}

TEST_CASE("validate_json agrees with the reference on generated and damaged text") {
  Random random(20260102);
  for (int i = 0; i < 20000; ++i) {
    std::string text = random.chance(50) ? random_object(random, 3) : random_json(random, 4);
    check_agreement(text);
    for (int k = 0; k < 3; ++k) check_agreement(damaged(random, text));
  }
}
