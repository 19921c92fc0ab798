// From text to tokens, one at a time.
//
// The token grammar uses PEGTL, in lexer.cpp, the only file that includes it. Constructs made of tokens
// (stages, expressions, blocks) are parsed by recursive descent, in the parser_*.cpp files. The reasons for
// the split: messages that know what was expected, several errors per run without exceptions, a bounded stack
// depth, and a compile time of seconds instead of minutes.
//
// Inside `"${`...`}"` the lexer reads code again; a stack of modes knows where it is, so the C++ stack does
// not grow.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "dsl/reporter.h"
#include "dsl/token.h"
#include "pipec/dsl/source.h"

namespace pipec::dsl {

class Lexer {
 public:
  // Reports text that is not UTF-8 immediately. Comments are appended as they are skipped.
  Lexer(const SourceFile& source, Reporter& reporter, std::vector<Span>& comments);

  // Always kEnd once the text has ended.
  Token next();

 private:
  struct Mode {
    bool in_text;           // in the string itself, not in an interpolation of it
    std::uint32_t opening;  // where its `"` or `${` is
    unsigned braces = 0;    // open ones, within an interpolation
  };

  void check_utf8();
  Token read();
  // False: a string that was being read ends here, at the end of its line.
  bool skip_blanks();
  Token next_code();
  Token next_text();
  Token make(TokenKind kind, std::uint32_t begin) const;
  Token read_number(std::uint32_t begin, std::uint32_t end);
  Token read_raw_string(std::uint32_t begin);
  std::uint32_t raw_string_with_quotes(std::uint32_t from) const;
  Token read_foreign(std::uint32_t begin, std::uint32_t end);
  Token read_odd_character(std::uint32_t begin);
  Token read_wrong_quotes(std::uint32_t begin, std::uint32_t opening_size);
  void abandon_strings();
  std::uint32_t line_end(std::uint32_t from) const;
  std::string_view piece(std::uint32_t begin, std::uint32_t end) const {
    return text_.substr(begin, end - begin);
  }

  const SourceFile& source_;
  std::string_view text_;
  Reporter& reporter_;
  std::vector<Span>& comments_;
  std::uint32_t at_ = 0;
  std::uint32_t previous_end_ = 0;
  std::vector<Mode> modes_;
  std::vector<Token> pending_;  // returned from the back
};

}  // namespace pipec::dsl
