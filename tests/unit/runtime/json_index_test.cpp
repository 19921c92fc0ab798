#include <string>

#include "json_reference.h"
#include "json_support.h"
#include "pipec/runtime/json.h"
#include "runtime/json/field_index.h"
#include "support/catch.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;
using json::FieldIndex;
using json::usable_kernels;
using record::FieldSlot;
using record::Shape;

namespace {

FieldSet fields_of(std::vector<std::string> keys) {
  FieldSet fields;
  fields.keys = std::move(keys);
  return fields;
}

Shape shape_of(std::string_view record) {
  FieldIndex index(fields_of({"a"}));
  return index.scan(Padded(record).view());
}

std::string found(const FieldIndex& index, std::string_view record, std::uint32_t slot) {
  const FieldSlot& place = index.slot(slot);
  return place.found() ? std::string(record.substr(place.value_begin, place.value_end - place.value_begin))
                       : "-";
}

const std::vector<std::string> kKeys = {"a",
                                        "b",
                                        "",
                                        "longer_key",
                                        "a\"b",
                                        "eight_ch",
                                        "a key of more than sixteen bytes",
                                        "b\\",
                                        "absent",
                                        "a key of more than sixteen bytez"};

// On valid records: every kernel finds what the reference finds.
void check_valid(std::string_view text) {
  const auto members = ReferenceParser(text).members();
  for (const json::Kernel* kernel : usable_kernels()) {
    FieldIndex index(fields_of(kKeys), *kernel);
    for (const bool trusted : {false, true}) {
      const Padded record(text);
      INFO(kernel->name << ": " << text);
      REQUIRE(index.scan(record.view(), trusted) == Shape::object);
      REQUIRE(index.members() == members.size());
      bool repeated = false;
      for (std::uint32_t slot = 0; slot < kKeys.size(); ++slot) {
        std::string expected = "-";
        std::size_t count = 0;
        for (const auto& [key, value] : members) {
          if (key != kKeys[slot]) continue;
          expected = value;
          ++count;
        }
        repeated |= count > 1;
        if (found(index, record.view(), slot) != expected)
          CHECK(found(index, record.view(), slot) == expected);
      }
      CHECK(index.repeated() == repeated);
      for (std::uint32_t i = 0; i < members.size(); ++i) {
        const FieldSlot place = index.member(record.view(), i);
        const auto value = record.view().substr(place.value_begin, place.value_end - place.value_begin);
        if (value != members[i].second) CHECK(value == members[i].second);
      }
    }
  }
}

}  // namespace

TEST_CASE("FieldIndex finds top-level members and nothing below them") {
  const Padded record(R"( { "x" : {"a":1,"b":[{"a":2}]} , "a": "\"b\":7" ,"b":[1, 2] } )");
  FieldIndex index(fields_of({"a", "b", "c"}));
  REQUIRE(index.scan(record.view()) == Shape::object);
  CHECK(found(index, record.view(), 0) == R"("\"b\":7")");
  CHECK(found(index, record.view(), 1) == "[1, 2]");
  CHECK(found(index, record.view(), 2) == "-");
  CHECK(index.members() == 3);
  CHECK(index.object_begin() == 1);
  CHECK(record.view()[index.object_end()] == '}');
  CHECK(record.view().substr(index.slot(0).key_begin, index.slot(0).key_end - index.slot(0).key_begin) ==
        "\"a\"");
}

TEST_CASE("FieldIndex returns the last of repeated keys and reports them") {
  FieldIndex index(fields_of({"a", "b"}));
  const Padded record(R"({"a":1,"b":2,"\u0061":3})");
  REQUIRE(index.scan(record.view()) == Shape::object);
  CHECK(found(index, record.view(), 0) == "3");
  CHECK(index.repeated());
  const Padded next(R"({"b":2})");
  REQUIRE(index.scan(next.view()) == Shape::object);
  CHECK(found(index, next.view(), 0) == "-");
  CHECK_FALSE(index.repeated());
}

TEST_CASE("FieldIndex knows a key by its decoded name") {
  FieldIndex index(fields_of({"a\\b", "a\bx"}));
  const Padded raw(R"({"a\b":1})");  // a, backspace
  REQUIRE(index.scan(raw.view()) == Shape::object);
  CHECK(found(index, raw.view(), 0) == "-");
  const Padded escaped(R"({"a\\b":1,"\u0061\bx":2})");
  REQUIRE(index.scan(escaped.view()) == Shape::object);
  CHECK(found(index, escaped.view(), 0) == "1");
  CHECK(found(index, escaped.view(), 1) == "2");
}

