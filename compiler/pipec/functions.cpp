// The reference of everything that a .pipe file can name, out of the registry.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "compiler/pipec/commands.h"
#include "compiler/pipec/language_words.h"
#include "pipec/dsl/foreign_words.h"
#include "pipec/dsl/suggest.h"
#include "pipec/runtime/json.h"

namespace pipec::cli {
namespace {

using runtime::TypeSet;

std::string types_text(TypeSet types) {
  if (types == TypeSet::any()) return "any";
  std::string text;
  const auto append = [&text](std::string_view name) {
    if (!text.empty()) text += "|";
    text += name;
  };
  if ((types & TypeSet::number()) == TypeSet::number()) {
    append("number");
    types = types.without(TypeSet::number());
  }
  constexpr runtime::Type kTypes[] = {
      runtime::Type::null,   runtime::Type::boolean, runtime::Type::integer,   runtime::Type::floating,
      runtime::Type::string, runtime::Type::bytes,   runtime::Type::timestamp, runtime::Type::duration,
      runtime::Type::array,  runtime::Type::object};
  for (const runtime::Type type : kTypes) {
    if (types.has(type)) append(runtime::type_name(type));
  }
  return text;
}

std::string value_text(const runtime::Value& value) {
  runtime::BufferPool pool;
  const runtime::BufferRef buffer = pool.get(64);
  runtime::append_json(value, *buffer);
  return std::string(buffer->view());
}

std::string parameter_text(const runtime::Parameter& parameter) {
  std::string text = parameter.name + ": ";
  switch (parameter.kind) {
    case runtime::Parameter::Kind::value:
      text += types_text(parameter.types);
      break;
    case runtime::Parameter::Kind::lambda:
      text += parameter.lambda_parameters == 1 ? "x -> " : "(x, y) -> ";
      text += types_text(parameter.lambda_result);
      break;
    case runtime::Parameter::Kind::path:
      text += "path";
      break;
  }
  if (parameter.fallback) text += " = " + value_text(*parameter.fallback);
  return text;
}

std::string signature(const runtime::Function& function) {
  std::string text = function.name + "(";
  for (std::size_t at = 0; at < function.parameters.size(); ++at) {
    if (at != 0) text += ", ";
    text += parameter_text(function.parameters[at]);
  }
  text += ") -> ";
  if (function.result_like) return text + "as " + function.parameters[*function.result_like].name;
  return text + types_text(function.result);
}

std::string names_only(const runtime::Function& function) {
  std::string text = function.name + "(";
  for (std::size_t at = 0; at < function.parameters.size(); ++at) {
    if (at != 0) text += ", ";
    text += function.parameters[at].name;
    if (function.parameters[at].fallback) text += "?";
  }
  return text + ")";
}

using Rows = std::vector<std::pair<std::string, std::string>>;

void append_rows(std::string& out, std::string_view heading, const Rows& rows) {
  if (rows.empty()) return;
  std::size_t width = 0;
  for (const auto& [name, doc] : rows) width = std::max(width, std::min<std::size_t>(name.size(), 34));
  out += fmt::format("{}{}\n", out.empty() ? "" : "\n", heading);
  for (const auto& [name, doc] : rows) out += fmt::format("  {:<{}}  {}\n", name, width, doc);
}

template <typename Specs>
Rows rows_of(const Specs& specs) {
  Rows rows;
  for (const auto& spec : specs) rows.emplace_back(spec.name, spec.doc);
  return rows;
}

std::string list(const runtime::Registry& registry) {
  std::vector<std::string> families;
  for (const runtime::Function& function : registry.functions()) {
    if (std::ranges::find(families, function.family) == families.end()) families.push_back(function.family);
  }
  std::string out;
  for (const std::string& family : families) {
    Rows rows;
    for (const runtime::Function& function : registry.functions()) {
      if (function.family == family) rows.emplace_back(names_only(function), function.doc);
    }
    append_rows(out, family, rows);
  }
  append_rows(out, "stage", rows_of(registry.stages()));
  append_rows(out, "recv", rows_of(registry.receivers()));
  append_rows(out, "sink", rows_of(registry.sinks()));
  Rows parsers;
  for (const runtime::FormatSpec& format : registry.formats()) {
    if (format.parse) parsers.emplace_back(format.name, format.parse->doc);
  }
  append_rows(out, "parse", parsers);
  Rows words;
  for (const LanguageWord& word : language_words()) words.emplace_back(word.form, word.doc);
  append_rows(out, "language", words);
  out +=
      "\n`pipec functions NAME` shows one of them with its options or examples; NAME may also be what "
      "another tool "
      "calls it.\n";
  return out;
}

std::string function_page(const runtime::Function& function) {
  std::string out = fmt::format("{}\n  {}\n", signature(function), function.doc);
  if (!function.examples.empty()) out += "\n";
  for (const runtime::Example& example : function.examples) {
    out += "  " + example.expression;
    if (example.result == "error") {
      out += "    # fails";
    } else if (!example.result.empty()) {
      out += "    # " + example.result;
    }
    out += "\n";
  }
  return out;
}

std::string option_kind(const runtime::Registry& registry, const runtime::OptionSpec& option) {
  if (option.kind == runtime::OptionSpec::Kind::path) return "field";
  if (option.kind == runtime::OptionSpec::Kind::named)
    return "e, [e, ...] or {name: e, ...}, for each record";
  if (option.kind == runtime::OptionSpec::Kind::choice) {
    std::string text;
    for (const std::string& choice : registry.choices(option)) text += (text.empty() ? "" : "|") + choice;
    return text;
  }
  const std::string types = types_text(option.types);
  return option.kind == runtime::OptionSpec::Kind::per_record ? types + ", for each record" : types;
}

// Describes each format that an option may choose.
std::string format_lines(const runtime::Registry& registry, const runtime::OptionSpec& option) {
  std::string out;
  if (option.formats == runtime::OptionSpec::Formats::none) return out;
  for (const std::string& name : registry.choices(option)) {
    const runtime::FormatSpec& format = *registry.format(name);
    out += fmt::format(
        "      {}: {}\n", name,
        option.formats == runtime::OptionSpec::Formats::encode ? format.encode->doc : format.frame->doc);
  }
  return out;
}

// `form`: "recv file", "unroll".
template <typename Spec>
std::string options_page(const runtime::Registry& registry, std::string_view form, const Spec& spec,
                         std::string_view block = "") {
  std::string out = fmt::format("{}(", form);
  for (std::size_t at = 0; at < spec.options.size(); ++at) {
    const runtime::OptionSpec& option = spec.options[at];
    out += fmt::format("{}{}{}", at == 0 ? "" : ", ", option.name,
                       at < spec.positional || option.required ? "" : ":");
  }
  out += fmt::format("){}\n  {}\n", block, spec.doc);
  if (!spec.options.empty()) out += "\n";
  for (const runtime::OptionSpec& option : spec.options) {
    out += fmt::format("  {} ({}", option.name, option_kind(registry, option));
    if (option.required) out += ", required";
    if (option.fallback) out += ", default " + value_text(*option.fallback);
    out += fmt::format(")\n      {}\n{}", option.doc, format_lines(registry, option));
  }
  return out;
}

std::string stage_page(const runtime::Registry& registry, const runtime::StageSpec& stage) {
  const bool block = stage.block != runtime::StageSpec::Block::none;
  std::string out = options_page(registry, stage.name, stage, block ? " { name = expression ... }" : "");
  if (!stage.aggregates.empty()) out += "\n  aggregates of the block, besides all functions\n";
  for (const runtime::Function& aggregate : stage.aggregates) {
    out += fmt::format("    {}\n      {}\n", signature(aggregate), aggregate.doc);
  }
  for (const runtime::StageExample& example : stage.examples) {
    out += "\n  " + example.stage + "\n";
    for (const std::string& record : example.given) out += "      " + record + "\n";
    out += "    gives\n";
    for (const std::string& record : example.result) out += "      " + record + "\n";
  }
  return out;
}

std::string word_page(const LanguageWord& word) {
  return fmt::format("{}\n  {}\n\n  {}    # {}\n", word.form, word.doc, word.example, word.kind);
}

std::string family_page(const runtime::Registry& registry, std::string_view family) {
  Rows rows;
  for (const runtime::Function& function : registry.functions()) {
    if (function.family == family) rows.emplace_back(names_only(function), function.doc);
  }
  std::string out;
  append_rows(out, family, rows);
  return out;
}

// Everything that has this name, one page after the other; "" where nothing has.
std::string pages(const runtime::Registry& registry, std::string_view name) {
  std::string out;
  const auto append = [&out](const std::string& page) {
    if (!page.empty()) out += (out.empty() ? "" : "\n") + page;
  };
  if (const auto* function = registry.function(name)) append(function_page(*function));
  if (const auto* stage = registry.stage(name)) append(stage_page(registry, *stage));
  if (const auto* receiver = registry.receiver(name))
    append(options_page(registry, "recv " + receiver->name, *receiver));
  if (const auto* sink = registry.sink(name)) append(options_page(registry, "sink " + sink->name, *sink));
  if (const auto* format = registry.format(name)) {
    if (format->parse) append(options_page(registry, "parse " + format->name, *format->parse));
    if (format->encode) append(fmt::format("encode: {}\n  {}\n", name, format->encode->doc));
    if (format->frame) append(fmt::format("framing: {}\n  {}\n", name, format->frame->doc));
  }
  for (const LanguageWord& word : language_words()) {
    if (word.word == name) append(word_page(word));
  }
  append(family_page(registry, name));
  return out;
}

// Names in other tools: "gsub" finds replace_re.
std::string foreign_pages(const runtime::Registry& registry, std::string_view name) {
  std::string out;
  std::string last;
  for (const dsl::ForeignWord& word : dsl::foreign_words()) {
    if (word.word != name) continue;
    const bool stage = word.where == dsl::ForeignWord::Where::stage;
    out += fmt::format("{}'{}' {}: {}\n", out.empty() ? "" : "\n", name,
                       stage ? "as a stage" : "in an expression", word.advice);
    if (word.entry == last || word.entry == name) continue;
    last = word.entry;
    if (const std::string page = pages(registry, word.entry); !page.empty()) out += "\n" + page;
  }
  return out;
}

}  // namespace

int functions_command(Console& console, const Arguments& arguments, const runtime::Registry& registry) {
  if (arguments.name.empty()) return print(console, list(registry));

  std::string out = pages(registry, arguments.name);
  if (const std::string foreign = foreign_pages(registry, arguments.name); !foreign.empty()) {
    out += (out.empty() ? "" : "\n") + foreign;
  }
  if (!out.empty()) return print(console, out);

  std::vector<std::string> names;
  for (const auto& function : registry.functions()) names.push_back(function.name);
  for (const auto& stage : registry.stages()) names.push_back(stage.name);
  for (const auto& receiver : registry.receivers()) names.push_back(receiver.name);
  for (const auto& sink : registry.sinks()) names.push_back(sink.name);
  for (const auto& format : registry.formats()) names.push_back(format.name);
  for (const LanguageWord& word : language_words()) names.emplace_back(word.word);
  const std::string hint = dsl::did_you_mean(arguments.name, names);
  console.error(fmt::format("nothing in the standard library is called '{}'{}{}", arguments.name,
                            hint.empty() ? "" : "; ", hint));
  return kWrongUsage;
}

}  // namespace pipec::cli
