// Compares with another implementation: pipec and msgpack-cxx read each other's output, and reject
// the same input.
#include <msgpack.hpp>

#include "support/catch.h"
#include "unit/runtime/msgpack_support.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

// What msgpack-cxx sees, as JSON. Only types that JSON has.
class ToJson : public msgpack::null_visitor {
 public:
  bool visit_nil() { return put("null"); }
  bool visit_boolean(bool value) { return put(value ? "true" : "false"); }
  bool visit_positive_integer(std::uint64_t value) { return put(std::to_string(value)); }
  bool visit_negative_integer(std::int64_t value) { return put(std::to_string(value)); }
  bool visit_float32(float value) { return visit_float64(double{value}); }
  bool visit_float64(double value) {
    char text[32];
    return put({text, format_float(value, text)});
  }
  bool visit_str(const char* text, std::uint32_t size) {
    BufferPool pool(0);
    const BufferRef out = pool.get(size + 2);
    append_json_string({text, size}, *out);
    return put(out->view());
  }
  bool start_array(std::uint32_t) { return open('['); }
  bool end_array() { return close(']'); }
  bool start_map(std::uint32_t) { return open('{'); }
  bool end_map() { return close('}'); }
  bool end_map_key() {
    json += ':';
    fresh_ = true;
    return true;
  }

  std::string json;

 private:
  bool put(std::string_view text) {
    comma();
    json += text;
    return true;
  }
  bool open(char bracket) {
    comma();
    json += bracket;
    fresh_ = true;
    return true;
  }
  bool close(char bracket) {
    json += bracket;
    fresh_ = false;
    return true;
  }
  void comma() {
    if (!fresh_) json += ',';
    fresh_ = false;
  }
  bool fresh_ = true;
};

std::string seen_by_referee(const std::string& bytes) {
  ToJson visitor;
  std::size_t offset = 0;
  if (!msgpack::parse(bytes.data(), bytes.size(), offset, visitor) || offset != bytes.size())
    return "refused";
  return visitor.json;
}

template <typename T>
std::string written_by_referee(const T& value) {
  msgpack::sbuffer buffer;
  msgpack::pack(buffer, value);
  return {buffer.data(), buffer.size()};
}

}  // namespace

TEST_CASE("msgpack-cxx reads what we write", "[msgpack]") {
  Random random(3);
  std::size_t compared = 0;
  for (int round = 0; round < 3000; ++round) {
    const auto bytes = try_packed(random_json(random, 3));
    if (!bytes) continue;
    REQUIRE(seen_by_referee(*bytes) == unpacked(*bytes));
    ++compared;
  }
  CHECK(compared > 1500);
}

TEST_CASE("we read what msgpack-cxx writes, and write it the same", "[msgpack]") {
  const auto same = [](const std::string& bytes, const std::string& json) {
    CHECK(validated(bytes) == "valid");
    CHECK(unpacked(bytes) == json);
    CHECK(packed(json) == bytes);
  };
  for (int shift = 0; shift < 64; ++shift) {
    for (const std::uint64_t near : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
      const std::uint64_t number = (std::uint64_t{1} << shift) + near;
      same(written_by_referee(number), std::to_string(number));
      const auto negative = static_cast<std::int64_t>(~number);
      same(written_by_referee(negative), std::to_string(negative));
    }
  }
  for (const double number : {0.5, -1.25, 1e300, 0.1, 123456.789, 5e-324})
    CHECK(seen_by_referee(written_by_referee(number)) == unpacked(written_by_referee(number)));
  for (const std::size_t size : {0, 1, 31, 32, 255, 256, 65535, 65536}) {
    const std::string text(size, 'x');
    same(written_by_referee(text), "\"" + text + "\"");
    const std::vector<int> items(size, 1);
    std::string json = "[";
    for (std::size_t i = 0; i < size; ++i) json += i == 0 ? "1" : ",1";
    same(written_by_referee(items), json + "]");
  }
  same(written_by_referee(std::map<std::string, std::vector<bool>>{{"a", {true}}, {"b", {}}}),
       R"({"a":[true],"b":[]})");
}

TEST_CASE("msgpack-cxx and we refuse the same bytes", "[msgpack]") {
  Random random(5);
  std::size_t refused = 0;
  for (int round = 0; round < 5000; ++round) {
    std::string bytes = try_packed(random_object(random, 2)).value_or("\xc0");
    const std::size_t at = random.below(bytes.size());
    if (random.chance(50)) {
      bytes.resize(at);
    } else {
      bytes[at] = static_cast<char>(random.below(256));
    }
    const std::string verdict = validated(bytes);
    // Only pipec checks the types of keys, and UTF-8.
    if (verdict.starts_with("a key") || verdict.starts_with("invalid UTF-8")) continue;
    INFO(verdict);
    msgpack::null_visitor visitor;
    std::size_t offset = 0;
    const bool taken = msgpack::parse(bytes.data(), bytes.size(), offset, visitor) && offset == bytes.size();
    REQUIRE(taken == (verdict == "valid"));
    refused += taken ? 0 : 1;
  }
  CHECK(refused > 1000);
}
