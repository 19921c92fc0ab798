#include "dsl/token_stream.h"

#include <algorithm>
#include <array>
#include <utility>

#include "pipec/dsl/parser.h"

namespace pipec::dsl {

namespace {

constexpr std::array kKeywords = {
    std::pair<std::string_view, Keyword>{"and", Keyword::kAnd},
    std::pair<std::string_view, Keyword>{"catch", Keyword::kCatch},
    std::pair<std::string_view, Keyword>{"commit", Keyword::kCommit},
    std::pair<std::string_view, Keyword>{"del", Keyword::kDel},
    std::pair<std::string_view, Keyword>{"dlq", Keyword::kDlq},
    std::pair<std::string_view, Keyword>{"drop", Keyword::kDrop},
    std::pair<std::string_view, Keyword>{"else", Keyword::kElse},
    std::pair<std::string_view, Keyword>{"emit", Keyword::kEmit},
    std::pair<std::string_view, Keyword>{"false", Keyword::kFalse},
    std::pair<std::string_view, Keyword>{"filter", Keyword::kFilter},
    std::pair<std::string_view, Keyword>{"fn", Keyword::kFn},
    std::pair<std::string_view, Keyword>{"for", Keyword::kFor},
    std::pair<std::string_view, Keyword>{"govern", Keyword::kGovern},
    std::pair<std::string_view, Keyword>{"if", Keyword::kIf},
    std::pair<std::string_view, Keyword>{"in", Keyword::kIn},
    std::pair<std::string_view, Keyword>{"keep", Keyword::kKeep},
    std::pair<std::string_view, Keyword>{"let", Keyword::kLet},
    std::pair<std::string_view, Keyword>{"matches", Keyword::kMatches},
    std::pair<std::string_view, Keyword>{"merge", Keyword::kMerge},
    std::pair<std::string_view, Keyword>{"not", Keyword::kNot},
    std::pair<std::string_view, Keyword>{"null", Keyword::kNull},
    std::pair<std::string_view, Keyword>{"or", Keyword::kOr},
    std::pair<std::string_view, Keyword>{"parse", Keyword::kParse},
    std::pair<std::string_view, Keyword>{"recv", Keyword::kRecv},
    std::pair<std::string_view, Keyword>{"rename", Keyword::kRename},
    std::pair<std::string_view, Keyword>{"route", Keyword::kRoute},
    std::pair<std::string_view, Keyword>{"sink", Keyword::kSink},
    std::pair<std::string_view, Keyword>{"test", Keyword::kTest},
    std::pair<std::string_view, Keyword>{"transform", Keyword::kTransform},
    std::pair<std::string_view, Keyword>{"true", Keyword::kTrue},
    std::pair<std::string_view, Keyword>{"use", Keyword::kUse},
};

const char* sign_text(TokenKind kind) {
  switch (kind) {
    case TokenKind::kInterpolation:
      return "${";
    case TokenKind::kInterpolationEnd:
    case TokenKind::kRightBrace:
      return "}";
    case TokenKind::kLeftParen:
      return "(";
    case TokenKind::kRightParen:
      return ")";
    case TokenKind::kLeftBracket:
      return "[";
    case TokenKind::kRightBracket:
      return "]";
    case TokenKind::kLeftBrace:
      return "{";
    case TokenKind::kComma:
      return ",";
    case TokenKind::kColon:
      return ":";
    case TokenKind::kSemicolon:
      return ";";
    case TokenKind::kPipe:
      return "|";
    case TokenKind::kArrow:
      return "->";
    case TokenKind::kAssign:
      return "=";
    case TokenKind::kEqual:
      return "==";
    case TokenKind::kNotEqual:
      return "!=";
    case TokenKind::kLess:
      return "<";
    case TokenKind::kLessEqual:
      return "<=";
    case TokenKind::kGreater:
      return ">";
    case TokenKind::kGreaterEqual:
      return ">=";
    case TokenKind::kPlus:
      return "+";
    case TokenKind::kMinus:
      return "-";
    case TokenKind::kStar:
      return "*";
    case TokenKind::kSlash:
      return "/";
    case TokenKind::kPercent:
      return "%";
    case TokenKind::kDot:
      return ".";
    case TokenKind::kAt:
      return "@";
    case TokenKind::kCoalesce:
      return "??";
    default:
      return "";
  }
}

}  // namespace

Keyword keyword_of(std::string_view word) {
  const auto* found = std::lower_bound(kKeywords.begin(), kKeywords.end(), word,
                                       [](const auto& entry, std::string_view w) { return entry.first < w; });
  return found != kKeywords.end() && found->first == word ? found->second : Keyword::kNone;
}

bool is_keyword(std::string_view word) {
  return keyword_of(word) != Keyword::kNone;
}

const Token& TokenStream::peek(unsigned ahead) {
  if (reporter_.stopped()) {
    end_.silent = true;
    end_.begin = end_.end = previous_end_;
    return end_;
  }
  while (filled_ <= ahead) {
    slots_[(head_ + filled_) % kSlots] = lexer_.next();
    ++filled_;
  }
  return slots_[(head_ + ahead) % kSlots];
}

void TokenStream::take() {
  const Token& token = peek();
  if (token.kind == TokenKind::kEnd) return;
  previous_end_ = token.end;
  previous_kind_ = token.kind;
  previous_silent_ = token.silent;
  ++taken_;
  head_ = (head_ + 1) % kSlots;
  --filled_;
}

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kEnd:
      return "the end of the text";
    case TokenKind::kError:
      return "something unknown";
    case TokenKind::kWord:
      return (token.keyword == Keyword::kNone ? "'" : "the keyword '") +
             (token.text.size() > 60 ? token.text.substr(0, 60) + "..." : token.text) + "'";
    case TokenKind::kInt:
    case TokenKind::kFloat:
      return "a number";
    case TokenKind::kDuration:
      return "a duration";
    case TokenKind::kSize:
      return "a size";
    case TokenKind::kRawString:
    case TokenKind::kQuote:
    case TokenKind::kText:
      return "a string";
    case TokenKind::kUnquote:
      return "the end of the string";
    default:
      return std::string("'") + sign_text(token.kind) + "'";
  }
}

}  // namespace pipec::dsl
