// The dead letters of a one-liner: a line on stderr for each.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "compiler/pipec/console.h"
#include "pipec/runtime/connector.h"

namespace pipec::cli {

// "access.ndjson at 1234: filter: not a number: {"status": "x"...", out of a dead letter's JSON. Never longer
// than a few hundred bytes, and harmless on a terminal whatever the record holds.
std::string reject_line(std::string_view dead_letter);

// Counts what it is given in `count`; both must outlive it.
std::unique_ptr<runtime::Sink> make_reject_sink(Console& console, std::atomic<std::uint64_t>& count);

}  // namespace pipec::cli
