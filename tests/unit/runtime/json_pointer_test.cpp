#include "pipec/runtime/json_pointer.h"

#include <string>

#include "pipec/runtime/json.h"
#include "support/catch.h"

using namespace pipec::runtime;

namespace {

const std::string kDocument = R"({"a":{"b":[10,{"c":1.10}],"0":"digit"},"m~n":1,"x/y":2,"":3,"01":4})";

std::string text_of(const Value& value) {
  BufferPool pool;
  const BufferRef out = pool.get(64);
  append_json(value, *out);
  return std::string(out->view());
}

std::string found(std::string_view pointer, const std::string& text = kDocument) {
  Arena arena;
  const Found at = find_pointer(*read_json(text), pointer, arena);
  return at.found ? text_of(at.value) : "nothing";
}

std::string with(std::string_view pointer, const Value& value, const std::string& text = kDocument) {
  Arena arena;
  Value root = *read_json(text);
  switch (set_pointer(root, pointer, value, arena)) {
    case PointerEdit::done:
      return text_of(root);
    case PointerEdit::not_a_pointer:
      return "not a pointer";
    case PointerEdit::no_container:
      return "no container";
    case PointerEdit::out_of_bounds:
      return "out of bounds";
    case PointerEdit::malformed:
      return "malformed";
  }
  return "?";
}

}  // namespace

TEST_CASE("a JSON Pointer leads through objects and arrays, as RFC 6901 says") {
  CHECK(found("") == kDocument);
  CHECK(found("/a/b/0") == "10");
  CHECK(found("/a/b/1/c") == "1.10");
  CHECK(found("/a/0") == "\"digit\"");
  CHECK(found("/m~0n") == "1");
  CHECK(found("/x~1y") == "2");
  CHECK(found("/") == "3");
  CHECK(found("/01") == "4");
  for (const std::string pointer :
       {"a", "/a/b/2", "/a/b/-", "/a/b/-1", "/a/b/00", "/a/b/0/c", "/no", "/a/"}) {
    INFO(pointer);
    CHECK(found(pointer) == "nothing");
  }
  CHECK(found("/0/1", "[[1,2]]") == "2");
}

TEST_CASE("setting a JSON Pointer changes nothing but what it leads to, and adds missing objects") {
  CHECK(with("/a/b/1/c", Value::integer(2), R"({ "a": {"b":[1.0, {"c":1, "d":2}]} , "z":1e5})") ==
        R"({ "a": {"b":[1.0, {"c":2, "d":2}]} , "z":1e5})");
  CHECK(with("/new/deep", Value::string("x"), R"({"a":1})") == R"({"a":1,"new":{"deep":"x"}})");
  CHECK(with("/x~1y", Value::boolean(true), R"({"x/y":2})") == R"({"x/y":true})");
  CHECK(with("", Value::integer(1), "{}") == "1");
  CHECK(with("a", Value::integer(1), "{}") == "not a pointer");
  CHECK(with("/a/b", Value::integer(1), R"({"a":5})") == "no container");
  CHECK(with("/3", Value::integer(1), "[1]") == "out of bounds");
  CHECK(with("/a", Value::integer(1), R"({"a" 5})") == "malformed");
}
