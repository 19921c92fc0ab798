#include "runtime/eval/malformed.h"

#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"

namespace pipec::runtime::eval {

void describe_malformed(const Batch& batch, const Record& record, Reason& reason) {
  std::size_t offset = 0;
  const std::string_view payload = batch.payload(record);
  const char* what =
      record.format == Format::json ? validate_json(payload, &offset) : validate_msgpack(payload, &offset);
  if (what) {
    reason.assign({"parse error: ", what, " at byte ", Digits(offset)});
  } else {
    reason.assign({"parse error: a malformed value"});
  }
}

Status reject_malformed(const Batch& batch, const Record& record, OnError on_error, StageContext& context) {
  if (on_error == OnError::skip) {
    context.count_errors(1);
    return {};
  }
  Reason reason;
  describe_malformed(batch, record, reason);
  if (on_error == OnError::dead_letter) {
    context.dead_letter(record, reason.text());
    return {};
  }
  Error error;
  error.code = "parse";
  error.message = reason.text();
  error.message += ", in the record at position " + std::to_string(batch.block().position(record.origin));
  if (!batch.block().source.empty()) error.message += " of " + batch.block().source;
  return error;
}

}  // namespace pipec::runtime::eval
