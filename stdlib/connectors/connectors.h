// Registration functions of the connectors, for register.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pipec/runtime/registry.h"
#include "stdlib/connectors/compress/compression.h"

namespace pipec::stdlib {

#define CONNECTOR(name) void register_##name(runtime::Registry& registry);
#include "stdlib/connectors/list.def"
#undef CONNECTOR

// The object of that name that the pipeline's connectors share; outside a pipeline, a new one.
template <typename T>
std::shared_ptr<T> shared_part(const runtime::ConnectorContext& context, const std::string& name) {
  const auto make = [] { return std::make_shared<T>(); };
  return context.shared ? context.shared->find_or_make<T>(name, make) : make();
}

// The block size if receive()'s caller sets no limit.
inline constexpr std::size_t kBlockBytes = std::size_t{256} << 10;

// The code of errors caused by the content of one input file.
inline constexpr const char* kBadFile = "bad_file";

inline constexpr std::int64_t kDefaultMaxRecord = std::int64_t{256} << 20;

// The option `decompress` of recv file and stdin. nullopt: by the first bytes.
runtime::OptionSpec decompress_option();
std::optional<Compression> decompression_of(const runtime::Options& options);

// The option `state` of what keeps positions, and its check.
runtime::OptionSpec state_option();
runtime::Status check_state(const runtime::Options& options);

// The option `max_record` and its check: a block's offsets are 32-bit.
runtime::OptionSpec max_record_option();
runtime::Status check_max_record(const runtime::Options& options);

}  // namespace pipec::stdlib
