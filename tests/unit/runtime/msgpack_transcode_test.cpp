// JSON to MsgPack and back without a tree.
#include "runtime/record/sixteen.h"
#include "support/catch.h"
#include "unit/runtime/msgpack_support.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

TEST_CASE("JSON becomes MsgPack in its smallest form", "[msgpack]") {
  CHECK(packed(R"( {"a" : 1 , "b":[true,false,null]} )") ==
        bytes_of({0x82, 0xa1, 'a', 0x01, 0xa1, 'b', 0x93, 0xc3, 0xc2, 0xc0}));
  CHECK(packed("{}") == "\x80");
  CHECK(packed("[ ]") == "\x90");
  CHECK(packed("-0") == std::string(1, '\0'));
  CHECK(packed("1.5") == bytes_of({0xcb, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0}));
  CHECK(packed("9223372036854775808") == bytes_of({0xcf, 0x80, 0, 0, 0, 0, 0, 0, 0}));
  CHECK(packed("-9223372036854775808") == bytes_of({0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0}));
  CHECK(packed(R"("a\u00e9\n\ud83d\ude00")") ==
        "\xa8"
        "a\xc3\xa9\n\xf0\x9f\x98\x80");
  CHECK(packed("\"" + std::string(40, 'x') + "\\\\\"") == "\xd9\x29" + std::string(40, 'x') + "\\");
  CHECK(packed(R"({"a":1,"a":2})") == bytes_of({0x82, 0xa1, 'a', 1, 0xa1, 'a', 2}));
}

TEST_CASE("counts of every width have their head", "[msgpack]") {
  for (const std::size_t count : {15, 16, 100, 65535, 65536}) {
    std::string json = "[";
    for (std::size_t i = 0; i < count; ++i) json += i == 0 ? "7" : ",7";
    json += "]";
    const std::size_t head = count < 16 ? 1 : count < 65536 ? 3 : 5;
    const std::string bytes = packed(json);
    REQUIRE(bytes.size() == count + head);
    CHECK(unpacked(bytes) == json);
    std::string object = "{";
    for (std::size_t i = 0; i < count; ++i) object += (i == 0 ? "\"\":[" : ",\"\":[") + std::string("]");
    object += "}";
    CHECK(packed(object).size() == 2 * count + head);
    CHECK(unpacked(packed(object)) == object);
  }
}

TEST_CASE("sixteen bytes are classified with and without vectors", "[msgpack]") {
  for (unsigned byte = 0; byte < 256; ++byte) {
    for (unsigned place = 0; place < 16; ++place) {
      // Next to it, bytes that a carry from byte to byte would get wrong.
      std::string bytes = byte % 2 == 0 ? "!\x1f\x7f\x80 [a]#\xff\"\\xyz0" : std::string(16, '\x20');
      bytes[place] = static_cast<char>(byte);
      unsigned special = 0;
      unsigned high = 0;
      for (unsigned i = 0; i < 16; ++i) {
        const auto c = static_cast<unsigned char>(bytes[i]);
        special |= (c < 0x20 || c == '"' || c == '\\' ? 1U : 0U) << i;
        high |= (c >= 0x80 ? 1U : 0U) << i;
      }
      char copy[16];
      const record::Sixteen vectors = record::copy_sixteen(bytes.data(), copy);
      const record::Sixteen words = record::look_at_sixteen(bytes.data());
      REQUIRE(std::string(copy, 16) == bytes);
      REQUIRE(vectors.special == special);
      REQUIRE(words.special == special);
      REQUIRE(vectors.high == high);
      REQUIRE(words.high == high);
    }
  }
}

TEST_CASE("strings of every length keep their contents, with special bytes at any place", "[msgpack]") {
  // Around the widths of vectors and heads: special, non-ASCII and invalid bytes at the start, at the end and
  // between.
  std::vector<std::size_t> sizes = {100, 254, 255, 256, 257, 300, 65535, 65536};
  for (std::size_t size = 1; size < 70; ++size) sizes.push_back(size);
  for (const std::size_t size : sizes) {
    for (const std::size_t place : {std::size_t{0}, size / 2, size - 1}) {
      const auto with = [&](std::string_view in_place) {
        return std::string(place, 'x') + std::string(in_place) + std::string(size - place - 1, 'y');
      };
      const std::string plain = "{\"" + with("z") + "\":[\"" + with("z") + "\",1]}";
      REQUIRE(unpacked(packed(plain)) == plain);
      const std::string escaped = "{\"" + with("\\n") + "\":\"" + with("\\\"") + "\"}";
      REQUIRE(unpacked(packed(escaped)) == escaped);
      const std::string wide = "[\"" + with("\xc3\xa9") + "\",{\"" + with("\xc3\xa9") + "\":7}]";
      REQUIRE(unpacked(packed(wide)) == wide);
      REQUIRE(packed("[\"" + with("\xff") + "\"]") == "!invalid UTF-8 @1");
      REQUIRE(packed("[\"" + with("\n") + "\"]") == "!malformed JSON @1");
      std::string bytes = packed("\"" + with("z") + "\"");
      const std::size_t at = bytes.size() - size + place;
      bytes[at] = '\xff';
      REQUIRE(unpacked(bytes) == "!invalid UTF-8 @" + std::to_string(at));
    }
  }
}

