// The parts of a record that a program uses, known before the first record arrives.
#pragma once

#include <vector>

#include "pipec/runtime/program.h"

namespace pipec::runtime::eval {

// Whether evaluation may read the record's bytes. Programs that do not are run without opening records.
bool reads_record(const Expression& expression);
bool reads_record(const std::vector<Statement>& statements);

}  // namespace pipec::runtime::eval
