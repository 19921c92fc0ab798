// The input of a one-liner: stdin, or files one after the other.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compiler/pipec/eval_advice.h"
#include "pipec/runtime/connector.h"
#include "pipec/runtime/registry.h"

namespace pipec::cli {

// Without files, or for the file "-", stdin; `framing` as the receivers' option, empty: theirs. The registry
// must outlive the receiver. `sample` gets the first records; it may be null, and be read when the run has
// ended. The input ends early once `enough` returns true.
std::unique_ptr<runtime::Receiver> make_eval_input(const runtime::Registry& registry,
                                                   std::vector<std::string> files, std::string framing,
                                                   InputSample* sample, std::function<bool()> enough);

}  // namespace pipec::cli
