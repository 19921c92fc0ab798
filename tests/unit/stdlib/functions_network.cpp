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

TEST_CASE("card numbers are redacted if they pass the check", "[functions]") {
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

TEST_CASE("each kind of sensitive text is found, and lookalikes are not", "[functions]") {
  Caller call(When::compiling);
  const auto redact = [&](const char* kind, std::string_view what) {
    const std::string result = call("redact", {text(what), text(kind)});
    return result.substr(1, result.size() - 2);
  };
  CHECK(redact("email", "a@b.example") == "***");
  CHECK(redact("credit_card", "4111111111111111") == "***");
  CHECK(redact("iban", "to DE89 3704 0044 0532 0130 00 today") == "to *** today");
  CHECK(redact("iban", "GB82WEST12345698765432, gb82west12345698765432") == "***, ***");
  CHECK(redact("iban", "NO9386011117947 and MT84MALT011000012345MTLCAST001S.") == "*** and ***.");
  CHECK(redact("iban", "DE88 3704 0044 0532 0130 00") ==
        "DE88 3704 0044 0532 0130 00");  // wrong check digits
  CHECK(redact("iban", "DE89370400440532013000X") == "DE89370400440532013000X");
  CHECK(redact("us_ssn", "ssn 078-05-1120.") == "ssn ***.");
  CHECK(redact("us_ssn", "000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000 1123-45-6789") ==
        "000-12-3456 666-12-3456 900-12-3456 123-00-4567 123-45-0000 1123-45-6789");
  CHECK(redact("phone", "call +49 (0) 30 1234567 or (555) 234-5678, 1-555-234-5678") ==
        "call *** or ***, ***");
  CHECK(redact("phone", "(+4930123456)") == "(***)");
  CHECK(redact("phone", "2026-03-02 1234567890 +1 22 a+49301234567 +12345678901234567") ==
        "2026-03-02 1234567890 +1 22 a+49301234567 +12345678901234567");
  CHECK(redact("ipv4", "10.0.0.1 and 2001:db8::1") == "*** and 2001:db8::1");
  CHECK(redact("ipv6", "10.0.0.1 and 2001:db8::1") == "10.0.0.1 and ***");
  CHECK(redact("mac", "00:1a:2B:3c:4d:5e 00-1A-2B-3C-4D-5E 001a.2b3c.4d5e") == "*** *** ***");
  CHECK(redact("mac", "00:1a:2b:3c:4d 00:1a:2b:3c:4d:5e:6f") == "00:1a:2b:3c:4d 00:1a:2b:3c:4d:5e:6f");
  CHECK(redact("jwt", "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_1;") == "Bearer ***;");
  CHECK(redact("url_password", "postgres://bob:p@ss:w0rd@db:5432/x redis://:s3@r https://a.b:80/@c") ==
        "postgres://bob:***@db:5432/x redis://:***@r https://a.b:80/@c");
}

TEST_CASE("an unknown kind is refused, and so is one known only at run time", "[functions]") {
  Caller call(When::compiling);
  const auto refused = [&](const Value& what) { return call("redact", {text("a"), what}); };
  CHECK(refused(text("e_mail")).find("compile error: unknown kind 'e_mail'; there are email, mail") == 0);
  CHECK(refused(text("Card")).find("compile error: unknown kind 'Card'") == 0);
  CHECK(refused(from_data(R"(["card","x1"])")).find("compile error: unknown kind 'x1'") == 0);
  CHECK(refused(from_data("[]")).find("compile error") == 0);
  CHECK(refused(from_data("[1]")).find("compile error") == 0);
  CHECK(Caller(When::running)("redact", {text("a"), text("card")}).find("compile error") == 0);
}

TEST_CASE("strings at any depth are redacted, several kinds at once", "[functions]") {
  Caller call(When::compiling);
  const Value kinds = from_data(R"(["ip","email","k=\\w+"])");
  CHECK(call("redact",
             {from_data(R"({"a":"10.0.0.1","b":[{"c":"a@b.de k=1 \u0041"},2.50,null,"x"],"10.0.0.1":true})"),
              kinds}) == R"({"a":"***","b":[{"c":"*** *** A"},2.50,null,"x"],"10.0.0.1":true})");
  // Without anything to redact it is the same text, byte for byte.
  CHECK(call("redact", {from_data(R"({ "a" : "\u0041" })"), kinds}) == R"({ "a" : "\u0041" })");
  // Of two that begin at one place the longer one is replaced.
  CHECK(call("redact", {text("10.0.0.1@b.de 10.0.0.1"), from_data(R"(["ip","email"])")}) == R"("*** ***")");
}

TEST_CASE("hostile text does not keep redact busy", "[functions]") {
  Caller call(When::compiling);
  std::string hostile[6];
  for (int i = 0; i < 20'000; ++i) {
    hostile[0] += "1:";
    hostile[1] += "a@a.";
    hostile[2] += "1 ";
    hostile[3] += "DE89 ";
    hostile[4] += "+1 ";
    hostile[5] += "a://b:c";
  }
  for (const char* kind :
       {"ip", "ipv4", "ipv6", "mail", "card", "iban", "us_ssn", "phone", "mac", "jwt", "url_password"}) {
    for (const std::string& what : hostile) CHECK_FALSE(is_error(call("redact", {text(what), text(kind)})));
  }
}
