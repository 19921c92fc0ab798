#include "dsl/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string>
#include <tao/pegtl.hpp>
#include <utility>

#include "dsl/unicode.h"

namespace pipec::dsl {

namespace grammar {

using namespace tao::pegtl;  // NOLINT: the grammar reads as a grammar

// White space and comments between tokens.
struct blank : plus<one<' ', '\t', '\r', '\n'>> {};
struct comment : seq<one<'#'>, until<at<sor<one<'\n'>, eof>>>> {};

struct word : identifier {};
struct raw_opening : string<'r', '"'> {};
struct quote : one<'"'> {};

// Everything that looks like a number; the rules below decide whether it is one.
struct hex_like : seq<one<'0'>, one<'x', 'X'>, star<identifier_other>> {};
struct exponent_sign : seq<one<'e', 'E'>, one<'+', '-'>, at<digit>> {};
struct decimal_like : seq<digit, star<sor<exponent_sign, identifier_other, seq<one<'.'>, at<digit>>>>> {};
struct number_like : sor<hex_like, decimal_like> {};

struct digits : seq<digit, star<opt<one<'_'>>, digit>> {};
struct hex_digits : seq<xdigit, star<opt<one<'_'>>, xdigit>> {};
struct hex_integer : seq<one<'0'>, one<'x', 'X'>, hex_digits, eof> {};
struct integer : seq<digits, eof> {};
struct exponent : seq<one<'e', 'E'>, opt<one<'+', '-'>>, plus<digit>> {};
struct real : seq<digits, sor<seq<one<'.'>, digits, opt<exponent>>, exponent>, eof> {};
struct with_unit : seq<digits, plus<alpha>, eof> {};

// Operators of other languages, each longest first.
struct foreign : sor<string<'=', '=', '='>, string<'!', '=', '='>, string<'&', '&'>, string<'|', '|'>,
                     string<'|', '>'>, string<'<', '>'>, string<'=', '>'>, string<'=', '~'>, string<'!', '~'>,
                     string<':', '='>, string<'+', '='>, string<'-', '='>, string<'*', '='>, string<'/', '='>,
                     string<'*', '*'>, string<'/', '/'>, string<'/', '*'>, seq<one<'!'>, not_at<one<'='>>>,
                     seq<one<'?'>, not_at<one<'?'>>>> {};

template <TokenKind Kind, char... Characters>
struct sign : string<Characters...> {};

struct two_signs : sor<sign<TokenKind::kArrow, '-', '>'>, sign<TokenKind::kEqual, '=', '='>,
                       sign<TokenKind::kNotEqual, '!', '='>, sign<TokenKind::kLessEqual, '<', '='>,
                       sign<TokenKind::kGreaterEqual, '>', '='>, sign<TokenKind::kCoalesce, '?', '?'>> {};
struct one_sign
    : sor<sign<TokenKind::kDot, '.'>, sign<TokenKind::kLeftParen, '('>, sign<TokenKind::kRightParen, ')'>,
          sign<TokenKind::kLeftBracket, '['>, sign<TokenKind::kRightBracket, ']'>,
          sign<TokenKind::kLeftBrace, '{'>, sign<TokenKind::kRightBrace, '}'>, sign<TokenKind::kComma, ','>,
          sign<TokenKind::kColon, ':'>, sign<TokenKind::kSemicolon, ';'>, sign<TokenKind::kPipe, '|'>,
          sign<TokenKind::kAssign, '='>, sign<TokenKind::kLess, '<'>, sign<TokenKind::kGreater, '>'>,
          sign<TokenKind::kPlus, '+'>, sign<TokenKind::kMinus, '-'>, sign<TokenKind::kStar, '*'>,
          sign<TokenKind::kSlash, '/'>, sign<TokenKind::kPercent, '%'>, sign<TokenKind::kAt, '@'>> {};

struct token : sor<raw_opening, word, number_like, quote, foreign, two_signs, one_sign> {};

// Within a string.
struct line_end : sor<eof, seq<opt<one<'\r'>>, one<'\n'>>> {};
struct plain : plus<not_at<line_end>, not_one<'"', '\\', '$'>> {};
struct dollar : seq<one<'$'>, not_at<one<'{'>>> {};
struct simple_escape : seq<one<'\\'>, one<'"', '\\', '/', 'b', 'f', 'n', 'r', 't', '$'>> {};
struct unicode_escape : seq<one<'\\'>, one<'u'>, rep<4, xdigit>> {};
struct bad_escape : seq<one<'\\'>, opt<not_at<line_end>, utf8::any>> {};
struct text : plus<sor<plain, dollar, simple_escape, unicode_escape, bad_escape>> {};
struct interpolation : string<'$', '{'> {};

}  // namespace grammar

namespace {

using tao::pegtl::parse;
using Input = tao::pegtl::memory_input<tao::pegtl::tracking_mode::lazy, tao::pegtl::eol::lf, const char*>;

Input input(std::string_view text, std::uint32_t from) {
  return Input(text.data() + from, text.data() + text.size(), "");
}

// How far a rule reaches from `from`; 0 where it does not match.
template <class Rule>
std::uint32_t match(std::string_view text, std::uint32_t from) {
  auto in = input(text, from);
  if (!parse<Rule>(in)) return 0;
  return static_cast<std::uint32_t>(in.current() - (text.data() + from));
}

enum class Class : std::uint8_t { kWord, kRaw, kQuote, kNumber, kForeign, kSign };

struct TokenScan {
  Class kind = Class::kSign;
  TokenKind sign = TokenKind::kError;
};

template <class Rule>
struct token_action : tao::pegtl::nothing<Rule> {};

template <Class Kind>
struct classify {
  static void apply0(TokenScan& scan) { scan.kind = Kind; }
};
template <>
struct token_action<grammar::word> : classify<Class::kWord> {};
template <>
struct token_action<grammar::raw_opening> : classify<Class::kRaw> {};
template <>
struct token_action<grammar::quote> : classify<Class::kQuote> {};
template <>
struct token_action<grammar::number_like> : classify<Class::kNumber> {};
template <>
struct token_action<grammar::foreign> : classify<Class::kForeign> {};
template <TokenKind Kind, char... Characters>
struct token_action<grammar::sign<Kind, Characters...>> {
  static void apply0(TokenScan& scan) { scan.sign = Kind; }
};

struct TextScan {
  std::string_view all;
  Reporter& reporter;
  std::string text;
  char32_t high_surrogate = 0;  // one that waits for its other half
  std::uint32_t high_at = 0;

