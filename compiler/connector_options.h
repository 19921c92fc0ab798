// The options of a connector, format or stage: matched with its declaration, evaluated or lowered.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/context.h"
#include "compiler/expression.h"
#include "pipec/dsl/ast.h"
#include "pipec/runtime/registry.h"

namespace pipec::compiler {

struct CompiledOptions {
  std::shared_ptr<runtime::Options> options;  // null: reported
  std::vector<std::string> reads;             // by the options that are evaluated for each record
  std::vector<std::string> failures;          // how those and choices can fail
  bool per_record = false;                    // one of them is not constant
  bool takes_apart = false;                   // a choice that needs records to be well-formed
  std::string text;                           // the arguments as written, on one line, secrets left out
  std::string identity;  // of where it reads or writes: the arguments that can be given without a name
};

// `block`: the assignments of a stage's block, if any; each becomes one of Options::assignments. `what`: its
// name in messages ("recv kafka", "parse csv"). `where`: the names that per-record options may use.
CompiledOptions compile_options(Context& context, const Module& module, const dsl::Connector& connector,
                                const std::vector<runtime::OptionSpec>& specs, std::size_t positional,
                                const std::string& what, Where where,
                                const dsl::AssignmentBlock* block = nullptr);

// "unknown option 'x' for y", with the likely fix and the options that there are.
void report_unknown_option(Context& context, const dsl::Name& name, const std::string& what,
                           const std::vector<std::string_view>& known);

// A value that is given bare or quoted and is one of a fixed set; nothing where it is none (reported).
std::optional<std::string> choice_of(Context& context, const Module& module, const dsl::Expr& expr,
                                     const std::string& name, const std::vector<std::string>& choices);

}  // namespace pipec::compiler
