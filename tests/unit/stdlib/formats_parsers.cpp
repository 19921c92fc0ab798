#include <string>
#include <vector>

#include "connectors_support.h"
#include "support/catch.h"

using namespace pipec::test;
using namespace pipec::runtime;

namespace {

struct Parsed {
  std::vector<std::string> records;
  std::vector<Format> formats;
  FakeContext context;
  bool validated = true;
  std::string error;
};

Parsed parse(std::string_view parser, std::string_view on_error, const std::vector<std::string>& records) {
  Parsed result;
  OptionsBuilder options;
  auto stage = connectors().format(parser)->parse->make(options.text("on_error", on_error));
  REQUIRE(stage.ok());
  BufferPool pool;
  Batch batch = batch_of(records, pool);
  const auto scratch = (*stage)->make_scratch();
  if (Status status = (*stage)->process(batch, scratch.get(), result.context); !status.ok()) {
    result.error = status.error().message;
    return result;
  }
  for (const Record& record : batch.records) {
    result.records.emplace_back(batch.payload(record));
    result.formats.push_back(record.format);
    result.validated = result.validated && record.validated;
  }
  return result;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("P4 parse json dead-letters records that do not parse, the others continue in order") {
  const Parsed parsed = parse("json", "dlq",
                              {R"({"a": 1})", "{", "[1]", R"({"a":1} x)",
                               "\xef\xbb\xbf"
                               "3",
                               "\"\xff\"", ""});
  CHECK(parsed.records == Lines{R"({"a": 1})", "[1]", "3"});
  CHECK(parsed.validated);
  REQUIRE(parsed.context.dead.size() == 4);
  CHECK(parsed.context.dead[0].first == 1);
  CHECK(parsed.context.dead[0].second.starts_with("parse error: "));
  CHECK(parsed.context.dead[0].second.find(" at byte ") != std::string::npos);
  CHECK(parsed.context.errors == 0);
}

TEST_CASE("P5 on_error: skip counts and leaves no dead letter") {
  const Parsed parsed = parse("json", "skip", {"1", "{", "}"});
  CHECK(parsed.records == Lines{"1"});
  CHECK(parsed.context.dead.empty());
  CHECK(parsed.context.errors == 2);
}

TEST_CASE("P6 on_error: fail fails the batch") {
  const Parsed parsed = parse("json", "fail", {"1", "{"});
  CHECK(parsed.records.empty());
  CHECK(parsed.error.starts_with("parse error: "));
}

TEST_CASE("parse text turns each line into a message") {
  const Parsed parsed = parse("text", "dlq", {"plain", "a \"b\"\t\\", "\xc3\xa9", "bad \xff"});
  CHECK(parsed.records ==
        Lines{R"({"message":"plain"})", R"({"message":"a \"b\"\t\\"})", "{\"message\":\"\xc3\xa9\"}"});
  CHECK(parsed.validated);
  REQUIRE(parsed.context.dead.size() == 1);
  CHECK(parsed.context.dead[0].second == "parse error: not UTF-8 at byte 4");
}

TEST_CASE("P4 parse msgpack checks each record completely, whatever it was taken for") {
  const Parsed parsed = parse("msgpack", "dlq",
                              {"\x81\xa1"
                               "a\x01",
                               "\xc1", "\x92\x01", "\x01\x02", "\xa1\xff", "", "5"});
  CHECK(parsed.records == Lines{"\x81\xa1"
                                "a\x01",
                                "5"});
  CHECK(parsed.validated);
  REQUIRE(parsed.context.dead.size() == 5);
  CHECK(parsed.context.dead[0].second == "parse error: the byte 0xc1 is not MsgPack at byte 0");
  CHECK(parsed.context.dead[1].second == "parse error: unexpected end at byte 2");
  CHECK(parsed.context.dead[2].second == "parse error: unexpected data after the value at byte 1");
  CHECK(parsed.context.dead[3].second == "parse error: invalid UTF-8 at byte 1");
  CHECK(parsed.context.dead[4].second == "parse error: no value at byte 0");
  CHECK(parse("msgpack", "skip", {"\xc1"}).context.errors == 1);
  CHECK(parse("msgpack", "fail", {"\xc1"}).error.starts_with("parse error: "));
}

TEST_CASE("P4 parse auto looks at the first byte") {
  const Parsed parsed =
      parse("auto", "dlq",
            {R"({"a": 1})", " [1]", "\xef\xbb\xbf{}", std::string("\x81\xa1") + "a\x01", "\x91\x05",
             std::string("\xdc\x00\x01\x05", 4), "5", "\"x\"", "\xc0", "{", "\x91", ""});
  CHECK(parsed.records == Lines{R"({"a": 1})", " [1]", "{}", std::string("\x81\xa1") + "a\x01", "\x91\x05",
                                std::string("\xdc\x00\x01\x05", 4)});
  CHECK(parsed.formats == std::vector<Format>{Format::json, Format::json, Format::json, Format::msgpack,
                                              Format::msgpack, Format::msgpack});
  REQUIRE(parsed.context.dead.size() == 6);
  CHECK(parsed.context.dead[0].second ==
        "parse error: neither a JSON nor a MsgPack object or array at byte 0");
  CHECK(parsed.context.dead[4].second == "parse error: unexpected end at byte 1");
}
