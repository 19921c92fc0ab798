// A few tokens of lookahead over a Lexer.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "dsl/lexer.h"
#include "dsl/reporter.h"
#include "dsl/token.h"

namespace pipec::dsl {

class TokenStream {
 public:
  TokenStream(Lexer& lexer, Reporter& reporter) : lexer_(lexer), reporter_(reporter) {}

  // `ahead` is at most 2. Valid until the next take(). Once the reporter has stopped, everything is kEnd.
  const Token& peek(unsigned ahead = 0);
  void take();

  bool at(TokenKind kind) { return peek().kind == kind; }
  bool at(Keyword keyword) { return peek().keyword == keyword; }
  bool take_if(TokenKind kind) {
    if (!at(kind)) return false;
    take();
    return true;
  }
  bool take_if(Keyword keyword) {
    if (!at(keyword)) return false;
    take();
    return true;
  }
  // The end of the last consumed token.
  std::uint32_t previous_end() const { return previous_end_; }
  TokenKind previous_kind() const { return previous_kind_; }
  bool previous_silent() const { return previous_silent_; }
  // Tokens taken so far.
  std::uint64_t taken() const { return taken_; }

 private:
  static constexpr unsigned kSlots = 4;

  Lexer& lexer_;
  Reporter& reporter_;
  std::array<Token, kSlots> slots_;
  Token end_;
  unsigned head_ = 0;
  unsigned filled_ = 0;
  std::uint32_t previous_end_ = 0;
  TokenKind previous_kind_ = TokenKind::kEnd;
  bool previous_silent_ = false;
  std::uint64_t taken_ = 0;
};

// For messages: "'|'", "the keyword 'let'", "a string", "the end of the text".
std::string describe(const Token& token);

}  // namespace pipec::dsl
