// What `topics` and `token_file` name.
#include <cstdio>
#include <string>
#include <vector>

#include "stdlib/connectors/kafka/oauth_token.h"
#include "stdlib/connectors/kafka/topics.h"
#include "support/catch.h"

using namespace pipec::stdlib::kafka;
using pipec::runtime::Value;
using Names = std::vector<std::string>;

TEST_CASE("K7 topics: names with commas between, an array, patterns that may hold commas") {
  CHECK(topics_of(Value::string("a")) == Names{"a"});
  CHECK(topics_of(Value::string("a,b,,c")) == Names{"a", "b", "c"});
  CHECK(topics_of(Value::string("^a{1,2}$")) == Names{"^a{1,2}$"});
  const Value items[] = {Value::string("^a{1,2}$"), Value::string("b")};
  CHECK(topics_of(Value::built_array(items, 2)) == Names{"^a{1,2}$", "b"});
  CHECK_FALSE(check_topics({}));
  CHECK_FALSE(check_topics({"a", ""}));
  CHECK(check_topics({"a", "^b.*"}));
  const auto bad = check_topics({"^a(b"});
  REQUIRE_FALSE(bad);
  CHECK(bad.error().message.find("^a(b") != std::string::npos);
}

TEST_CASE("K7 a pattern matches as librdkafka does") {
  const auto pattern = TopicPattern::make("^access-[0-9]+");
  REQUIRE(pattern);
  CHECK(pattern->matches("access-1"));
  CHECK(pattern->matches("access-12-old"));
  CHECK_FALSE(pattern->matches("access-"));
  CHECK_FALSE(pattern->matches("my-access-1"));
}

TEST_CASE("K9 a token's principal and end are those of its claims") {
  constexpr std::int64_t kNow = 1'700'000'000'000;
  const std::string jwt = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJwaXBlYyIsImV4cCI6MjAwMDAwMDAwMC41fQ.sig";
  const auto token = oauth_token_of(" " + jwt + "\n", kNow);
  REQUIRE(token);
  CHECK(token->text == jwt);
  CHECK(token->principal == "pipec");
  CHECK(token->expires_at == 2'000'000'000'500);
  // {"sub":"\u00fc>?","exp":1000}
  const auto old = oauth_token_of("eyJhbGciOiJub25lIn0.eyJzdWIiOiLDvD4_IiwiZXhwIjoxMDAwfQ.", kNow);
  REQUIRE_FALSE(old);
  CHECK(old.error().message.find("expired") != std::string::npos);
  const auto young = oauth_token_of("eyJhbGciOiJub25lIn0.eyJzdWIiOiLDvD4_IiwiZXhwIjoxMDAwfQ.", 0);
  REQUIRE(young);
  CHECK(young->principal == "\u00fc>?");
  for (const char* opaque : {"opaque", "a.b", "a.b.c", "a.!!.c", "..", "a.e30.c"}) {
    CAPTURE(opaque);
    const auto other = oauth_token_of(opaque, kNow);
    REQUIRE(other);
    CHECK(other->principal.empty());
    CHECK(other->expires_at == kNow + kTokenLifetime);
  }
  for (const char* bad : {"", " \n", "two tokens"}) CHECK_FALSE(oauth_token_of(bad, kNow));
}

TEST_CASE("fault X2 problems with a token file are reported, but never the token") {
  const auto absent = read_oauth_token("/nonexistent/token", 0);
  REQUIRE_FALSE(absent);
  CHECK(absent.error().message == "cannot read the token file /nonexistent/token: No such file or directory");
  const auto folder = read_oauth_token("/", 0);
  REQUIRE_FALSE(folder);
  const auto two = oauth_token_of("Canary-1 Canary-2", 0);
  REQUIRE_FALSE(two);
  CHECK(two.error().message.find("Canary") == std::string::npos);
}
