#include <string>

#include "pipec/runtime/stage.h"

namespace pipec::runtime {

Status reject(OnError on_error, const Batch& batch, const Record& record, std::string_view reason,
              StageContext& context) {
  switch (on_error) {
    case OnError::dead_letter:
      context.dead_letter(record, reason);
      return {};
    case OnError::skip:
      context.count_errors(1);
      return {};
    case OnError::fail:
      break;
  }
  const Block& block = batch.block();
  const std::string& source = block.source.empty() ? block.topic : block.source;
  std::string message(reason);
  message += " (the record at position " + std::to_string(block.position(record.origin));
  if (!source.empty()) message += " of " + source;
  message += "); on_error: fail ends the run";
  return Error::make(ErrorCode::parse, std::move(message));
}

}  // namespace pipec::runtime
