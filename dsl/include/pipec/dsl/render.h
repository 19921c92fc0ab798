// Diagnostics as text for people and as JSON for editors.
#pragma once

#include <string>
#include <vector>

#include "pipec/dsl/diagnostic.h"
#include "pipec/dsl/source.h"

namespace pipec::dsl {

struct RenderOptions {
  bool color = false;    // ANSI escapes
  unsigned width = 100;  // cells of source text shown; of a longer line the part around the carets
};

// One diagnostic, ending in a newline, laid out as language.md section 9 shows.
std::string render_text(const Diagnostic& diagnostic, const SourceMap& sources,
                        const RenderOptions& options = {});
// All of them, an empty line between two.
std::string render_text(const std::vector<Diagnostic>& diagnostics, const SourceMap& sources,
                        const RenderOptions& options = {});

// One JSON array, ending in a newline, an object per diagnostic: severity, code, name, message, file, start,
// end
// ({line, column, offset}; columns count characters from 1, offsets bytes from 0), label, related, notes,
// hints.
std::string render_json(const std::vector<Diagnostic>& diagnostics, const SourceMap& sources);

}  // namespace pipec::dsl
