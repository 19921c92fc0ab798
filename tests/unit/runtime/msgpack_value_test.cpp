// Every type and size class of MsgPack as a value of the language, and the rules for what the language has
// not.
#include <bit>
#include <limits>

#include "support/catch.h"
#include "unit/runtime/msgpack_support.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

// The type and the value as JSON; "malformed".
std::string read(const std::string& bytes) {
  const auto value = read_msgpack(bytes);
  if (!value) return "malformed";
  return std::string(type_name(value->type())) + " " + to_json(*value);
}

std::string sized(std::initializer_list<int> head, std::size_t size, char fill = 'x') {
  return bytes_of(head) + std::string(size, fill);
}

}  // namespace

TEST_CASE("MsgPack integers of every width are ints", "[msgpack]") {
  CHECK(read(bytes_of({0x00})) == "int 0");
  CHECK(read(bytes_of({0x7f})) == "int 127");
  CHECK(read(bytes_of({0xe0})) == "int -32");
  CHECK(read(bytes_of({0xff})) == "int -1");
  CHECK(read(bytes_of({0xcc, 0xff})) == "int 255");
  CHECK(read(bytes_of({0xcd, 0xff, 0xfe})) == "int 65534");
  CHECK(read(bytes_of({0xce, 0xff, 0xff, 0xff, 0xff})) == "int 4294967295");
  CHECK(read(bytes_of({0xcf, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})) == "int 9223372036854775807");
  CHECK(read(bytes_of({0xd0, 0x80})) == "int -128");
  CHECK(read(bytes_of({0xd1, 0x80, 0x00})) == "int -32768");
  CHECK(read(bytes_of({0xd2, 0x80, 0x00, 0x00, 0x00})) == "int -2147483648");
  CHECK(read(bytes_of({0xd3, 0x80, 0, 0, 0, 0, 0, 0, 0})) == "int -9223372036854775808");
}

TEST_CASE("a MsgPack integer beyond int64 is a number of the data", "[msgpack]") {
  const auto value = read_msgpack(bytes_of({0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}));
  REQUIRE(value);
  CHECK(value->is_beyond());
  CHECK(to_json(*value) == "18446744073709551615");
  Arena arena;
  const auto same = read_json("18446744073709551615");
  CHECK(equal(*value, *same, arena));
  CHECK(compare(*value, Value::integer(std::numeric_limits<std::int64_t>::max()), arena) == 1);
  CHECK(compare(*value, *read_json("18446744073709551616"), arena) == -1);
  CHECK(compare(*value, Value::floating(1e300), arena) == -1);
}

TEST_CASE("MsgPack floats are doubles; NaN and infinities are null", "[msgpack]") {
  CHECK(read(bytes_of({0xca, 0x3f, 0x00, 0x00, 0x00})) == "float 0.5");
  CHECK(read(bytes_of({0xca, 0x3d, 0xcc, 0xcc, 0xcd})) == "float 0.10000000149011612");
  CHECK(read(bytes_of({0xcb, 0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a})) == "float 0.1");
  CHECK(read(bytes_of({0xcb, 0x40, 0x14, 0, 0, 0, 0, 0, 0})) == "float 5.0");
  CHECK(read(bytes_of({0xca, 0x7f, 0xc0, 0x00, 0x00})) == "null null");
  CHECK(read(bytes_of({0xca, 0x7f, 0x80, 0x00, 0x00})) == "null null");
  CHECK(read(bytes_of({0xcb, 0xff, 0xf0, 0, 0, 0, 0, 0, 0})) == "null null");
}

TEST_CASE("MsgPack strings of every size class are checked for UTF-8", "[msgpack]") {
  CHECK(read(bytes_of({0xa0})) == "string \"\"");
  CHECK(read(bytes_of({0xa2, 0xc3, 0xa9})) == "string \"\xc3\xa9\"");
  CHECK(read(bytes_of({0xa1, '"'})) == R"(string "\"")");
  CHECK(read(sized({0xbf}, 31)) == "string \"" + std::string(31, 'x') + "\"");
  CHECK(read(sized({0xd9, 200}, 200)) == "string \"" + std::string(200, 'x') + "\"");
  CHECK(read(sized({0xda, 1, 0}, 256)) == "string \"" + std::string(256, 'x') + "\"");
  CHECK(read(sized({0xdb, 0, 1, 0, 0}, 65536)) == "string \"" + std::string(65536, 'x') + "\"");
  CHECK(read(bytes_of({0xa1, 0xff})) == "malformed");
  CHECK(read(sized({0xd9, 200}, 199) + "\xc3") == "malformed");
  CHECK(read(sized({0xa5}, 4)) == "malformed");
  CHECK(read(sized({0xa5}, 6)) == "malformed");
}

