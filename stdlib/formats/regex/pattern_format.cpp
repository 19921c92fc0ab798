#include "stdlib/formats/regex/pattern_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <utility>

#include "pipec/runtime/json.h"
#include "pipec/runtime/number_text.h"
#include "stdlib/formats/shared/typed_text.h"
#include "stdlib/functions/pattern.h"

namespace pipec::stdlib {

namespace {

struct PatternScratch final : runtime::Scratch {
  std::vector<std::string_view> groups;
  std::string reason;
};

// Appends it as JSON's number; false: it is none.
bool append_integer(std::string_view text, runtime::Buffer& out) {
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return false;
  runtime::append_json(runtime::Value::integer(value), out);
  return true;
}

bool append_float(std::string_view text, runtime::Buffer& out) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size() || !std::isfinite(value)) return false;
  runtime::append_json(runtime::Value::floating(value), out);
  return true;
}

// Null, or the name of the type that the text is not of.
const char* append_as(GroupType type, std::string_view text, runtime::Buffer& out) {
  switch (type) {
    case GroupType::string:
      runtime::append_json_string(text, out);
      return nullptr;
    case GroupType::automatic:
      append_typed(text, out);
      return nullptr;
    case GroupType::integer:
      return append_integer(text, out) ? nullptr : "an int";
    case GroupType::floating:
      return append_float(text, out) ? nullptr : "a float";
    case GroupType::boolean:
      if (text != "true" && text != "false") return "a bool";
      out.append(text);
  }
  return nullptr;
}

class PatternFormat final : public TextFormat {
 public:
  PatternFormat(std::shared_ptr<const Pattern> pattern, const std::vector<PatternField>& fields)
      : pattern_(std::move(pattern)) {
    const std::vector<std::string>& names = pattern_->group_names();
    runtime::BufferPool pool;
    const runtime::BufferRef lead = pool.get(64);
    for (const PatternField& field : fields) {
      lead->clear();
      lead->append(fields_.empty() ? '{' : ',');
      runtime::append_json_string(field.name, *lead);
      lead->append(':');
      Field& made = fields_.emplace_back();
      made.lead = lead->view();
      made.type = field.type;
      for (std::size_t i = 1; i < names.size(); ++i) {
        if (std::find(field.groups.begin(), field.groups.end(), names[i]) != field.groups.end())
          made.groups.push_back(i);
      }
    }
  }

  std::unique_ptr<runtime::Scratch> make_scratch() const override {
    return std::make_unique<PatternScratch>();
  }

  std::string_view parse(std::string_view text, runtime::Buffer& out, runtime::Scratch* scratch,
                         std::size_t& at) const override {
    auto& own = static_cast<PatternScratch&>(*scratch);
    if (!pattern_->match(text, 0, own.groups)) {
      at = kNowhere;
      return "the pattern does not match";
    }
    for (const Field& field : fields_) {
      out.append(field.lead);
      std::string_view value;
      for (const std::size_t group : field.groups) {
        value = own.groups[group];
        if (value.data() != nullptr) break;
      }
      if (value.data() == nullptr) {
        out.append("null");
      } else if (const char* const wanted = append_as(field.type, value, out)) {
        at = static_cast<std::size_t>(value.data() - text.data());
        own.reason = fmt::format("'{}' is not {}", value, wanted);
        return own.reason;
      }
    }
    out.append('}');
    return {};
  }

 private:
  struct Field {
    std::string lead;  // `{"name":`
    std::vector<std::size_t> groups;
    GroupType type = GroupType::string;
  };
  const std::shared_ptr<const Pattern> pattern_;
  std::vector<Field> fields_;
};

}  // namespace

std::vector<PatternField> fields_of_groups(const std::vector<std::string>& group_names, GroupType type) {
  std::vector<PatternField> fields;
  for (const std::string& name : group_names) {
    if (!name.empty()) fields.push_back({name, {name}, type});
  }
  return fields;
}

runtime::Result<std::unique_ptr<const TextFormat>> make_pattern_format(
    std::string_view pattern, const std::vector<PatternField>& fields) {
  auto compiled = Pattern::compile(pattern);
  if (!compiled) return compiled.error();
  return std::unique_ptr<const TextFormat>(std::make_unique<PatternFormat>(std::move(*compiled), fields));
}

}  // namespace pipec::stdlib
