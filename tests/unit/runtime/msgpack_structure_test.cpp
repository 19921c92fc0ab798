// The complete check and the framer: limits, hostile and cut-off input.
#include "support/catch.h"
#include "unit/runtime/msgpack_support.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

// The sizes of the records found, fed `step` bytes at a time; at the end "more", or the reason and its
// offset.
std::vector<std::string> framed(const std::string& stream, std::size_t step) {
  MsgpackFramer framer;
  std::vector<std::string> result;
  std::size_t begin = 0;
  std::size_t searched = 0;
  for (std::size_t end = std::min(step, stream.size());; end = std::min(end + step, stream.size())) {
    for (;;) {
      std::size_t taken = 0;
      const std::string piece = stream.substr(begin + searched, end - begin - searched);
      const auto found = framer.next(piece, taken);
      searched += taken;
      if (found == MsgpackFramer::Found::malformed) {
        result.push_back(std::string(framer.reason()) + " @" + std::to_string(begin + searched));
        return result;
      }
      if (found == MsgpackFramer::Found::more) break;
      result.push_back(std::to_string(searched));
      begin += searched;
      searched = 0;
    }
    if (end == stream.size()) break;
  }
  if (begin + searched < stream.size() || searched > 0) result.emplace_back("more");
  return result;
}

std::string nested_arrays(std::size_t depth) {
  return std::string(depth, '\x91') + '\x01';
}

}  // namespace

TEST_CASE("parse msgpack checks one whole value", "[msgpack]") {
  CHECK(validated(packed(R"({"a":[1,2.5,"x",null,true],"b":{}})")) == "valid");
  CHECK(validated("") == "no value @0");
  CHECK(validated("\x01\x02") == "unexpected data after the value @1");
  CHECK(validated("\x92\x01") == "unexpected end @2");
  CHECK(validated("\x92\x01\xc1") == "the byte 0xc1 is not MsgPack @2");
  CHECK(validated("\xc1") == "the byte 0xc1 is not MsgPack @0");
  CHECK(validated("\x92\x01\xa2\xc3\x28") == "invalid UTF-8 @3");
  CHECK(validated("\x81\xa1\xff\x01") == "invalid UTF-8 @2");
  CHECK(validated(std::string("\xd9\x46") + std::string(69, 'x') + "\xff") == "invalid UTF-8 @71");
  // Bytes after the string do not complete a character that its end cuts off.
  CHECK(validated("\x92\xa1\xc3\xa1\x61") == "invalid UTF-8 @2");
  CHECK(validated(bytes_of({0xc4, 2, 0xff, 0xff})) == "valid");  // bin is any bytes
  CHECK(validated(bytes_of({0xc7, 2, 9, 0xff, 0xff})) == "valid");
}

TEST_CASE("a MsgPack key is a scalar", "[msgpack]") {
  const std::string reason = "a key that is not a scalar @";
  CHECK(validated("\x81\x90\x01") == reason + "1");
  CHECK(validated("\x81\x80\x01") == reason + "1");
  CHECK(validated("\x82\x01\x80\x81\xa1z\x01") == reason + "3");
  CHECK(validated(bytes_of({0x81, 0xd4, 1, 1, 1})) == reason + "1");
  CHECK(validated(bytes_of({0x91, 0x81, 0xc7, 1, 1, 1, 1})) == reason + "2");
  CHECK(validated("\x82\x01\x81\x02\x90\x03\x90") == "valid");
  CHECK(unpacked("\x81\x90\x01") == "!" + reason + "1");
  // The framer finds the end of such a value, so only this record is lost.
  const std::string stream =
      "\x81\x80\x01\x81\xa1z\x01\x82\x91\x02\x03\x81\x01\x02\x04" + bytes_of({0x81, 0xd4, 1, 1, 1});
  for (const std::size_t step : {1, 2, 1000}) {
    CHECK(framed(stream, step) == std::vector<std::string>{"3", "4", "8", "5"});
  }
}

TEST_CASE("every truncation of a MsgPack value is an unexpected end", "[msgpack]") {
  const std::string whole =
      packed(R"({"a":[1,300,70000,5000000000,-1,-200,-40000,-3000000000,2.5,"text","é",null],"b":{"c":{}}})");
  CHECK(validated(whole) == "valid");
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const std::string cut(whole.data(), size);
    CHECK(validated(cut) == "unexpected end @" + std::to_string(size));
    CHECK(unpacked(cut).starts_with("!unexpected end"));
  }
}

