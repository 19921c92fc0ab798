#include "stdlib/formats/grok/expand.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "stdlib/functions/pattern.h"

namespace pipec::stdlib::grok {

namespace {

using runtime::Error;
using runtime::ErrorCode;

constexpr std::size_t kDeepest = 32;
constexpr std::size_t kLongest = std::size_t{64} << 10;

std::optional<GroupType> type_named(std::string_view name) {
  if (name.empty() || name == "string") return GroupType::string;
  if (name == "int") return GroupType::integer;
  if (name == "float") return GroupType::floating;
  if (name == "bool") return GroupType::boolean;
  return std::nullopt;
}

class Expander {
 public:
  explicit Expander(const Patterns& own) : own_(own) {}

  // False: see fault.
  bool append(std::string_view pattern, std::size_t depth) {
    if (depth > kDeepest) return fail("the patterns refer to each other in a circle");
    for (;;) {
      const std::size_t open = pattern.find("%{");
      result.pattern += pattern.substr(0, open);
      if (result.pattern.size() > kLongest) return fail("the pattern is longer than 64 KiB");
      if (open == std::string_view::npos) return true;
      const std::size_t close = pattern.find('}', open);
      if (close == std::string_view::npos) return fail("'%{' without '}'");
      if (!append_reference(pattern.substr(open + 2, close - open - 2), depth)) return false;
      pattern.remove_prefix(close + 1);
    }
  }

  Expanded result;
  std::string fault;

 private:
  bool fail(std::string what) {
    fault = std::move(what);
    return false;
  }

  // NAME, NAME:field, NAME:field:type
  bool append_reference(std::string_view reference, std::size_t depth) {
    const std::size_t first = reference.find(':');
    const std::string_view name = reference.substr(0, first);
    std::string_view field =
        first == std::string_view::npos ? std::string_view() : reference.substr(first + 1);
    std::string_view type_name;
    if (const std::size_t second = field.find(':'); second != std::string_view::npos) {
      type_name = field.substr(second + 1);
      field = field.substr(0, second);
    }
    const auto type = type_named(type_name);
    if (!type)
      return fail(fmt::format("unknown type '{}' in %{{{}}}; it is int, float, bool or string", type_name,
                              reference));
    if (first != std::string_view::npos && field.empty())
      return fail(fmt::format("%{{{}}} has an empty field name", reference));
    const std::string* const pattern = find(name);
    if (!pattern)
      return fail(fmt::format("unknown pattern '{}'; define it with patterns: {{{}: r\"...\"}}", name, name));
    if (field.empty()) {
      result.pattern += "(?:";
    } else {
      result.pattern += fmt::format("(?P<{}>", add_group(field, *type));
    }
    if (!append(*pattern, depth + 1)) return false;
    result.pattern += ')';
    return true;
  }

  const std::string* find(std::string_view name) const {
    if (const auto found = own_.find(name); found != own_.end()) return &found->second;
    const auto found = library().find(name);
    return found == library().end() ? nullptr : &found->second;
  }

  // A group of its own: one field may stand in several alternatives.
  const std::string& add_group(std::string_view field, GroupType type) {
    const auto known = std::find_if(result.fields.begin(), result.fields.end(),
                                    [field](const PatternField& each) { return each.name == field; });
    PatternField& into = known == result.fields.end() ? result.fields.emplace_back() : *known;
    into.name = field;
    into.type = type;
    return into.groups.emplace_back(fmt::format("grok_{}", groups_++));
  }

  const Patterns& own_;
  std::size_t groups_ = 0;
};

}  // namespace

runtime::Result<Expanded> expand(std::string_view pattern, const Patterns& own) {
  Expander expander(own);
  if (!expander.append(pattern, 0)) return Error::make(ErrorCode::option, expander.fault);
  Expanded& expanded = expander.result;
  // Groups that the text names itself are fields too.
  const auto compiled = Pattern::compile(expanded.pattern);
  if (!compiled) return compiled.error();
  for (PatternField& field : fields_of_groups((*compiled)->group_names(), GroupType::string)) {
    if (!field.name.starts_with("grok_")) expanded.fields.push_back(std::move(field));
  }
  if (expanded.fields.empty())
    return Error::make(ErrorCode::option, "the pattern names no field; write %{NAME:field}");
  return std::move(expanded);
}

}  // namespace pipec::stdlib::grok
