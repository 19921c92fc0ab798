#include "pipec/runtime/json_writer.h"

#include <cstdint>
#include <limits>
#include <stdexcept>

#include "pipec/runtime/json.h"
#include "support/catch.h"

using namespace pipec::runtime;

TEST_CASE("JsonWriter writes objects, arrays and every kind of scalar") {
  JsonWriter out;
  CHECK_FALSE(out.complete());
  out.begin_object().key("i").value(-7).key("u").value(std::numeric_limits<std::uint64_t>::max());
  out.key("f").value(2.5).key("nan").value(std::numeric_limits<double>::quiet_NaN());
  out.key("s")
      .value("a\"\n\xc3\xa9")
      .key("t")
      .value(true)
      .key("n")
      .null()
      .key("empty")
      .begin_array()
      .end_array();
  out.key("list").begin_array().value(1).begin_object().end_object().raw("[1.10]").end_array().end_object();
  CHECK(out.complete());
  CHECK(out.text() ==
        "{\"i\":-7,\"u\":18446744073709551615,\"f\":2.5,\"nan\":null,\"s\":\"a\\\"\\n\xc3\xa9\",\"t\":true,"
        "\"n\":null,\"empty\":[],\"list\":[1,{},[1.10]]}");
  out.clear();
  CHECK(out.value(Value::integer(1)).text() == "1");
}

TEST_CASE("JsonWriter refuses what would be no JSON") {
  JsonWriter out;
  CHECK_THROWS_AS(out.key("a"), std::logic_error);
  CHECK_THROWS_AS(out.end_object(), std::logic_error);
  out.begin_object();
  CHECK_THROWS_AS(out.value(1), std::logic_error);
  CHECK_THROWS_AS(out.end_array(), std::logic_error);
  out.key("a");
  CHECK_THROWS_AS(out.key("b"), std::logic_error);
  CHECK_THROWS_AS(out.end_object(), std::logic_error);
  out.value(1).end_object();
  CHECK_THROWS_AS(out.value(2), std::logic_error);
  CHECK(out.text() == "{\"a\":1}");
}
