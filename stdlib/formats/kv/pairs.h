// Pairs of a key and a value with separators between them: what logfmt and kv are made of.
#pragma once

#include <memory>
#include <string>

#include "stdlib/formats/shared/text_format.h"

namespace pipec::stdlib {

struct PairsSyntax {
  const char* name = "";     // of the format
  std::string field = {};    // between two pairs; empty: white space
  std::string value = "=";   // between a key and its value
  bool quoted_keys = false;  // a key may be in quotes too
  bool typed = false;        // `types: auto`
};

std::unique_ptr<const TextFormat> make_pairs_format(PairsSyntax syntax);

}  // namespace pipec::stdlib
