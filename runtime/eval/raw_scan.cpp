// Finds the keys of a condition in a batch's bytes, and decides each record from them.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "pipec/runtime/json.h"
#include "runtime/eval/compare.h"
#include "runtime/eval/plain_call.h"
#include "runtime/eval/raw_filter.h"
#include "runtime/json/text.h"

namespace pipec::runtime::eval {

namespace {

using Answer = RawScan::Answer;

// If more than this many percent of a batch were undecided, the next batches use the index.
constexpr std::size_t kMostInDoubt = 40;
constexpr std::uint32_t kSkipped = 31;
// Checking the structure of the whole block pays off if at least one record in this many has a key.
constexpr std::size_t kSparse = 8;
// If at least one record in this many has one, indexing the members of all records costs no more.
constexpr std::size_t kDense = 2;

Answer answer_of(bool holds) {
  return holds ? Answer::yes : Answer::no;
}

// The value that begins here, in a flat record that ends at `end` with its bracket.
std::optional<Value> read_value(const char* at, const char* end) {
  const char* value_end = at;
  if (*at == '"') {
    value_end = json::find_string_end(at + 1, end);
    if (!value_end) return std::nullopt;
    ++value_end;
  } else {
    while (value_end < end && !json::ends_scalar(*value_end)) ++value_end;
  }
  const char* const behind = json::skip_space(value_end, end);
  if (behind == end || (*behind != ',' && *behind != '}')) return std::nullopt;
  return read_json({at, static_cast<std::size_t>(value_end - at)});
}

}  // namespace

RawScan::RawScan(const RawFilter& filter, const json::Kernel& kernel, bool columns_instead)
    : filter_(filter),
      kernel_(kernel),
      offsets_(filter.usable() ? filter.needles_.size() : 0),
      sights_(offsets_.size()),
      columns_instead_(columns_instead) {}

bool RawScan::worth_trying() {
  if (!filter_.usable_) return false;
  if (skip_ == 0) return true;
  --skip_;
  return false;
}

bool RawScan::judge(const Batch& batch) {
  const std::vector<Record>& records = batch.records;
  if (records.empty() || !worth_trying()) return false;
  const Record& first = records.front();
  const Record& last = records.back();
  if (first.buffer != last.buffer || last.begin < first.begin || first.format != Format::json) return false;
  const std::size_t end = std::size_t{last.begin} + last.size;
  if (batch.live_bytes() * 2 < end - first.begin) return false;
  text_ = batch.buffers[first.buffer]->data();

  std::size_t hits = 0;
  for (std::size_t i = 0; i < sights_.size(); ++i) {
    const std::size_t count = kernel_.find(text_, first.begin, end, filter_.needles_[i], offsets_[i]);
    sights_[i].next = offsets_[i].data();
    sights_[i].end = sights_[i].next + count;
    hits = std::max(hits, count);
  }
  if (columns_instead_ && hits * kDense >= records.size()) {
    skip_ = kSkipped;
    return false;
  }
  const bool needs = filter_.root_.needs;
  // Newlines separate lines, so a record must not contain one.
  const bool structure =
      filter_.root_.judges && batch.block().single_lines && hits * kSparse >= records.size();
  if (!needs && !structure) return false;

  answers_.resize(records.size());
  std::size_t doubts = 0;
  std::size_t checked =
      structure ? first.begin : end;  // records that end up to here, from `from` on, are flat
  std::size_t from = structure ? first.begin : end;
  bool more = structure;  // the check continues after `checked`
  std::uint32_t before = first.begin;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const Record& record = records[i];
    const std::uint32_t record_end = record.begin + record.size;
    if (record.buffer != first.buffer || record.begin < before || record.format != Format::json) {
      answers_[i] = Answer::unknown;
      ++doubts;
      continue;
    }
    before = record_end;
    look(record.begin, record_end);
    if (needs && !may_hold(filter_.root_)) {
      answers_[i] = Answer::no;
      continue;
    }
    if (more && record_end > checked) {
      // Up to here all is known. Nobody looked further yet, or the check stopped in the record before.
      if (record.begin >= checked) {
        from = record.begin;
        const std::size_t stop = kernel_.flat(text_, from, end);
        checked = stop == end ? end : std::max(stop, from + 2) - 2;
        if (stop != end) {
          // After a malformed record the check begins again with the next one; if many are malformed, it
          // ends.
          if (doubts * 4 > i + 16) more = false;
        }
      }
    }
    Answer answer = Answer::unknown;
    if (record.begin >= from && record_end <= checked && text_[record.begin] == '{' &&
        text_[record_end - 1] == '}') {
      record_end_ = text_ + record_end;
      answer = test(filter_.root_);
    }
    answers_[i] = answer;
    if (answer == Answer::unknown) ++doubts;
  }
  if (doubts * 100 > records.size() * kMostInDoubt) skip_ = kSkipped;
  return true;
}

// Takes the needles' places in one record.
inline void RawScan::look(std::uint32_t begin, std::uint32_t end) {
  for (std::size_t i = 0; i < sights_.size(); ++i) {
    Sight& sight = sights_[i];
    sight.there = false;
    sight.escaped = false;
    sight.value = 0;
    const auto size = static_cast<std::uint32_t>(filter_.needles_[i].quoted.size());
    for (; sight.next != sight.end && *sight.next < end; ++sight.next) {
      const std::uint32_t place = *sight.next;
      if (place < begin) continue;
      sight.there = true;
      if (text_[place] == '\\') {
        sight.escaped = true;
      } else if (place > begin && text_[place + size] == ':' && text_[place - 1] != '\\') {
        sight.value = place + size + 1;
      }
    }
  }
}