  std::uint32_t offset(const char* where) const { return static_cast<std::uint32_t>(where - all.data()); }
  void end_surrogate() {
    if (high_surrogate == 0) return;
    high_surrogate = 0;
    reporter.report(Code::bad_escape, high_at, high_at + 6, "half of a surrogate pair in a string")
        .label("needs its other half, as in \"\\ud83d\\ude00\"");
  }
};

template <class Rule>
struct text_action : tao::pegtl::nothing<Rule> {};

template <>
struct text_action<grammar::plain> {
  template <class In>
  static void apply(const In& in, TextScan& scan) {
    scan.end_surrogate();
    scan.text.append(in.begin(), in.end());
    for (const char* c = in.begin(); c != in.end(); ++c) {
      if (static_cast<unsigned char>(*c) >= 0x20 || *c == '\t') continue;
      const char* last =
          std::find_if(c, in.end(), [](char x) { return static_cast<unsigned char>(x) >= 0x20; });
      scan.reporter
          .report(Code::unexpected_character, scan.offset(c), scan.offset(last),
                  "control character in a string")
          .label("write it as an escape, such as \\n or \\u0000");
      c = last - 1;
    }
  }
};
template <>
struct text_action<grammar::dollar> {
  static void apply0(TextScan& scan) {
    scan.end_surrogate();
    scan.text += '$';
  }
};
template <>
struct text_action<grammar::simple_escape> {
  template <class In>
  static void apply(const In& in, TextScan& scan) {
    scan.end_surrogate();
    static constexpr std::string_view kLetters = "bfnrt", kMeanings = "\b\f\n\r\t";
    char letter = in.begin()[1];
    auto known = kLetters.find(letter);
    scan.text += known == std::string_view::npos ? letter : kMeanings[known];
  }
};
template <>
struct text_action<grammar::unicode_escape> {
  template <class In>
  static void apply(const In& in, TextScan& scan) {
    unsigned unit = 0;
    std::from_chars(in.begin() + 2, in.end(), unit, 16);
    bool low = unit >= 0xDC00 && unit <= 0xDFFF;
    if (low && scan.high_surrogate != 0) {
      append_utf8(scan.text, 0x10000 + ((scan.high_surrogate - 0xD800) << 10) + (unit - 0xDC00));
      scan.high_surrogate = 0;
      return;
    }
    scan.end_surrogate();
    scan.high_at = scan.offset(in.begin());
    if (low || (unit >= 0xD800 && unit <= 0xDBFF)) {
      scan.high_surrogate = unit;
      if (low) scan.end_surrogate();
    } else {
      append_utf8(scan.text, unit);
    }
  }
};
template <>
struct text_action<grammar::bad_escape> {
  template <class In>
  static void apply(const In& in, TextScan& scan) {
    scan.end_surrogate();
    std::string escape(in.begin(), in.end());
    auto begin = scan.offset(in.begin());
    auto& found = scan.reporter.report(Code::bad_escape, begin, scan.offset(in.end()),
                                       escape == "\\u" ? "\\u takes four hexadecimal digits"
                                                       : "unknown escape '" + escape + "' in a string");
    if (escape == "\\u") return;
    found.label("a backslash itself is \\\\")
        .note(
            "the escapes are \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0000 and \\${; r\"...\" has none, for "
            "patterns");
  }
};

struct Foreign {
  std::string_view text;
  TokenKind kind;  // the token read instead
  std::string_view word;
  std::string_view advice;
};

constexpr std::array kForeign = {
    Foreign{"===", TokenKind::kEqual, "", "equality is '=='"},
    Foreign{"!==", TokenKind::kNotEqual, "", "inequality is '!='"},
    Foreign{"&&", TokenKind::kWord, "and", "write 'and'"},
    Foreign{"||", TokenKind::kWord, "or", "write 'or'; stages are joined by a single '|'"},
    Foreign{"|>", TokenKind::kPipe, "", "stages are joined by '|'"},
    Foreign{"<>", TokenKind::kNotEqual, "", "inequality is '!='"},
    Foreign{"=>", TokenKind::kArrow, "", "an arrow is '->', 'greater or equal' is '>='"},
    Foreign{"=~", TokenKind::kWord, "matches", "write 'matches'"},
    Foreign{"!~", TokenKind::kWord, "matches", "write 'not (a matches b)'"},
    Foreign{":=", TokenKind::kAssign, "", "write '='"},
    Foreign{"+=", TokenKind::kAssign, "", "write '.a = .a + ...'"},
    Foreign{"-=", TokenKind::kAssign, "", "write '.a = .a - ...'"},
    Foreign{"*=", TokenKind::kAssign, "", "write '.a = .a * ...'"},
    Foreign{"/=", TokenKind::kAssign, "", "write '.a = .a / ...'"},
    Foreign{"**", TokenKind::kStar, "", "write 'pow(a, b)'"},
    Foreign{"//", TokenKind::kError, "",
            "a comment begins with '#'; an integer quotient is 'div(a, b)'; 'a ?? b' is b where a is null"},
    Foreign{"/*", TokenKind::kError, "", "a comment begins with '#' and ends with its line"},
    Foreign{"!", TokenKind::kWord, "not", "write 'not'"},
    Foreign{"?", TokenKind::kError, "", "write 'if c { a } else { b }'; 'a ?? b' is a, or b where a is null"},
};

struct Unit {
  std::string_view text;
  TokenKind kind;
  std::uint64_t factor;
};

constexpr std::uint64_t kMillisecond = 1'000'000, kSecond = 1000 * kMillisecond, kMinute = 60 * kSecond;
constexpr std::array kUnits = {
    Unit{"ms", TokenKind::kDuration, kMillisecond},
    Unit{"s", TokenKind::kDuration, kSecond},
    Unit{"m", TokenKind::kDuration, kMinute},
    Unit{"h", TokenKind::kDuration, 60 * kMinute},
    Unit{"d", TokenKind::kDuration, 24 * 60 * kMinute},
    Unit{"KiB", TokenKind::kSize, std::uint64_t{1} << 10},
    Unit{"MiB", TokenKind::kSize, std::uint64_t{1} << 20},
    Unit{"GiB", TokenKind::kSize, std::uint64_t{1} << 30},
    Unit{"KB", TokenKind::kSize, 1'000},
    Unit{"MB", TokenKind::kSize, 1'000'000},
    Unit{"GB", TokenKind::kSize, 1'000'000'000},
};

constexpr std::uint64_t kMaxInt = std::numeric_limits<std::int64_t>::max();

std::string without_underscores(std::string_view text) {
  std::string out(text);
  out.erase(std::remove(out.begin(), out.end(), '_'), out.end());
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// The characters that editors and word processors substitute for plain quotes.
bool is_wrong_quote(char32_t c) {
  return c == '\'' || c == '`' || (c >= 0x2018 && c <= 0x201F) || c == 0xAB || c == 0xBB;
}

bool is_odd_blank(char32_t c) {
  return c == 0xA0 || (c >= 0x2000 && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x2060 || c == 0x3000 || c == 0xFEFF || c == '\v' || c == '\f';
}

std::string code_point_name(char32_t c) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string name = "U+";
  for (int shift = c > 0xFFFF ? 20 : 12; shift >= 0; shift -= 4) name += kDigits[(c >> shift) & 0xF];
  return name;
}

}  // namespace

Lexer::Lexer(const SourceFile& source, Reporter& reporter, std::vector<Span>& comments)
    : source_(source), text_(source.text()), reporter_(reporter), comments_(comments) {
  if (text_.starts_with(kByteOrderMark)) at_ = 3;
  previous_end_ = at_;
  check_utf8();
}

void Lexer::check_utf8() {
  bool utf16 = text_.starts_with("\xFF\xFE") || text_.starts_with("\xFE\xFF");
  for (std::size_t i = at_; i < text_.size() && !reporter_.stopped();) {
    auto c = decode_utf8(text_, i);
    if (c.valid) {
      i += c.bytes;
      continue;
    }
    std::size_t last = i;
    while (last < text_.size() && !decode_utf8(text_, last).valid) ++last;
    auto& found = reporter_.report(Code::invalid_utf8, static_cast<std::uint32_t>(i),
                                   static_cast<std::uint32_t>(last), "the text is not UTF-8 here");
    if (utf16) {
      found.hint("this looks like UTF-16: save the file as UTF-8");
      reporter_.stop();
    }
    i = last;
  }
}

Token Lexer::make(TokenKind kind, std::uint32_t begin) const {
  Token token;
  token.kind = kind;
  token.begin = begin;
  token.end = at_;
  return token;
}

Token Lexer::next() {
  Token token = read();
  token.touches = token.begin == previous_end_;
  token.first_on_line =
      piece(std::min(previous_end_, token.begin), token.begin).find('\n') != std::string_view::npos;
  previous_end_ = token.end;
  return token;
}

// Calls itself only after a report, so at most kMaxParseErrors deep.
Token Lexer::read() {
  if (reporter_.stopped()) {
    at_ = static_cast<std::uint32_t>(text_.size());
    Token token = make(TokenKind::kEnd, at_);
    token.silent = true;
    return token;
  }
  if (!pending_.empty()) {
    Token token = std::move(pending_.back());
    pending_.pop_back();
    return token;
  }
  return !modes_.empty() && modes_.back().in_text ? next_text() : next_code();
}

bool Lexer::skip_blanks() {
  for (;;) {
    if (auto size = match<grammar::blank>(text_, at_)) {
      if (!modes_.empty() && piece(at_, at_ + size).find('\n') != std::string_view::npos) return false;
      at_ += size;
    } else if (auto length = match<grammar::comment>(text_, at_)) {
      auto end = at_ + length;
      if (text_[end - 1] == '\r') --end;
      comments_.push_back({source_.id(), at_, end});
      at_ += length;
    } else {
      return modes_.empty() || at_ < text_.size();
    }
  }
}

Token Lexer::next_code() {
  if (!skip_blanks()) {
    abandon_strings();
    return read();
  }
  std::uint32_t begin = at_;
  if (at_ == text_.size()) return make(TokenKind::kEnd, begin);
  TokenScan scan;
  auto in = input(text_, at_);
  if (!parse<grammar::token, token_action>(in, scan)) return read_odd_character(begin);
  at_ += static_cast<std::uint32_t>(in.current() - (text_.data() + begin));
  switch (scan.kind) {
    case Class::kWord: {
      Token token = make(TokenKind::kWord, begin);
      token.text = piece(begin, at_);
      token.keyword = keyword_of(token.text);
      return token;
    }
    case Class::kRaw:
      return read_raw_string(begin);
    case Class::kQuote:
      modes_.push_back({true, begin});
      return make(TokenKind::kQuote, begin);
    case Class::kNumber:
      return read_number(begin, at_);
    case Class::kForeign:
      return read_foreign(begin, at_);
    case Class::kSign:
      break;
  }
  if (!modes_.empty()) {
    Mode& mode = modes_.back();
    if (scan.sign == TokenKind::kLeftBrace) ++mode.braces;
    if (scan.sign == TokenKind::kRightBrace && mode.braces-- == 0) {
      modes_.pop_back();
      return make(TokenKind::kInterpolationEnd, begin);
    }
  }
  return make(scan.sign, begin);
}

Token Lexer::next_text() {
  std::uint32_t begin = at_;
  auto in = input(text_, at_);
  TextScan scan{text_, reporter_, {}};
  if (parse<grammar::text, text_action>(in, scan)) {
    scan.end_surrogate();
    at_ += static_cast<std::uint32_t>(in.current() - (text_.data() + begin));
    Token token = make(TokenKind::kText, begin);
    token.text = std::move(scan.text);
    return token;
  }
  if (auto size = match<grammar::interpolation>(text_, at_)) {
    at_ += size;
    modes_.push_back({false, begin});
    return make(TokenKind::kInterpolation, begin);
  }
  if (match<grammar::quote>(text_, at_)) {
    ++at_;
    modes_.pop_back();
    return make(TokenKind::kUnquote, begin);
  }
  abandon_strings();
  return read();
}

// The line ends within a string: every string that is open on it is closed here, silently but for one report.
void Lexer::abandon_strings() {
  auto end = std::min(line_end(at_), static_cast<std::uint32_t>(text_.size()));
  const Mode& inner = modes_.back();
  std::uint32_t opening = inner.opening;
  if (inner.in_text) {
    reporter_.report(Code::unterminated_string, opening, end, "a string that does not end on its line")
        .hint("add the closing '\"'; a line break within a string is \\n");
  } else {
    reporter_
        .report(Code::unterminated_string, opening, end, "an interpolation that does not end on its line")
        .hint("add the closing '}' and '\"'");
  }
  for (const Mode& mode : modes_) {  // the innermost one is returned first, from the back
    Token token = make(mode.in_text ? TokenKind::kUnquote : TokenKind::kInterpolationEnd, at_);
    token.silent = true;
    pending_.push_back(std::move(token));
  }
  modes_.clear();
}

std::uint32_t Lexer::line_end(std::uint32_t from) const {
  auto end = text_.find('\n', from);
  if (end == std::string_view::npos) return static_cast<std::uint32_t>(text_.size());
  if (end > from && text_[end - 1] == '\r') --end;
  return static_cast<std::uint32_t>(end);
}

// `r"a="(\d+)""`: if text touches the quote that ends a raw string, and the rest of the line contains no
// complete strings, the quote was meant to be part of it. Returns the end of the quote that was meant to
// close it, else 0.
std::uint32_t Lexer::raw_string_with_quotes(std::uint32_t from) const {
  const auto end = line_end(from);
  constexpr std::string_view kMayFollow = " \t),]{}|;+-*/%.<>=!?:#";
  if (from >= end || kMayFollow.find(text_[from]) != std::string_view::npos) return 0;
  const auto word = match<grammar::word>(text_, from);
  if (word != 0 && keyword_of(piece(from, from + word)) != Keyword::kNone) return 0;
  // It ends where a string may end and the quotes after it are paired.
  auto last = std::string_view::npos;
  auto behind = std::count(text_.begin() + from, text_.begin() + end, '"');
  for (auto quote = text_.find('"', from); quote < end; quote = text_.find('"', quote + 1)) {
    last = quote;
    const bool may_end =
        quote + 1 == end || std::string_view(" \t),]}|;").find(text_[quote + 1]) != std::string_view::npos;
    if (--behind % 2 == 0 && may_end) break;
  }
  return last == std::string_view::npos ? 0 : static_cast<std::uint32_t>(last) + 1;
}

Token Lexer::read_raw_string(std::uint32_t begin) {
  auto content = at_;
  auto stop = text_.find_first_of("\"\n", content);
  if (stop == std::string_view::npos || text_[stop] == '\n') {
    at_ = line_end(content);
    reporter_.report(Code::unterminated_string, begin, at_, "a string that does not end on its line")
        .hint("add the closing '\"'; r\"...\" cannot hold a '\"', \"...\" with \\\" can");
    Token token = make(TokenKind::kRawString, begin);
    token.text = piece(content, at_);
    return token;
  }
  at_ = static_cast<std::uint32_t>(stop) + 1;
  if (const auto end = raw_string_with_quotes(at_); end != 0) {
    at_ = end;
    reporter_.report(Code::bad_quotes, begin, at_, "a raw string cannot hold a '\"'")
        .hint("write \"...\" with \\\" for the quote and \\\\ for a backslash, or \\x22 in a pattern");
  }
  Token token = make(TokenKind::kRawString, begin);
  token.text = piece(content, at_ - 1);
  return token;
}

Token Lexer::read_number(std::uint32_t begin, std::uint32_t end) {
  std::string_view written = piece(begin, end);
  Token token = make(TokenKind::kInt, begin);
  token.number = 1;  // the value used after an error
  auto bad = [&](Code code, std::string message) -> Diagnostic& {
    return reporter_.report(code, begin, at_, std::move(message));
  };
  auto out_of_range = [&](std::string_view what) {
    bad(Code::number_out_of_range, std::string(what) + " out of range")
        .note(
            "an int is from -9223372036854775808 to 9223372036854775807; a duration's nanoseconds are one "
            "too");
  };
  auto read_integer = [](const std::string& digits, int base, std::uint64_t& value) {
    return std::from_chars(digits.data(), digits.data() + digits.size(), value, base).ec == std::errc();
  };
  bool dangling_point =
      end < text_.size() && text_[end] == '.' &&
      (end + 1 == text_.size() || !(match<grammar::word>(text_, end + 1) || text_[end + 1] == '"'));
  if (dangling_point) {
    ++at_;
    token.end = at_;
    bad(Code::bad_number, "a number that ends in a decimal point")
        .hint("write '" + std::string(written) + ".0'");
    return token;
  }
  bool hex = match<grammar::hex_integer>(written, 0) != 0;
  if (hex || match<grammar::integer>(written, 0)) {
    std::uint64_t value = 0;
    bool fits = read_integer(without_underscores(hex ? written.substr(2) : written), hex ? 16 : 10, value);
    if (fits && value <= kMaxInt + 1) {
      token.number = value;  // 2^63 itself is valid only right after a minus: the parser checks
    } else {
      out_of_range("int");
    }
    return token;
  }
  if (match<grammar::real>(written, 0)) {
    std::string digits = without_underscores(written);
    token.kind = TokenKind::kFloat;
    if (std::from_chars(digits.data(), digits.data() + digits.size(), token.real).ec != std::errc()) {
      bad(Code::number_out_of_range, "float out of range")
          .note("a float is an IEEE double, from 5e-324 to 1.8e308");
    }
    return token;
  }
  std::string_view unit_text =
      written.substr(std::min(written.find_first_not_of("0123456789_"), written.size()));
  if (match<grammar::with_unit>(written, 0)) {
    for (const Unit& unit : kUnits) {
      if (unit.text != unit_text) continue;
      std::uint64_t count = 0;
      std::string digits = without_underscores(written.substr(0, written.size() - unit_text.size()));
      token.kind = unit.kind;
      if (read_integer(digits, 10, count) && count <= kMaxInt / unit.factor) {
        token.number = count * unit.factor;
      } else {
        out_of_range(unit.kind == TokenKind::kDuration ? "duration" : "size");
      }
      return token;
    }
    auto& found = bad(Code::bad_number, "unknown unit '" + std::string(unit_text) + "'");
    for (const Unit& unit : kUnits) {
      if (lower(unit.text) == lower(unit_text)) found.hint("did you mean '" + std::string(unit.text) + "'?");
    }
    found.note("durations take ms, s, m, h and d; sizes take KiB, MiB, GiB, KB, MB and GB");
    return token;
  }
  auto& found = bad(Code::bad_number, "'" + std::string(written.substr(0, 60)) + "' is not a number");
  if (written.ends_with('_') || written.find("__") != std::string_view::npos) {
    found.hint("an underscore must be between two digits");
  } else if (unit_text.starts_with('.') && unit_text.find_first_of("smhdKMG") != std::string_view::npos) {
    found.hint("durations and sizes are whole: write 1500ms, not 1.5s");
  } else if (unit_text.find_first_of("0123456789") != std::string_view::npos && !unit_text.starts_with('.')) {
    found.note("a duration has one unit (90m, or 1h + 30m); a name does not begin with a digit");
  }
  return token;
}

Token Lexer::read_foreign(std::uint32_t begin, std::uint32_t end) {
  std::string_view written = piece(begin, end);
  const auto* known =
      std::find_if(kForeign.begin(), kForeign.end(), [&](const Foreign& f) { return f.text == written; });
  reporter_.report(Code::unknown_operator, begin, end, "unknown operator '" + std::string(written) + "'")
      .hint(std::string(known->advice));
  if (written == "//" || written == "/*") {
    at_ = line_end(at_);
    return read();
  }
  Token token = make(known->kind, begin);
  token.silent = token.kind == TokenKind::kError;
  token.text = known->word;
  token.keyword = keyword_of(token.text);
  return token;
}

Token Lexer::read_wrong_quotes(std::uint32_t begin, std::uint32_t opening_size) {
  auto end = line_end(begin);
  auto content = begin + opening_size;
  auto close = content;
  unsigned closing_size = 0;
  while (close < end) {
    auto c = decode_utf8(text_, close);
    if (is_wrong_quote(c.code_point) || c.code_point == '"') {
      closing_size = c.bytes;
      break;
    }
    close += c.bytes;
  }
  close = std::min(close, end);
  at_ = close + closing_size;
  reporter_.report(Code::bad_quotes, begin, at_, "a string in the wrong quotes")
      .hint("strings are written in plain double quotes: \"" +
            std::string(piece(content, std::min(close, content + 40))) +
            (close > content + 40 ? "...\"" : "\""));
  Token token = make(TokenKind::kRawString, begin);
  token.text = piece(content, close);
  token.silent = true;
  return token;
}

Token Lexer::read_odd_character(std::uint32_t begin) {
  auto c = decode_utf8(text_, begin);
  if (!c.valid) {  // reported by check_utf8
    while (at_ < text_.size() && !decode_utf8(text_, at_).valid) ++at_;
    Token token = make(TokenKind::kError, begin);
    token.silent = true;
    return token;
  }
  if (is_wrong_quote(c.code_point)) return read_wrong_quotes(begin, c.bytes);
  at_ += c.bytes;
  bool blank = is_odd_blank(c.code_point);
  bool foreign_letter = c.code_point >= 0x80 && !blank;
  // One report for a run: of the same character, or of a name in another script.
  while (at_ < text_.size()) {
    auto following = decode_utf8(text_, at_);
    bool in_run =
        following.code_point == c.code_point ||
        (foreign_letter && (following.code_point >= 0x80 || match<grammar::word>(text_, at_) != 0) &&
         !is_odd_blank(following.code_point) && !is_wrong_quote(following.code_point));
    if (!following.valid || !in_run) break;
    at_ += following.bytes;
  }
  // The ASCII letters before it are part of the name that is meant.
  auto first = begin;
  while (foreign_letter && first > 0 && match<tao::pegtl::identifier_other>(text_, first - 1) != 0) --first;
  std::string written(piece(first, std::min(at_, first + 60)));
  bool printable = c.code_point > 0x20 && c.code_point != 0x7F && !blank && at_ - first <= 60;
  auto& found = reporter_.report(
      Code::unexpected_character, first, at_,
      "unexpected character " + (printable ? "'" + written + "'" : code_point_name(c.code_point)));
  if (blank) {
    found.hint("use a plain space");
    return read();
  }
  if (foreign_letter) {
    found.hint("names are ASCII letters, digits and '_'; any other key is quoted: .\"" +
               (printable ? written : std::string("...")) + "\"");
  } else if (c.code_point == '$') {
    found.hint("${...} is for strings; a field is .name, an environment variable env(\"NAME\")");
  } else if (c.code_point == '&') {
    found.hint("write 'and'");
  } else if (c.code_point == '\\') {
    found.hint("a line needs no continuation mark: line breaks mean nothing");
  }
  Token token = make(TokenKind::kError, begin);
  token.silent = true;
  return token;
}

}  // namespace pipec::dsl