TEST_CASE("claimed sizes beyond the available bytes cost nothing", "[msgpack]") {
  const std::string array = bytes_of({0xdd, 0xff, 0xff, 0xff, 0xff});
  const std::string map = bytes_of({0xdf, 0xff, 0xff, 0xff, 0xff});
  const std::string text = bytes_of({0xdb, 0xff, 0xff, 0xff, 0xff, 'x'});
  for (const std::string& hostile : {array, map, text, bytes_of({0xc6, 0xff, 0xff, 0xff, 0xff}),
                                     bytes_of({0xc9, 0xff, 0xff, 0xff, 0xff, 1}), "\x91" + array}) {
    CHECK(validated(hostile).starts_with("unexpected end"));
    CHECK(unpacked(hostile).starts_with("!unexpected end"));
    Arena arena;
    CHECK(expand(Value::msgpack_array(hostile), arena).is_failed());
  }
  MsgpackFramer framer;
  std::size_t taken = 0;
  CHECK(framer.next(array, taken) == MsgpackFramer::Found::more);
  CHECK(framer.least() == 0xffffffff);
  framer.reset();
  CHECK(framer.next(map, taken) == MsgpackFramer::Found::more);
  CHECK(framer.least() == std::uint64_t{0xffffffff} * 2);
  framer.reset();
  CHECK(framer.next(text, taken) == MsgpackFramer::Found::more);
  CHECK(framer.least() > 0xffffffff);
}

TEST_CASE("nesting is capped at 1024, however deep the input", "[msgpack]") {
  CHECK(validated(nested_arrays(1024)) == "valid");
  CHECK(validated(nested_arrays(1025)) == "nested deeper than 1024 @1024");
  CHECK(validated(nested_arrays(200'000)) == "nested deeper than 1024 @1024");
  CHECK(unpacked(nested_arrays(1024)) == std::string(1024, '[') + "1" + std::string(1024, ']'));
  CHECK(unpacked(nested_arrays(200'000)) == "!nested deeper than 1024 @1024");
  // Where it ends is known all the same, up to a million levels.
  CHECK(framed(nested_arrays(200'000), 1000) == std::vector<std::string>{"200001"});
  CHECK(framed(nested_arrays(2'000'000), 1'000'000) ==
        std::vector<std::string>{"nested deeper than 1024 @1048576"});
  std::string maps;
  for (int i = 0; i < 200'000; ++i) maps += "\x81\x01";
  CHECK(validated(maps) == "nested deeper than 1024 @2048");
  const std::string deep = std::string(1024, '[') + std::string(1024, ']');
  CHECK(unpacked(packed(deep)) == deep);
  CHECK(packed("[" + deep + "]") == "!nested deeper than 1024 @1024");
}

TEST_CASE("the framer finds records whatever the pieces", "[msgpack]") {
  std::string stream;
  std::vector<std::string> sizes;
  for (const char* json :
       {R"({"a":1})", "[]", "5", R"({"a":{"b":["xyz",{"k":[[]]}]},"c":1.5})", "\"text\"", "{}"}) {
    const std::string record = packed(json);
    stream += record;
    sizes.push_back(std::to_string(record.size()));
  }
  for (const std::size_t step : {1, 2, 3, 7, 1000}) CHECK(framed(stream, step) == sizes);
  for (std::size_t size = 0; size <= stream.size(); ++size) {
    const std::string cut = stream.substr(0, size);
    CHECK(framed(cut, 1) == framed(cut, 1000));
  }
  sizes.emplace_back("the byte 0xc1 is not MsgPack @" + std::to_string(stream.size()));
  CHECK(framed(stream + "\xc1\x01\x02", 2) == sizes);
}

TEST_CASE("random and damaged MsgPack never causes a read past its bytes", "[msgpack]") {
  Random random(7);
  for (int round = 0; round < 4000; ++round) {
    std::string bytes = try_packed(random_object(random, 2)).value_or("");
    if (random.chance(75)) bytes = damaged_msgpack(random, bytes);
    const std::string own(bytes.data(), bytes.size());
    const bool valid = validate_msgpack(own) == nullptr;
    // The transcoder accepts exactly what the check accepts, and its output is JSON; and vice versa.
    const std::string json = unpacked(own);
    CHECK(valid == !json.starts_with("!"));
    if (valid) {
      CHECK(validate_json(Padded(json).view()) == nullptr);
      CHECK(unpacked(own, true) == json);
    }
  }
}
