#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "json_reference.h"
#include "json_support.h"
#include "pipec/runtime/json.h"
#include "runtime/record/record_view.h"
#include "support/catch.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;
using record::Edit;
using record::RecordView;
using record::Shape;
using record::Step;

namespace {

using Tree = nlohmann::ordered_json;

Step key(std::string_view name) {
  return {true, name, 0};
}
Step item(std::int64_t index) {
  static std::map<std::int64_t, std::string> digits;
  return {false, digits[index] = std::to_string(index), index};
}

// A view with fields a..f as slots 0..5, on one record.
struct View {
  FieldSet fields;
  RecordView view;
  Arena arena;
  BufferPool pool;
  Padded record;
  Shape shape;

  explicit View(std::string_view text, std::vector<std::string> keys = {"a", "b", "c", "d", "e", "f"})
      : fields{std::move(keys)}, view(fields), record(text), shape(view.open(record.view(), false, arena)) {}

  std::uint32_t slot(std::string_view name) { return fields.slot_of(name); }
  std::string text() {
    const BufferRef out = pool.get(16);
    view.write(*out);
    return std::string(out->view());
  }
  std::string json(const Value& value) {
    if (value.is_failed()) return "failed";
    const BufferRef out = pool.get(16);
    append_json(value, *out);
    return std::string(out->view());
  }
  std::string get(std::string_view name, std::vector<Step> below = {}) {
    return json(view.get(slot(name), below));
  }
  Edit set(std::string_view name, const Value& value) { return view.set(slot(name), {}, value); }
  Edit set(std::string_view name, std::vector<Step> below, const Value& value) {
    return view.set(slot(name), below, value);
  }
  Edit del(std::string_view name, std::vector<Step> below = {}) { return view.remove(slot(name), below); }
  Edit rename(std::string_view from, std::string_view to) {
    return view.rename(slot(from), {}, slot(to), {});
  }
  Edit keep(std::vector<std::pair<std::string, std::vector<Step>>> paths) {
    std::vector<record::Kept> kept;
    for (const auto& [name, below] : paths) kept.push_back({slot(name), below});
    return view.keep(kept);
  }
};

const Value kTwo = Value::integer(2);

std::string after_del(std::string_view text, std::vector<std::string> names) {
  View v(text);
  for (const std::string& name : names) CHECK(v.del(name) == Edit::done);
  return v.text();
}

std::string after_set(std::string_view text, std::string_view name, const Value& value) {
  View v(text);
  CHECK(v.set(name, value) == Edit::done);
  return v.text();
}

std::string after_nested_set(std::string_view text, std::vector<Step> below, Edit expected = Edit::done) {
  View v(text);
  CHECK(v.set("a", below, kTwo) == expected);
  return expected == Edit::done ? v.text() : "";
}

std::string after_nested_del(std::string_view text, std::vector<Step> below) {
  View v(text);
  CHECK(v.del("a", below) == Edit::done);
  return v.text();
}

std::string after_keep(std::string_view text, std::vector<std::pair<std::string, std::vector<Step>>> paths) {
  View v(text);
  CHECK(v.keep(std::move(paths)) == Edit::done);
  return v.text();
}

}  // namespace

TEST_CASE("an untouched record is written byte for byte") {
  for (const char* text : {"{}", " { \"a\" : 1.10 , \"b\":1e400}\r", "[1, 2]", "\"x\"",
                           "12345678901234567890", "{\"a\":1,\"a\":2}"}) {
    View v(text);
    CHECK(v.text() == text);
    CHECK_FALSE(v.view.edited());
  }
}

