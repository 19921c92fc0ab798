// Regular expressions.
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "stdlib/functions/builders.h"
#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"
#include "stdlib/functions/pattern.h"
#include "stdlib/functions/quote.h"
#include "stdlib/functions/utf8.h"

namespace pipec::stdlib {

namespace {

using PatternPtr = std::shared_ptr<const Pattern>;

// The pattern of a call whose `prepare` creates only a Pattern. `keep` owns it if it is compiled now.
const Pattern* pattern_argument(CallContext& context, const Value& pattern, PatternPtr& keep) {
  if (const void* prepared = context.prepared()) return static_cast<const Pattern*>(prepared);
  keep = pattern_of(context, pattern);
  return keep.get();
}

Prepared prepare_pattern(Constants arguments) {
  if (!arguments[1]) return nothing_prepared();
  Result<PatternPtr> pattern = Pattern::compile(arguments[1]->text());
  if (!pattern.ok()) return pattern.error();
  return std::shared_ptr<const void>(*pattern);
}

bool has_names(const Pattern& pattern) {
  for (const std::string& name : pattern.group_names()) {
    if (!name.empty()) return true;
  }
  return false;
}

constexpr std::string_view kNoNames = "the pattern has no named group; write (?<name>...)";

Prepared prepare_capture(Constants arguments) {
  if (!arguments[1]) return nothing_prepared();
  Result<PatternPtr> pattern = Pattern::compile(arguments[1]->text());
  if (!pattern.ok()) return pattern.error();
  if (!has_names(**pattern)) return bad_argument(std::string(kNoNames));
  return std::shared_ptr<const void>(*pattern);
}

Value capture(CallContext& context, Arguments arguments) {
  PatternPtr keep;
  const Pattern* pattern = pattern_argument(context, arguments[1], keep);
  if (!pattern) return Value::failed();
  if (!has_names(*pattern)) return context.fail(kNoNames);
  std::vector<std::string_view> groups;
  if (!pattern->match(arguments[0].text(), 0, groups)) return Value();
  const std::vector<std::string>& names = pattern->group_names();
  ListBuilder<Member> members(context.arena(), names.size());
  for (std::size_t i = 1; i < names.size(); ++i) {
    if (names[i].empty()) continue;
    // The pattern may be destroyed before the record is written, so the names are copied.
    members.push({context.arena().copy(names[i]), groups[i].data() ? Value::string(groups[i]) : Value()});
  }
  return finished(members);
}

// Calls `take(groups)` for each match from left to right. An empty match moves on by one character, and does
// not count where the match before it ended.
template <typename Take>
void each_match(const Pattern& pattern, std::string_view text, const Take& take) {
  std::vector<std::string_view> groups;
  if (text.data() == nullptr) text = "";  // null data marks a group that did not participate
  std::size_t from = 0;
  std::size_t last_end = std::string_view::npos;
  while (from <= text.size() && pattern.match(text, from, groups)) {
    const auto begin = static_cast<std::size_t>(groups[0].data() - text.data());
    const std::size_t end = begin + groups[0].size();
    if (!groups[0].empty() || begin != last_end) {
      if (!take(groups, begin)) return;
      last_end = end;
    }
    if (!groups[0].empty()) {
      from = end;
    } else {
      if (end >= text.size()) return;
      from = next_character(text, end);
    }
  }
}

Value find_all(CallContext& context, Arguments arguments) {
  PatternPtr keep;
  const Pattern* pattern = pattern_argument(context, arguments[1], keep);
  if (!pattern) return Value::failed();
  ListBuilder<Value> found(context.arena());
  each_match(*pattern, arguments[0].text(), [&](const std::vector<std::string_view>& groups, std::size_t) {
    found.push(Value::string(groups[0]));
    return true;
  });
  return finished(found);
}

// A replacement: text and the numbers of the groups between.
struct Template {
  struct Piece {
    std::string literal;
    std::size_t group = 0;  // written after the literal if `is_group`
    bool is_group = false;
  };
  std::vector<Piece> pieces;
};

std::optional<std::size_t> group_number(const Pattern& pattern, std::string_view name) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error == std::errc() && end == name.data() + name.size()) {
    return number < pattern.group_names().size() ? std::optional(number) : std::nullopt;
  }
  for (std::size_t i = 1; i < pattern.group_names().size(); ++i) {
    if (pattern.group_names()[i] == name) return i;
  }
  return std::nullopt;
}

// The name after a `$`, which is at text[0]; `taken` counts the bytes including the dollar. Empty: a plain
// dollar.
std::string_view reference_name(std::string_view text, std::size_t& taken) {
  taken = 1;
  if (text.size() > 1 && text[1] == '{') {
    const std::size_t close = text.find('}');
    if (close == std::string_view::npos) return {};
    taken = close + 1;
    return text.substr(2, close - 2);
  }
  while (taken < text.size() && text[taken] >= '0' && text[taken] <= '9') ++taken;
  return text.substr(1, taken - 1);
}

