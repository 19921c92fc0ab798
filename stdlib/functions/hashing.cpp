// Digests, as lower-case hexadecimal.
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <xxhash.h>

#include <cstdint>
#include <memory>
#include <string_view>

#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"
#include "stdlib/functions/hexadecimal.h"

namespace pipec::stdlib {

namespace {

struct FreeDigest {
  void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
};
using DigestPtr = std::unique_ptr<EVP_MD, FreeDigest>;

constexpr char kSha256[] = "SHA256";
constexpr char kSha1[] = "SHA1";
constexpr char kMd5[] = "MD5";

// Fetched once; otherwise OpenSSL looks the name up at every use. Null if unavailable (MD5 under FIPS).
template <const char* name>
const EVP_MD* digest_named() {
  static const DigestPtr digest(EVP_MD_fetch(nullptr, name, nullptr));
  return digest.get();
}

template <const char* name>
Value digest(CallContext& context, Arguments arguments) {
  const std::string_view bytes = arguments[0].text();
  const EVP_MD* const how = digest_named<name>();
  unsigned char result[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (how == nullptr || EVP_Digest(bytes.data(), bytes.size(), result, &size, how, nullptr) != 1) {
    return context.fail("this system's OpenSSL does not offer it");
  }
  return Value::string(to_hex({reinterpret_cast<const char*>(result), size}, context.arena()));
}

Value hmac_sha256(CallContext& context, Arguments arguments) {
  const std::string_view bytes = arguments[0].text();
  const std::string_view key = arguments[1].text();
  const EVP_MD* const how = digest_named<kSha256>();
  unsigned char result[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (key.size() > INT32_MAX) return context.fail("the key is longer than 2 GiB");
  if (how == nullptr ||
      HMAC(how, key.empty() ? "" : key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), result, &size) == nullptr) {
    return context.fail("this system's OpenSSL does not offer it");
  }
  return Value::string(to_hex({reinterpret_cast<const char*>(result), size}, context.arena()));
}

Value xxh3(CallContext& context, Arguments arguments) {
  XXH64_canonical_t canonical;  // big-endian, as hashes are written
  XXH64_canonicalFromHash(&canonical, XXH3_64bits(arguments[0].text().data(), arguments[0].size()));
  const auto* bytes = reinterpret_cast<const char*>(canonical.digest);
  return Value::string(to_hex({bytes, sizeof canonical.digest}, context.arena()));
}

}  // namespace

void register_hashing(Registry& registry) {
  const Parameter raw = required("s", kText);

  Family family(registry, "hashing");
  family.add("sha256", {raw}, Type::string, "The SHA-256 digest in hexadecimal",
             {{R"(sha256("abc"))", R"("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")"}},
             digest<kSha256>);
  family.add("sha1", {raw}, Type::string, "The SHA-1 digest in hexadecimal; not for security",
             {{R"(sha1("abc"))", R"("a9993e364706816aba3e25717850c26c9cd0d89d")"}}, digest<kSha1>);
  family.add("md5", {raw}, Type::string, "The MD5 digest in hexadecimal; not for security",
             {{R"(md5("abc"))", R"("900150983cd24fb0d6963f7d28e17f72")"}}, digest<kMd5>);
  family.add("xxh3", {raw}, Type::string, "The 64-bit XXH3 hash in hexadecimal: fast, not for security",
             {{R"(xxh3(""))", R"("2d06800538d394c2")"}}, xxh3);
  family.add("hmac_sha256", {raw, required("key", kText)}, Type::string,
             "The HMAC with SHA-256 in hexadecimal",
             {{R"(hmac_sha256("what do ya want for nothing?", "Jefe"))",
               R"("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")"}},
             hmac_sha256);
}

}  // namespace pipec::stdlib