TEST_CASE("MsgPack bin is bytes, ext -1 a timestamp, any other ext its bytes", "[msgpack]") {
  CHECK(read(bytes_of({0xc4, 1, 0xff})) == "bytes \"/w==\"");
  CHECK(read(bytes_of({0xc5, 0, 1, 0xff})) == "bytes \"/w==\"");
  CHECK(read(bytes_of({0xc6, 0, 0, 0, 1, 0xff})) == "bytes \"/w==\"");
  CHECK(read(bytes_of({0xd6, 0xff, 0, 0, 0, 1})) == R"(timestamp "1970-01-01T00:00:01Z")");
  CHECK(read(bytes_of({0xd7, 0xff, 0, 0, 0, 4, 0, 0, 0, 1})) ==
        R"(timestamp "1970-01-01T00:00:01.000000001Z")");
  CHECK(read(bytes_of({0xc7, 12, 0xff, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})) ==
        R"(timestamp "1969-12-31T23:59:59.000000001Z")");
  CHECK(read(bytes_of({0xd4, 5, 0xff})) == "bytes \"/w==\"");
  CHECK(read(bytes_of({0xc7, 0, 5})) == "bytes \"\"");
  CHECK(read(bytes_of({0xc8, 0, 1, 5, 0xff})) == "bytes \"/w==\"");
  CHECK(read(bytes_of({0xc9, 0, 0, 0, 1, 5, 0xff})) == "bytes \"/w==\"");
  for (const int head : {0xd5, 0xd8}) {
    const std::size_t size = head == 0xd5 ? 2 : 16;
    CHECK(read(sized({head, 7}, size, 0)).starts_with("bytes"));
  }
  // No timestamps: more than a second of nanoseconds, seconds that 64 bits of nanoseconds do not hold.
  CHECK(read(bytes_of({0xd7, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1})).starts_with("bytes"));
  CHECK(read(bytes_of({0xc7, 12, 0xff, 0, 0, 0, 0, 0x7f, 0, 0, 0, 0, 0, 0, 0})).starts_with("bytes"));
}

TEST_CASE("nil and bool; 0xc1 is invalid", "[msgpack]") {
  CHECK(read(bytes_of({0xc0})) == "null null");
  CHECK(read(bytes_of({0xc2})) == "bool false");
  CHECK(read(bytes_of({0xc3})) == "bool true");
  CHECK(read(bytes_of({0xc1})) == "malformed");
  CHECK(read("") == "malformed");
}

TEST_CASE("MsgPack containers are walked, looked up and compared as JSON ones are", "[msgpack]") {
  Arena arena;
  const std::string bytes = packed(R"({"a":[1,"x",{"b":2}],"c":{"d":null},"a":[3]})");
  const auto object = read_msgpack(bytes);
  REQUIRE(object);
  const Found a = find_member(*object, "a", arena);
  CHECK(to_json(a.value) == "[3]");
  CHECK_FALSE(find_member(*object, "b", arena).found);
  const Value members = expand(*object, arena);
  REQUIRE(members.size() == 2);
  CHECK(members.members()[0].key == "a");
  CHECK(to_json(members) == R"({"a":[3],"c":{"d":null}})");
  CHECK(equal(*object, *read_json(R"({"c":{"d":null},"a":[3]})"), arena));
  CHECK_FALSE(equal(*object, *read_json(R"({"c":{"d":0},"a":[3]})"), arena));

  const std::string list = packed("[10,20,30]");
  const auto array = read_msgpack(list);
  CHECK(to_json(find_item(*array, 1).value) == "20");
  CHECK(to_json(find_item(*array, -1).value) == "30");
  CHECK_FALSE(find_item(*array, 3).found);
  CHECK_FALSE(find_item(*array, -4).found);
  std::string items;
  ArrayWalker walker(*array);
  for (Value item; walker.next(item);) items += to_json(item) + ";";
  CHECK(items == "10;20;30;");
  CHECK_FALSE(walker.bad());
  const std::string none = packed("[]");
  ArrayWalker empty(*read_msgpack(none));
  Value item;
  CHECK_FALSE(empty.next(item));
  CHECK_FALSE(empty.bad());
}

TEST_CASE("walking a truncated MsgPack container fails, and never reads past its bytes", "[msgpack]") {
  Arena arena;
  const std::string whole = packed(R"({"a":[1,2,3],"b":"text"})");
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const std::string cut(whole.data(), size);  // separate memory: a sanitizer detects a read past it
    const Value value = Value::msgpack_object(cut);
    CHECK(expand(value, arena).is_failed());
    ObjectWalker walker(value, arena);
    std::string_view key;
    Value member;
    while (walker.next(key, member)) {
    }
    CHECK(walker.bad());
    CHECK(find_member(value, "z", arena).bad);
  }
}

