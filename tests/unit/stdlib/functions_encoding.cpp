#include "unit/stdlib/functions_caller.h"

using namespace pipec::stdlib::test;

TEST_CASE("base64", "[functions]") {
  Caller call(When::running);
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) {
    CHECK(call.value("base64_encode", {text(plain)}).text() == encoded);
    CHECK(call.value("base64_decode", {text(encoded)}).text() == plain);
  }
  CHECK(call("base64_decode", {text("Zg")}) == R"("f")");
  CHECK(call.value("base64_decode", {text("/w==")}).type() == Type::bytes);
  CHECK(call("base64_encode", {Value::bytes("\xFF\xFE")}) == R"("//4=")");
  for (const char* bad : {"Z", "Zg=", "Zh==", "Zm9v!", "Zm 9v", "=", "====", "Zg==Zg==", "Zm9_"}) {
    CAPTURE(bad);
    CHECK(is_error(call("base64_decode", {text(bad)})));
  }
}

TEST_CASE("hexadecimal and URL encoding", "[functions]") {
  Caller call(When::running);
  CHECK(call("hex_encode", {Value::bytes(std::string_view("\0\xFF", 2))}) == R"("00ff")");
  CHECK(call("hex_decode", {text("C3a4")}) == R"("ä")");
  CHECK(call.value("hex_decode", {text("ff")}).type() == Type::bytes);
  CHECK(is_error(call("hex_decode", {text("f")})));
  CHECK(is_error(call("hex_decode", {text("0g")})));
  CHECK(call("url_encode", {text("aZ0-._~ +&/ä")}) == R"("aZ0-._~%20%2B%26%2F%C3%A4")");
  CHECK(call("url_decode", {text("a%20b+%c3%A4")}) == R"("a b+ä")");
  CHECK(call.value("url_decode", {text("%ff")}).type() == Type::bytes);
  CHECK(is_error(call("url_decode", {text("%")})));
  CHECK(is_error(call("url_decode", {text("%4")})));
  CHECK(is_error(call("url_decode", {text("%zz")})));
}

TEST_CASE("JSON as text", "[functions]") {
  Caller call(When::running);
  CHECK(call("to_json", {from_data(R"({"a" : [1.10, "\u0061"]})")}) == R"("{\"a\":[1.10,\"\\u0061\"]}")");
  CHECK(call("to_json", {Value()}) == R"("null")");
  CHECK(call("to_json", {text("a\"")}) == R"("\"a\\\"\"")");
  CHECK(call("parse_json", {text(" {\"a\":1.10} ")}) == R"({"a":1.10})");
  CHECK(call("parse_json", {text("\"\\u0061\"")}) == R"("a")");
  CHECK(call("parse_json", {text("12345678901234567890")}) == "12345678901234567890");
  for (const char* bad : {"", " ", "{", "[1,]", "nul", "1 2", "{\"a\":nope}", "\"\\ud800\"", "01"}) {
    CAPTURE(bad);
    CHECK(is_error(call("parse_json", {text(bad)})));
  }
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  CHECK(is_error(call("parse_json", {text(deep)})));
  CHECK(is_error(call("parse_json", {text(std::string(100'000, '['))})));
}

TEST_CASE("digests have the values that are published", "[functions]") {
  Caller call(When::running);
  CHECK(call.value("sha256", {text("")}).text() ==
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(call.value("sha256", {text("abc")}).text() ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(call.value("sha256", {Value::bytes("abc")}).text() == call.value("sha256", {text("abc")}).text());
  CHECK(call.value("sha1", {text("abc")}).text() == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(call.value("md5", {text("")}).text() == "d41d8cd98f00b204e9800998ecf8427e");
  CHECK(call.value("xxh3", {text("")}).text() == "2d06800538d394c2");
  CHECK(call.value("hmac_sha256", {text("what do ya want for nothing?"), text("Jefe")}).text() ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(call.value("hmac_sha256", {text(""), text("")}).text() ==
        "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST_CASE("identifiers have their form", "[functions]") {
  Caller call(When::running);
  const std::string_view v4 = call.value("uuid_v4", {}).text();
  REQUIRE(v4.size() == 36);
  CHECK(v4[14] == '4');
  CHECK(std::string_view("89ab").find(v4[19]) != std::string_view::npos);
  const std::string_view v7 = call.value("uuid_v7", {}).text();
  // 1767323045123 ms
  CHECK(v7.substr(0, 15) == "019b7ca9-8d03-7");
  CHECK(std::string_view("89ab").find(v7[19]) != std::string_view::npos);
}

TEST_CASE("the environment is read when compiling, and stays out of messages", "[functions]") {
  setenv("PIPEC_TEST_VARIABLE", "secret", 1);
  Caller compile(When::compiling);
  CHECK(compile("env", {text("PIPEC_TEST_VARIABLE")}) == R"("secret")");
  CHECK(compile("env", {text("PIPEC_TEST_NO_VARIABLE")}) == "null");
  CHECK(compile("env", {text("PIPEC_TEST_NO_VARIABLE"), text("x")}) == R"("x")");
  const std::string failure = Caller(When::running)("env", {text("PIPEC_TEST_VARIABLE")});
  CHECK(is_error(failure));
  CHECK(failure.find("secret") == std::string::npos);
  unsetenv("PIPEC_TEST_VARIABLE");
}
