#include "pipec/stdlib/register.h"

#include "pipec/stdlib/memory.h"
#include "stdlib/connectors/connectors.h"
#include "stdlib/connectors/option_specs.h"

namespace pipec::stdlib {

void register_connectors(runtime::Registry& registry) {
#define CONNECTOR(name) register_##name(registry);
#include "stdlib/connectors/list.def"
#undef CONNECTOR
  // An embedding program with its own channels has already registered them.
  if (!registry.receiver("memory")) register_memory(registry, std::make_shared<MemoryChannels>());
}

runtime::OptionSpec decompress_option() {
  return choice_option("decompress", "auto", {"none", "gzip", "zstd"},
                       "auto: detects gzip and zstd by their first bytes, whatever the name");
}

std::optional<Compression> decompression_of(const runtime::Options& options) {
  const std::string_view name = options.string("decompress", "auto");
  if (name == "auto") return std::nullopt;
  return compression_named(name);
}

runtime::OptionSpec state_option() {
  runtime::OptionSpec option;
  option.name = "state";
  option.types = runtime::Type::string;
  option.doc = "the name under which its position is kept (default: it is found by the input itself)";
  return option;
}

runtime::Status check_state(const runtime::Options& options) {
  if (!options.given("state") || !options.string("state").empty()) return {};
  return runtime::Error{"option", "the state's name is empty", {}, {}};
}

runtime::OptionSpec max_record_option() {
  runtime::OptionSpec option;
  option.name = "max_record";
  option.types = runtime::Type::integer;
  option.fallback = runtime::Value::integer(kDefaultMaxRecord);
  option.doc =
      "the longest record; a longer one becomes a dead letter with its first 64 KiB and its length. "
      "Never more than an eighth of the usable memory";
  return option;
}

runtime::Status check_max_record(const runtime::Options& options) {
  const std::int64_t bytes = options.integer("max_record", kDefaultMaxRecord);
  constexpr std::int64_t kLargest = std::int64_t{1} << 30;
  if (bytes >= 1 && bytes <= kLargest) return {};
  return runtime::Error{"option", "max_record must be between 1 byte and 1GiB", {}, {}};
}

}  // namespace pipec::stdlib
