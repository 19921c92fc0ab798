#include "runtime/eval/columns.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"
#include "runtime/eval/arithmetic.h"
#include "runtime/eval/compare.h"
#include "runtime/eval/plain_call.h"
#include "runtime/eval/storable.h"
#include "runtime/json/edit.h"
#include "runtime/json/text.h"
#include "runtime/msgpack/edit.h"
#include "runtime/msgpack/read.h"

namespace pipec::runtime::eval {

namespace {

using Kind = ColumnPlan::Kind;

// Limit for the values of one chunk of records. A single record that needs more is evaluated by the
// interpreter.
constexpr std::size_t kMostArena = std::size_t{1} << 20;

// Parses a text of up to eight bytes as a number; bytes after it must be readable. False if a byte is not a
// digit. There is no loop, since its end would be mispredicted when lengths vary: pairs, fours and eights are
// combined by one multiplication each.
inline bool eight_digits(std::string_view text, std::uint64_t& number) {
  constexpr std::uint64_t kZeros = 0x3030303030303030ULL;
  constexpr std::uint64_t kHigh = 0xf0f0f0f0f0f0f0f0ULL;
  std::uint64_t word = 0;
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(&word, text.data(), 8);
  } else {
    for (std::size_t i = 0; i < text.size(); ++i)
      word |= std::uint64_t{static_cast<unsigned char>(text[i])} << (8 * i);
  }
  const auto bits = static_cast<unsigned>(8 * text.size());
  if (bits != 64) word = (word << (64 - bits)) | (kZeros >> bits);
  if (((word & kHigh) | (((word + 0x0606060606060606ULL) & kHigh) >> 4)) != (kZeros | (kZeros >> 4)))
    return false;
  word &= ~kHigh;
  word = (word * 10 + (word >> 8)) & 0x00ff00ff00ff00ffULL;
  word = (word * 100 + (word >> 16)) & 0x0000ffff0000ffffULL;
  number = (word * 10'000 + (word >> 32)) & 0xffffffffULL;
  return true;
}

// Some of the rows.
class Selection {
 public:
  void add(std::uint16_t row) { rows_[size_++] = row; }
  Columns::Rows rows() const { return {rows_.data(), size_}; }

