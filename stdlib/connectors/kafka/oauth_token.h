// SASL/OAUTHBEARER with tokens that an external program renews: a file, read whenever librdkafka asks for the
// next token.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pipec/runtime/error.h"

namespace pipec::stdlib::kafka {

struct OauthToken {
  std::string text;
  std::string principal;        // its "sub", or ""
  std::int64_t expires_at = 0;  // milliseconds since 1970
};

// A token without a readable "exp" is requested again after this time.
inline constexpr std::int64_t kTokenLifetime = 300'000;

// Surrounding white space is ignored. `now`: milliseconds since 1970. Errors never contain the token.
runtime::Result<OauthToken> oauth_token_of(std::string_view text, std::int64_t now);
runtime::Result<OauthToken> read_oauth_token(const std::string& file, std::int64_t now);

}  // namespace pipec::stdlib::kafka