TEST_CASE("fields are read on demand") {
  View v(R"({"a": {"x": [1, {"y": "z"}], "n": null}, "b": 1.10, "c": tru, "d": null})");
  CHECK(v.get("a", {key("x"), item(1), key("y")}) == "\"z\"");
  CHECK(v.get("a", {key("x"), item(-2)}) == "1");
  CHECK(v.get("a", {key("x"), item(7)}) == "null");
  CHECK(v.get("a", {key("x"), key("y")}) == "null");
  CHECK(v.get("b") == "1.10");
  CHECK(v.get("b", {key("x")}) == "null");
  CHECK(v.get("c") == "failed");
  CHECK(v.get("c", {key("x")}) == "failed");
  CHECK(v.get("e") == "null");
  CHECK(v.view.has(v.slot("a"), {}) == 1);
  CHECK(v.view.has(v.slot("d"), {}) == 1);
  CHECK(v.view.has(v.slot("e"), {}) == 0);
  const std::vector<Step> null = {key("n")};
  const std::vector<Step> none = {key("m")};
  CHECK(v.view.has(v.slot("a"), null) == 1);
  CHECK(v.view.has(v.slot("a"), none) == 0);
  CHECK(v.view.has(v.slot("c"), none) == -1);
  CHECK(v.view.has_whole(none) == 0);
}

TEST_CASE("removing a member also removes the comma between it and its neighbour") {
  const char* text = R"({"a": 1, "b": 2, "c": 3})";
  CHECK(after_del(text, {"a"}) == R"({"b": 2, "c": 3})");
  CHECK(after_del(text, {"b"}) == R"({"a": 1, "c": 3})");
  CHECK(after_del(text, {"c"}) == R"({"a": 1, "b": 2})");
  CHECK(after_del(text, {"a", "b"}) == R"({"c": 3})");
  CHECK(after_del(text, {"b", "a"}) == R"({"c": 3})");
  CHECK(after_del(text, {"b", "c"}) == R"({"a": 1})");
  CHECK(after_del(text, {"a", "c"}) == R"({"b": 2})");
  CHECK(after_del(text, {"c", "a", "b"}) == "{}");
  CHECK(after_del(text, {"d"}) == text);
  CHECK(after_del(" { \"a\" : 1 , \"b\" : 2 } ", {"a"}) == " { \"b\" : 2 } ");
  CHECK(after_del(" { \"a\" : 1 , \"b\" : 2 } ", {"b"}) == " { \"a\" : 1 } ");
  CHECK(after_del("{\"x\":0,\"a\":1,\"y\":2,\"b\":3}", {"a", "b"}) == "{\"x\":0,\"y\":2}");
  CHECK(after_del("{\"a\":1,\"x\":0,\"b\":3}", {"a", "b"}) == "{\"x\":0}");
}

TEST_CASE("a set field stays in its place, a new one goes to the end") {
  CHECK(after_set(R"({"a": 1, "b": 1})", "a", kTwo) == R"({"a": 2, "b": 1})");
  CHECK(after_set(R"({"a" :  1 })", "a", kTwo) == R"({"a" :  2 })");
  CHECK(after_set(R"({"a": 1})", "b", kTwo) == R"({"a": 1,"b":2})");
  CHECK(after_set("{}", "b", kTwo) == R"({"b":2})");
  CHECK(after_set("{ }", "b", kTwo) == R"({"b":2 })");
  CHECK(after_set("{ \"a\": 1 }\r", "b", kTwo) == "{ \"a\": 1,\"b\":2 }\r");
  View v(R"({"a": 1, "x": 0})");
  v.set("c", Value::string("q\"\n"));
  v.set("b", Value::floating(3));
  v.set("c", Value::timestamp(0));
  CHECK(v.text() == R"({"a": 1, "x": 0,"c":"1970-01-01T00:00:00Z","b":3.0})");
  CHECK(v.view.get(v.slot("c")).type() == Type::timestamp);
  v.del("c");
  CHECK(v.text() == R"({"a": 1, "x": 0,"b":3.0})");
  v.set("c", kTwo);
  v.del("a");
  CHECK(v.text() == R"({"x": 0,"b":3.0,"c":2})");
  v.set("a", kTwo);
  CHECK(v.text() == R"({"x": 0,"b":3.0,"c":2,"a":2})");
  CHECK(after_del(R"({"a": 1})", {"a"}) == "{}");
  View all("{ \"a\": 1 }");
  all.del("a");
  all.set("b", kTwo);
  CHECK(all.text() == "{ \"b\":2 }");
}

