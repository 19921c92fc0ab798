// URLs (RFC 3986): scheme://user:password@host:port/path?query#fragment
#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

#include "stdlib/functions/ascii.h"
#include "stdlib/functions/decoded_text.h"
#include "stdlib/functions/hexadecimal.h"
#include "stdlib/functions/ip_address.h"
#include "stdlib/functions/object_builder.h"
#include "stdlib/functions/parsers.h"
#include "stdlib/functions/quote.h"

namespace pipec::stdlib {

namespace {

// Percent-encodings decoded; those that are none stay as they are.
Value decoded_part(std::string_view text, bool plus_is_space, Arena& arena) {
  if (text.find_first_of("%+") == std::string_view::npos) return Value::string(text);
  TextBuilder bytes(arena, text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_digit(text[i + 2]) : -1;
    if (low >= 0) {
      bytes.append(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      bytes.append(plus_is_space && text[i] == '+' ? ' ' : text[i]);
    }
  }
  return is_utf8(bytes.view()) ? Value::string(bytes.view()) : Value::string(text);
}

Value query_object(std::string_view query, Arena& arena) {
  ObjectBuilder object(arena);
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    const std::string_view value = equals == std::string_view::npos ? "" : pair.substr(equals + 1);
    object.set(decoded_part(pair.substr(0, equals), true, arena).text(), decoded_part(value, true, arena));
  }
  return object.finish();
}

Value lower_case(std::string_view text, Arena& arena) {
  char* const bytes = arena.allocate(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool capital = text[i] >= 'A' && text[i] <= 'Z';
    bytes[i] = capital ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
  }
  return Value::string({bytes, text.size()});
}

struct Authority {
  std::optional<std::string_view> username;
  std::optional<std::string_view> password;
  std::string_view host;  // without brackets
  std::optional<std::int64_t> port;
};

std::optional<std::int64_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), port);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return port;
}

std::optional<Authority> parse_authority(std::string_view text) {
  Authority authority;
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    const std::string_view user = text.substr(0, at);
    const std::size_t colon = user.find(':');
    authority.username = user.substr(0, colon);
    if (colon != std::string_view::npos) authority.password = user.substr(colon + 1);
    text.remove_prefix(at + 1);
  }
  std::string_view behind;  // ":8080"
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    authority.host = text.substr(1, close - 1);
    behind = text.substr(close + 1);
    const auto address = IpAddress::parse(authority.host);
    if (!address || (address->v4 && !address->mapped)) return std::nullopt;
  } else {
    const std::size_t colon = text.find(':');
    authority.host = text.substr(0, colon);
    if (colon != std::string_view::npos) behind = text.substr(colon);
  }
  if (!behind.empty()) {
    if (behind.front() != ':') return std::nullopt;
    // A colon without a port is allowed.
    if (behind.size() > 1) {
      authority.port = parse_port(behind.substr(1));
      if (!authority.port) return std::nullopt;
    }
  }
  return authority;
}

// The scheme's length; 0 where the text does not begin with `scheme://`.
std::size_t scheme_length(std::string_view text) {
  const std::size_t end = text.find("://");
  if (end == std::string_view::npos || end == 0 || !is_letter(text[0])) return 0;
  for (const char c : text.substr(0, end)) {
    if (!is_letter(c) && !is_digit(c) && c != '+' && c != '-' && c != '.') return 0;
  }
  return end;
}

bool has_space_or_control(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7F) return true;
  }
  return false;
}

}  // namespace

Value parse_url(CallContext& context, Arguments arguments) {
  Arena& arena = context.arena();
  std::string_view rest = arguments[0].text();
  const auto fail = [&] { return context.fail("not a URL: " + quote(arguments[0].text())); };
  const std::size_t scheme = scheme_length(rest);
  if (scheme == 0 || has_space_or_control(rest)) return fail();
  const std::string_view scheme_text = rest.substr(0, scheme);
  rest.remove_prefix(scheme + 3);

  std::optional<std::string_view> fragment;
  if (const std::size_t hash = rest.find('#'); hash != std::string_view::npos) {
    fragment = rest.substr(hash + 1);
    rest = rest.substr(0, hash);
  }
  std::string_view query;
  if (const std::size_t mark = rest.find('?'); mark != std::string_view::npos) {
    query = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  const std::size_t slash = rest.find('/');
  const auto authority = parse_authority(rest.substr(0, slash));
  // Only a file's URL may do without a host.
  if (!authority || (authority->host.empty() && scheme_text != "file")) return fail();
  const std::string_view path = slash == std::string_view::npos ? "/" : rest.substr(slash);

  const auto part = [&](const std::optional<std::string_view>& text) {
    return text ? decoded_part(*text, false, arena) : Value();
  };
  ObjectBuilder object(arena);
  object.set("scheme", lower_case(scheme_text, arena));
  object.set("username", part(authority->username));
  object.set("password", part(authority->password));
  object.set("host", authority->host.empty() ? Value() : lower_case(authority->host, arena));
  object.set("port", authority->port ? Value::integer(*authority->port) : Value());
  object.set("path", Value::string(path));
  object.set("query", query_object(query, arena));
  object.set("fragment", fragment ? Value::string(*fragment) : Value());
  return object.finish();
}

Value parse_query(CallContext& context, Arguments arguments) {
  std::string_view text = arguments[0].text();
  if (text.starts_with('?')) text.remove_prefix(1);
  return query_object(text, context.arena());
}

}  // namespace pipec::stdlib
