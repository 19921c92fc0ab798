#include "compiler/pipec/eval_advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "compiler/pipec/trim.h"
#include "pipec/dsl/suggest.h"
#include "pipec/runtime/arena.h"
#include "pipec/runtime/json.h"

namespace pipec::cli {
namespace {

using Path = std::vector<std::string>;

bool is_json(std::string_view record) {
  const auto value = runtime::read_json(trimmed(record));
  if (!value) return false;
  const bool container = value->type() == runtime::Type::object || value->type() == runtime::Type::array;
  runtime::Arena arena;
  return !container || !runtime::expand(*value, arena).is_failed();
}

// By its mark, or by the zeros that ASCII text has in every other byte.
bool is_utf16(std::string_view head) {
  if (head.starts_with("\xFF\xFE") || head.starts_with("\xFE\xFF")) return true;
  const std::string_view looked_at = head.substr(0, 64);
  const auto zeros = static_cast<std::size_t>(std::count(looked_at.begin(), looked_at.end(), '\0'));
  return looked_at.size() >= 8 && zeros * 2 + 2 >= looked_at.size();
}

// The fields that the filters at the beginning of the stages require; nullopt if the records are not read as
// JSON.
struct Expected {
  bool json = false;
  std::vector<Path> fields;
};
std::optional<Expected> expected_of(const graph::Plan& plan) {
  Expected expected;
  for (const graph::Node& node : plan.nodes) {
    if (node.kind == graph::Node::Kind::receive) continue;
    if (node.kind != graph::Node::Kind::stage) break;
    if (node.name == "parse json") {
      expected.json = true;
    } else if (node.name == "filter") {
      expected.fields.insert(expected.fields.end(), node.needed_fields.begin(), node.needed_fields.end());
    } else if (node.name.starts_with("parse ")) {
      return std::nullopt;
    } else {
      break;
    }
  }
  expected.json = expected.json || !expected.fields.empty();
  return expected.json ? std::optional(std::move(expected)) : std::nullopt;
}

std::string text_of(const Path& path) {
  std::string text;
  for (const std::string& key : path) text += "." + key;
  return text;
}

// Is the field in one of the records? `beside`: the keys present at the level where one of the path's keys is
// missing.
bool is_there(const std::vector<std::string>& records, const Path& path, std::size_t& missing,
              std::vector<std::string>& beside) {
  std::set<std::string> keys;
  missing = 0;
  for (const std::string& record : records) {
    runtime::Arena arena;
    auto value = runtime::read_json(trimmed(record));
    std::size_t depth = 0;
    while (value && depth < path.size() && value->type() == runtime::Type::object) {
      const runtime::Found found = runtime::find_member(*value, path[depth], arena);
      if (!found.found) break;
      value = found.value;
      ++depth;
    }
    if (depth == path.size()) return true;
    if (depth > missing) keys.clear();
    missing = std::max(missing, depth);
    if (!value || depth < missing || value->type() != runtime::Type::object) continue;
    runtime::ObjectWalker walker(*value, arena);
    std::string_view key;
    runtime::Value member;
    while (walker.next(key, member) && keys.size() < 1000) keys.emplace(key);
  }
  beside.assign(keys.begin(), keys.end());
  return false;
}

std::string advice_on_field(const Path& path, const InputSample& sample, bool all) {
  std::size_t missing = 0;
  std::vector<std::string> beside;
  if (is_there(sample.records(), path, missing, beside)) return {};
  const Path named(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(missing) + 1);
  const auto meant = dsl::suggest(path[missing], beside);
  // If only part of the input was seen, report only a likely misspelling: the field may occur later.
  if (!all && !meant) return {};
  std::string text =
      all ? fmt::format("no record has {}", text_of(named))
          : fmt::format("none of the first {} records has {}", sample.records().size(), text_of(named));
  if (meant) {
    Path right(named);
    right.back() = *meant;
    text += "; did you mean " + text_of(right) + "?";
  }
  return text;
}

}  // namespace

void InputSample::add(const runtime::Block& block) {
  if (full_) return;
  // Bytes that a worker will read are not available yet.
  if (block.reader || !block.data) {
    full_ = full_ || block.reader != nullptr;
    return;
  }
  if (!begun_ && block.data->size() != 0) {
    begun_ = true;
    head_ = std::string(block.data->view().substr(0, 256));
  }
  for (std::uint32_t i = 0; i < block.origins.size(); ++i) {
    const std::string_view record = block.original(i);
    if (bytes_ + record.size() > kMostBytes) {
      full_ = true;
      return;
    }
    bytes_ += record.size();
    if (records_.empty()) begins_with_a_part_.store(is_part_of_a_value(record));
    records_.emplace_back(record);
  }
}

bool is_part_of_a_value(std::string_view line) {
  const std::string_view text = trimmed(line);
  if (text.empty() || is_json(text)) return false;
  const char first = text.front();
  const char last = text.back();
  if (first == '}' || first == ']') return text.size() <= 2 || last == ',' || last == '{' || last == '[';
  if (last != '{' && last != '[' && last != ',') {
    return first == '"' && text.find("\":") != std::string_view::npos;
  }
  if (text.size() == 1 || first == '"' || first == '{' || first == '[') return true;
  // An item of an array: `1,`.
  return last == ',' && is_json(text.substr(0, text.size() - 1));
}

std::string framing_for_several_lines(const runtime::Registry& registry, std::string_view head) {
  const runtime::FormatSpec* json = registry.format("json");
  if (trimmed(head).starts_with('[')) return "--framing json_array";
  return json != nullptr && json->frame ? "--framing json" : "--framing bytes";
}

std::string advice_on_nothing(const runtime::Registry& registry, const graph::Plan& plan,
                              const InputSample& sample, std::uint64_t records) {
  if (sample.records().empty()) return {};
  if (is_utf16(sample.head())) return "the input is UTF-16; make it UTF-8 first: iconv -f UTF-16 -t UTF-8";
  const auto expected = expected_of(plan);
  if (!expected) return {};
  const bool all = sample.holds_all_of(records);
  const auto good = std::ranges::count_if(sample.records(), is_json);
  if (sample.begins_with_a_part() && static_cast<std::size_t>(good) * 2 < sample.records().size()) {
    return "a value spans several lines: " + framing_for_several_lines(registry, sample.head());
  }
  if (good == 0) {
    const std::string which =
        all ? "no record" : fmt::format("none of the first {} records", sample.records().size());
    return which + " is JSON; `parse text` makes {\"message\": ...} of each line";
  }
  for (const Path& path : expected->fields) {
    if (std::string advice = advice_on_field(path, sample, all); !advice.empty()) return advice;
  }
  return {};
}

}  // namespace pipec::cli
