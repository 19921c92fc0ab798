// Connectors of a program's own, under a name for pipelines as text, in one call:
//
//   runtime::register_receiver<Rows>(registry, "rows", {{.name = "table", .required = true}});
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pipec/runtime/connector.h"
#include "pipec/runtime/error.h"
#include "pipec/runtime/registry.h"

namespace pipec::runtime {

namespace internal {
// Made of the options and the context, of the options alone, or of nothing.
template <typename Connector>
std::unique_ptr<Connector> make_connector(const Options& options, const ConnectorContext& context) {
  if constexpr (std::constructible_from<Connector, const Options&, const ConnectorContext&>) {
    return std::make_unique<Connector>(options, context);
  } else if constexpr (std::constructible_from<Connector, const Options&>) {
    return std::make_unique<Connector>(options);
  } else {
    static_assert(std::default_initializable<Connector>,
                  "a registered connector has a constructor of (const Options&, const ConnectorContext&), of "
                  "(const Options&) or of nothing");
    return std::make_unique<Connector>();
  }
}

template <typename Spec, typename Connector>
Spec connector_spec(std::string name, std::vector<OptionSpec> options) {
  Spec spec;
  spec.name = std::move(name);
  spec.positional = options.size();
  spec.options = std::move(options);
  spec.make = [](const Options& given,
                 const ConnectorContext& context) -> decltype(spec.make(given, context)) {
    return make_connector<Connector>(given, context);
  };
  return spec;
}
}  // namespace internal

// `recv NAME(options)` makes a T for each run. All options may be given without a name, in this order. What
// T's constructor throws ends the run. For more (a check when compiling, state that other receivers share)
// fill in a ReceiverSpec and call Registry::add().
template <std::derived_from<Receiver> T>
Status register_receiver(Registry& registry, std::string name, std::vector<OptionSpec> options = {}) {
  ReceiverSpec spec = internal::connector_spec<ReceiverSpec, T>(std::move(name), std::move(options));
  // What describe() gives is kept with the positions.
  if constexpr (requires { &T::describe; }) {
    spec.resumable = !std::same_as<decltype(&T::describe), decltype(&Receiver::describe)>;
  }
  return registry.add(std::move(spec));
}

// `sink NAME(options)`, in the same way.
template <std::derived_from<Sink> T>
Status register_sink(Registry& registry, std::string name, std::vector<OptionSpec> options = {}) {
  return registry.add(internal::connector_spec<SinkSpec, T>(std::move(name), std::move(options)));
}

}  // namespace pipec::runtime
