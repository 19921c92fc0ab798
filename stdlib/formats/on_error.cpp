#include "stdlib/formats/on_error.h"

namespace pipec::stdlib {

runtime::OptionSpec on_error_option() {
  runtime::OptionSpec option;
  option.name = "on_error";
  option.kind = runtime::OptionSpec::Kind::choice;
  option.choices = {"dlq", "skip", "fail"};
  option.fallback = runtime::Value::string("dlq");
  option.doc =
      "what to do with a record that does not parse: make it a dead letter, skip it (counted), or end the "
      "run";
  return option;
}

runtime::OnError on_error_of(const runtime::Options& options) {
  const std::string_view given = options.string("on_error", "dlq");
  if (given == "skip") return runtime::OnError::skip;
  return given == "fail" ? runtime::OnError::fail : runtime::OnError::dead_letter;
}

}  // namespace pipec::stdlib
