#include "compiler/connector_options.h"

#include <algorithm>
#include <map>
#include <utility>

#include "compiler/failing.h"
#include "compiler/types.h"
#include "pipec/dsl/suggest.h"

namespace pipec::compiler {

using dsl::as;
using dsl::Code;
using dsl::ExprKind;
using runtime::OptionSpec;
using runtime::Type;
using runtime::TypeSet;
using runtime::Value;

void report_unknown_option(Context& context, const dsl::Name& name, const std::string& what,
                           const std::vector<std::string_view>& known) {
  constexpr std::size_t kShown = 8;
  std::string list;
  for (std::size_t i = 0; i < known.size() && i < kShown; ++i) {
    if (i != 0) list += ", ";
    list += known[i];
  }
  if (known.size() > kShown) list += ", ...";
  context.report.add(Code::unknown_option, name.span, "unknown option '" + name.text + "' for " + what)
      .hint(dsl::did_you_mean(name.text, known))
      .note(known.empty() ? what + " takes no options" : what + " takes " + list);
}

namespace {

// `chosen`, if it is one of the choices; else nothing (reported).
std::optional<std::string> known_choice(Context& context, dsl::Span span,
                                        const std::optional<std::string>& chosen, const std::string& name,
                                        const std::vector<std::string>& choices) {
  if (chosen && std::find(choices.begin(), choices.end(), *chosen) != choices.end()) return chosen;
  std::string list;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i != 0) list += i + 1 == choices.size() ? " or " : ", ";
    list += choices[i];
  }
  context.report
      .add(Code::unknown_choice, span,
           chosen ? "'" + name + "' cannot be '" + *chosen + "'" : "'" + name + "' is one of a fixed set")
      .hint(chosen ? dsl::did_you_mean(*chosen, choices) : std::string())
      .note("it is " + list);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> choice_of(Context& context, const Module& module, const dsl::Expr& expr,
                                     const std::string& name, const std::vector<std::string>& choices) {
  std::optional<std::string> chosen;
  if (expr.kind == ExprKind::kName) {
    chosen = as<dsl::NameExpr>(expr).name;
  } else if (expr.kind == ExprKind::kNull) {
    chosen = "null";
  } else {
    ExpressionCompiler compiler(context, module, Where::compiler);
    const std::string label = "'" + name + "'";
    const auto value = compiler.constant(expr, label.c_str());
    if (!value) return std::nullopt;
    if (value->type() == Type::string) chosen = std::string(value->text());
  }
  return known_choice(context, expr.span, chosen, name, choices);
}

namespace {

class OptionsCompiler {
 public:
  OptionsCompiler(Context& context, const Module& module, const std::string& what, Where where)
      : context_(context), module_(module), what_(what), where_(where) {}

  CompiledOptions run(const dsl::Name& called, const std::vector<dsl::Arg>& args,
                      const std::vector<OptionSpec>& specs, std::size_t positional,
                      const dsl::AssignmentBlock* block = nullptr) {
    result_.options = std::make_shared<runtime::Options>();
    result_.options->place = context_.report.place(called.span);
    std::vector<const dsl::Arg*> given(specs.size(), nullptr);
    std::size_t next = 0;
    bool names_begun = false;
    for (const dsl::Arg& arg : args) {
      names_begun = names_begun || arg.name;
      if (names_begun && !arg.name) {
        // The parser has reported it.
        unknown_ = failed_ = true;
        continue;
      }
      const std::size_t index = arg.name ? named(*arg.name, specs) : unnamed(arg, specs, positional, next);
      if (index == specs.size()) continue;
      if (given[index]) {
        error(Code::duplicate_option, arg.name ? arg.name->span : arg.span,
              "'" + specs[index].name + "' is given twice")
            .also(given[index]->span, "first given here");
        continue;
      }
      given[index] = &arg;
      text(arg, specs[index]);
      option(*arg.value, specs[index]);
      if (index < positional) identify(arg, specs[index]);
    }
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (!specs[i].required || given[i] || unknown_) continue;
      auto& diagnostic = error(Code::missing_option, called.span, what_ + " needs '" + specs[i].name + "'");
      if (!specs[i].doc.empty()) diagnostic.note(specs[i].name + ": " + specs[i].doc);
    }
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (given[i] || !specs[i].fallback || specs[i].kind == OptionSpec::Kind::per_record) continue;
      runtime::Options::Item item{specs[i].name, *specs[i].fallback, nullptr, {}};
      if (specs[i].formats != OptionSpec::Formats::none)
        item.format = format_named(std::string(item.value.text()));
      result_.options->defaults.push_back(std::move(item));
    }
    if (block) assignments(*block);
    if (failed_) result_.options = nullptr;
    return std::move(result_);
  }