TEST_CASE("a record that is truncated anywhere is rejected both ways", "[msgpack]") {
  const std::string json = "{\"a\":[true,null,-12345678901,1.25,\"" + std::string(40, 'x') + "\"],\"" +
                           std::string(20, 'k') + "\":{\"e\\u00e9\":\"\xc3\xa9\",\"\":[]}}";
  const std::string bytes = packed(json);
  REQUIRE(bytes.front() != '!');
  for (std::size_t size = 0; size < json.size(); ++size) {
    INFO(json.substr(0, size));
    REQUIRE(packed(json.substr(0, size)).front() == '!');
  }
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    REQUIRE(unpacked(bytes.substr(0, size)) == "!unexpected end @" + std::to_string(size));
  }
}

TEST_CASE("numbers that become longer than their text have room", "[msgpack]") {
  for (const char* const item : {"1.5", "0.1", "1e9", "4294967296", "[]", "-0.5"}) {
    std::string json = "[";
    for (int i = 0; i < 3000; ++i) json += (i == 0 ? "" : ",") + std::string(item);
    json += "]";
    const std::string bytes = packed(json);
    REQUIRE(validated(bytes) == "valid");
    Arena arena;
    REQUIRE(equal(*read_json(json), *read_msgpack(bytes), arena));
  }
}

TEST_CASE("nested large containers do not take quadratic time", "[msgpack]") {
  // A thousand levels of more than 15 items around a long string: heads that are moved on would move it each
  // time.
  std::string text;
  for (int level = 0; level < 1000; ++level) text += "[1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,";
  text += "\"" + std::string(300'000, 'x') + "\"" + std::string(1000, ']');
  const std::string bytes = packed(text);
  CHECK(validated(bytes) == "valid");
  CHECK(unpacked(bytes) == text);
}

TEST_CASE("values that MsgPack cannot represent are rejected with their place", "[msgpack]") {
  CHECK(packed(R"({"a":18446744073709551616})") == "!a number beyond 64 bits @5");
  CHECK(packed("[1,-9223372036854775809]") == "!a number beyond 64 bits @3");
  CHECK(packed("[1e400]") == "!a number beyond 64 bits @1");
  CHECK(packed("[1e-400]") == "!a number beyond 64 bits @1");
}

TEST_CASE("MsgPack becomes JSON, with the rules for types that JSON lacks", "[msgpack]") {
  CHECK(unpacked(bytes_of({0x93, 0xca, 0x7f, 0xc0, 0, 0, 0xc4, 1, 0xff, 0xd6, 0xff, 0, 0, 0, 0})) ==
        R"([null,"/w==","1970-01-01T00:00:00Z"])");
  CHECK(unpacked(bytes_of({0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})) == "18446744073709551615");
  CHECK(unpacked(bytes_of({0x91, 0xd4, 9, 0xff})) == R"(["/w=="])");
  CHECK(unpacked("\xa4\"\\\n\x01") == R"("\"\\\n\u0001")");
  CHECK(unpacked("\x01\x02") == "!unexpected data after the value @1");
  CHECK(unpacked("\x91\xa1\xff") == "!invalid UTF-8 @2");
}

TEST_CASE("any JSON that parses goes to MsgPack and back, all else is refused", "[msgpack]") {
  Random random(11);
  std::size_t both = 0;
  std::size_t neither = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string text = random_json(random, 3);
    if (random.chance(40)) text = damaged(random, text);
    INFO(text);
    const Padded padded(text);
    const bool valid = validate_json(padded.view()) == nullptr;
    const auto made = try_packed(padded.view());
    if (valid && !made && packed(padded.view()).starts_with("!a number beyond 64 bits")) continue;
    REQUIRE(valid == made.has_value());
    ++(valid ? both : neither);
    if (!valid) continue;
    const std::string& bytes = *made;
    REQUIRE(validated(bytes) == "valid");
    Arena arena;
    const std::string again = unpacked(bytes);
    REQUIRE(validate_json(Padded(again).view()) == nullptr);
    const auto trimmed = std::string_view(text).substr(
        text.find_first_not_of(" \t\r\n"),
        text.find_last_not_of(" \t\r\n") - text.find_first_not_of(" \t\r\n") + 1);
    REQUIRE(equal(*read_json(trimmed), *read_json(again), arena));
    REQUIRE(equal(*read_json(trimmed), *read_msgpack(bytes), arena));
    REQUIRE(packed(again) == bytes);
  }
  CHECK(both > 5000);
  CHECK(neither > 1000);
}
