#include "unit/stdlib/functions_caller.h"

using namespace pipec::stdlib::test;

TEST_CASE("networks contain addresses", "[functions]") {
  const When when = GENERATE(When::compiling, When::running);
  Caller call(when);
  const auto in = [&](const char* network, const char* ip) {
    return call("cidr_contains", {text(network), text(ip)});
  };
  CHECK(in("10.0.0.0/8", "10.255.0.1") == "true");
  CHECK(in("10.9.9.9/8", "10.255.0.1") == "true");
  CHECK(in("10.0.0.0/9", "10.128.0.0") == "false");
  CHECK(in("0.0.0.0/0", "1.2.3.4") == "true");
  CHECK(in("0.0.0.0/0", "::1") == "false");
  CHECK(in("1.2.3.4", "1.2.3.4") == "true");
  CHECK(in("2001:db8::/33", "2001:db8:8000::") == "false");
  CHECK(in("::/0", "2001:db8::1") == "true");
  CHECK(in("10.0.0.0/8", "::ffff:10.1.1.1") == "true");
  CHECK(in("::ffff:10.0.0.0/104", "10.1.1.1") == "true");
  CHECK(call("cidr_contains", {from_data(R"(["10.0.0.0/8","fd00::/8"])"), text("fd00::1")}) == "true");
  CHECK(call("cidr_contains", {from_data("[]"), text("fd00::1")}) == "false");
  for (const char* bad :
       {"", "/8", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "::/129"}) {
    CAPTURE(bad);
    const std::string result = in(bad, "10.0.0.1");
    CHECK(result.starts_with(when == When::compiling ? "compile error: " : "error: "));
  }
  CHECK(is_error(call("cidr_contains", {from_data("[1]"), text("::1")})));
  CHECK(in("10.0.0.0/8", "10.0.0.01") == "error: not an IP address: '10.0.0.01'");
}

TEST_CASE("mask_ip zeroes host bits", "[functions]") {
  Caller call(When::compiling);
  CHECK(call("mask_ip", {text("192.0.2.255")}) == R"("192.0.2.0")");
  CHECK(call("mask_ip", {text("192.0.2.255"), number(31)}) == R"("192.0.2.254")");
  CHECK(call("mask_ip", {text("192.0.2.255"), number(0)}) == R"("0.0.0.0")");
  CHECK(call("mask_ip", {text("2001:db8:1:2:3::4")}) == R"("2001:db8:1::")");
  CHECK(call("mask_ip", {text("2001:db8::ffff"), number(24), number(127)}) == R"("2001:db8::fffe")");
  CHECK(call("mask_ip", {text("::ffff:192.0.2.7")}) == R"("::ffff:192.0.2.0")");
  for (const char* bad : {"", "1.2.3", "1.2.3.4 ", "fe80::1%eth0", "1.2.3.4:80", "::1::"}) {
    CAPTURE(bad);
    CHECK(is_error(call("mask_ip", {text(bad)})));
  }
  CHECK(is_error(call("mask_ip", {text("1.2.3.4"), number(33)})));
  CHECK(is_error(call("mask_ip", {text("::1"), number(24), number(-1)})));
}

TEST_CASE("cards are redacted where they pass the check", "[functions]") {
  Caller call(When::compiling);
  const auto redact = [&](std::string_view what) { return call("redact", {text(what), text("card")}); };
  CHECK(redact("4111111111111111") == R"("***")");
  CHECK(redact("a 4111-1111-1111-1111, b") == R"("a ***, b")");
  CHECK(redact("4111 1111 1111 1111 12/27") == R"("*** 12/27")");
  CHECK(redact("order 1234 378282246310005.") == R"("order 1234 ***.")");
  CHECK(redact("4111111111111112") == R"("4111111111111112")");
  CHECK(redact("94111111111111111") == R"("94111111111111111")");
  CHECK(redact("x4111111111111111") == R"("x4111111111111111")");
  CHECK(redact(std::string(100, '0')) == '"' + std::string(100, '0') + '"');
}

TEST_CASE("mail and IP addresses are redacted", "[functions]") {
  Caller call(When::compiling);
  const auto mail = [&](const char* what) { return call("redact", {text(what), text("mail"), text("<m>")}); };
  CHECK(mail("to bob.b+x@mail.example.com, jürgen@exämple.de.") == R"("to <m>, <m>.")");
  CHECK(mail("a@b @c.de x@@y.de a@1.2") == R"("a@b @c.de x@@y.de a@1.2")");
  const auto ip = [&](const char* what) { return call("redact", {text(what), text("ip")}); };
  CHECK(ip("from 10.0.0.1:80 via 2001:db8::1, [::1]:443") == R"("from ***:80 via ***, [***]:443")");
  CHECK(ip("addr:10.0.0.1 ip=::ffff:1.2.3.4.") == R"("addr:*** ip=***.")");
  CHECK(
      ip("at 12:34:56 std::add a::b 1.2.3 1.2.3.4.5 999.1.1.1 aa:bb:cc:dd:ee:ff").find("12:34:56 std::add") !=
      std::string::npos);
  CHECK(ip("1.2.3.4.5 999.1.1.1") == R"("1.2.3.4.5 999.1.1.1")");
  CHECK(call("redact", {text("token=abc"), text(R"(token=\w+)"), text("$0")}) == R"("$0")");
  CHECK(call("redact", {text("äb"), text("x*")}) == R"("äb")");
  CHECK(is_error(call("redact", {text("a"), text("(")})));
}

TEST_CASE("hostile text does not keep redact busy", "[functions]") {
  Caller call(When::compiling);
  std::string colons;
  std::string ats;
  std::string digits;
  for (int i = 0; i < 20'000; ++i) {
    colons += "1:";
    ats += "a@a.";
    digits += "1 ";
  }
  for (const char* kind : {"ip", "mail", "card"}) {
    for (const std::string* what : {&colons, &ats, &digits})
      CHECK_FALSE(is_error(call("redact", {text(*what), text(kind)})));
  }
}
