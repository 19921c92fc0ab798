// Resolving: the files of a compilation and what their top-level names are bound to.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "compiler/report.h"
#include "pipec/compiler/compile.h"
#include "pipec/dsl/ast.h"

namespace pipec::compiler {

struct Module;

// A name bound by a top-level let or fn.
struct Symbol {
  enum class Kind : std::uint8_t { stream, chain, function };
  Kind kind = Kind::stream;
  dsl::Name name;
  const Module* module = nullptr;     // in which its names are resolved
  const dsl::LetItem* let = nullptr;  // stream, chain
  const dsl::FnItem* fn = nullptr;
  bool kind_known = true;  // false: it begins with a name that is not bound
  // It is not to be compiled, that was reported: what depends on it stays silent.
  bool failed = false;
  unsigned uses = 0;  // by the main file's text, directly or indirectly
};

struct Module {
  const dsl::SourceFile* file = nullptr;
  dsl::File ast;
  bool main = false;
  // False: the text has errors, which may be why a name is missing.
  bool complete = true;
  std::map<std::string, Symbol*, std::less<>> names;  // its own and those of the files it uses

  Symbol* find(std::string_view name) const {
    const auto found = names.find(name);
    return found == names.end() ? nullptr : found->second;
  }
};

// All files of one compilation. The first module is the main one.
struct Names {
  std::deque<Module> modules;
  std::deque<Symbol> symbols;
};

// Streams, chains and functions are defined by each other at most this deep.
inline constexpr unsigned kMaxDefinitionDepth = 200;

// Parses the file and the files it uses, binds names, detects cycles and distinguishes streams from stage
// chains.
void resolve(const dsl::SourceFile& source, const runtime::Registry& registry, const CompileOptions& options,
             Report& report, dsl::DiagnosticSink& sink, Names& names);

// "did you mean 'x'?" among the module's names of this kind.
std::string did_you_mean(const Module& module, Symbol::Kind kind, std::string_view word);
// "a stream", "a stage chain", "a function".
const char* describe(Symbol::Kind kind);

}  // namespace pipec::compiler