TEST_CASE("a renamed field keeps its place and its bytes") {
  View v(R"({"a" : 1.10, "b": 2, "x": 0})");
  v.rename("a", "c");
  CHECK(v.text() == R"({"c" : 1.10, "b": 2, "x": 0})");
  CHECK(v.get("a") == "null");
  CHECK(v.get("c") == "1.10");
  v.rename("c", "b");
  CHECK(v.text() == R"({"b" : 1.10, "x": 0})");
  v.rename("d", "b");
  v.rename("b", "b");
  CHECK(v.text() == R"({"b" : 1.10, "x": 0})");
  v.set("b", kTwo);
  v.set("a", Value::integer(7));
  v.rename("a", "e");
  CHECK(v.text() == R"({"b" : 2, "x": 0,"e":7})");
  v.rename("e", "b");
  CHECK(v.text() == R"({"x": 0,"b":7})");
  CHECK(v.get("b") == "7");
}

TEST_CASE("values may come from the record itself") {
  View v(R"({"a": "one\n", "b": [1, 2], "c": {"d": 1.0}})");
  const Value a = v.view.get(0);
  v.set("a", v.view.get(1));
  v.set("b", a);
  v.set("d", v.view.get(2));
  v.del("c");
  CHECK(v.text() == R"({"a": [1, 2], "b": "one\n","d":{"d": 1.0}})");
  CHECK(v.get("d", {key("d")}) == "1.0");
}

TEST_CASE("nested edits leave the rest of the nested text as it is") {
  CHECK(after_nested_set(R"({"a" : { "x" : 1 , "y": 1.10 } })", {key("x")}) ==
        R"({"a" : { "x" : 2 , "y": 1.10 } })");
  CHECK(after_nested_set(R"({"a":{ "y" : 1 }})", {key("x")}) == R"({"a":{ "y" : 1,"x":2 }})");
  CHECK(after_nested_set("{}", {key("x"), key("y")}) == R"({"a":{"x":{"y":2}}})");
  CHECK(after_nested_set(R"({"a":{}})", {key("x"), key("y")}) == R"({"a":{"x":{"y":2}}})");
  CHECK(after_nested_set(R"({"a":[1, {"x":1}]})", {item(1), key("x")}) == R"({"a":[1, {"x":2}]})");
  CHECK(after_nested_set(R"({"a":[1, 1 ,1]})", {item(-2)}) == R"({"a":[1, 2 ,1]})");
  CHECK(after_nested_set(R"({"a":{"x":1,"x":3}})", {key("x")}) == R"({"a":{"x":2,"x":2}})");
  CHECK(after_nested_set(R"({"a":{"\u0078":1}})", {key("x")}) == R"({"a":{"\u0078":2}})");
  after_nested_set(R"({"a":null})", {key("x")}, Edit::parent_is_no_object);
  after_nested_set(R"({"a":[1]})", {key("x")}, Edit::parent_is_no_object);
  after_nested_set(R"({"a":{"x":1}})", {key("x"), key("y")}, Edit::parent_is_no_object);
  CHECK(after_nested_set(R"({"a":{}})", {item(0)}) == R"({"a":{"0":2}})");
  CHECK(after_nested_set(R"({"a":{"-1":{"x":1}}})", {item(-1), key("x")}) == R"({"a":{"-1":{"x":2}}})");
  after_nested_set(R"({"a":"s"})", {item(0)}, Edit::parent_is_no_array);
  after_nested_set("{}", {item(0)}, Edit::parent_is_no_array);
  after_nested_set(R"({"a":[]})", {item(0)}, Edit::out_of_bounds);
  after_nested_set(R"({"a":[1]})", {item(-2)}, Edit::out_of_bounds);
  after_nested_set(R"({"a":{"x" 1}})", {key("x")}, Edit::malformed);
  after_nested_set(R"({"a":{"y":1} })"
                   "",
                   {key("x")});
  after_nested_set("[1]", {key("x")}, Edit::parent_is_no_object);

  CHECK(after_nested_del(R"({"a": {"x": 1, "y": 2}})", {key("x")}) == R"({"a": {"y": 2}})");
  CHECK(after_nested_del(R"({"a": {"x": 1, "y": 2}})", {key("y")}) == R"({"a": {"x": 1}})");
  CHECK(after_nested_del(R"({"a": {"x": 1}})", {key("x")}) == R"({"a": {}})");
  CHECK(after_nested_del(R"({"a": {"x": 1}})", {key("z")}) == R"({"a": {"x": 1}})");
  CHECK(after_nested_del(R"({"a": [1, 2, 3]})", {item(1)}) == R"({"a": [1, 3]})");
  CHECK(after_nested_del(R"({"a": [1, 2, 3]})", {item(-1)}) == R"({"a": [1, 2]})");
  CHECK(after_nested_del(R"({"a": [1]})", {item(0)}) == R"({"a": []})");
  CHECK(after_nested_del(R"({"a": 5})", {key("x")}) == R"({"a": 5})");
  CHECK(after_nested_del("[1]", {key("x")}) == "[1]");
  CHECK(after_nested_del(R"({"a":{"x":{"s":1},"x":{"t":2}}})", {key("x"), key("s")}) ==
        R"({"a":{"x":{},"x":{"t":2}}})");
}

