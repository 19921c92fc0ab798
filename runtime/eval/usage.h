// What a program asks of a record, known before the first one comes.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/program.h"

namespace pipec::runtime::eval {

// Whether evaluating may look at the record's bytes. A program that does not is run without opening records.
bool reads_record(const Expression& expression);
bool reads_record(const std::vector<Statement>& statements);

// Keys without which `condition` is false, whatever else the record holds: top-level fields that are compared
// before anything can fail. A record whose bytes hold no such key is no match even where the rest of it is
// malformed.
std::vector<std::string> required_keys(const Program& condition);

// Whether the bytes may hold `key` as a member's name; escapes make it a maybe.
bool may_hold_key(std::string_view record, std::string_view key);

}  // namespace pipec::runtime::eval
