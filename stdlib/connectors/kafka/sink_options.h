// The options of sink kafka: their declarations, their values, and their requirements on the rest of the
// pipeline.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "pipec/runtime/registry.h"
#include "stdlib/connectors/kafka/properties.h"

namespace pipec::stdlib::kafka {

std::vector<runtime::OptionSpec> sink_options();
runtime::Status check_sink(const runtime::Options& options);
// Brokers from the pipeline's only recv kafka, and whether exactly_once can hold (K6).
runtime::Status join_sink(std::size_t self, std::span<const runtime::ConnectorUse> all,
                          runtime::PipelineTraits& traits);
runtime::Result<ProducerSettings> producer_settings(const runtime::Options& options,
                                                    const runtime::ConnectorContext& context);
// Whether this librdkafka version keeps its assignment while cooperative members join and leave during a
// transaction.
bool transactional_cooperative(int version);
// Equal for equal settings.
std::string fingerprint(const ProducerSettings& settings);

std::vector<runtime::OptionSpec> receiver_options();

}  // namespace pipec::stdlib::kafka
