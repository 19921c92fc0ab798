// The summary printed at the end of a run.
#pragma once

#include <string>

#include "compiler/pipec/console.h"
#include "pipec/graph/pipeline.h"

namespace pipec::cli {

// One line: records in and out, filtered, dead-lettered, bytes, time, rate.
std::string summary_line(const graph::Summary& summary);
// How far a run is, for SIGUSR1.
std::string progress_report(const graph::Progress& progress);
// The process's largest resident memory so far.
std::string peak_memory();

// Why a run ended early: the error, its origin, and the positions committed so far.
void report_failure(Console& console, const std::string& pipeline, const graph::Outcome& outcome);

}  // namespace pipec::cli