bool RawScan::may_hold(const RawFilter::Node& node) const {
  using Kind = RawFilter::Kind;
  if (!node.needs) return true;
  if (node.kind == Kind::both) {
    const RawFilter::Node& left = filter_.nodes_[node.left];
    return may_hold(left) && (left.can_fail || may_hold(filter_.nodes_[node.right]));
  }
  if (node.kind == Kind::either)
    return may_hold(filter_.nodes_[node.left]) || may_hold(filter_.nodes_[node.right]);
  for (const std::uint32_t key : node.keys) {
    if (!sights_[key].there) return false;
  }
  return true;
}

// Rule 2: only for records that are known to be flat.
Answer RawScan::test(const RawFilter::Node& node) {
  using Kind = RawFilter::Kind;
  switch (node.kind) {
    case Kind::opaque:
      return Answer::unknown;
    case Kind::keys:
      // If one of them exists, the interpreter reads its value, which may be malformed.
      return std::none_of(node.keys.begin(), node.keys.end(), [&](auto key) { return sights_[key].there; })
                 ? Answer::no
                 : Answer::unknown;
    case Kind::both: {
      const Answer left = test(filter_.nodes_[node.left]);
      return left == Answer::yes ? test(filter_.nodes_[node.right]) : left;
    }
    case Kind::either: {
      const Answer left = test(filter_.nodes_[node.left]);
      return left == Answer::no ? test(filter_.nodes_[node.right]) : left;
    }
    case Kind::negation: {
      const Answer inner = test(filter_.nodes_[node.left]);
      return inner == Answer::unknown ? inner : answer_of(inner == Answer::no);
    }
    default:
      break;
  }
  const Sight& sight = sights_[node.needle];
  if (sight.escaped) return Answer::unknown;
  if (node.kind == Kind::has) return answer_of(sight.value != 0);
  if (sight.value != 0) {
    const char* at = text_ + sight.value;
    if (json::is_space(*at)) ++at;
    return test_value(node, at);
  }
  // The field is missing.
  switch (node.kind) {
    case Kind::compare:
      return answer_of(holds(node.op, Value(), node.constant->constant, arena_));
    case Kind::field:
    case Kind::member_of:
    case Kind::holds_in:
    case Kind::matches:
      return Answer::no;
    default:
      return Answer::unknown;
  }
}

Answer RawScan::test_value(const RawFilter::Node& node, const char* at) {
  if (node.small) {
    const Answer quick = test_int(node, at);
    if (quick != Answer::unknown) return quick;
  }
  return test_read(node, at);
}

// An integer of a few digits compared with another: what most filters are.
inline Answer RawScan::test_int(const RawFilter::Node& node, const char* at) const {
  constexpr int kMostDigits = 15;
  const char* digits = at;
  std::int64_t value = 0;
  while (json::is_digit(*digits) && digits - at <= kMostDigits) value = value * 10 + (*digits++ - '0');
  const auto count = digits - at;
  if (count == 0 || count > kMostDigits || (*digits != ',' && *digits != '}') || (count > 1 && *at == '0'))
    return Answer::unknown;
  return answer_of(ordered(node.op, value, node.number));
}

Answer RawScan::test_read(const RawFilter::Node& node, const char* at) {
  using Kind = RawFilter::Kind;
  arena_.reset();
  const std::optional<Value> read = read_value(at, record_end_);
  if (!read || read->is_escaped()) return Answer::unknown;
  const Value& value = *read;
  const bool text = value.type() == Type::string;
  switch (node.kind) {
    case Kind::compare:
      return answer_of(holds(node.op, value, node.constant->constant, arena_));
    case Kind::field:
      if (value.is_null()) return Answer::no;
      return value.type() == Type::boolean ? answer_of(value.as_bool()) : Answer::unknown;
    case Kind::matches:
      if (value.is_null()) return Answer::no;
      return text ? answer_of(node.expression->matcher->search(value.text())) : Answer::unknown;
    case Kind::member_of: {
      if (value.is_null()) return Answer::no;
      const Value& all = node.constant->constant;
      if (all.type() == Type::string && !all.is_escaped() && text)
        return answer_of(all.text().find(value.text()) != std::string_view::npos);
      if (all.type() != Type::array) return Answer::unknown;
      ArrayWalker items(all);
      Value item;
      while (items.next(item)) {
        if (holds(Op::equal, value, item, arena_)) return Answer::yes;
      }
      return items.bad() ? Answer::unknown : Answer::no;
    }
    case Kind::holds_in: {
      if (value.is_null()) return Answer::no;
      const Value& part = node.constant->constant;
      if (!text || part.type() != Type::string || part.is_escaped()) return Answer::unknown;
      return answer_of(value.text().find(part.text()) != std::string_view::npos);
    }
    default:
      return call(node, value);
  }
}

Answer RawScan::call(const RawFilter::Node& node, const Value& value) {
  const Expression& expression = *node.expression;
  const Function& function = *expression.function;
  std::array<Value, 4> arguments;
  for (std::size_t i = 0; i < function.parameters.size(); ++i) {
    const Parameter& parameter = function.parameters[i];
    if (i >= expression.children.size()) {
      arguments[i] = parameter.fallback.value_or(Value());
      continue;
    }
    const Expression& child = expression.children[i];
    arguments[i] = child.op == Op::constant ? child.constant : value;
    if (!parameter.types.has(arguments[i].type()) || arguments[i].is_beyond() || arguments[i].is_escaped())
      return Answer::unknown;
  }
  PlainCall context(arena_, expression.prepared.get());
  const Value result = function.code(context, {arguments.data(), function.parameters.size()});
  return result.type() == Type::boolean ? answer_of(result.as_bool()) : Answer::unknown;
}

}  // namespace pipec::runtime::eval
