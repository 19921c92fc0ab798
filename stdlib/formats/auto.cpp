// parse auto: json or msgpack, by the first byte.
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "stdlib/formats/formats.h"
#include "stdlib/formats/framing.h"
#include "stdlib/formats/on_error.h"
#include "stdlib/formats/validating_parser.h"

namespace pipec::stdlib {

namespace {

using runtime::Format;

// `{`, `[`, white space and a byte order mark begin JSON; maps and arrays of more than one byte begin
// MsgPack.
std::optional<Format> by_first_byte(std::string_view payload, std::size_t& skipped) {
  if (payload.empty()) return std::nullopt;
  const auto first = static_cast<unsigned char>(payload.front());
  if (std::string_view("{[ \t\r\n").find(payload.front()) != std::string_view::npos) return Format::json;
  if (payload.starts_with(kByteOrderMark)) {
    skipped = kByteOrderMark.size();
    return Format::json;
  }
  if ((first >= 0x80 && first <= 0x9f) || (first >= 0xdc && first <= 0xdf)) return Format::msgpack;
  return std::nullopt;
}

}  // namespace

void register_auto_format(runtime::Registry& registry) {
  runtime::FormatSpec spec;
  spec.name = "auto";
  spec.parse.emplace();
  spec.parse->doc =
      "As json or msgpack, by each record's first byte: `{`, `[`, white space, or a map or array";
  spec.parse->options = {on_error_option()};
  spec.parse->make = [](const runtime::Options& options) -> runtime::Result<std::unique_ptr<runtime::Stage>> {
    return make_validating_parser(on_error_of(options), Format::json, by_first_byte);
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
