// Stages built from the builder's lambdas.
#pragma once

#include <memory>

#include "pipec/graph/builder.h"

namespace pipec::graph {

std::shared_ptr<const runtime::Stage> filter_stage(Builder::KeepRecord keep);
std::shared_ptr<const runtime::Stage> map_stage(Builder::MapRecord map);
std::shared_ptr<const runtime::Stage> parse_stage(Builder::MapRecord parse, runtime::OnError on_error);
std::shared_ptr<const runtime::Stage> filter_json_stage(Builder::KeepJson keep, runtime::OnError on_error);
std::shared_ptr<const runtime::Stage> map_json_stage(Builder::MapJson map, runtime::OnError on_error);
std::shared_ptr<const runtime::Stage> batch_stage(Builder::MapBatch map);
std::unique_ptr<runtime::OrderedStage> ordered_stage(std::unique_ptr<StageState> state,
                                                     Builder::ApplyRecord apply);
std::shared_ptr<const runtime::Router> choose_router(Builder::ChooseArm choose);

}  // namespace pipec::graph
