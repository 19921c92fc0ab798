// How an expression can fail on some record.
#pragma once

#include <string>
#include <vector>

#include "pipec/runtime/program.h"

namespace pipec::compiler {

// Appends each way once, in the user's words: "'+' on a wrong type or out of range", "parse_time() fails".
// Failures that a `catch` handles are left out.
void failures_of(const runtime::Expression& expression, std::vector<std::string>& out);
// As above, for an expression used as a condition.
void failures_of_condition(const runtime::Expression& expression, std::vector<std::string>& out);

void add_once(std::vector<std::string>& list, std::string text);

}  // namespace pipec::compiler