 private:
  dsl::Diagnostic& error(Code code, dsl::Span span, std::string message) {
    failed_ = true;
    return context_.report.add(code, span, std::move(message));
  }

  std::size_t named(const dsl::Name& name, const std::vector<OptionSpec>& specs) {
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (specs[i].name == name.text) return i;
    }
    std::vector<std::string_view> known;
    for (const OptionSpec& spec : specs) known.push_back(spec.name);
    report_unknown_option(context_, name, what_, known);
    // The one that is missing is likely this one.
    unknown_ = failed_ = true;
    return specs.size();
  }

  std::size_t unnamed(const dsl::Arg& arg, const std::vector<OptionSpec>& specs, std::size_t positional,
                      std::size_t& next) {
    if (next < positional && next < specs.size()) return next++;
    auto& diagnostic =
        error(Code::too_many_values, arg.span,
              positional == 0 ? what_ + " takes no value without a name"
                              : what_ + " takes at most " + std::to_string(positional) + " value" +
                                    (positional == 1 ? "" : "s") + " without a name");
    if (next < specs.size()) diagnostic.hint("give the name too: " + specs[next].name + ": ...");
    unknown_ = true;
    return specs.size();
  }

  void assignments(const dsl::AssignmentBlock& block) {
    std::map<std::string, dsl::Span> seen;
    for (const dsl::Assignment& each : block.assignments) {
      const auto [first, is_new] = seen.emplace(each.name.text, each.name.span);
      if (!is_new) {
        error(Code::bound_twice, each.name.span, "'" + each.name.text + "' is set twice")
            .also(first->second, "first set here");
        continue;
      }
      OptionSpec spec;
      spec.name = each.name.text;
      runtime::Options::Item item;
      item.name = each.name.text;
      item.place = context_.report.place(each.value->span);
      if (per_record(*each.value, spec, item)) result_.options->assignments.push_back(std::move(item));
    }
  }

  void option(const dsl::Expr& expr, const OptionSpec& spec) {
    runtime::Options::Item item;
    item.name = spec.name;
    item.place = context_.report.place(expr.span);
    switch (spec.kind) {
      case OptionSpec::Kind::choice:
        if (!choice(expr, spec, item)) {
          failed_ = true;
          return;
        }
        break;
      case OptionSpec::Kind::constant:
        if (!constant(expr, spec, item)) return;
        break;
      case OptionSpec::Kind::per_record:
        if (!per_record(expr, spec, item)) return;
        break;
      case OptionSpec::Kind::path:
        if (!path(expr, spec, item)) return;
        break;
      case OptionSpec::Kind::named:
        if (!named(expr, spec, item)) return;
        break;
    }
    result_.options->items.push_back(std::move(item));
  }

  bool choice(const dsl::Expr& expr, const OptionSpec& spec, runtime::Options::Item& item) {
    const bool formats = spec.formats != OptionSpec::Formats::none;
    const std::vector<std::string> choices = context_.registry.choices(spec);
    const auto* const call = formats && expr.kind == ExprKind::kCall ? &as<dsl::CallExpr>(expr) : nullptr;
    const auto chosen =
        call ? known_choice(context_, call->function.span, call->function.text, spec.name, choices)
             : choice_of(context_, module_, expr, spec.name, choices);
    if (!chosen) return false;
    item.value = Value::string(result_.options->storage->copy(*chosen));
    if (!formats) return true;
    item.format = format_named(*chosen);
    const bool encodes = spec.formats == OptionSpec::Formats::encode;
    const runtime::FormatSpec::Role& role =
        encodes ? static_cast<const runtime::FormatSpec::Role&>(*item.format->encode) : *item.format->frame;
    static const std::vector<dsl::Arg> kNoArguments;
    const dsl::Name called{*chosen, call ? call->function.span : expr.span};
    const std::string what = spec.name + ": " + *chosen;
    CompiledOptions own = OptionsCompiler(context_, module_, what, Where::compiler)
                              .run(called, call ? call->args : kNoArguments, role.options, role.positional);
    item.arguments = own.options;
    if (encodes && !item.format->encode->refuses.empty()) {
      add_once(result_.failures, what + ": " + item.format->encode->refuses);
      result_.takes_apart = true;
    }
    return own.options != nullptr;
  }

  std::shared_ptr<const runtime::FormatSpec> format_named(const std::string& name) const {
    const runtime::FormatSpec* format = context_.registry.format(name);
    return format ? std::make_shared<const runtime::FormatSpec>(*format) : nullptr;
  }

  bool constant(const dsl::Expr& expr, const OptionSpec& spec, runtime::Options::Item& item) {
    ExpressionCompiler compiler(context_, module_, Where::compiler);
    const std::string label = "'" + spec.name + "'";
    const auto value = compiler.constant(expr, label.c_str());
    if (!value) {
      failed_ = true;
      return false;
    }
    Value kept = *value;
    if (kept.type() == Type::integer && !spec.types.has(Type::integer) && spec.types.has(Type::floating)) {
      kept = Value::floating(static_cast<double>(kept.as_int()));
    }
    if (!spec.types.has(kept.type())) {
      wrong_type(expr, spec, TypeSet(kept.type()));
      return false;
    }
    constexpr std::size_t kMaxValue = std::size_t{16} << 20;
    const auto copied = copy_value(kept, *result_.options->storage, kMaxValue);
    if (!copied) {
      error(Code::out_of_bounds, expr.span, "'" + spec.name + "' is larger than 16 MiB");
      return false;
    }
    item.value = *copied;
    return true;
  }

  bool per_record(const dsl::Expr& expr, const OptionSpec& spec, runtime::Options::Item& item) {
    ExpressionCompiler compiler(context_, module_, where_);
    Lowered value = compiler.value(expr);
    if (!compiler.ok() || !value.ok) {
      failed_ = true;
      return false;
    }
    const TypeSet types = value.expression.types;
    if ((types & spec.types).empty()) {
      wrong_type(expr, spec, types);
      return false;
    }
    if (!value.constant()) {
      result_.per_record = true;
      failures_of(value.expression, result_.failures);
      if (!types.without(spec.types).empty()) {
        add_once(result_.failures, "'" + spec.name + "' is not " + describe(spec.types));
      }
      for (const std::string& path : compiler.reads()) add_once(result_.reads, path);
    }
    // Its bytes live as long as the program, which the item holds too.
    if (value.constant()) item.value = value.expression.constant;
    item.program = compiler.program(std::move(value));
    return true;
  }

  // e, [e, ...] or {name: e, ...}. A field that is not named has the name of its path's last member.
  bool named(const dsl::Expr& expr, const OptionSpec& spec, runtime::Options::Item& item) {
    bool ok = true;
    const auto part = [&](const std::string* name, dsl::Span span, const dsl::Expr& value) {
      runtime::Options::Item made;
      made.place = context_.report.place(value.span);
      made.name = name ? *name : name_of(value);
      const auto same = [&](const auto& other) { return other.name == made.name; };
      if (made.name.empty()) {
        error(Code::not_a_field, span, "'" + spec.name + "' needs a name for this: it is not a field")
            .hint("write " + spec.name + ": {name: " + context_.report.line(value.span, 40) + "}");
        ok = false;
      } else if (std::ranges::any_of(item.parts, same)) {
        error(Code::bound_twice, span, "'" + spec.name + "' has two fields with the name '" + made.name + "'")
            .hint("name them: " + spec.name + ": {one: .a, other: .b}");
        ok = false;
      } else if (!per_record(value, spec, made)) {
        ok = false;
      }
      item.parts.push_back(std::move(made));
    };
    if (expr.kind == ExprKind::kArray) {
      for (const auto& each : as<dsl::ArrayExpr>(expr).items) part(nullptr, each->span, *each);
    } else if (expr.kind == ExprKind::kObject) {
      for (const dsl::ObjectMember& member : as<dsl::ObjectExpr>(expr).members) {
        part(&member.key.text, member.key.span, *member.value);
      }
    } else {
      part(nullptr, expr.span, expr);
    }
    return ok;
  }

  static std::string name_of(const dsl::Expr& expr) {
    if (expr.kind != ExprKind::kPath) return {};
    const auto& path = as<dsl::PathExpr>(expr);
    if (path.segments.empty()) return path.meta ? path.meta->text : std::string();
    return path.segments.back().key;
  }

  bool path(const dsl::Expr& expr, const OptionSpec& spec, runtime::Options::Item& item) {
    if (expr.kind == ExprKind::kError) {
      failed_ = true;
      return false;
    }
    const auto* written = expr.kind == ExprKind::kPath ? &as<dsl::PathExpr>(expr) : nullptr;
    if (!written || written->meta) {
      error(Code::not_a_field, expr.span, "'" + spec.name + "' is a field, such as .a.b");
      return false;
    }
    ExpressionCompiler compiler(context_, module_, Where::record);
    std::vector<runtime::Expression> computed;
    auto target = compiler.target(*written, computed);
    if (!target || !compiler.ok()) {
      failed_ = true;
      return false;
    }
    if (!computed.empty()) {
      error(Code::not_constant, expr.span,
            "'" + spec.name + "' is known before the first record: it has no computed parts");
      return false;
    }
    item.path.emplace();
    item.path->text = target->text;
    if (!target->whole) {
      runtime::PathSegment top;
      top.key = compiler.fields().keys[target->slot];
      item.path->segments.push_back(std::move(top));
    }
    for (runtime::PathSegment& below : target->below) item.path->segments.push_back(std::move(below));
    return true;
  }

  void wrong_type(const dsl::Expr& expr, const OptionSpec& spec, TypeSet types) {
    error(Code::wrong_argument, expr.span,
          what_ + " takes " + describe(spec.types) + " as '" + spec.name + "', not " + describe(types));
  }

  void text(const dsl::Arg& arg, const OptionSpec& spec) {
    if (!result_.text.empty()) result_.text += ", ";
    if (arg.name) result_.text += spec.name + ": ";
    result_.text += spec.secret ? "***" : context_.report.line(arg.value->span, 60);
  }

  void identify(const dsl::Arg& arg, const OptionSpec& spec) {
    if (spec.secret || !spec.identifies) return;
    const runtime::Options::Item* item = result_.options->find(spec.name);
    const bool known = item && item->value.type() == Type::string;
    if (!result_.identity.empty()) result_.identity += ',';
    result_.identity += known ? std::string(item->value.text()) : context_.report.line(arg.value->span, 4096);
  }

  Context& context_;
  const Module& module_;
  const std::string& what_;
  Where where_;
  CompiledOptions result_;
  bool failed_ = false;
  bool unknown_ = false;
};

}  // namespace

CompiledOptions compile_options(Context& context, const Module& module, const dsl::Connector& connector,
                                const std::vector<OptionSpec>& specs, std::size_t positional,
                                const std::string& what, Where where, const dsl::AssignmentBlock* block) {
  return OptionsCompiler(context, module, what, where)
      .run(connector.name, connector.args, specs, positional, block);
}

}  // namespace pipec::compiler