Result<Template> compile_template(const Pattern& pattern, std::string_view text) {
  Template result;
  Template::Piece piece;
  while (!text.empty()) {
    const std::size_t dollar = text.find('$');
    piece.literal += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar);
    if (text.starts_with("$$")) {
      piece.literal += '$';
      text.remove_prefix(2);
      continue;
    }
    std::size_t taken = 0;
    const std::string_view name = reference_name(text, taken);
    if (name.empty() && taken == 1) {
      piece.literal += '$';
    } else {
      const auto number = group_number(pattern, name);
      if (!number) return bad_argument("the pattern has no group " + quote(name));
      piece.group = *number;
      piece.is_group = true;
      result.pieces.push_back(std::move(piece));
      piece = Template::Piece();
    }
    text.remove_prefix(taken);
  }
  if (!piece.literal.empty()) result.pieces.push_back(std::move(piece));
  return result;
}

struct Replacement {
  PatternPtr pattern;
  std::optional<Template> to;  // known only at run time: not there
};

Prepared prepare_replace(Constants arguments) {
  if (!arguments[1]) return nothing_prepared();
  Result<PatternPtr> pattern = Pattern::compile(arguments[1]->text());
  if (!pattern.ok()) return pattern.error();
  auto prepared = std::make_shared<Replacement>();
  prepared->pattern = *pattern;
  if (arguments[2]) {
    Result<Template> to = compile_template(**pattern, arguments[2]->text());
    if (!to.ok()) return to.error();
    prepared->to = std::move(*to);
  }
  return std::shared_ptr<const void>(std::move(prepared));
}

Value replace_re(CallContext& context, Arguments arguments) {
  const auto* prepared = static_cast<const Replacement*>(context.prepared());
  const PatternPtr pattern = prepared ? prepared->pattern : pattern_of(context, arguments[1]);
  if (!pattern) return Value::failed();
  std::optional<Template> made;
  if (!prepared || !prepared->to) {
    Result<Template> to = compile_template(*pattern, arguments[2].text());
    if (!to.ok()) return context.fail(to.error().message);
    made = std::move(*to);
  }
  const Template& to = made ? *made : *prepared->to;

  const std::string_view text = arguments[0].text();
  TextBuilder result(context.arena(), text.size());
  std::size_t copied = 0;
  each_match(*pattern, text, [&](const std::vector<std::string_view>& groups, std::size_t begin) {
    result.append(text.substr(copied, begin - copied));
    for (const Template::Piece& piece : to.pieces) {
      result.append(piece.literal);
      if (piece.is_group) result.append(groups[piece.group]);
    }
    copied = begin + groups[0].size();
    return !result.too_long();
  });
  if (result.too_long()) return context.fail("the result is longer than 64 MiB");
  result.append(text.substr(copied));
  return Value::string(result.view());
}

}  // namespace

void register_regex(Registry& registry) {
  const Parameter text = required("s", Type::string);
  const Parameter pattern = required("pattern", Type::string);

  Family family(registry, "regex");
  family.add("capture", {text, pattern}, TypeSet(Type::object) | Type::null,
             "The named groups of the first match; null without a match",
             {{R"re(capture("GET /a", r"(?<verb>\w+) (?<path>\S+)"))re", R"({"verb":"GET","path":"/a"})"},
              {R"re(capture("?", r"(?<verb>\w+)"))re", "null"}},
             capture, prepare_capture);
  family.add("find_all", {text, pattern}, Type::array, "Every match of the pattern, as strings",
             {{R"re(find_all("a1 b22", r"\d+"))re", R"(["1","22"])"}}, find_all, prepare_pattern);
  family.add("replace_re", {text, pattern, required("to", Type::string)}, Type::string,
             "The string with every match replaced; $1 and ${name} stand for groups, $$ for a dollar",
             {{R"re(replace_re("2026-01-02", r"(\d+)-(\d+)-(\d+)", "$3.$2.$1"))re", R"("02.01.2026")"},
              {R"re(replace_re("user=bob", r"user=(?<name>\w+)", r"<${name}>"))re", R"("<bob>")"}},
             replace_re, prepare_replace);

  registry.compile_pattern = [](std::string_view source) -> Result<std::shared_ptr<const runtime::Matcher>> {
    Result<PatternPtr> compiled = Pattern::compile(source);
    if (!compiled.ok()) return compiled.error();
    return std::shared_ptr<const runtime::Matcher>(*compiled);
  };
}

}  // namespace pipec::stdlib
