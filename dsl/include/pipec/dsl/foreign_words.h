// Names from other tools: jq, SQL, VRL, awk, Logstash, Spark. They produce hints and are never aliases:
// "gsub" suggests replace_re.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pipec::dsl {

struct ForeignWord {
  enum class Where : std::uint8_t { expression, stage };
  std::string_view word;
  Where where = Where::expression;  // where it may appear
  std::string_view entry;           // the function, stage, statement or operator that does it here
  std::string_view advice;          // "write 'len(.a)'"
};

std::span<const ForeignWord> foreign_words();
// Null where the word is of no other tool that is known.
const ForeignWord* foreign_word(std::string_view word, ForeignWord::Where where);

// The advice for such a word where a stage is expected; words of expressions count too. "" if it is not one.
std::string foreign_stage_advice(std::string_view word);

}  // namespace pipec::dsl
