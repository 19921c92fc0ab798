// Reading metadata: @topic @partition @offset @key @timestamp @source @headers @headers.name.
#include <algorithm>
#include <new>

#include "pipec/runtime/utf8.h"
#include "runtime/eval/interpreter.h"

namespace pipec::runtime::eval {

namespace {

// Bytes from outside: a string where they are UTF-8, else bytes.
Value text_or_bytes(std::string_view raw) {
  return is_utf8(raw) ? Value::string(raw) : Value::bytes(raw);
}

Value text_or_null(std::string_view text) {
  return text.empty() ? Value() : text_or_bytes(text);
}

// Keys and headers are copied: a statement may assign new ones while a local still has the old ones.
Value copied(const std::optional<std::string>& raw, Arena& arena) {
  return raw ? text_or_bytes(arena.copy(*raw)) : Value();
}

}  // namespace

Value Interpreter::metadata_value(const Expression& expression) {
  const auto offset = [](std::uint64_t position) {
    return Value::integer(static_cast<std::int64_t>(position));
  };
  if (!batch_) return expression.metadata == MetadataField::offset ? offset(sequence_) : Value();
  const Block& block = batch_->block();
  switch (expression.metadata) {
    case MetadataField::topic:
      return text_or_null(block.topic);
    case MetadataField::partition:
      return Value::integer(block.partition);
    case MetadataField::offset:
      return offset(block.position(record_->origin));
    case MetadataField::source:
      return text_or_null(block.source);
    case MetadataField::key:
      return metadata_ ? copied(metadata_->key, arena_) : Value();
    case MetadataField::timestamp:
      return metadata_ && metadata_->timestamp ? Value::timestamp(*metadata_->timestamp) : Value();
    case MetadataField::headers:
      return headers();
    case MetadataField::header:
      break;
  }
  if (!metadata_) return {};
  const auto& all = metadata_->headers;
  const auto last =
      std::find_if(all.rbegin(), all.rend(), [&](const Header& h) { return h.name == expression.text; });
  return last == all.rend() ? Value() : copied(last->value, arena_);
}

Value Interpreter::headers() const {
  if (!metadata_) return {};
  const auto& all = metadata_->headers;
  const auto count = static_cast<std::uint32_t>(all.size());
  // A name may occur twice: the last value counts, at the first position. Sorted, so that a hundred thousand
  // headers do not take quadratic time.
  std::uint32_t* order = arena_.allocate_array<std::uint32_t>(count);
  for (std::uint32_t i = 0; i < count; ++i) order[i] = i;
  std::sort(order, order + count, [&](std::uint32_t a, std::uint32_t b) {
    const int names = all[a].name.compare(all[b].name);
    return names != 0 ? names < 0 : a < b;
  });
  std::uint32_t* last_of = arena_.allocate_array<std::uint32_t>(count);  // for a first one; else `count`
  std::fill_n(last_of, count, count);
  for (std::uint32_t i = 0; i < count;) {
    std::uint32_t next = i + 1;
    while (next < count && all[order[next]].name == all[order[i]].name) ++next;
    last_of[order[i]] = order[next - 1];
    i = next;
  }
  Member* members = arena_.allocate_array<Member>(count);
  std::uint32_t size = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (last_of[i] == count) continue;
    // An object's keys are strings, so a header whose name is not UTF-8 is omitted.
    if (!is_utf8(all[i].name)) continue;
    new (members + size++) Member{arena_.copy(all[i].name), copied(all[last_of[i]].value, arena_)};
  }
  return Value::built_object(members, size);
}

}  // namespace pipec::runtime::eval
