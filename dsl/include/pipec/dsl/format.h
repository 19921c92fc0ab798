// The canonical form of a program.
#pragma once

#include <optional>
#include <string>

#include "pipec/dsl/ast.h"
#include "pipec/dsl/diagnostic.h"
#include "pipec/dsl/source.h"

namespace pipec::dsl {

// Lines are at most this long where the text can be broken.
inline constexpr unsigned kFormatWidth = 100;

// The same program in its one canonical layout, comments kept, ending in a newline (an empty file stays
// empty). Formatting the result again changes nothing. Returns nullopt if the text does not parse; the errors
// are reported to the sink.
std::optional<std::string> format(const SourceFile& source, DiagnosticSink& sink);

// One expression of a text without errors in its canonical form, on one line and without comments.
std::string format_expression(const SourceFile& source, const Expr& expr);

}  // namespace pipec::dsl
