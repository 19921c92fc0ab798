#include "compiler/tests.h"

#include <optional>
#include <string>
#include <utility>

#include "compiler/expression.h"
#include "compiler/flow.h"
#include "pipec/runtime/buffer.h"
#include "pipec/runtime/json.h"

namespace pipec::compiler {

using dsl::as;
using dsl::Code;
using dsl::ItemKind;

namespace {

void check_constant(Context& context, const Module& module, const dsl::ExprPtr& expr, const char* what) {
  if (!expr) return;
  ExpressionCompiler compiler(context, module, Where::compiler);
  compiler.constant(*expr, what);
}

// A constant expression as the record that a source would deliver.
std::string as_json(Context& context, const Module& module, const dsl::Expr& expr) {
  ExpressionCompiler compiler(context, module, Where::compiler);
  const std::optional<runtime::Value> value = compiler.constant(expr, "a test's value");
  if (!value) return {};
  runtime::BufferPool pool;
  const runtime::BufferRef text = pool.get(256);
  runtime::append_json(*value, *text);
  return std::string(text->view());
}

std::string as_text(Context& context, const Module& module, const dsl::Expr& expr) {
  ExpressionCompiler compiler(context, module, Where::compiler);
  const std::optional<runtime::Value> value = compiler.constant(expr, "the reason");
  if (!value || value->type() != runtime::Type::string) return {};
  return std::string(runtime::decode_string(*value, *compiler.arena()));
}

Expected make_expected(Context& context, const Module& module, const dsl::Expectation& expectation) {
  Expected result;
  result.place = context.report.place(expectation.span);
  switch (expectation.kind) {
    case dsl::Expectation::Kind::kValue:
      result.kind = Expected::Kind::value;
      if (expectation.value) result.text = as_json(context, module, *expectation.value);
      break;
    case dsl::Expectation::Kind::kDlq:
      result.kind = Expected::Kind::dead_letter;
      if (expectation.reason) result.text = as_text(context, module, *expectation.reason);
      break;
    case dsl::Expectation::Kind::kNone:
      break;
  }
  return result;
}

}  // namespace

void check_tests(Context& context, const Module& module) {
  for (const auto& item : module.ast.items) {
    if (item->kind != ItemKind::kTest) continue;
    const auto& test = as<dsl::TestItem>(*item);
    const Symbol* symbol = module.find(test.stage.text);
    if (!symbol) {
      if (module.complete) {
        context.report
            .add(Code::unknown_name, test.stage.span, "unknown stage chain '" + test.stage.text + "'")
            .hint(did_you_mean(module, Symbol::Kind::chain, test.stage.text));
      }
    } else if (symbol->kind != Symbol::Kind::chain && symbol->kind_known) {
      context.report
          .add(Code::wrong_kind_of_name, test.stage.span,
               "'" + test.stage.text + "' is " + describe(symbol->kind) + ", not a stage chain")
          .also(symbol->name.span, "bound here")
          .note("a test sends records through a stage chain that 'let' binds");
    }
    for (const dsl::TestCase& each : test.cases) {
      for (const dsl::ExprPtr& given : each.given) check_constant(context, module, given, "what is given");
      for (const dsl::Expectation& expected : each.expected) {
        check_constant(context, module, expected.value, "what is expected");
        check_constant(context, module, expected.reason, "the reason");
      }
    }
  }
}

std::vector<Test> make_tests(Context& context, Names& names, const runtime::ConnectorContext& connectors) {
  const Module& main = names.modules.front();
  std::vector<Test> tests;
  for (const auto& item : main.ast.items) {
    if (item->kind != ItemKind::kTest) continue;
    const auto& block = as<dsl::TestItem>(*item);
    Symbol* symbol = main.find(block.stage.text);
    if (!symbol) continue;
    Test& test = tests.emplace_back();
    test.title = block.title.text;
    test.place = context.report.place(block.span);
    FlowCompiler flow(context, names, connectors, false);
    flow.test_chain(*symbol);
    test.plan = std::move(flow.plan());
    test.plan.name = test.title;
    for (const dsl::TestCase& each : block.cases) {
      if (each.given.empty()) continue;
      TestCase& one = test.cases.emplace_back();
      for (const dsl::ExprPtr& given : each.given) one.given.push_back(as_json(context, main, *given));
      one.place = context.report.place(each.given.front()->span);
      for (const dsl::Expectation& expectation : each.expected) {
        one.expected.push_back(make_expected(context, main, expectation));
      }
    }
  }
  return tests;
}

}  // namespace pipec::compiler
