// The dead letters of a one-liner: a line on stderr for each.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "compiler/pipec/console.h"
#include "compiler/pipec/eval_advice.h"
#include "pipec/runtime/connector.h"

namespace pipec::cli {

// "access.ndjson at 1234: filter: not a number: {"status": "x"...", out of a dead letter's JSON. Never longer
// than a few hundred bytes, and harmless on a terminal whatever the record holds.
std::string reject_line(std::string_view dead_letter);

struct Rejects {
  std::atomic<std::uint64_t> all{0};
  std::atomic<std::uint64_t> parts{0};  // of them: lines out of values that go over several; one was shown
};

// Counts the records it receives; all three arguments must outlive it. `sample`: of an input that is read
// line by line; if it begins with a value that spans several lines, only one line is printed on stderr. May
// be null.
std::unique_ptr<runtime::Sink> make_reject_sink(Console& console, Rejects& rejects,
                                                const InputSample* sample);

}  // namespace pipec::cli
