#include "pipec/runtime/registry.h"

#include <algorithm>
#include <utility>

namespace pipec::runtime {

namespace {

template <typename Spec>
const Spec* by_name(const std::deque<Spec>& specs, std::string_view name) {
  const auto found =
      std::find_if(specs.begin(), specs.end(), [&](const Spec& spec) { return spec.name == name; });
  return found == specs.end() ? nullptr : &*found;
}

}  // namespace

const Options::Item* Options::find(std::string_view name) const {
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

std::string_view Options::string(std::string_view name, std::string_view fallback) const {
  const Item* item = find(name);
  return item && item->value.type() == Type::string ? item->value.text() : fallback;
}

std::int64_t Options::integer(std::string_view name, std::int64_t fallback) const {
  const Item* item = find(name);
  if (!item) return fallback;
  const Type type = item->value.type();
  return type == Type::integer || type == Type::duration || type == Type::timestamp ? item->value.as_int()
                                                                                    : fallback;
}

double Options::number(std::string_view name, double fallback) const {
  const Item* item = find(name);
  if (!item || !item->value.is_number()) return fallback;
  return item->value.type() == Type::floating ? item->value.as_float()
                                              : static_cast<double>(item->value.as_int());
}

bool Options::boolean(std::string_view name, bool fallback) const {
  const Item* item = find(name);
  return item && item->value.type() == Type::boolean ? item->value.as_bool() : fallback;
}

std::shared_ptr<const Program> Options::program(std::string_view name) const {
  const Item* item = find(name);
  return item ? item->program : nullptr;
}

void Registry::add(Function function) {
  functions_.push_back(std::move(function));
  function_names_[functions_.back().name] = &functions_.back();
}
void Registry::add(ReceiverSpec receiver) {
  receivers_.push_back(std::move(receiver));
}
void Registry::add(SinkSpec sink) {
  sinks_.push_back(std::move(sink));
}
void Registry::add(ParserSpec parser) {
  parsers_.push_back(std::move(parser));
}

const Function* Registry::function(std::string_view name) const {
  const auto found = function_names_.find(name);
  return found == function_names_.end() ? nullptr : found->second;
}
const ReceiverSpec* Registry::receiver(std::string_view name) const {
  return by_name(receivers_, name);
}
const SinkSpec* Registry::sink(std::string_view name) const {
  return by_name(sinks_, name);
}
const ParserSpec* Registry::parser(std::string_view name) const {
  return by_name(parsers_, name);
}

}  // namespace pipec::runtime
