#include "stdlib/connectors/kafka/oauth_token.h"

#include <fmt/format.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>

#include "pipec/runtime/buffer.h"
#include "pipec/runtime/json.h"

namespace pipec::stdlib::kafka {

using runtime::Error;
using runtime::Result;
using runtime::Type;

namespace {

constexpr std::size_t kLongestToken = std::size_t{64} << 10;

Error token_error(std::string message) {
  return {"kafka", std::move(message), {}, {}};
}

int digit_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '-') return 62;
  return c == '_' ? 63 : -1;
}

// RFC 4648's URL alphabet without padding, as JWTs have it.
std::optional<std::string> decoded(std::string_view text) {
  std::string bytes;
  unsigned bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const int digit = digit_of(c);
    if (digit < 0) return std::nullopt;
    bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xffffU;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back(static_cast<char>(bits >> count & 0xffU));
  }
  return bytes;
}

// The claims of a JWT (RFC 7519): the part between its dots. The broker checks its signature.
void read_claims(OauthToken& token) {
  const std::size_t first = token.text.find('.');
  if (first == std::string::npos) return;
  const std::size_t second = token.text.find('.', first + 1);
  if (second == std::string::npos) return;
  const auto json = decoded(std::string_view(token.text).substr(first + 1, second - first - 1));
  if (!json) return;
  std::string padded = *json + std::string(runtime::Buffer::kPadding, ' ');
  const std::string_view text = std::string_view(padded).substr(0, json->size());
  if (runtime::validate_json(text)) return;
  const auto claims = runtime::read_json(text);
  if (!claims || claims->type() != Type::object) return;
  runtime::Arena arena;
  const runtime::Found subject = runtime::find_member(*claims, "sub", arena);
  if (subject.found && subject.value.type() == Type::string) {
    token.principal = runtime::decode_string(subject.value, arena);
  }
  const runtime::Found expires = runtime::find_member(*claims, "exp", arena);
  if (!expires.found) return;
  constexpr double kLatest = 1e12;  // seconds
  double seconds = -1;
  if (expires.value.type() == Type::integer) seconds = static_cast<double>(expires.value.as_int());
  if (expires.value.type() == Type::floating) seconds = expires.value.as_float();
  if (seconds > 0 && seconds < kLatest) token.expires_at = static_cast<std::int64_t>(seconds * 1000);
}

}  // namespace

Result<OauthToken> oauth_token_of(std::string_view text, std::int64_t now) {
  constexpr std::string_view kWhite = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kWhite);
  if (begin == std::string_view::npos) return token_error("the token file is empty");
  OauthToken token;
  token.text = text.substr(begin, text.find_last_not_of(kWhite) - begin + 1);
  if (token.text.find_first_of(kWhite) != std::string::npos || token.text.find('\0') != std::string::npos) {
    return token_error("the token file holds more than a token");
  }
  token.expires_at = now + kTokenLifetime;
  read_claims(token);
  if (token.expires_at <= now) return token_error("the token in the token file has expired");
  return token;
}

Result<OauthToken> read_oauth_token(const std::string& file, std::int64_t now) {
  std::string text(kLongestToken + 1, '\0');
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> input(std::fopen(file.c_str(), "re"), std::fclose);
  const std::size_t size = input ? std::fread(text.data(), 1, text.size(), input.get()) : 0;
  if (!input || std::ferror(input.get()) != 0) {
    return token_error(fmt::format("cannot read the token file {}: {}", file, std::strerror(errno)));
  }
  if (size > kLongestToken) return token_error(fmt::format("the token file {} is longer than 64 KiB", file));
  text.resize(size);
  return oauth_token_of(text, now);
}

}  // namespace pipec::stdlib::kafka
