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

// Why something of this name is not added; empty: it is.
std::string refusal(const std::string& kind, const std::string& name, bool taken) {
  if (name.empty()) return "a " + kind + " has no name";
  if (taken) return "there is a " + kind + " '" + name + "' already";
  return {};
}

template <typename Spec>
std::string refusal(const std::string& kind, const Spec& spec, const std::deque<Spec>& others) {
  std::string why = refusal(kind, spec.name, by_name(others, spec.name) != nullptr);
  if (!why.empty()) return why;
  if (!spec.make) return "the " + kind + " '" + spec.name + "' has no 'make'";
  if (spec.positional > spec.options.size()) {
    return "the " + kind + " '" + spec.name + "' has fewer options than are positional";
  }
  return {};
}

}  // namespace

const Options::Item* Options::find(std::string_view name) const {
  const auto found =
      std::find_if(items.begin(), items.end(), [&](const Item& item) { return item.name == name; });
  return found == items.end() ? nullptr : &*found;
}

const Options::Item* Options::given_or_default(std::string_view name) const {
  if (const Item* item = find(name)) return item;
  const auto found =
      std::find_if(defaults.begin(), defaults.end(), [&](const Item& item) { return item.name == name; });
  return found == defaults.end() ? nullptr : &*found;
}

std::string_view Options::string(std::string_view name, std::string_view fallback) const {
  const Item* item = given_or_default(name);
  return item && item->value.type() == Type::string ? item->value.text() : fallback;
}

std::int64_t Options::integer(std::string_view name, std::int64_t fallback) const {
  const Item* item = given_or_default(name);
  if (!item) return fallback;
  const Type type = item->value.type();
  return type == Type::integer || type == Type::duration || type == Type::timestamp ? item->value.as_int()
                                                                                    : fallback;
}

double Options::number(std::string_view name, double fallback) const {
  const Item* item = given_or_default(name);
  if (!item || !item->value.is_number()) return fallback;
  return item->value.type() == Type::floating ? item->value.as_float()
                                              : static_cast<double>(item->value.as_int());
}

bool Options::boolean(std::string_view name, bool fallback) const {
  const Item* item = given_or_default(name);
  return item && item->value.type() == Type::boolean ? item->value.as_bool() : fallback;
}

std::shared_ptr<const Program> Options::program(std::string_view name) const {
  const Item* item = find(name);
  return item ? item->program : nullptr;
}

const RecordPath* Options::path(std::string_view name) const {
  const Item* item = find(name);
  return item && item->path ? &*item->path : nullptr;
}

const FormatSpec* Options::format(std::string_view name) const {
  const Item* item = given_or_default(name);
  return item ? item->format.get() : nullptr;
}

const Options& Options::arguments(std::string_view name) const {
  static const Options kNone;
  const Item* item = given_or_default(name);
  return item && item->arguments ? *item->arguments : kNone;
}

void Options::choose(std::string name, const FormatSpec& format) {
  Item item;
  item.name = std::move(name);
  item.value = Value::string(storage->copy(format.name));
  item.format = std::make_shared<const FormatSpec>(format);
  items.push_back(std::move(item));
}

Status Registry::refuse(std::string why) {
  Error error = Error::make("registry", std::move(why));
  if (problem_) problem_ = error;
  return error;
}

Status Registry::add(Function function) {
  if (std::string why = refusal("function", function.name, this->function(function.name) != nullptr);
      !why.empty()) {
    return refuse(std::move(why));
  }
  if (!function.code) return refuse("the function '" + function.name + "' has no code");
  functions_.push_back(std::move(function));
  function_names_[functions_.back().name] = &functions_.back();
  return {};
}

Status Registry::add(ReceiverSpec spec) {
  if (std::string why = refusal("receiver", spec, receivers_); !why.empty()) return refuse(std::move(why));
  receivers_.push_back(std::move(spec));
  return {};
}

Status Registry::add(SinkSpec spec) {
  if (std::string why = refusal("sink", spec, sinks_); !why.empty()) return refuse(std::move(why));
  sinks_.push_back(std::move(spec));
  return {};
}

Status Registry::add(FormatSpec spec) {
  std::string why = refusal("format", spec.name, format(spec.name) != nullptr);
  const std::string what = "the format '" + spec.name + "'";
  if (why.empty() && !spec.parse && !spec.encode && !spec.frame) why = what + " does nothing";
  if (why.empty() && ((spec.parse && !spec.parse->make) || (spec.encode && !spec.encode->make)))
    why = what + " has no 'make'";
  const auto check = [&](const FormatSpec::Role* role) {
    if (why.empty() && role && role->positional > role->options.size())
      why = what + " has fewer options than are positional";
  };
  check(spec.parse ? &*spec.parse : nullptr);
  check(spec.encode ? &*spec.encode : nullptr);
  check(spec.frame ? &*spec.frame : nullptr);
  if (!why.empty()) return refuse(std::move(why));
  formats_.push_back(std::move(spec));
  return {};
}

Status Registry::add(StageSpec spec) {
  if (std::string why = refusal("stage", spec.name, stage(spec.name) != nullptr); !why.empty()) {
    return refuse(std::move(why));
  }
  const bool ordered = spec.kind == StageSpec::Kind::ordered;
  if (ordered ? !spec.make_ordered : !spec.make) {
    return refuse("the stage '" + spec.name + "' has no '" + (ordered ? "make_ordered" : "make") + "'");
  }
  if (spec.positional > spec.options.size()) {
    return refuse("the stage '" + spec.name + "' has fewer options than are positional");
  }
  if (ordered) {
    OptionSpec state;
    state.name = kStateOption;
    state.types = Type::string;
    state.identifies = false;
    state.doc = "the name under which its state is kept (default: " + spec.name +
                "); under a new name, the state starts empty";
    spec.options.push_back(std::move(state));
  }
  stages_.push_back(std::move(spec));
  return {};
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
const FormatSpec* Registry::format(std::string_view name) const {
  return by_name(formats_, name);
}

std::vector<std::string> Registry::choices(const OptionSpec& option) const {
  if (option.formats == OptionSpec::Formats::none) return option.choices;
  std::vector<std::string> names;
  for (const FormatSpec& format : formats_) {
    const bool fits =
        option.formats == OptionSpec::Formats::encode ? format.encode.has_value() : format.frame.has_value();
    if (fits) names.push_back(format.name);
  }
  return names;
}
const StageSpec* Registry::stage(std::string_view name) const {
  return by_name(stages_, name);
}

}  // namespace pipec::runtime