TEST_CASE("values built by a program are edited as a tree and keep their types") {
  View v(R"({"a":{"n":1}})");
  v.set("b", Value::built_object(nullptr, 0));
  CHECK(v.set("b", {key("t")}, Value::timestamp(0)) == Edit::done);
  CHECK(v.set("b", {key("u")}, kTwo) == Edit::done);
  const std::vector<Step> t = {key("t")};
  CHECK(v.view.get(v.slot("b"), t).type() == Type::timestamp);
  CHECK(v.text() == R"({"a":{"n":1},"b":{"t":"1970-01-01T00:00:00Z","u":2}})");
  CHECK(v.del("b", {key("u")}) == Edit::done);
  CHECK(v.set("a", {key("t")}, Value::timestamp(0)) == Edit::done);
  CHECK(v.view.get(v.slot("a"), t).type() == Type::timestamp);
  CHECK(v.text() == R"({"a":{"n":1,"t":"1970-01-01T00:00:00Z"},"b":{"t":"1970-01-01T00:00:00Z"}})");
  CHECK(v.set("a", {key("t")}, kTwo) == Edit::done);
  CHECK(v.get("a", {key("t")}) == "2");
  const Value items[] = {Value::integer(1), Value::integer(2)};
  v.set("c", Value::built_array(items, 2));
  CHECK(v.set("c", {item(-1)}, Value::timestamp(0)) == Edit::done);
  CHECK(v.set("c", {item(2)}, kTwo) == Edit::out_of_bounds);
  CHECK(v.get("c") == R"([1,"1970-01-01T00:00:00Z"])");
  CHECK(v.del("c", {item(0)}) == Edit::done);
  CHECK(v.get("c") == R"(["1970-01-01T00:00:00Z"])");
}

TEST_CASE("repeated keys: reading returns the last, setting and deleting affect all") {
  const char* text = R"({"a": 1, "b": 2, "a": 3})";
  CHECK(View(text).get("a") == "3");
  CHECK(after_set(text, "a", Value::integer(7)) == R"({"a": 7, "b": 2, "a": 7})");
  CHECK(after_del(text, {"a"}) == R"({"b": 2})");
  View v(text);
  v.rename("a", "c");
  CHECK(v.text() == R"({"b": 2, "c": 3})");
  CHECK(v.get("c") == "3");
  View target(text);
  target.rename("b", "a");
  CHECK(target.text() == R"({"a": 2})");
  View stamped(text);
  stamped.set("d", Value::timestamp(0));
  stamped.set("a", Value::timestamp(0));
  CHECK(stamped.view.get(0).type() == Type::timestamp);
  CHECK(stamped.view.get(stamped.slot("d")).type() == Type::timestamp);
  CHECK(stamped.text() ==
        R"({"a": "1970-01-01T00:00:00Z", "b": 2, "a": "1970-01-01T00:00:00Z","d":"1970-01-01T00:00:00Z"})");
  View nested(R"({"a":{"s":1,"x":1}, "a":{"x":2}})");
  nested.del("a", {key("s")});
  CHECK(nested.text() == R"({"a":{"x":1}, "a":{"x":2}})");
  CHECK(after_keep(text, {{"a", {}}}) == R"({"a": 1, "a": 3})");
  CHECK(after_keep(text, {{"b", {}}}) == R"({"b": 2})");
}

