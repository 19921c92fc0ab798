// Keys of stages: canonical bytes that go with `==`, and the keyed hash of them.
#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <cstring>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "pipec/runtime/json.h"
#include "stdlib/stages/canonical.h"
#include "stdlib/stages/seen_keys.h"
#include "support/catch.h"

using namespace pipec;
using namespace pipec::stdlib;
using runtime::Arena;
using runtime::Value;

namespace {

std::string canonical(const std::string& json) {
  Arena arena;
  std::string out;
  const std::string padded = json + std::string(64, ' ');
  const auto value = runtime::read_json(std::string_view(padded).substr(0, json.size()));
  REQUIRE(value);
  REQUIRE(append_canonical(*value, arena, out));
  return out;
}

bool equal(const std::string& a, const std::string& b) {
  Arena arena;
  return runtime::equal(*runtime::read_json(a), *runtime::read_json(b), arena);
}

std::string random_json(std::mt19937& random, unsigned depth) {
  static const std::vector<std::string> kScalars = {"null",
                                                    "true",
                                                    "false",
                                                    "0",
                                                    "-0",
                                                    "0.0",
                                                    "-0.0",
                                                    "1",
                                                    "1.0",
                                                    "10e-1",
                                                    "0.1",
                                                    "0.10",
                                                    "1e-1",
                                                    "9223372036854775807",
                                                    "9223372036854775808",
                                                    "9223372036854775808.0",
                                                    "9.223372036854775808e18",
                                                    "-9223372036854775808",
                                                    "-9223372036854775809",
                                                    "-9223372036854775808.0",
                                                    "1e19",
                                                    "10000000000000000000",
                                                    "1e22",
                                                    "10000000000000000000000",
                                                    "1e23",
                                                    "100000000000000000000000",
                                                    "99999999999999991611392",
                                                    "1e308",
                                                    "1e309",
                                                    "10e308",
                                                    "1e400",
                                                    "1.0e400",
                                                    "-1e400",
                                                    "1e-400",
                                                    "10e-401",
                                                    "0e999",
                                                    "18446744073709551615",
                                                    "18446744073709551616",
                                                    "1.8446744073709551616e19",
                                                    "\"\"",
                                                    "\"a\"",
                                                    "\"\\u0061\"",
                                                    "\"1\"",
                                                    "\"\\n\"",
                                                    "\"\\ud83d\\ude00\"",
                                                    "\"\xf0\x9f\x98\x80\""};
  const auto kind = random() % (depth == 0 ? 3U : 5U);
  if (kind < 3) return kScalars[random() % kScalars.size()];
  std::string out = kind == 3 ? "[" : "{";
  for (auto i = random() % 4; i > 0; --i) {
    if (out.size() > 1) out += ", ";
    if (kind == 4) out += std::string("\"") + "ab"[random() % 2] + "\":";
    out += random_json(random, depth - 1);
  }
  return out + (kind == 3 ? "]" : "}");
}

}  // namespace

TEST_CASE("two values have the same canonical bytes exactly if == says that they are equal") {
  std::mt19937 random(11);
  std::vector<std::string> values;
  for (int i = 0; i < 700; ++i) values.push_back(random_json(random, static_cast<unsigned>(i) % 3));
  std::vector<std::string> keys;
  for (const std::string& value : values) keys.push_back(canonical(value));
  std::size_t equals = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = 0; j < values.size(); ++j) {
      const bool same = keys[i] == keys[j];
      if (same != equal(values[i], values[j])) FAIL_CHECK(values[i] << " and " << values[j] << ": " << same);
      equals += same ? 1 : 0;
    }
  }
  CHECK(equals > values.size());
}

TEST_CASE("canonical bytes hold the types of expressions apart") {
  Arena arena;
  std::set<std::string> seen;
  for (const Value& value :
       {Value::integer(1), Value::timestamp(1), Value::duration(1), Value::boolean(true), Value::string("1"),
        Value::bytes("1"), Value{}, Value::built_array(nullptr, 0), Value::built_object(nullptr, 0)}) {
    std::string out;
    REQUIRE(append_canonical(value, arena, out));
    CHECK(seen.insert(out).second);
  }
  std::string out;
  CHECK_FALSE(append_canonical(Value::json_array("[1,"), arena, out));
  CHECK_FALSE(append_canonical(Value::failed(), arena, out));
}

TEST_CASE("the keyed hash is SipHash-2-4-128, as OpenSSL has it") {
  std::mt19937_64 random(3);
  EVP_MAC* mac = EVP_MAC_fetch(nullptr, "SIPHASH", nullptr);
  REQUIRE(mac);
  for (std::size_t length = 0; length < 100; ++length) {
    const Secret secret = {random(), random()};
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += static_cast<char>(random());
    unsigned char key[16];
    std::memcpy(key, secret.data(), sizeof key);  // little-endian, as on all machines that pipec runs on
    std::size_t size = 16;
    const OSSL_PARAM parameters[] = {OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
                                     OSSL_PARAM_construct_end()};
    EVP_MAC_CTX* context = EVP_MAC_CTX_new(mac);
    unsigned char out[16];
    std::size_t written = 0;
    REQUIRE(EVP_MAC_init(context, key, sizeof key, parameters) == 1);
    REQUIRE(EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1);
    REQUIRE(EVP_MAC_final(context, out, &written, sizeof out) == 1);
    EVP_MAC_CTX_free(context);
    REQUIRE(written == 16);
    const Hash128 hash = keyed_hash(text, secret);
    CHECK(std::memcmp(&hash.low, out, 8) == 0);
    CHECK(std::memcmp(&hash.high, out + 8, 8) == 0);
  }
  EVP_MAC_free(mac);
  CHECK_FALSE(random_secret() == random_secret());
}

TEST_CASE("the index of hashes contains exactly what was added and not removed, wherever the hashes fall") {
  std::mt19937_64 random(5);
  HashIndex index;
  std::vector<std::pair<Hash128, bool>> keys;
  for (int i = 0; i < 20'000; ++i) {
    if (!keys.empty() && random() % 3 == 0) {
      auto& [key, known] = keys[random() % keys.size()];
      index.remove(key);
      known = false;
    } else {
      // Few different places: long runs of taken slots.
      keys.push_back({{random() % 64, random()}, true});
      index.put(keys.back().first, static_cast<std::uint64_t>(i));
    }
    if (i % 500 != 0) continue;
    std::size_t known_keys = 0;
    for (const auto& [key, known] : keys) {
      REQUIRE((index.find(key) != nullptr) == known);
      known_keys += known ? 1 : 0;
    }
    CHECK(index.size() == known_keys);
  }
}
