// Formatting, and the properties that hold for every text.
#pragma once

#include <string>

#include "parse_text.h"
#include "support/catch.h"

namespace pipec::dsl::testing {

// Formatted, after checking that it means the same, keeps every comment and does not change again.
inline std::string canonical(const std::string& text) {
  std::string once = formatted(text);
  Parsed before(text), after(once);
  INFO(text);
  INFO(once);
  REQUIRE(before.errors() == "");
  REQUIRE(after.errors() == "");
  REQUIRE(after.dumped() == before.dumped());
  REQUIRE(formatted(once) == once);
  auto comments = [](const Parsed& parsed) {
    std::string all;
    for (Span span : parsed.result.file.comments) {
      std::string comment(parsed.file.text(span));
      while (!comment.empty() && (comment.back() == '\r' || comment.back() == ' ')) comment.pop_back();
      all += comment + '\n';
    }
    return all;
  };
  REQUIRE(comments(after) == comments(before));
  return once;
}

}  // namespace pipec::dsl::testing