TEST_CASE("keys that are no strings read as text", "[msgpack]") {
  // {1: "i", true: "t", nil: "n", 0.5: "f", bin "b": "b", bin 0xff: "x", -7: "m"}
  const std::string bytes =
      bytes_of({0x87, 0x01, 0xa1, 'i', 0xc3, 0xa1, 't', 0xc0, 0xa1, 'n', 0xca, 0x3f, 0, 0, 0, 0xa1, 'f'}) +
      bytes_of({0xc4, 1, 'b', 0xa1, 'b', 0xc4, 1, 0xff, 0xa1, 'x', 0xf9, 0xa1, 'm'});
  CHECK(validated(bytes) == "valid");
  CHECK(unpacked(bytes) == R"({"1":"i","true":"t","null":"n","0.5":"f","b":"b","/w==":"x","-7":"m"})");
  Arena arena;
  const auto value = read_msgpack(bytes);
  CHECK(to_json(find_member(*value, "1", arena).value) == R"("i")");
  CHECK(to_json(find_member(*value, "0.5", arena).value) == R"("f")");
  CHECK(to_json(find_member(*value, "b", arena).value) == R"("b")");
  CHECK(to_json(expand(*value, arena)) == unpacked(bytes));
}

TEST_CASE("values are written in MsgPack's smallest form and read back the same", "[msgpack]") {
  BufferPool pool(0);
  const auto written = [&](const Value& value) {
    const BufferRef out = pool.get(16);
    REQUIRE(append_msgpack(value, *out) == nullptr);
    const auto again = read_msgpack(out->view());
    REQUIRE(again);
    Arena arena;
    CHECK(again->type() == value.type());
    CHECK(equal(*again, value, arena));
    return std::string(out->view());
  };
  const auto size = [&](std::int64_t number) { return written(Value::integer(number)).size(); };
  CHECK(size(0) == 1);
  CHECK(size(127) == 1);
  CHECK(size(128) == 2);
  CHECK(size(255) == 2);
  CHECK(size(256) == 3);
  CHECK(size(65535) == 3);
  CHECK(size(65536) == 5);
  CHECK(size(4294967295) == 5);
  CHECK(size(4294967296) == 9);
  CHECK(size(-32) == 1);
  CHECK(size(-33) == 2);
  CHECK(size(-128) == 2);
  CHECK(size(-129) == 3);
  CHECK(size(-32768) == 3);
  CHECK(size(-32769) == 5);
  CHECK(size(-2147483648LL) == 5);
  CHECK(size(-2147483649LL) == 9);
  CHECK(size(std::numeric_limits<std::int64_t>::min()) == 9);
  CHECK(size(std::numeric_limits<std::int64_t>::max()) == 9);
  CHECK(written(Value::unsigned_integer(std::uint64_t{1} << 63)).size() == 9);
  CHECK(written(*read_json("18446744073709551615")) ==
        bytes_of({0xcf, 255, 255, 255, 255, 255, 255, 255, 255}));
  CHECK(written(Value::floating(0.5)).size() == 9);
  CHECK(written(Value::timestamp(0)).size() == 6);
  CHECK(written(Value::timestamp(1)).size() == 10);
  CHECK(written(Value::timestamp(-1)).size() == 15);
  CHECK(written(Value::timestamp(std::numeric_limits<std::int64_t>::min())).size() == 15);
  CHECK(written(Value::timestamp(std::numeric_limits<std::int64_t>::max())).size() == 10);
  CHECK(written(Value()) == "\xc0");
  CHECK(written(Value::boolean(true)) == "\xc3");
  for (const std::size_t length : {0, 31, 32, 255, 256, 65535, 65536}) {
    const std::string text(length, 'y');
    const std::size_t head = length < 32 ? 1 : length < 256 ? 2 : length < 65536 ? 3 : 5;
    CHECK(written(Value::string(text)).size() == length + head);
    CHECK(written(Value::bytes(text)).size() == length + (head == 1 ? 2 : head));
  }
  CHECK(written(Value::json_string("\\u00e9", true)) == "\xa2\xc3\xa9");
  const BufferRef out = pool.get(16);
  CHECK(append_msgpack(*read_json("18446744073709551616"), *out) != nullptr);
  CHECK(append_msgpack(*read_json("1e400"), *out) != nullptr);
  const Value nested[] = {Value::integer(1), *read_json("1e400")};
  CHECK(append_msgpack(Value::built_array(nested, 2), *out) != nullptr);
  CHECK(append_msgpack(Value::json_array("[1,1e400]"), *out) != nullptr);
  CHECK(out->size() == 0);
}
