// summarize(by: .path, every: 1m, at: .time) { n = count() }: one record for each group.
#pragma once

#include <memory>

#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

runtime::Result<std::unique_ptr<runtime::OrderedStage>> make_summarize(const runtime::Options& options,
                                                                       const runtime::StageSetup& setup);

}  // namespace pipec::stdlib
