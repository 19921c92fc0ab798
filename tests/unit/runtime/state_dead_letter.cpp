#include <string>

#include "pipec/runtime/json.h"
#include "pipec/runtime/stage.h"
#include "pipec/runtime/utf8.h"
#include "support/catch.h"

using namespace pipec::runtime;

namespace {

std::string line_of(const std::string& original, const Metadata* metadata = nullptr,
                    std::string reason = "why") {
  BufferPool pool;
  Block block;
  block.data = pool.get(64);
  block.data->append("xx");
  block.data->append(original);
  block.origins.push_back({2, static_cast<std::uint32_t>(original.size())});
  block.source = "in.ndjson";
  block.first_position = 100;
  block.byte_positions = true;
  if (metadata) block.metadata.push_back(*metadata);
  BufferRef out = pool.get(64);
  write_dead_letter(block, {0, std::move(reason), "parse json", {"a.pipe", 3, 5}}, 1'700'000'000'000'000'000,
                    *out);
  const std::string line(out->view());
  CHECK(line.find('\n') == std::string::npos);
  CHECK(validate_json(out->view()) == nullptr);
  return line;
}

}  // namespace

TEST_CASE("P10 a dead letter is one line of JSON with all that is known of the record") {
  CHECK(
      line_of("{\"a\": 1") ==
      R"({"original":"{\"a\": 1","encoding":"utf-8","reason":"why","stage":"parse json","place":"a.pipe:3:5",)"
      R"("source":"in.ndjson","partition":0,"position":102,"key":null,"headers":[],"time":"2023-11-14T22:13:20Z"})");
}

TEST_CASE("P10 a MsgPack record's bytes are base64, UTF-8 or not") {
  BufferPool pool;
  Block block;
  block.data = pool.get(64);
  block.data->append("5");
  block.origins.push_back({0, 1});
  block.format = Format::msgpack;
  BufferRef out = pool.get(64);
  write_dead_letter(block, {0, "why", "filter", {}}, 0, *out);
  CHECK(out->view().starts_with(R"({"original":"NQ==","encoding":"base64",)"));
}

TEST_CASE("P10 key, headers and timestamp stay, whatever bytes they hold") {
  Metadata metadata;
  metadata.key = "k\"1";
  metadata.headers = {{"h", "v"}, {"h", std::nullopt}, {"raw", "\xff"}};
  metadata.timestamp = 0;
  const std::string line = line_of("x", &metadata);
  CHECK(line.find(R"("key":"k\"1","headers":[{"name":"h","value":"v"},{"name":"h","value":null},)"
                  R"({"name":"raw","value":{"base64":"/w=="}}])") != std::string::npos);
  CHECK(line.find(R"("timestamp":"1970-01-01T00:00:00Z"})") != std::string::npos);
}

TEST_CASE("fault Q5 a payload that is no UTF-8, or holds newlines, is safe in a dead letter") {
  CHECK(line_of("\xff\xfe").find(R"("original":"//4=","encoding":"base64")") != std::string::npos);
  CHECK(line_of("\x80").find(R"("original":"gA==")") != std::string::npos);
  CHECK(line_of("\x80\x81\x82").find(R"("original":"gIGC")") != std::string::npos);
  CHECK(line_of("a\nb").find(R"("original":"a\nb","encoding":"utf-8")") != std::string::npos);
  for (int byte = 0; byte < 256; ++byte)
    line_of(std::string(1, static_cast<char>(byte)), nullptr, std::string(1, static_cast<char>(byte)));
}

TEST_CASE("UTF-8 is checked as the standard's table has it") {
  CHECK(is_utf8("plain, 12345678, \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"));
  for (const char* bad : {"\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xf0\x80\x80\x80",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80", "\xe2\x82", "\xf0\x9f\x98"}) {
    CHECK(valid_utf8_prefix(std::string("12345678") + bad) == 8);
  }
  CHECK(printable_utf8("a\xff"
                       "b") ==
        "a\xef\xbf\xbd"
        "b");
}
