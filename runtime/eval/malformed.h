// Handling of records whose JSON turns out to be malformed in a stage: the same in every stage, and the same
// as in `parse json`.
#pragma once

#include "pipec/runtime/batch.h"
#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/stage.h"
#include "runtime/eval/reason.h"

namespace pipec::runtime::eval {

// "parse error: unexpected character at byte 17". Parses the record again, since malformed ones are rare.
void describe_malformed(const Batch& batch, const Record& record, Reason& reason);

// Dead-letters or counts the record, which the caller then takes out; an error fails the batch.
Status reject_malformed(const Batch& batch, const Record& record, OnError on_error, StageContext& context);

}  // namespace pipec::runtime::eval