 private:
  std::array<std::uint16_t, Columns::kRows> rows_;
  std::size_t size_ = 0;
};

}  // namespace

Columns::Columns(const ColumnPlan& plan, const record::BlockIndex& index)
    : plan_(plan),
      index_(index),
      columns_(plan.size() * kRows),
      known_(plan.size() * kRows),
      scratch_(pool_.get(1024)) {}

void Columns::begin(std::size_t rows) {
  arena_.reset();
  std::fill(known_.begin(), known_.end(), std::uint8_t{0});
  count_ = 0;
  for (std::size_t row = 0; row < rows; ++row) {
    doubtful_[row] = index_.layout(row) ? 0 : 1;
    all_[count_] = static_cast<std::uint16_t>(row);
    count_ += doubtful_[row] ? 0 : 1;
  }
}

bool Columns::full() {
  return arena_.used() > kMostArena;
}

Columns::Operand Columns::operand(Number number, Rows rows) {
  const Node& node = plan_.node(number);
  if (node.kind == Kind::constant) return {&node.constant, 0};
  evaluate(number, rows);
  return {column(number), 1};
}

void Columns::evaluate(Number number, Rows rows) {
  if (!plan_.node(number).shared) return compute(number, rows);
  std::uint8_t* const known = known_.data() + number * kRows;
  Selection open;
  for (const std::uint16_t row : rows) {
    if (!known[row]) open.add(row);
    known[row] = 1;
  }
  compute(number, open.rows());
}

void Columns::compute(Number number, Rows rows) {
  const Node& node = plan_.node(number);
  Value* const out = column(number);
  switch (node.kind) {
    case Kind::constant:
      return;
    case Kind::field:
      return field(node, rows, out);
    case Kind::element:
      return element(node, rows, out);
    case Kind::arithmetic:
      return arithmetic(node, rows, out);
    case Kind::coalesce:
      return coalesce(node, rows, out);
    case Kind::conditional:
      return conditional(node, rows, out);
    case Kind::call:
      return call(node, rows, out);
    case Kind::interpolate:
      return interpolate(node, rows, out);
    case Kind::array:
    case Kind::object:
      return container(node, rows, out);
    case Kind::edited:
      return edited(node, rows, out);
    default: {
      Truths truths;
      test(number, rows, truths);
      for (const std::uint16_t row : rows) out[row] = Value::boolean(truths[row] != 0);
    }
  }
}

void Columns::test(Number number, Rows rows, Truths& truths) {
  const Node& node = plan_.node(number);
  switch (node.kind) {
    case Kind::has:
      return has(node, rows, truths);
    case Kind::compare:
      return compare(node, rows, truths);
    case Kind::logical_and:
    case Kind::logical_or:
    case Kind::logical_not:
      return logical(node, rows, truths);
    case Kind::in:
      return in(node, rows, truths);
    case Kind::matches:
      return matches(node, rows, truths);
    default:
      return truths_of(operand(number, rows), rows, truths);
  }
}

// Conditions take bools, and null for false.
void Columns::truths_of(Operand values, Rows rows, Truths& truths) {
  for (const std::uint16_t row : rows) {
    const Value& value = values[row];
    truths[row] = value.type() == Type::boolean && value.as_bool() ? 1 : 0;
    if (value.type() != Type::boolean && !value.is_null()) doubt(row);
  }
}

template <Format kFormat>
inline Value Columns::read(std::string_view text, std::size_t row) {
  if constexpr (kFormat == Format::msgpack) {
    const std::optional<Value> value = read_msgpack(text);
    return value ? *value : doubted(row);
  }
  // The form of most numbers.
  if (json::is_digit(text.front()) && (text.front() != '0' || text.size() == 1) && text.size() <= 8) {
    std::uint64_t digits = 0;
    if (eight_digits(text, digits)) return Value::integer(static_cast<std::int64_t>(digits)).with_text(text);
  }
  const std::optional<Value> value = read_json(text);
  return value ? *value : doubted(row);
}

// A path through a value that is not an array or object, or to a missing value, is null.
inline void Columns::descend(const Node& node, std::size_t row, Value& value) {
  for (const record::Step& step : node.below) {
    const Found found = record::find_step(value, step, arena_);
    if (found.bad) doubt(row);
    value = found.bad || !found.found ? Value() : found.value;
  }
}

void Columns::field(const Node& node, Rows rows, Value* out) {
  const auto each = [&](auto format) {
    for (const std::uint16_t row : rows) {
      const std::string_view text = index_.value(row, node.slot);
      out[row] = text.empty() ? Value() : read<format.value>(text, row);
      descend(node, row, out[row]);
    }
  };
  if (index_.format() == Format::json) return each(std::integral_constant<Format, Format::json>{});
  each(std::integral_constant<Format, Format::msgpack>{});
}

void Columns::element(const Node& node, Rows rows, Value* out) {
  const Operand bases = operand(node.children[0], rows);
  for (const std::uint16_t row : rows) {
    out[row] = bases[row];
    descend(node, row, out[row]);
  }
}

void Columns::has(const Node& node, Rows rows, Truths& truths) {
  for (const std::uint16_t row : rows) {
    const std::string_view text = index_.value(row, node.slot);
    bool there = !text.empty();
    if (there && !node.below.empty()) {
      Value value =
          index_.format() == Format::json ? read<Format::json>(text, row) : read<Format::msgpack>(text, row);
      for (const record::Step& step : node.below) {
        const Found found = record::find_step(value, step, arena_);
        if (found.bad) doubt(row);
        there = found.found && !found.bad;
        if (!there) break;
        value = found.value;
      }
    }
    truths[row] = there ? 1 : 0;
  }
}

void Columns::compare(const Node& node, Rows rows, Truths& truths) {
  const Operand left = operand(node.children[0], rows);
  const Operand right = operand(node.children[1], rows);
  const auto each = [&](auto op) {
    for (const std::uint16_t row : rows) {
      truths[row] = holds(op.value, left[row], right[row], arena_) ? 1 : 0;
    }
  };
  switch (node.op) {
    case Op::equal:
      return each(std::integral_constant<Op, Op::equal>{});
    case Op::not_equal:
      return each(std::integral_constant<Op, Op::not_equal>{});
    case Op::less:
      return each(std::integral_constant<Op, Op::less>{});
    case Op::less_equal:
      return each(std::integral_constant<Op, Op::less_equal>{});
    case Op::greater:
      return each(std::integral_constant<Op, Op::greater>{});
    default:
      return each(std::integral_constant<Op, Op::greater_equal>{});
  }
}

void Columns::logical(const Node& node, Rows rows, Truths& truths) {
  test(node.children[0], rows, truths);
  if (node.kind == Kind::logical_not) {
    for (const std::uint16_t row : rows) truths[row] ^= 1;
    return;
  }
  const std::uint8_t decided = node.kind == Kind::logical_or ? 1 : 0;
  Selection open;
  for (const std::uint16_t row : rows) {
    if (truths[row] != decided) open.add(row);
  }
  test(node.children[1], open.rows(), truths);
}

void Columns::in(const Node& node, Rows rows, Truths& truths) {
  const Operand needles = operand(node.children[0], rows);
  const Operand stacks = operand(node.children[1], rows);
  for (const std::uint16_t row : rows) {
    const Value& needle = needles[row];
    const Value& stack = stacks[row];
    truths[row] = 0;
    if (needle.is_null() || stack.is_null()) continue;
    const bool text = needle.type() == Type::string;
    if (stack.type() == Type::array) {
      const Value plain = needle.is_escaped() ? decoded(needle, arena_) : needle;
      ArrayWalker items(stack);
      Value item;
      while (truths[row] == 0 && items.next(item))
        truths[row] = holds(Op::equal, plain, item, arena_) ? 1 : 0;
      if (items.bad()) doubt(row);
    } else if (text && stack.type() == Type::string) {
      const std::string_view whole = decode_string(stack, arena_);
      truths[row] = whole.find(decode_string(needle, arena_)) != std::string_view::npos ? 1 : 0;
    } else if (text && stack.type() == Type::object) {
      const Found found = find_member(stack, decode_string(needle, arena_), arena_);
      if (found.bad) doubt(row);
      truths[row] = found.found ? 1 : 0;
    } else {
      doubt(row);
    }
  }
}

void Columns::matches(const Node& node, Rows rows, Truths& truths) {
  const Operand texts = operand(node.children[0], rows);
  const Matcher& matcher = *node.expression->matcher;
  for (const std::uint16_t row : rows) {
    const Value& text = texts[row];
    truths[row] = 0;
    if (text.type() == Type::string) {
      truths[row] = matcher.search(decode_string(text, arena_)) ? 1 : 0;
    } else if (!text.is_null()) {
      doubt(row);
    }
  }
}

void Columns::arithmetic(const Node& node, Rows rows, Value* out) {
  Reason reason;
  ArithmeticContext context{arena_, reason};
  if (node.op == Op::negate) {
    const Operand operands = operand(node.children[0], rows);
    for (const std::uint16_t row : rows) {
      const Value result = negated(operands[row], context);
      out[row] = result.is_failed() ? doubted(row) : result;
    }
    return;
  }
  const Operand left = operand(node.children[0], rows);
  const Operand right = operand(node.children[1], rows);
  const auto number = [](const Value& value) {
    return value.type() == Type::integer ? static_cast<double>(value.as_int()) : value.as_float();
  };
  for (const std::uint16_t row : rows) {
    const Value& a = left[row];
    const Value& b = right[row];
    if (node.op == Op::divide && a.is_number() && b.is_number() && !a.is_beyond() && !b.is_beyond()) {
      const double quotient = number(a) / number(b);
      if (number(b) != 0 && std::isfinite(quotient)) {
        out[row] = Value::floating(quotient);
        continue;
      }
    }
    if (full()) {
      out[row] = doubted(row);
      continue;
    }
    const Value result = eval::arithmetic(node.op, a, b, context);
    out[row] = result.is_failed() ? doubted(row) : result;
  }
}

void Columns::coalesce(const Node& node, Rows rows, Value* out) {
  const Operand left = operand(node.children[0], rows);
  Selection open;
  for (const std::uint16_t row : rows) {
    out[row] = left[row];
    if (left[row].is_null()) open.add(row);
  }
  const Operand right = operand(node.children[1], open.rows());
  for (const std::uint16_t row : open.rows()) out[row] = right[row];
}

void Columns::conditional(const Node& node, Rows rows, Value* out) {
  Truths truths;
  test(node.children[0], rows, truths);
  Selection chosen[2];
  for (const std::uint16_t row : rows) chosen[truths[row]].add(row);
  for (const std::size_t arm : {1U, 0U}) {
    const Rows some = chosen[arm].rows();
    const Operand values = operand(node.children[arm == 1 ? 1 : 2], some);
    for (const std::uint16_t row : some) out[row] = values[row];
  }
}

void Columns::call(const Node& node, Rows rows, Value* out) {
  const Function& function = *node.expression->function;
  const std::size_t count = function.parameters.size();
  std::array<Operand, ColumnPlan::kMostArguments> operands;
  std::array<Value, ColumnPlan::kMostArguments> defaults;
  for (std::size_t i = 0; i < count; ++i) {
    if (i < node.children.size()) {
      operands[i] = operand(node.children[i], rows);
    } else {
      defaults[i] = function.parameters[i].fallback.value_or(Value());
      operands[i] = {&defaults[i], 0};
    }
  }
  PlainCall context(arena_, node.expression->prepared.get());
  std::array<Value, ColumnPlan::kMostArguments> arguments;
  for (const std::uint16_t row : rows) {
    // As Interpreter::argument() has it.
    bool good = !full() && !doubtful(row);
    for (std::size_t i = 0; i < count && good; ++i) {
      const TypeSet types = function.parameters[i].types;
      arguments[i] = operands[i][row];
      if (i >= node.children.size()) continue;
      good = types.has(arguments[i].type()) && !(arguments[i].is_beyond() && types != TypeSet::any());
      if (arguments[i].is_escaped()) arguments[i] = decoded(arguments[i], arena_);
    }
    const Value result = good ? function.code(context, {arguments.data(), count}) : Value::failed();
    out[row] = result.is_failed() ? doubted(row) : result;
  }
}

void Columns::interpolate(const Node& node, Rows rows, Value* out) {
  std::vector<Operand> pieces;
  for (const Number child : node.children) pieces.push_back(operand(child, rows));
  std::vector<std::string_view> texts(pieces.size());
  for (const std::uint16_t row : rows) {
    std::size_t size = 0;
    bool good = !full();
    for (std::size_t i = 0; i < pieces.size() && good; ++i) {
      const Value& value = pieces[i][row];
      good = !value.is_null() && value.type() != Type::bytes && value.type() != Type::array &&
             value.type() != Type::object;
      if (!good) break;
      texts[i] = interpolated(value, arena_).value_or(std::string_view());
      size += texts[i].size();
    }
    if (!good || size > kMostArena) {
      out[row] = doubted(row);
      continue;
    }
    char* const text = arena_.allocate(size);
    char* to = text;
    for (const std::string_view piece : texts) {
      if (!piece.empty()) std::memcpy(to, piece.data(), piece.size());
      to += piece.size();
    }
    out[row] = Value::string({text, size});
  }
}

void Columns::container(const Node& node, Rows rows, Value* out) {
  std::vector<Operand> parts;
  for (const Number child : node.children) parts.push_back(operand(child, rows));
  const auto count = static_cast<std::uint32_t>(parts.size());
  for (const std::uint16_t row : rows) {
    if (full()) {
      out[row] = doubted(row);
    } else if (node.kind == Kind::array) {
      Value* const items = arena_.allocate_array<Value>(count);
      for (std::uint32_t i = 0; i < count; ++i) new (items + i) Value(parts[i][row]);
      out[row] = Value::built_array(items, count);
    } else {
      Member* const members = arena_.allocate_array<Member>(count);
      for (std::uint32_t i = 0; i < count; ++i)
        new (members + i) Member{node.expression->keys[i], parts[i][row]};
      out[row] = Value::built_object(members, count);
    }
  }
}

// As RecordView::edit_slot() has it.
inline Value Columns::edited_json(const Node& node, const Value& base, bool missing, const Value& value) {
  const json::Operation operation{node.edit, value, node.new_key};
  const json::Edited edited = missing ? json::wrap(node.below, value, arena_, *scratch_)
                                      : json::edit_below(base, node.below, operation, arena_, *scratch_);
  return edited.edit == record::Edit::done ? edited.value : Value::failed();
}

// The same result as msgpack::View::edit_slot(). A value that is not a container is left alone, since
// rewriting could change its bytes.
Value Columns::edited_msgpack(const Node& node, const Value& base, bool missing, const Value& value) {
  msgpack::Operation operation{node.edit, {}, node.new_key};
  if (node.edit == record::EditKind::set) {
    operation.value = msgpack::encoded(value, arena_, *scratch_);
    if (operation.value.empty()) return Value::failed();
  }
  msgpack::Edited edited;
  if (missing) {
    edited = msgpack::wrap(node.below, operation.value, arena_, *scratch_);
  } else if (base.type() == Type::array || base.type() == Type::object) {
    const std::string_view container =
        msgpack::is_slice(base) ? base.text() : msgpack::encoded(base, arena_, *scratch_);
    edited = msgpack::edit_below(container, node.below, operation, arena_, *scratch_);
  } else {
    return Value::failed();
  }
  if (edited.edit != record::Edit::done) return Value::failed();
  return read_msgpack(edited.value).value_or(Value::failed());
}

// If there is nothing to remove or rename, the field must stay missing.
void Columns::edited(const Node& node, Rows rows, Value* out) {
  const Operand bases = operand(node.children[0], rows);
  const bool sets = node.edit == record::EditKind::set;
  const Value nothing{};
  const Operand values = sets ? operand(node.children[1], rows) : Operand{&nothing, 0};
  for (const std::uint16_t row : rows) {
    const bool missing = node.of_record && index_.value(row, node.slot).empty();
    if (doubtful(row) || full() || (missing && !sets) ||
        !check_storable(values[row], 1 + node.below.size()).refusal.empty()) {
      out[row] = doubted(row);
      continue;
    }
    out[row] = index_.format() == Format::json ? edited_json(node, bases[row], missing, values[row])
                                               : edited_msgpack(node, bases[row], missing, values[row]);
    if (out[row].is_failed()) out[row] = doubted(row);
  }
}

}  // namespace pipec::runtime::eval
