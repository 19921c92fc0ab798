// From text to AST.
#pragma once

#include "pipec/dsl/ast.h"
#include "pipec/dsl/diagnostic.h"
#include "pipec/dsl/source.h"

namespace pipec::dsl {

// Brackets and blocks nested deeper than this are an error. Expressions are bounded in height as well (see
// kMaxExprHeight in ast.h), so every recursion over an AST is bounded.
inline constexpr unsigned kMaxNesting = 256;
// The parser stops after this many errors in one file.
inline constexpr unsigned kMaxParseErrors = 20;

struct ParseResult {
  // Holds everything that could be understood, errors or not.
  File file;
  // No error was reported.
  bool ok = false;
};

// Reports errors to the sink, in the order of the text. Never throws because of the text.
ParseResult parse(const SourceFile& source, DiagnosticSink& sink);

struct ChainResult {
  Chain chain;
  bool ok = false;
};

// A bare `stage { "|" stage }`, as the one-liners of `pipec eval` have it. An empty text is an empty chain.
ChainResult parse_chain(const SourceFile& source, DiagnosticSink& sink);

struct ExpressionResult {
  ExprPtr expression;  // never null
  bool ok = false;
};

// A text that is one expression.
ExpressionResult parse_expression(const SourceFile& source, DiagnosticSink& sink);

// A word that cannot be bound by let, fn, a parameter or a loop.
bool is_keyword(std::string_view word);

}  // namespace pipec::dsl