TEST_CASE("FieldIndex tells the shapes of records") {
  for (const char* text : {"{}", " { } ", "{\"a\":1}\r", "{\"a\":{}}"}) {
    CAPTURE(text);
    CHECK(shape_of(text) == Shape::object);
  }
  for (const char* text : {"[]", " [1,{\"a\":[]}] ", "1", " \"x\" ", "null", "-1e400", "true\r"}) {
    CAPTURE(text);
    CHECK(shape_of(text) == Shape::other);
  }
  for (const char* text : {"",
                           "  ",
                           "{",
                           "[",
                           "}",
                           "]",
                           "x",
                           "{]",
                           "[}",
                           "{\"a\":1",
                           "{\"a\":[}",
                           "{\"a\":[1}]",
                           "{\"a\":{]}",
                           "{} {}",
                           "{}x",
                           "[] 1",
                           "1 2",
                           "\"a",
                           "{\"a\":\"x}",
                           "{\"a\":\"x\\\"}",
                           "{\"a\"}",
                           "{a:1}",
                           "{\"a\":}",
                           "{\"a\":1,}",
                           "{,\"a\":1}",
                           "{\"a\":1 \"b\":2}",
                           "{\"a\" \"b\":1}",
                           "{\"b\"x:1}",
                           "{x\"b\":1}",
                           "{\"b\"x\"c\":1}",
                           "{:1}",
                           "{\"a\":{}{}}",
                           "{\"a\":1{}}",
                           "{\"a\":{}1}",
                           "{{}}",
                           "{\"a\":[]]}",
                           "{\"a\"\\\":1}",
                           "{\"a\":1,,\"b\":2}",
                           "{1:2}",
                           "{\"a\"::1}",
                           "{ , }",
                           "{x}",
                           "\x1a{}"}) {
    CAPTURE(text);
    CHECK(shape_of(text) == Shape::malformed);
  }
}

TEST_CASE("FieldIndex accepts 1024 levels and no more") {
  for (const std::size_t depth : {1U, 62U, 63U, 64U, 65U, 127U, 128U, 1023U, 1024U, 100000U}) {
    CAPTURE(depth);
    const std::string nested = "{\"a\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
    CHECK((shape_of(nested) == Shape::object) == (depth + 1 <= kMaxDepth));
    CHECK((shape_of(std::string(depth, '[') + std::string(depth, ']')) == Shape::other) ==
          (depth <= kMaxDepth));
    std::string crossed = nested;
    crossed[nested.size() - 2] = '}';
    CHECK(shape_of(crossed) == Shape::malformed);
  }
}

TEST_CASE("a record truncated at any byte is malformed for FieldIndex") {
  const std::string text =
      R"({"a": [1, {"b": "x\\\"y"}], "c": -1.5e3, "d": true, "e": ")" + std::string(100, 'x') + "\"}";
  REQUIRE(shape_of(text) == Shape::object);
  for (std::size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    CHECK(shape_of(text.substr(0, size)) == Shape::malformed);
  }
}

TEST_CASE("FieldIndex sees through backslash runs across block ends") {
  for (std::size_t lead = 40; lead < 80; ++lead) {
    for (std::size_t run = 0; run < 8; ++run) {
      std::string text = "{\"x\":\"" + std::string(lead, 'x') + std::string(run, '\\');
      text += run % 2 == 0 ? "\",\"a\":1}" : "\",\\\"a\\\":1\"}";
      check_valid(text);
    }
  }
}

TEST_CASE("FieldIndex works with many fields and many members") {
  FieldSet fields;
  std::string text = "{";
  for (int i = 0; i < 300; ++i) {
    const std::string key = "request_header_number_" + std::to_string(i);
    if (i % 2 == 0) fields.slot_of(key);
    text += (i > 0 ? ",\"" : "\"") + key + "\":" + std::to_string(i);
  }
  text += "}";
  for (const json::Kernel* kernel : usable_kernels()) {
    FieldIndex index(fields, *kernel);
    const Padded record(text);
    REQUIRE(index.scan(record.view()) == Shape::object);
    CHECK(index.members() == 300);
    for (std::uint32_t slot = 0; slot < 150; ++slot) {
      if (found(index, record.view(), slot) != std::to_string(slot * 2)) {
        CHECK(found(index, record.view(), slot) == std::to_string(slot * 2));
      }
    }
  }
}

TEST_CASE("FieldIndex agrees with the reference on generated records") {
  Random random(7);
  for (int i = 0; i < 5000; ++i) check_valid(random_object(random, 3));
}

TEST_CASE("the kernels agree on damaged records, and never reject valid ones") {
  Random random(8);
  std::size_t malformed = 0;
  for (int i = 0; i < 30000; ++i) {
    const std::string text =
        damaged(random, random.chance(70) ? random_object(random, 2) : random_json(random, 3));
    const bool valid = reference_valid(text);
    std::vector<std::string> answers;
    for (const json::Kernel* kernel : usable_kernels()) {
      for (const std::string_view behind : {"\"}],:{[\\1\n", "\xff"}) {
        FieldIndex index(fields_of(kKeys), *kernel);
        const Padded record(text, behind);
        const Shape shape = index.scan(record.view());
        std::string answer = std::to_string(static_cast<int>(shape));
        if (shape == Shape::object) {
          for (std::uint32_t slot = 0; slot < kKeys.size(); ++slot)
            answer += found(index, record.view(), slot) + "|";
        }
        if (valid && shape == Shape::malformed) CHECK(text.empty());
        malformed += shape == Shape::malformed;
        answers.push_back(answer);
      }
    }
    for (const std::string& answer : answers) {
      if (answer != answers.front()) CHECK(answer == answers.front());
    }
  }
  CHECK(malformed > 1000);
}
