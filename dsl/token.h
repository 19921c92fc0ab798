// The words the text is made of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/dsl/source.h"

namespace pipec::dsl {

enum class TokenKind : std::uint8_t {
  kEnd,
  kError,  // not understood, and reported
  kWord,   // an identifier or a keyword
  kInt,
  kFloat,
  kDuration,
  kSize,
  kRawString,
  // A string is kQuote { kText | kInterpolation ... kInterpolationEnd } kUnquote.
  kQuote,
  kText,
  kInterpolation,
  kInterpolationEnd,
  kUnquote,
  kLeftParen,
  kRightParen,
  kLeftBracket,
  kRightBracket,
  kLeftBrace,
  kRightBrace,
  kComma,
  kColon,
  kSemicolon,
  kPipe,
  kArrow,
  kAssign,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kPlus,
  kMinus,
  kStar,
  kSlash,
  kPercent,
  kDot,
  kAt,
  kCoalesce,
};

// Words that cannot be bound. All of them may be fields, keys and options.
enum class Keyword : std::uint8_t {
  kNone,
  // Of expressions: these are never the name of a called function.
  kAnd,
  kCatch,
  kElse,
  kFalse,
  kIf,
  kIn,
  kMatches,
  kNot,
  kNull,
  kOr,
  kTrue,
  // Of structure.
  kCommit,
  kDel,
  kDlq,
  kDrop,
  kEmit,
  kFilter,
  kFn,
  kFor,
  kGovern,
  kKeep,
  kLet,
  kMerge,
  kParse,
  kRecv,
  kRename,
  kRoute,
  kSink,
  kTest,
  kTransform,
  kUse,
};

Keyword keyword_of(std::string_view word);
inline bool is_expression_keyword(Keyword keyword) {
  return keyword != Keyword::kNone && keyword <= Keyword::kTrue;
}

struct Token {
  TokenKind kind = TokenKind::kEnd;
  Keyword keyword = Keyword::kNone;
  // No white space and no comment between this token and the one before it.
  bool touches = false;
  // A line break is between them. Only used for error recovery and hints.
  bool first_on_line = false;
  // It stands for something that was reported already, so an error at it is a consequence.
  bool silent = false;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  // kInt: the magnitude, at most 2^63. kDuration: nanoseconds, kSize: bytes, both at most 2^63 - 1.
  std::uint64_t number = 0;
  double real = 0;
  std::string text;  // kWord; kText and kRawString: unescaped
};

}  // namespace pipec::dsl