TEST_CASE("keep preserves the spacing between the members that it keeps") {
  const char* text = R"({"x": 0, "a": 1, "b": {"p": 1, "q": {"r": 2, "s": 3}}, "y": 0, "c": [1, 2, 3] })";
  CHECK(after_keep(text, {{"a", {}}}) == R"({"a": 1 })");
  CHECK(after_keep(text, {{"c", {}}, {"a", {}}}) == R"({"a": 1, "c": [1, 2, 3] })");
  CHECK(after_keep(text, {{"b", {}}, {"b", {key("p")}}}) == R"({"b": {"p": 1, "q": {"r": 2, "s": 3}} })");
  CHECK(after_keep(text, {{"b", {key("q"), key("s")}}}) == R"({"b": {"q": {"s": 3}} })");
  CHECK(after_keep(text, {{"b", {key("q"), key("s")}}, {"b", {key("p")}}}) ==
        R"({"b": {"p": 1, "q": {"s": 3}} })");
  CHECK(after_keep(text, {{"c", {item(0)}}, {"c", {item(-1)}}}) == R"({"c": [1, 3] })");
  CHECK(after_keep(text, {{"b", {key("none")}}}) == "{ }");
  CHECK(after_keep(text, {{"d", {}}}) == "{ }");
  View v(text);
  v.set("d", kTwo);
  v.set("e", Value::timestamp(0));
  v.rename("a", "f");
  CHECK(v.keep({{"f", {}}, {"e", {}}}) == Edit::done);
  CHECK(v.text() == R"({"f": 1,"e":"1970-01-01T00:00:00Z" })");
  v.set("a", kTwo);
  CHECK(v.keep({{"a", {}}}) == Edit::done);
  CHECK(v.text() == R"({"a":2 })");
  View other("[1]");
  CHECK(other.keep({{"a", {}}}) == Edit::parent_is_no_object);
}

TEST_CASE("rename moves below the top too") {
  View v(R"({"a": {"x": 1, "y": 1.10}, "b": 5})");
  const std::vector<Step> x = {key("x")};
  const std::vector<Step> y = {key("y")};
  const std::vector<Step> z = {key("z")};
  CHECK(v.view.rename(0, y, 0, z) == Edit::done);
  CHECK(v.text() == R"({"a": {"x": 1, "z": 1.10}, "b": 5})");
  CHECK(v.view.rename(0, z, 0, x) == Edit::done);
  CHECK(v.text() == R"({"a": {"x": 1.10}, "b": 5})");
  CHECK(v.view.rename(0, x, 2, {}) == Edit::done);
  CHECK(v.text() == R"({"a": {}, "b": 5,"c":1.10})");
  CHECK(v.view.rename(1, {}, 0, y) == Edit::done);
  CHECK(v.text() == R"({"a": {"y":5},"c":1.10})");
  CHECK(v.view.rename(0, {}, 0, x) == Edit::done);
  CHECK(v.text() == R"({"c":1.10,"a":{"x":{"y":5}}})");
  CHECK(v.view.rename(0, z, 2, {}) == Edit::done);
  const std::vector<Step> xy = {key("x"), key("y")};
  CHECK(v.view.rename(2, {}, 0, xy) == Edit::done);
  CHECK(v.text() == R"({"a":{"x":{"y":1.10}}})");
}

TEST_CASE("the whole record is read, replaced and edited") {
  View v(R"({"a": 1, "x": {"y": [1]}})");
  CHECK(v.json(v.view.whole()) == R"({"a": 1, "x": {"y": [1]}})");
  v.set("a", kTwo);
  CHECK(v.json(v.view.whole()) == R"({"a": 2, "x": {"y": [1]}})");
  CHECK(v.json(v.view.get_whole({{key("x"), key("y"), item(0)}})) == "1");
  CHECK(v.json(v.view.get_whole({{key("a")}})) == "2");
  CHECK(v.view.set_whole({{key("x"), key("z")}}, kTwo) == Edit::done);
  CHECK(v.view.set_whole({{key("a")}}, Value::timestamp(0)) == Edit::done);
  CHECK(v.text() == R"({"a": "1970-01-01T00:00:00Z", "x": {"y": [1],"z":2}})");
  const Member members[] = {{"b", Value::timestamp(0)}, {"k", kTwo}};
  CHECK(v.view.set_whole({}, Value::built_object(members, 2)) == Edit::done);
  CHECK(v.get("a") == "null");
  CHECK(v.view.get(1).type() == Type::timestamp);
  CHECK(v.text() == R"({"b":"1970-01-01T00:00:00Z","k":2})");
  CHECK(v.view.set_whole({}, Value::json_object("{\"a\":\n [1,\n\"x y\\n\"]}")) == Edit::done);
  CHECK(v.text() == R"({"a":[1,"x y\n"]})");
  CHECK(v.view.set_whole({}, Value::string("s")) == Edit::done);
  CHECK(v.text() == "\"s\"");
  CHECK(v.set("a", kTwo) == Edit::parent_is_no_object);
  View array("[1, 2]");
  CHECK(array.json(array.view.get_whole({{item(1)}})) == "2");
  CHECK(array.view.set_whole({{item(0)}}, Value::string("z")) == Edit::done);
  CHECK(array.text() == "[\"z\", 2]");
  CHECK(array.view.set_whole({{item(2)}}, kTwo) == Edit::out_of_bounds);
  CHECK(array.get("a") == "null");
}

