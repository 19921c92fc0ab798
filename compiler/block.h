// A transform's block: statements checked and lowered.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "compiler/context.h"
#include "compiler/expression.h"
#include "pipec/dsl/ast.h"
#include "pipec/runtime/program.h"

namespace pipec::compiler {

// The failure that cannot be where every record is known to be an object.
inline constexpr const char* kNoObject = "a record that is not an object";

struct CompiledBlock {
  std::shared_ptr<runtime::TransformProgram> program;  // null: reported
  std::vector<std::string> reads;
  std::vector<std::string> writes;   // set and renamed to
  std::vector<std::string> removes;  // deleted and renamed from
  std::vector<std::string> keeps;
  std::vector<std::string> failures;
  bool touches_record = false;  // it reads the record's bytes
  bool gives_object = false;    // the output is an object, whatever the input
  bool emits = false;
  bool drops = false;
};

CompiledBlock compile_block(Context& context, const Module& module, const dsl::Block& block);

}  // namespace pipec::compiler
