#include "compiler/directives.h"

#include <array>
#include <map>
#include <optional>
#include <utility>

#include "compiler/expression.h"
#include "compiler/types.h"

namespace pipec::compiler {

using dsl::as;
using dsl::Code;
using dsl::ItemKind;
using runtime::Type;
using runtime::TypeSet;

namespace {

std::string stem(const std::string& file) {
  const std::size_t slash = file.rfind('/');
  std::string base = slash == std::string::npos ? file : file.substr(slash + 1);
  const std::size_t dot = base.rfind('.');
  if (dot != std::string::npos && dot != 0) base.resize(dot);
  for (char& c : base) {
    if (static_cast<unsigned char>(c) < 0x20) c = '_';
  }
  return base.empty() || base == "." || base == ".." ? "pipeline" : base;
}

bool can_be_directory(const std::string& name) {
  if (name.empty() || name.size() > 200 || name == "." || name == "..") return false;
  for (const char c : name) {
    if (c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  return true;
}

// G6: a band that is inverted or out of range does not compile.
class Govern {
 public:
  Govern(Context& context, const Module& module, runtime::GovernSettings& settings)
      : context_(context), module_(module), settings_(settings) {}

  void check(const dsl::ObjectExpr& options) {
    std::map<std::string, dsl::Span> given;
    for (const dsl::ObjectMember& member : options.members) {
      const auto [first, is_new] = given.emplace(member.key.text, member.key.span);
      if (!is_new) {
        context_.report
            .add(Code::duplicate_option, member.key.span, "'" + member.key.text + "' is given twice")
            .also(first->second, "first given here");
        continue;
      }
      if (member.value) option(member);
    }
    if (settings_.pause_above <= settings_.resume_below) {
      context_.report.add(Code::out_of_bounds, band_, "'resume_below' must be less than 'pause_above'")
          .note(
              "the source pauses above one and resumes below the other; the defaults are pause_above 0.80 "
              "and "
              "resume_below 0.65");
    }
  }

 private:
  void option(const dsl::ObjectMember& member) {
    static const std::vector<std::string_view> kKnown = {"memory",       "profile",    "pause_above",
                                                         "resume_below", "target_rho", "md_factor"};
    static const std::vector<std::string> kProfiles(runtime::kProfileNames.begin(),
                                                    runtime::kProfileNames.end());
    const std::string& key = member.key.text;
    if (key == "memory") {
      memory(*member.value);
    } else if (key == "profile") {
      const auto chosen = choice_of(context_, module_, *member.value, key, kProfiles);
      if (chosen) settings_.profile = *runtime::profile_named(*chosen);
    } else if (key == "pause_above" || key == "resume_below") {
      const auto value = fraction(*member.value, key, true);
      if (!value) return;
      (key == "pause_above" ? settings_.pause_above : settings_.resume_below) = *value;
      band_ = member.value->span;
    } else if (key == "target_rho" || key == "md_factor") {
      const auto value = fraction(*member.value, key, false);
      if (value) (key == "target_rho" ? settings_.target_rho : settings_.md_factor) = *value;
    } else {
      report_unknown_option(context_, member.key, "govern", kKnown);
    }
  }

  std::optional<runtime::Value> constant(const dsl::Expr& expr, const std::string& key) {
    ExpressionCompiler compiler(context_, module_, Where::compiler);
    const std::string label = "'" + key + "'";
    return compiler.constant(expr, label.c_str());
  }

  void memory(const dsl::Expr& expr) {
    const auto value = constant(expr, "memory");
    if (!value) return;
    if (value->type() != Type::integer) {
      context_.report
          .add(Code::wrong_argument, expr.span,
               "'memory' takes a size, not " + describe(TypeSet(value->type())))
          .hint("write it as 512MiB");
    } else if (value->as_int() <= 0) {
      context_.report.add(Code::out_of_bounds, expr.span, "'memory' must be greater than 0");
    } else {
      settings_.memory = static_cast<std::size_t>(value->as_int());
    }
  }

  // `ends`: 0 and 1 themselves are allowed.
  std::optional<double> fraction(const dsl::Expr& expr, const std::string& key, bool ends) {
    const auto value = constant(expr, key);
    if (!value) return std::nullopt;
    if (!value->is_number() || value->is_beyond()) {
      context_.report.add(Code::wrong_argument, expr.span,
                          "'" + key + "' takes a number, not " + describe(TypeSet(value->type())));
      return std::nullopt;
    }
    const double number =
        value->type() == Type::floating ? value->as_float() : static_cast<double>(value->as_int());
    const bool inside = ends ? number >= 0 && number <= 1 : number > 0 && number < 1;
    if (inside) return number;
    context_.report.add(Code::out_of_bounds, expr.span, "'" + key + "' must be between 0 and 1");
    return std::nullopt;
  }

  Context& context_;
  const Module& module_;
  runtime::GovernSettings& settings_;
  dsl::Span band_;
};

}  // namespace

std::string pipeline_name(Context& context, const Module& module) {
  for (const auto& item : module.ast.items) {
    if (item->kind != ItemKind::kName) continue;
    const dsl::Name& name = as<dsl::NameItem>(*item).name;
    if (can_be_directory(name.text)) return name.text;
    context.report.add(Code::bad_pipeline_name, name.span, "this cannot be a pipeline's name")
        .note(
            "its state is stored in a directory of that name: no '/', no control characters, at most 200 "
            "bytes");
    break;
  }
  return stem(module.file->name());
}

void compile_directives(Context& context, const Module& module, FlowCompiler& flow) {
  std::array<const dsl::Item*, 4> first{};
  static constexpr std::array<std::pair<ItemKind, const char*>, 4> kDirectives = {
      {{ItemKind::kCommit, "commit"},
       {ItemKind::kDlq, "dlq"},
       {ItemKind::kGovern, "govern"},
       {ItemKind::kName, "name"}}};
  for (const auto& item : module.ast.items) {
    std::size_t which = 0;
    while (which < kDirectives.size() && kDirectives[which].first != item->kind) ++which;
    if (which == kDirectives.size()) continue;
    if (first[which]) {
      context.report
          .add(Code::repeated_directive, item->span,
               std::string("a second '") + kDirectives[which].second + "'")
          .also(first[which]->span, "the first one")
          .hint("remove one of them");
      continue;
    }
    first[which] = item.get();
    switch (item->kind) {
      case ItemKind::kCommit:
        flow.plan().commit = as<dsl::CommitItem>(*item).mode == dsl::CommitItem::Mode::kSink
                                 ? graph::CommitMode::sink
                                 : graph::CommitMode::automatic;
        break;
      case ItemKind::kDlq:
        flow.dead_letters(as<dsl::DlqItem>(*item), module);
        break;
      case ItemKind::kGovern:
        if (const auto& options = as<dsl::GovernItem>(*item).options) {
          Govern(context, module, flow.plan().govern).check(*options);
        } else {
          flow.plan().govern.on = false;
        }
        break;
      default:
        break;
    }
  }
}

}  // namespace pipec::compiler