TEST_CASE("a new value brings no raw newline into a record") {
  View v(R"({"a": 1})");
  v.set("a", Value::json_array("[ 1,\n {\"k\":\r \"a b\"} ]"));
  CHECK(v.text() == R"({"a": [1,{"k":"a b"}]})");
  View own("{\"a\": [1,\n2]}");
  own.set("b", own.view.get(0));
  CHECK(own.text() == "{\"a\": [1,\n2],\"b\":[1,\n2]}");
}

TEST_CASE("a view without a record reads null everywhere") {
  View v(R"({"a": 1})");
  v.set("b", kTwo);
  v.view.open_nothing(v.arena);
  CHECK(v.get("a") == "null");
  CHECK(v.get("b") == "null");
  CHECK(v.view.has(0, {}) == 0);
  CHECK(v.view.whole().is_null());
}

TEST_CASE("malformed records cannot be read") {
  View v("{\"a\":1");
  CHECK(v.shape == Shape::malformed);
  CHECK(v.set("a", kTwo) == Edit::malformed);
  CHECK(v.del("a") == Edit::malformed);
}

namespace {

// The same edits on a tree: repeated keys are set, removed and moved together there by nature.
std::optional<Tree*> parent_of(Tree& root, const std::vector<std::string>& path, bool make) {
  Tree* at = &root;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    if (!at->is_object()) return std::nullopt;
    if (!at->contains(path[i])) {
      if (!make) return std::nullopt;
      (*at)[path[i]] = Tree::object();
    }
    at = &(*at)[path[i]];
  }
  if (!at->is_object()) return std::nullopt;
  return at;
}

}  // namespace

