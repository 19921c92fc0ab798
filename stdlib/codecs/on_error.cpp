#include "stdlib/codecs/on_error.h"

#include <fmt/format.h>

namespace pipec::stdlib {

runtime::OptionSpec on_error_option() {
  runtime::OptionSpec option;
  option.name = "on_error";
  option.kind = runtime::OptionSpec::Kind::choice;
  option.choices = {"dlq", "skip", "fail"};
  option.fallback = runtime::Value::string("dlq");
  option.doc =
      "where a record goes that does not parse: to the dead letters, nowhere (counted), or the run ends";
  return option;
}

runtime::OnError on_error_of(const runtime::Options& options) {
  const std::string_view given = options.string("on_error", "dlq");
  if (given == "skip") return runtime::OnError::skip;
  return given == "fail" ? runtime::OnError::fail : runtime::OnError::dead_letter;
}

runtime::Status reject(runtime::OnError on_error, const runtime::Batch& batch, const runtime::Record& record,
                       std::string_view reason, runtime::StageContext& context) {
  switch (on_error) {
    case runtime::OnError::dead_letter:
      context.dead_letter(record, reason);
      return {};
    case runtime::OnError::skip:
      context.count_errors(1);
      return {};
    case runtime::OnError::fail:
      break;
  }
  const runtime::Block& block = batch.block();
  const std::string& source = block.source.empty() ? block.topic : block.source;
  return runtime::Error{"parse",
                        fmt::format("{} (the record at position {}{}{}); on_error: fail ends the run", reason,
                                    block.position(record.origin), source.empty() ? "" : " of ", source),
                        {},
                        {}};
}

}  // namespace pipec::stdlib
