#include "stdlib/formats/shared/record_value.h"

#include <string_view>

#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"

namespace pipec::stdlib {

std::optional<runtime::Value> value_of(const runtime::Batch& batch, const runtime::Record& record) {
  const std::string_view payload = batch.payload(record);
  if (record.format == runtime::Format::msgpack) return runtime::read_msgpack(payload);
  constexpr std::string_view kWhite = " \t\r\n";
  const std::size_t begin = payload.find_first_not_of(kWhite);
  const std::size_t end = payload.find_last_not_of(kWhite);
  if (begin == std::string_view::npos) return std::nullopt;
  return runtime::read_json(payload.substr(begin, end - begin + 1));
}

}  // namespace pipec::stdlib
