#include "unit/stdlib/functions_caller.h"

using namespace pipec::stdlib::test;

TEST_CASE("URLs", "[functions]") {
  Caller call(When::running);
  CHECK(call("parse_url", {text("HTTP://u%40:p@Example.COM:8080/a%20b?x=1&y=a+b&x=2#f")}) ==
        R"({"scheme":"http","username":"u@","password":"p","host":"example.com","port":8080,"path":"/a%20b",)"
        R"("query":{"x":"2","y":"a b"},"fragment":"f"})");
  CHECK(call("parse_url", {text("https://[2001:db8::1]")}) ==
        R"({"scheme":"https","username":null,"password":null,"host":"2001:db8::1","port":null,"path":"/",)"
        R"("query":{},"fragment":null})");
  CHECK(call("parse_url", {text("file:///etc/hosts")}).find(R"("host":null)") != std::string::npos);
  for (const char* bad : {"", "example.com", "http://", "http:///x", "://x", "1http://x", "http://x:99999/",
                          "http://x:y/", "http://[::1", "http://[1.2.3.4]", "http://a b/"}) {
    CAPTURE(bad);
    CHECK(is_error(call("parse_url", {text(bad)})));
  }
}

TEST_CASE("logfmt", "[functions]") {
  Caller call(When::running);
  CHECK(call("parse_logfmt", {text(R"( a=1  b="x \"y\" \u00e4" bare c= d="" a=2)")}) ==
        R"({"a":"2","b":"x \"y\" ä","bare":"","c":"","d":""})");
  for (const char* bad : {"", "hello world", "=x", "a=\"x", "a=\"x\\\"", "a=\"x\"y"}) {
    CAPTURE(bad);
    CHECK(is_error(call("parse_logfmt", {text(bad)})));
  }
}

TEST_CASE("access logs", "[functions]") {
  Caller call(When::running);
  CHECK(
      call("parse_clf",
           {text(R"(::1 - - [02/Jan/2026:03:04:05 +0100] "GET /a b HTTP/2" 304 - "-" "x \"y\"")")}) ==
      R"({"host":"::1","identity":null,"user":null,"timestamp":"2026-01-02T02:04:05Z","method":"GET","path":"/a b",)"
      R"("protocol":"HTTP/2","status":304,"size":null,"referrer":null,"agent":"x \"y\""})");
  CHECK(call("parse_clf", {text(R"(h - - [02/Jan/2026:03:04:05 +0000] "\x16\x03 z" 400 0)")})
            .find(R"("protocol":null,"status":400,"size":0})") != std::string::npos);
  for (const char* bad : {"", "hello", R"(h - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" x 0)",
                          R"(h - - [32/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 0)",
                          R"(h - - [02/Jan/2026:03:04:05 +0000] "GET / 200 0)",
                          R"(h - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 0 "-")",
                          R"(h - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 0 "-" "a" more)"}) {
    CAPTURE(bad);
    CHECK(is_error(call("parse_clf", {text(bad)})));
  }
}

TEST_CASE("CSV", "[functions]") {
  Caller call(When::running);
  CHECK(call("parse_csv", {text("a,\"b \"\"q\"\", c\",,\r\n")}) == R"(["a","b \"q\", c","",""])");
  CHECK(call("parse_csv", {text("")}) == R"([""])");
  CHECK(call("parse_csv", {text("a;b"), text(";")}) == R"(["a","b"])");
  CHECK(is_error(call("parse_csv", {text("\"a")})));
  CHECK(is_error(call("parse_csv", {text("\"a\"b")})));
  CHECK(is_error(call("parse_csv", {text("a"), text("ä")})));
  CHECK(call("to_csv", {from_data(R"(["a","b \"q\", c",null,1.10,true])")}) ==
        R"("a,\"b \"\"q\"\", c\",,1.10,true")");
}