TEST_CASE("edits agree with edits of a tree on generated records") {
  Random random(9);
  const std::vector<std::string> names = {"a", "b", "", "longer_key", "a\"b", "d"};
  const std::vector<std::string> texts = {"7", "\"s\"", "[1,{\"a\":2}]", "{\"a\":{\"b\":1}}", "null", "1.5"};
  int edits = 0;
  for (int i = 0; i < 6000; ++i) {
    std::string text = random_object(random, 3);
    if (text.find("1e400") != std::string::npos) continue;  // beyond what the tree holds
    View v(text, names);
    REQUIRE(v.shape == Shape::object);
    Tree tree = Tree::parse(text);
    const bool repeated = tree.dump() != Tree::parse(text).dump();
    REQUIRE_FALSE(repeated);
    std::string done;
    for (std::size_t n = 1 + random.below(6); n > 0; --n) {
      std::vector<std::string> path = {random.of(names)};
      std::vector<Step> below;
      while (random.chance(35)) path.push_back(random.of(names));
      for (std::size_t k = 1; k < path.size(); ++k) below.push_back(key(path[k]));
      const std::uint32_t slot = v.slot(path.front());
      std::string dotted;
      for (const std::string& step : path) dotted += "." + step;
      const std::size_t kind = random.below(4);
      if (kind == 0) {
        const std::string& value = random.of(texts);
        done += " set " + dotted + " = " + value;
        const auto parent = parent_of(tree, path, true);
        const Edit edit = v.view.set(slot, below, *read_json(value));
        INFO(text << done);
        REQUIRE((edit == Edit::done) == parent.has_value());
        if (!parent) break;  // the record would be a dead letter; the tree has half an edit
        (**parent)[path.back()] = Tree::parse(value);
      } else if (kind == 1) {
        done += " del " + dotted;
        if (const auto parent = parent_of(tree, path, false)) (*parent)->erase(path.back());
        INFO(text << done);
        REQUIRE(v.view.remove(slot, below) == Edit::done);
      } else if (kind == 2 && below.empty()) {
        const std::string& to = random.of(names);
        done += " rename " + dotted + " ." + to;
        if (tree.contains(path[0]) && to != path[0]) {
          const Tree moved = tree[path[0]];
          tree.erase(path[0]);
          tree[to] = moved;
        }
        INFO(text << done);
        REQUIRE(v.view.rename(slot, {}, v.slot(to), {}) == Edit::done);
      } else if (kind == 3 && random.chance(20)) {
        done += " keep " + dotted + " .a";
        Tree kept = Tree::object();
        if (const auto parent = parent_of(tree, path, false); parent && (*parent)->contains(path.back())) {
          Tree inner = (**parent)[path.back()];
          for (std::size_t k = path.size(); k-- > 1;) {
            Tree outer = Tree::object();
            outer[path[k]] = inner;
            inner = outer;
          }
          kept[path.front()] = inner;
        }
        if (tree.contains("a")) kept["a"] = tree["a"];
        tree = kept;
        const record::Kept paths[] = {{slot, below}, {v.slot("a"), {}}};
        INFO(text << done);
        REQUIRE(v.view.keep(paths) == Edit::done);
      }
      ++edits;
      const std::string written = v.text();
      INFO(text << done << "\n" << written);
      if (!reference_valid(written)) REQUIRE(reference_valid(written));
      const nlohmann::json expected = nlohmann::json::parse(tree.dump());
      const nlohmann::json got = nlohmann::json::parse(written);
      if (got != expected) REQUIRE(got == expected);
      for (std::uint32_t s = 0; s < names.size(); ++s) {
        const std::string value = v.json(v.view.get(s));
        const nlohmann::json want =
            tree.contains(names[s]) ? nlohmann::json::parse(tree[names[s]].dump()) : nlohmann::json();
        if (nlohmann::json::parse(value) != want) REQUIRE(value == want.dump());
        if ((v.view.has(s, {}) == 1) != tree.contains(names[s])) REQUIRE(names[s] == "as the tree has it");
      }
    }
  }
  CHECK(edits > 5000);
}

TEST_CASE("hostile records survive every edit") {
  Random random(10);
  const std::vector<std::string> names = {"a", "b", "", "longer_key"};
  for (int i = 0; i < 20000; ++i) {
    const std::string text = damaged(random, random_object(random, 2));
    View v(text, names);
    if (v.shape == Shape::malformed) continue;
    const bool valid = reference_valid(text);
    bool fine = true;
    for (int n = 0; n < 4 && fine; ++n) {
      const auto slot = static_cast<std::uint32_t>(random.below(4));
      const auto other = static_cast<std::uint32_t>(random.below(4));
      const std::vector<std::vector<Step>> belows = {
          {}, {key("a")}, {item(0)}, {key("b"), key("a")}, {item(-1), key("a")}};
      const std::vector<Step>& below = random.of(belows);
      Edit edit = Edit::done;
      switch (random.below(5)) {
        case 0:
          edit = v.view.set(slot, below, kTwo);
          break;
        case 1:
          edit = v.view.remove(slot, below);
          break;
        case 2:
          edit = v.view.rename(slot, {}, other, below);
          break;
        case 3: {
          const record::Kept kept[] = {{slot, {}}, {other, below}};
          edit = v.view.keep(kept);
          break;
        }
        default: {
          const Value value = v.view.get(slot, below);
          if (valid && value.is_failed()) CHECK(text.empty());
          if (!value.is_failed()) edit = v.view.set(other, {}, value);
        }
      }
      if (valid && edit == Edit::malformed) CHECK(text.empty());
      fine = edit == Edit::done;
      const std::string written = v.text();
      if (valid && fine && !reference_valid(written)) CHECK(written == text);
    }
  }
}
