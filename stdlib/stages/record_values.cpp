#include "stdlib/stages/record_values.h"

#include "pipec/runtime/json.h"
#include "stdlib/functions/time_format.h"

namespace pipec::stdlib {

using runtime::Type;

runtime::Status take_out(runtime::OnError on_malformed, const runtime::Batch& batch,
                         const runtime::Record& record, const runtime::Failure& failure,
                         runtime::StageContext& context) {
  if (failure.malformed) return runtime::reject(on_malformed, batch, record, failure.reason, context);
  context.dead_letter(record, failure.reason, failure.place);
  return {};
}

std::optional<std::int64_t> time_of(const runtime::Value& value, const char* stage, runtime::Arena& arena,
                                    std::string& why) {
  if (value.type() == Type::timestamp) return value.as_int();
  why = std::string(stage) + ": 'at' is a timestamp or an RFC 3339 string, got ";
  if (value.type() != Type::string) {
    why += runtime::type_name(value.type());
    return std::nullopt;
  }
  static const TimeFormat format = *TimeFormat::for_reading("%+");
  const std::string_view text = runtime::decode_string(value, arena);
  std::int64_t time = 0;
  if (!format.read(text, nullptr, time)) return time;
  constexpr std::size_t kShown = 40;
  why += "\"" + std::string(text.substr(0, kShown)) + (text.size() > kShown ? "...\"" : "\"");
  return std::nullopt;
}

runtime::OptionSpec at_option(const char* fallback) {
  runtime::OptionSpec at;
  at.name = "at";
  at.kind = runtime::OptionSpec::Kind::per_record;
  at.types = runtime::TypeSet(Type::timestamp) | Type::string;
  at.doc = std::string("the record's time: a timestamp or an RFC 3339 string (default: ") + fallback + ")";
  return at;
}

}  // namespace pipec::stdlib
