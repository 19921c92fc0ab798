#include <algorithm>
#include <limits>
#include <utility>

#include "dsl/parser.h"

namespace pipec::dsl {

namespace {

// Binding strength, weakest first.
constexpr std::uint8_t kOrLevel = 1, kAndLevel = 2, kNotLevel = 3, kCompareLevel = 4, kCatchLevel = 5,
                       kCoalesceLevel = 6, kSumLevel = 7, kProductLevel = 8, kMinusLevel = 9;

struct BinaryEntry {
  TokenKind kind;
  Keyword keyword;
  std::uint8_t level;
  std::uint8_t op;
};

constexpr std::uint8_t code(BinaryOp op) {
  return static_cast<std::uint8_t>(op);
}
constexpr std::uint8_t code(LogicOp op) {
  return static_cast<std::uint8_t>(op);
}

constexpr BinaryEntry kBinary[] = {
    {TokenKind::kEqual, Keyword::kNone, kCompareLevel, code(BinaryOp::kEqual)},
    {TokenKind::kNotEqual, Keyword::kNone, kCompareLevel, code(BinaryOp::kNotEqual)},
    {TokenKind::kLess, Keyword::kNone, kCompareLevel, code(BinaryOp::kLess)},
    {TokenKind::kLessEqual, Keyword::kNone, kCompareLevel, code(BinaryOp::kLessEqual)},
    {TokenKind::kGreater, Keyword::kNone, kCompareLevel, code(BinaryOp::kGreater)},
    {TokenKind::kGreaterEqual, Keyword::kNone, kCompareLevel, code(BinaryOp::kGreaterEqual)},
    {TokenKind::kWord, Keyword::kIn, kCompareLevel, code(BinaryOp::kIn)},
    {TokenKind::kWord, Keyword::kMatches, kCompareLevel, code(BinaryOp::kMatches)},
    {TokenKind::kWord, Keyword::kCatch, kCatchLevel, code(BinaryOp::kCatch)},
    {TokenKind::kCoalesce, Keyword::kNone, kCoalesceLevel, code(BinaryOp::kCoalesce)},
    {TokenKind::kPlus, Keyword::kNone, kSumLevel, code(BinaryOp::kAdd)},
    {TokenKind::kMinus, Keyword::kNone, kSumLevel, code(BinaryOp::kSubtract)},
    {TokenKind::kStar, Keyword::kNone, kProductLevel, code(BinaryOp::kMultiply)},
    {TokenKind::kSlash, Keyword::kNone, kProductLevel, code(BinaryOp::kDivide)},
    {TokenKind::kPercent, Keyword::kNone, kProductLevel, code(BinaryOp::kRemainder)},
    {TokenKind::kWord, Keyword::kAnd, kAndLevel, code(LogicOp::kAnd)},
    {TokenKind::kWord, Keyword::kOr, kOrLevel, code(LogicOp::kOr)},
};

Span whole(const Expr& expr) {
  return expr.span;
}

void raise(Expr& expr, unsigned child_height) {
  expr.height = static_cast<std::uint16_t>(std::max<unsigned>(expr.height, child_height + 1));
}

void raise_over(Expr& expr, const std::vector<Arg>& args) {
  for (const Arg& arg : args) raise(expr, arg.value->height);
}

void raise_over(Expr& expr, const std::vector<Segment>& segments) {
  for (const Segment& segment : segments) {
    if (segment.index) raise(expr, segment.index->height);
  }
}

}  // namespace

const char* to_string(BinaryOp op) {
  switch (op) {
    case BinaryOp::kEqual:
      return "==";
    case BinaryOp::kNotEqual:
      return "!=";
    case BinaryOp::kLess:
      return "<";
    case BinaryOp::kLessEqual:
      return "<=";
    case BinaryOp::kGreater:
      return ">";
    case BinaryOp::kGreaterEqual:
      return ">=";
    case BinaryOp::kIn:
      return "in";
    case BinaryOp::kMatches:
      return "matches";
    case BinaryOp::kCatch:
      return "catch";
    case BinaryOp::kCoalesce:
      return "??";
    case BinaryOp::kAdd:
      return "+";
    case BinaryOp::kSubtract:
      return "-";
    case BinaryOp::kMultiply:
      return "*";
    case BinaryOp::kDivide:
      return "/";
    case BinaryOp::kRemainder:
      return "%";
  }
  return "";
}

// Operators and operands are on their stacks, above the start of this expression. Operators that bind at
// least as tightly as the next one are applied before it is pushed.
ExprPtr Parser::expression() {
  if (failed_) return std::make_unique<ErrorExpr>(here());
  std::size_t base = operators_.size();
  for (;;) {  // left only after an operand, so that every operator has one
    bool minus = prefix_operators(base);
    minus_before_ = minus;
    minus_folded_ = false;
    operands_.push_back(operand());
    if (minus && minus_folded_) operators_.pop_back();
    minus_folded_ = false;
    Operator op;
    if (failed_ || !binary_operator(op)) break;
    push_operator(op, base);
  }
  reduce(base, 0);
  ExprPtr result = std::move(operands_.back());
  operands_.pop_back();
  return result;
}

// True if the last one is a minus, which becomes part of a number right after it.
bool Parser::prefix_operators(std::size_t base) {
  bool minus = false;
  for (;;) {
    if (at(Keyword::kNot)) {
      if (operators_.size() > base && operators_.back().level > kNotLevel) {
        remark(Code::not_an_operand, here(), "'not' binds less tightly than the operator before it")
            .label("put it in parentheses: (not ...)");
      }
      minus = false;
      operators_.push_back({kNotLevel, true, static_cast<std::uint8_t>(UnaryOp::kNot), take()});
    } else if (at(TokenKind::kMinus)) {
      minus = true;
      minus_ = peek().begin;
      operators_.push_back({kMinusLevel, true, static_cast<std::uint8_t>(UnaryOp::kNegate), take()});
    } else {
      return minus;
    }
    if (operators_.size() - base > kMaxExprHeight) {
      too_high();
      return false;
    }
  }
}

bool Parser::binary_operator(Operator& out) {
  const Token& token = peek();
  if (token.kind == TokenKind::kAssign) {
    remark(Code::assignment_in_expression, here(), "'=' in an expression")
        .hint("to compare, write '=='")
        .note("in a transform, '.field = expr' sets a field; it is a separate statement");
    out = {kCompareLevel, false, code(BinaryOp::kEqual), take()};
    return true;
  }
  if (token.keyword == Keyword::kNot &&
      (peek(1).keyword == Keyword::kIn || peek(1).keyword == Keyword::kMatches)) {
    std::string word = peek(1).text;
    remark(Code::not_an_operand, here(), "'not' goes before the whole comparison")
        .hint("write 'not (a " + word + " b)'");
    take();
  }
  for (const BinaryEntry& entry : kBinary) {
    if (entry.kind != peek().kind || entry.keyword != peek().keyword) continue;
    out = {entry.level, false, entry.op, take()};
    return true;
  }
  return false;
}

void Parser::push_operator(const Operator& op, std::size_t base) {
  bool chained = op.level == kCompareLevel && operators_.size() > base &&
                 std::any_of(operators_.begin() + static_cast<std::ptrdiff_t>(base), operators_.end(),
                             [](const Operator& o) { return o.level == kCompareLevel; });
  if (chained) {
    const auto first = std::find_if(operators_.begin() + static_cast<std::ptrdiff_t>(base), operators_.end(),
                                    [](const Operator& o) { return o.level == kCompareLevel; });
    // Except if an `and` or `or` was pushed after it: then it is applied below.
    bool same =
        std::none_of(first, operators_.end(), [](const Operator& o) { return o.level < kCompareLevel; });
    if (same) {
      remark(Code::chained_comparison, op.span, "comparisons cannot be chained")
          .also(first->span, "the first one")
          .hint("write 'a < b and b < c', or put one of them in parentheses");
    }
  }
  reduce(base, op.level);
  operators_.push_back(op);
}

void Parser::reduce(std::size_t base, unsigned level) {
  while (operators_.size() > base && operators_.back().level >= level) {
    Operator op = operators_.back();
    operators_.pop_back();
    apply(op);
  }
}

void Parser::apply(const Operator& op) {
  ExprPtr right = std::move(operands_.back());
  operands_.pop_back();
  if (op.prefix) {
    auto made = std::make_unique<UnaryExpr>(join(op.span, whole(*right)), static_cast<UnaryOp>(op.op));
    made->op_span = op.span;
    raise(*made, right->height);
    made->operand = std::move(right);
    operands_.push_back(std::move(made));
  } else if (op.level == kAndLevel || op.level == kOrLevel) {
    ExprPtr left = std::move(operands_.back());
    operands_.pop_back();
    Span span = join(whole(*left), whole(*right));
    auto logic_op = static_cast<LogicOp>(op.op);
    bool goes_on = left->kind == ExprKind::kLogic && !left->parenthesized &&
                   static_cast<LogicExpr&>(*left).op == logic_op;
    if (!goes_on) {
      auto made = std::make_unique<LogicExpr>(span, logic_op);
      raise(*made, left->height);
      made->operands.push_back(std::move(left));
      left = std::move(made);
    }
    raise(*left, right->height);
    left->span = span;
    static_cast<LogicExpr&>(*left).operands.push_back(std::move(right));
    operands_.push_back(std::move(left));
  } else {
    ExprPtr left = std::move(operands_.back());
    operands_.pop_back();
    auto made = std::make_unique<BinaryExpr>(join(whole(*left), whole(*right)), static_cast<BinaryOp>(op.op));
    made->op_span = op.span;
    raise(*made, left->height);
    raise(*made, right->height);
    made->left = std::move(left);
    made->right = std::move(right);
    operands_.push_back(std::move(made));
  }
  if (operands_.back()->height > kMaxExprHeight) too_high();
}

void Parser::too_high() {
  fail(Code::nesting_too_deep,
       "an expression with more than " + std::to_string(kMaxExprHeight) + " operators one within the other")
      .hint("divide it, with 'let' in a transform or with an 'fn'");
  reporter_.stop();
}

ExprPtr Parser::operand() {
  ExprPtr base = primary();
  if (failed_ || !segment_follows()) return base;
  if (base->kind == ExprKind::kPath && !base->parenthesized) return base;  // has its segments
  auto access = std::make_unique<AccessExpr>(base->span);
  segments(access->segments);
  access->span = since(base->span.begin);
  raise(*access, base->height);
  raise_over(*access, access->segments);
  access->base = std::move(base);
  if (access->height > kMaxExprHeight) too_high();
  return access;
}

ExprPtr Parser::primary() {
  switch (peek().kind) {
    case TokenKind::kWord:
      return word();
    case TokenKind::kInt:
    case TokenKind::kFloat:
    case TokenKind::kDuration:
    case TokenKind::kSize:
      return number();
    case TokenKind::kQuote:
    case TokenKind::kRawString:
      return string();
    case TokenKind::kDot:
    case TokenKind::kAt:
      return path();
    case TokenKind::kLeftParen:
      return group();
    case TokenKind::kLeftBracket:
      return array();
    case TokenKind::kLeftBrace:
      return object();
    default:
      return not_an_expression();
  }
}

ExprPtr Parser::not_an_expression() {
  Span span = here();
  auto& found = fail_expecting("an expression");
  if (at(TokenKind::kEqual)) found.hint("'=' sets a field, '==' compares two values");
  return std::make_unique<ErrorExpr>(span);
}

ExprPtr Parser::word() {
  switch (peek().keyword) {
    case Keyword::kTrue:
      return std::make_unique<BoolExpr>(take(), true);
    case Keyword::kFalse:
      return std::make_unique<BoolExpr>(take(), false);
    case Keyword::kNull:
      return std::make_unique<NullExpr>(take());
    case Keyword::kIf:
      return if_expression();
    default:
      break;
  }
  bool may_be_called = !is_expression_keyword(peek().keyword);
  if (may_be_called && at_call(1)) return call();
  if (peek().keyword != Keyword::kNone) return not_an_expression();
  Name name = take_name();
  return std::make_unique<NameExpr>(name.span, std::move(name.text));
}

ExprPtr Parser::number() {
  Token token = peek();
  bool negative = minus_before_;
  minus_before_ = false;
  tokens_.take();
  // `-1[0]` is -(1[0]).
  bool fold = negative && !segment_follows();
  minus_folded_ = fold;
  Span span{file_, fold ? minus_ : token.begin, token.end};
  if (token.kind == TokenKind::kFloat)
    return std::make_unique<FloatExpr>(span, fold ? -token.real : token.real);
  constexpr auto kBeyond = std::uint64_t{1} << 63;
  std::int64_t value;
  if (token.number == kBeyond) {
    if (!fold) {
      remark(Code::number_out_of_range, span, "int out of range")
          .note("an int is from -9223372036854775808 to 9223372036854775807");
    }
    value = std::numeric_limits<std::int64_t>::min();
  } else {
    value = static_cast<std::int64_t>(token.number);
    if (fold) value = -value;
  }
  if (token.kind == TokenKind::kDuration) return std::make_unique<DurationExpr>(span, value);
  if (token.kind == TokenKind::kSize) return std::make_unique<SizeExpr>(span, value);
  return std::make_unique<IntExpr>(span, value);
}

ExprPtr Parser::group() {
  Span opening = here();
  if (!enter()) return std::make_unique<ErrorExpr>(opening);
  take();
  ExprPtr inner = expression();
  if (!failed_ && at(TokenKind::kComma)) {
    fail_expecting("')'").also(opening, "opened here").hint("an array is written in brackets: [a, b]");
  }
  close(TokenKind::kRightParen, opening);
  leave();
  inner->parenthesized = true;
  return inner;
}

ExprPtr Parser::array() {
  Span opening = here();
  auto made = std::make_unique<ArrayExpr>(opening);
  if (!enter()) return made;
  take();
  comma_list(TokenKind::kRightBracket, opening, [&] {
    made->items.push_back(expression());
    raise(*made, made->items.back()->height);
  });
  leave();
  made->span = since(opening.begin);
  if (made->height > kMaxExprHeight) too_high();
  return made;
}

ExprPtr Parser::object() {
  Span opening = here();
  auto made = std::make_unique<ObjectExpr>(opening);
  if (!enter()) return made;
  take();
  comma_list(TokenKind::kRightBrace, opening, [&] { object_member(*made); });
  leave();
  made->span = since(opening.begin);
  if (made->height > kMaxExprHeight) too_high();
  return made;
}

Name Parser::object_key() {
  ExprPtr key = string();
  const auto& text = as<StringExpr>(*key);
  if (text.is_plain()) return {text.text(), key->span};
  remark(Code::interpolation_not_allowed, key->span, "an object's key cannot be interpolated")
      .hint("set it in a transform: .[k] = v");
  return {{}, key->span};
}

void Parser::object_member(ObjectExpr& object) {
  ObjectMember member;
  if (at_word()) {
    member.key = take_name();
  } else if (at_string()) {
    member.key = object_key();
  } else {
    auto& found = fail_expecting("a key or '}'");
    if (at(TokenKind::kDot)) found.hint("a key has no leading dot: {name: .field}");
    return;
  }
  if (at(TokenKind::kAssign)) {
    remark(Code::unexpected_token, here(), "expected ':' after a key, found '='").hint("write ':'");
    take();
  } else if (at(TokenKind::kComma) || at(TokenKind::kRightBrace)) {
    fail_expecting("':' and a value").hint("a member is 'key: value', also where both have one name");
  } else {
    expect(TokenKind::kColon, "':'");
  }
  member.value = bare_word_follows() ? ExprPtr(std::make_unique<NameExpr>(here(), peek().text)) : nullptr;
  if (member.value) {
    take();
  } else {
    member.value = expression();
  }
  raise(object, member.value->height);
  object.members.push_back(std::move(member));
}

// A keyword as a bare word: `on_error: dlq`.
bool Parser::bare_word_follows() {
  if (peek().keyword == Keyword::kNone || is_expression_keyword(peek().keyword)) return false;
  TokenKind next = peek(1).kind;
  return next == TokenKind::kComma || next == TokenKind::kRightParen || next == TokenKind::kRightBrace;
}

ExprPtr Parser::call() {
  auto made = std::make_unique<CallExpr>(here());
  made->function = take_name();
  arguments(made->args, true);
  raise_over(*made, made->args);
  made->span = since(made->function.span.begin);
  if (made->height > kMaxExprHeight) too_high();
  return made;
}

void Parser::arguments(std::vector<Arg>& out, bool lambdas) {
  Span opening = here();
  if (!enter()) return;
  take();
  comma_list(TokenKind::kRightParen, opening, [&] { argument(out, lambdas); });
  leave();
}

void Parser::argument(std::vector<Arg>& out, bool lambdas) {
  Arg arg;
  auto begin = peek().begin;
  bool named = at_word() && (peek(1).kind == TokenKind::kColon || peek(1).kind == TokenKind::kAssign);
  if (named) {
    arg.name = take_name();
    if (at(TokenKind::kAssign)) {
      remark(Code::unexpected_token, here(), "expected ':' after an argument's name, found '='")
          .hint("write ':'");
    }
    take();
  } else if (!out.empty() && out.back().name) {
    remark(Code::positional_after_named, here(), "a positional argument after a named one")
        .also(out.back().name->span, "named here")
        .hint("name this one too, or put it first");
  }
  if (lambdas && at_word() && peek(1).kind == TokenKind::kArrow) {
    auto lambda = std::make_unique<LambdaExpr>(here());
    lambda->parameter = binding("a parameter");
    take();
    lambda->body = expression();
    lambda->span = since(begin);
    raise(*lambda, lambda->body->height);
    arg.value = std::move(lambda);
  } else if (bare_word_follows()) {
    arg.value = std::make_unique<NameExpr>(here(), peek().text);
    take();
  } else {
    arg.value = expression();
  }
  arg.span = since(begin);
  out.push_back(std::move(arg));
}

ExprPtr Parser::if_expression() {
  auto made = std::make_unique<IfExpr>(here());
  take();
  for (;;) {
    IfArm arm;
    if (!enter()) break;  // `if if if ...` nests without a bracket
    arm.condition = expression();
    leave();
    Span opening = here();
    if (!expect(TokenKind::kLeftBrace, "'{'") || !enter()) {
      arm.value = std::make_unique<ErrorExpr>(opening);
      made->arms.push_back(std::move(arm));
      break;
    }
    arm.value = expression();
    close(TokenKind::kRightBrace, opening);
    leave();
    raise(*made, arm.condition->height);
    raise(*made, arm.value->height);
    made->arms.push_back(std::move(arm));
    if (failed_) break;
    if (at_elif()) {
      take();
      continue;
    }
    if (!at(Keyword::kElse)) {
      remark(Code::missing_else, since(made->span.begin), "an 'if' that gives a value needs an 'else'")
          .hint("add 'else { null }', or another value");
      break;
    }
    take();
    if (tokens_.take_if(Keyword::kIf)) continue;
    opening = here();
    if (!expect(TokenKind::kLeftBrace, "'{' or 'if'") || !enter()) break;
    made->otherwise = expression();
    raise(*made, made->otherwise->height);
    close(TokenKind::kRightBrace, opening);
    leave();
    break;
  }
  if (!made->otherwise) made->otherwise = std::make_unique<ErrorExpr>(here());
  made->span = since(made->span.begin);
  if (made->height > kMaxExprHeight) too_high();
  return made;
}

ExprPtr Parser::string() {
  return at(TokenKind::kRawString) ? raw_string() : interpolated();
}

ExprPtr Parser::raw_string() {
  auto made = std::make_unique<StringExpr>(here());
  made->raw = true;
  if (!peek().text.empty()) made->parts.push_back({here(), peek().text, nullptr});
  take();
  return made;
}

ExprPtr Parser::interpolated() {
  auto made = std::make_unique<StringExpr>(here());
  take();
  while (!failed_ && !tokens_.take_if(TokenKind::kUnquote)) {
    if (at(TokenKind::kText)) {
      made->parts.push_back({here(), peek().text, nullptr});
      take();
    } else if (at(TokenKind::kInterpolation)) {
      Span opening = here();
      if (!enter()) break;
      take();
      StringPart part;
      if (at(TokenKind::kInterpolationEnd)) {
        remark(Code::unexpected_token, opening, "an empty interpolation")
            .hint("a plain '${' is written \\${");
        part.expr = std::make_unique<ErrorExpr>(opening);
      } else {
        part.expr = expression();
      }
      expect(TokenKind::kInterpolationEnd, "'}'");
      if (failed_) end_interpolation();
      leave();
      raise(*made, part.expr->height);
      part.span = since(opening.begin);
      made->parts.push_back(std::move(part));
    } else {
      fail_expecting("the end of the string");
    }
  }
  made->span = since(made->span.begin);
  if (made->height > kMaxExprHeight) too_high();
  return made;
}

// After an error within: the lexer ends every interpolation, at the end of its line at the latest.
void Parser::end_interpolation() {
  for (unsigned inner = 0; !at(TokenKind::kEnd); tokens_.take()) {
    if (at(TokenKind::kInterpolation)) ++inner;
    if (!at(TokenKind::kInterpolationEnd)) continue;
    if (inner-- == 0) {
      tokens_.take();
      failed_ = false;
      return;
    }
  }
}

PathPtr Parser::path() {
  auto made = std::make_unique<PathExpr>(here());
  if (at(TokenKind::kAt)) {
    take();
    if (!at_word() || !peek().touches) {
      fail_expecting("the name of some metadata")
          .note("it is one of @topic, @partition, @offset, @key, @timestamp, @source and @headers.name");
      return made;
    }
    made->meta = take_name();
    segments(made->segments);
  } else {
    const Token& next = peek(1);
    bool key = next.touches && (next.kind == TokenKind::kWord || next.kind == TokenKind::kQuote ||
                                next.kind == TokenKind::kRawString);
    if (key) {
      if (key_segment(made->segments)) segments(made->segments);
    } else if (next.touches && (next.kind == TokenKind::kInt || next.kind == TokenKind::kFloat)) {
      fail(Code::bad_number, "a number begins with a digit")
          .hint("write 0.5 for .5; an index is in brackets: .[0]");
      return made;
    } else if (next.touches && next.kind == TokenKind::kDot) {
      fail(Code::misplaced_path, "'..' is not a path").hint("a path has one dot before each key: .a.b");
      return made;
    } else {
      take();
      segments(made->segments);
    }
  }
  made->span = since(made->span.begin);
  raise_over(*made, made->segments);
  if (made->height > kMaxExprHeight) too_high();
  return made;
}

bool Parser::segment_follows() {
  return peek().touches && (at(TokenKind::kDot) || at(TokenKind::kLeftBracket));
}

void Parser::segments(std::vector<Segment>& out) {
  while (!failed_ && segment_follows()) {
    if (!(at(TokenKind::kDot) ? key_segment(out) : index_segment(out))) return;
  }
}

bool Parser::key_segment(std::vector<Segment>& out) {
  const Token& next = peek(1);
  Segment segment;
  segment.span = here();
  bool adjoins = next.touches;
  if (adjoins && next.kind == TokenKind::kWord) {
    take();
    segment.key = peek().text;
    take();
    if (at(TokenKind::kLeftParen) && peek().touches) {
      fail_at(Code::misplaced_path, Span{file_, segment.span.begin, peek().begin},
              "'" + segment.key + "' is called after its value")
          .hint("a function comes first: " + segment.key + "(.a)");
      return false;
    }
  } else if (adjoins && (next.kind == TokenKind::kQuote || next.kind == TokenKind::kRawString)) {
    take();
    segment.key = plain_string("a path's key").value_or(Name{}).text;
  } else if (adjoins && next.kind == TokenKind::kLeftBracket) {
    remark(Code::misplaced_path, here(), "no '.' between a key and '['").hint("write .a[0]");
    take();
    return true;
  } else {
    auto& found = fail(Code::misplaced_path, "a path that ends in '.'");
    if (next.kind == TokenKind::kInt || next.kind == TokenKind::kFloat) {
      found.hint("an index is in brackets: .a[0]");
    } else if (next.kind == TokenKind::kStar) {
      found.hint("there are no wildcards: use map, filter or 'for'");
    } else {
      found.hint("the key directly follows its dot: .a.b, or .a.\"odd key\"");
    }
    return false;
  }
  segment.span = since(segment.span.begin);
  out.push_back(std::move(segment));
  return true;
}

bool Parser::index_segment(std::vector<Segment>& out) {
  Span opening = here();
  if (!enter()) return false;
  take();
  Segment segment;
  segment.kind = Segment::Kind::kIndex;
  if (at(TokenKind::kRightBracket)) {
    fail(Code::unexpected_token, "an index is missing in '[]'")
        .hint("for each item, use map(.a, x -> ...), or 'for x in .a { ... }' in a transform");
    leave();
    return false;
  }
  segment.index = expression();
  if (at(TokenKind::kColon)) {
    fail_expecting("']'")
        .also(opening, "opened here")
        .hint("a part of an array or string is slice(value, from, to)");
  }
  bool closed = close(TokenKind::kRightBracket, opening);
  leave();
  segment.span = since(opening.begin);
  if (segment.index->kind == ExprKind::kString && as<StringExpr>(*segment.index).is_plain()) {
    segment.kind = Segment::Kind::kKey;
    segment.key = as<StringExpr>(*segment.index).text();
    segment.index.reset();
  } else if (segment.index->kind == ExprKind::kInt) {
    segment.constant = as<IntExpr>(*segment.index).value;
  }
  out.push_back(std::move(segment));
  return closed;
}

}  // namespace pipec::dsl
