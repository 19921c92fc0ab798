// Strings: counted, cut and searched by characters.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "stdlib/functions/builders.h"
#include "stdlib/functions/containers.h"
#include "stdlib/functions/define.h"
#include "stdlib/functions/families.h"
#include "stdlib/functions/text_case.h"
#include "stdlib/functions/utf8.h"

namespace pipec::stdlib {

namespace {

// The largest result, in bytes, of truncate, repeat and padding.
constexpr std::size_t kMaxPadded = std::size_t{1} << 20;

Value too_long(CallContext& context) {
  return context.fail("the result is longer than 64 MiB");
}
Value too_long_padded(CallContext& context) {
  return context.fail("the result is longer than 1 MiB");
}

Value len(CallContext& context, Arguments arguments) {
  const Value& value = arguments[0];
  switch (value.type()) {
    case Type::string:
      return Value::integer(static_cast<std::int64_t>(count_characters(value.text())));
    case Type::bytes:
      return Value::integer(static_cast<std::int64_t>(value.size()));
    case Type::object: {
      const auto members = members_of(context, value);
      return members ? Value::integer(static_cast<std::int64_t>(members->size())) : Value::failed();
    }
    default:
      break;
  }
  runtime::ArrayWalker walker(value);
  std::int64_t count = 0;
  for (Value item; walker.next(item);) ++count;
  return walker.bad() ? context.fail("the array is malformed JSON") : Value::integer(count);
}

using CaseMapping = std::string_view (*)(std::string_view, Arena&);

template <CaseMapping mapping>
Value map_case(CallContext& context, Arguments arguments) {
  const std::string_view mapped = mapping(arguments[0].text(), context.arena());
  if (mapped.data() == nullptr && arguments[0].size() > 0) return too_long(context);
  return Value::string(mapped);
}

std::string_view without_leading(std::string_view text) {
  while (const std::size_t space = leading_white_space(text)) text.remove_prefix(space);
  return text;
}

std::string_view without_trailing(std::string_view text) {
  while (const std::size_t space = trailing_white_space(text)) text.remove_suffix(space);
  return text;
}

Value trim(CallContext&, Arguments arguments) {
  return Value::string(without_trailing(without_leading(arguments[0].text())));
}

Value trim_start(CallContext&, Arguments arguments) {
  return Value::string(without_leading(arguments[0].text()));
}

Value trim_end(CallContext&, Arguments arguments) {
  return Value::string(without_trailing(arguments[0].text()));
}

Value starts_with(CallContext&, Arguments arguments) {
  return Value::boolean(arguments[0].text().starts_with(arguments[1].text()));
}

Value ends_with(CallContext&, Arguments arguments) {
  return Value::boolean(arguments[0].text().ends_with(arguments[1].text()));
}

Value contains(CallContext&, Arguments arguments) {
  return Value::boolean(arguments[0].text().find(arguments[1].text()) != std::string_view::npos);
}

constexpr std::string_view kEmptySeparator = "the separator is empty";
constexpr std::string_view kEmptySearched = "the text to replace is empty";

// The second argument must not be empty: seen when compiling where it is a constant.
template <const std::string_view& message>
Prepared second_not_empty(Constants arguments) {
  if (arguments[1] && arguments[1]->text().empty()) return bad_argument(std::string(message));
  return nothing_prepared();
}

Value split(CallContext& context, Arguments arguments) {
  std::string_view rest = arguments[0].text();
  const std::string_view separator = arguments[1].text();
  if (separator.empty()) return context.fail(kEmptySeparator);
  ListBuilder<Value> parts(context.arena());
  while (true) {
    const std::size_t end = rest.find(separator);
    parts.push(Value::string(rest.substr(0, end)));
    if (end == std::string_view::npos) return finished(parts);
    rest.remove_prefix(end + separator.size());
  }
}

Value join(CallContext& context, Arguments arguments) {
  const auto items = items_of(context, arguments[0]);
  if (!items) return Value::failed();
  TextBuilder text(context.arena());
  for (std::size_t i = 0; i < items->size(); ++i) {
    const Value& item = (*items)[i];
    if (item.type() != Type::string) {
      const std::string reason = "item " + std::to_string(i) + " is of type " +
                                 std::string(type_name(item.type())) + ", only strings are joined";
      return context.fail(reason);
    }
    if (i > 0) text.append(arguments[1].text());
    text.append(runtime::decode_string(item, context.arena()));
    if (text.too_long()) return too_long(context);
  }
  return Value::string(text.view());
}

Value replace(CallContext& context, Arguments arguments) {
  std::string_view rest = arguments[0].text();
  const std::string_view searched = arguments[1].text();
  if (searched.empty()) return context.fail(kEmptySearched);
  std::size_t found = rest.find(searched);
  if (found == std::string_view::npos) return arguments[0];
  TextBuilder text(context.arena(), rest.size() + arguments[2].size());
  for (; found != std::string_view::npos; found = rest.find(searched)) {
    text.append(rest.substr(0, found));
    text.append(arguments[2].text());
    rest.remove_prefix(found + searched.size());
    if (text.too_long()) return too_long(context);
  }
  text.append(rest);
  return Value::string(text.view());
}

// `from` and `to` of slice() for something that has `count` characters or items: 0 <= from <= to <= count.
struct Range {
  std::size_t from;
  std::size_t to;
};

Range clamped_range(const Value& from, const Value& to, std::size_t count) {
  const auto whole = static_cast<std::int64_t>(count);
  const auto clamped = [whole](std::int64_t index) {
    if (index < 0) index = index < -whole ? 0 : index + whole;
    return std::min(index, whole);
  };
  const std::int64_t first = clamped(from.as_int());
  const std::int64_t last = to.is_null() ? whole : clamped(to.as_int());
  return {static_cast<std::size_t>(first), static_cast<std::size_t>(std::max(first, last))};
}

Value slice(CallContext& context, Arguments arguments) {
  if (arguments[1].is_beyond() || arguments[2].is_beyond()) {
    return context.fail("the index is beyond 64 bits");
  }
  if (arguments[0].type() == Type::array) {
    const auto items = items_of(context, arguments[0]);
    if (!items) return Value::failed();
    const Range range = clamped_range(arguments[1], arguments[2], items->size());
    return Value::built_array(items->data() + range.from, static_cast<std::uint32_t>(range.to - range.from));
  }
  std::string_view text = arguments[0].text();
  const Range range = clamped_range(arguments[1], arguments[2], count_characters(text));
  text.remove_prefix(offset_of_character(text, range.from));
  return Value::string(text.substr(0, offset_of_character(text, range.to - range.from)));
}

Value find(CallContext&, Arguments arguments) {
  const std::string_view text = arguments[0].text();
  const std::size_t at = text.find(arguments[1].text());
  if (at == std::string_view::npos) return Value();
  return Value::integer(static_cast<std::int64_t>(count_characters(text.substr(0, at))));
}

// The count in the second argument. nullopt: the call has failed.
std::optional<std::size_t> count_argument(CallContext& context, const Value& count) {
  if (count.is_beyond()) {
    context.fail("the count is beyond 64 bits");
    return std::nullopt;
  }
  if (count.as_int() < 0) {
    context.fail("the count is negative");
    return std::nullopt;
  }
  return static_cast<std::size_t>(count.as_int());
}

Prepared check_count(Constants arguments) {
  if (arguments[1] && arguments[1]->as_int() < 0) return bad_argument("the count is negative");
  return nothing_prepared();
}

Prepared check_padding(Constants arguments) {
  if (arguments[2] && arguments[2]->text().empty()) return bad_argument("the text to pad with is empty");
  return check_count(arguments);
}

Value truncate(CallContext& context, Arguments arguments) {
  const auto count = count_argument(context, arguments[1]);
  if (!count) return Value::failed();
  const std::string_view text = arguments[0].text();
  const std::string_view kept = text.substr(0, offset_of_character(text, *count));
  return kept.size() > kMaxPadded ? too_long_padded(context) : Value::string(kept);
}

Value repeat(CallContext& context, Arguments arguments) {
  const auto count = count_argument(context, arguments[1]);
  if (!count) return Value::failed();
  const std::string_view text = arguments[0].text();
  if (text.empty() || *count == 0) return Value::string("");
  if (*count > kMaxPadded / text.size()) return too_long_padded(context);
  TextBuilder result(context.arena(), text.size() * *count);
  for (std::size_t i = 0; i < *count; ++i) result.append(text);
  return Value::string(result.view());
}

// The padding that brings the text to `count` characters; the last repetition of `unit` is cut off.
// nullopt: the call has failed.
std::optional<std::string_view> padding(CallContext& context, Arguments arguments) {
  const auto count = count_argument(context, arguments[1]);
  if (!count) return std::nullopt;
  const std::string_view unit = arguments[2].text();
  if (unit.empty()) {
    context.fail("the text to pad with is empty");
    return std::nullopt;
  }
  const std::size_t length = count_characters(arguments[0].text());
  const std::size_t missing = *count > length ? *count - length : 0;
  if (arguments[0].size() > kMaxPadded || missing > kMaxPadded) {
    too_long_padded(context);
    return std::nullopt;
  }
  TextBuilder result(context.arena(), missing);
  std::size_t at = 0;
  for (std::size_t i = 0; i < missing; ++i) {
    const std::size_t end = next_character(unit, at);
    result.append(unit.substr(at, end - at));
    at = end == unit.size() ? 0 : end;
    if (result.size() + arguments[0].size() > kMaxPadded) {
      too_long_padded(context);
      return std::nullopt;
    }
  }
  return result.view();
}

Value joined(CallContext& context, std::string_view first, std::string_view second) {
  TextBuilder result(context.arena(), first.size() + second.size());
  result.append(first);
  result.append(second);
  return Value::string(result.view());
}

Value pad_start(CallContext& context, Arguments arguments) {
  const auto added = padding(context, arguments);
  return added ? joined(context, *added, arguments[0].text()) : Value::failed();
}

Value pad_end(CallContext& context, Arguments arguments) {
  const auto added = padding(context, arguments);
  return added ? joined(context, arguments[0].text(), *added) : Value::failed();
}

}  // namespace

void register_strings(Registry& registry) {
  const TypeSet counted = kText | Type::array | Type::object;
  const TypeSet whole_or_null = TypeSet(Type::integer) | Type::null;
  const Parameter text = required("s", Type::string);
  const Parameter count = required("n", Type::integer);
  const Parameter pad = defaulted("c", Type::string, Value::string(" "));

  Family family(registry, "strings");
  family.add("len", {required("value", counted)}, Type::integer,
             "The number of characters, of bytes, of an array's items or of an object's keys",
             {{R"(len("naïve"))", "5"}, {"len([1, 2, 3])", "3"}, {R"(len({"a": 1}))", "1"}}, len);
  family.add("upper", {text}, Type::string, "The string in upper case (Unicode)",
             {{R"(upper("straße"))", R"("STRASSE")"}}, map_case<to_upper>);
  family.add("lower", {text}, Type::string, "The string in lower case (Unicode)",
             {{R"(lower("ÄPFEL"))", R"("äpfel")"}}, map_case<to_lower>);
  family.add("capitalize", {text}, Type::string,
             "The first character in upper case, the others in lower case",
             {{R"(capitalize("éCLAIR au lait"))", R"("Éclair au lait")"}}, map_case<to_capitalized>);
  family.add("trim", {text}, Type::string, "The string without the white space at both ends (Unicode)",
             {{R"(trim("  a b\n"))", R"("a b")"}}, trim);
  family.add("trim_start", {text}, Type::string, "The string without the white space at its start",
             {{R"(trim_start("  a "))", R"("a ")"}}, trim_start);
  family.add("trim_end", {text}, Type::string, "The string without the white space at its end",
             {{R"(trim_end(" a  "))", R"(" a")"}}, trim_end);
  family.add("starts_with", {text, required("prefix", Type::string)}, Type::boolean,
             "Whether the string begins with the prefix", {{R"(starts_with("/api/v1", "/api"))", "true"}},
             starts_with);
  family.add("ends_with", {text, required("suffix", Type::string)}, Type::boolean,
             "Whether the string ends with the suffix", {{R"(ends_with("a.json", ".json"))", "true"}},
             ends_with);
  family.add("contains", {text, required("part", Type::string)}, Type::boolean,
             "Whether the string holds the part", {{R"(contains("timeout after 3s", "timeout"))", "true"}},
             contains);
  family.add("split", {text, required("separator", Type::string)}, Type::array,
             "The parts between the separators; an empty string has one empty part",
             {{R"(split("a,b,,c", ","))", R"(["a","b","","c"])"},
              {R"(split("", ","))", R"([""])"},
              {R"(split("abc", ""))", "error"}},
             split, second_not_empty<kEmptySeparator>);
  family.add("join", {required("a", Type::array), required("separator", Type::string)}, Type::string,
             "The strings of the array with the separator between them",
             {{R"(join(["a", "b"], "-"))", R"("a-b")"}, {R"(join(["a", 1], "-"))", "error"}}, join);
  family.add("replace", {text, required("old", Type::string), required("new", Type::string)}, Type::string,
             "The string with every occurrence of old replaced by new",
             {{R"(replace("a.b.c", ".", "/"))", R"("a/b/c")"}}, replace, second_not_empty<kEmptySearched>);
  family.add_like_first(
      "slice",
      {required("value", TypeSet(Type::string) | Type::array), required("from", Type::integer),
       defaulted("to", whole_or_null, Value())},
      TypeSet(Type::string) | Type::array,
      "The characters or items from one position up to another, not included; negative counts "
      "from the end",
      {{R"(slice("hello", 1, 3))", R"("el")"},
       {R"(slice("hello", -3))", R"("llo")"},
       {"slice([1, 2, 3], 0, 99)", "[1,2,3]"}},
      slice);
  family.add("find", {text, required("part", Type::string)}, TypeSet(Type::integer) | Type::null,
             "Where the part first occurs, in characters from 0; null if it does not",
             {{R"(find("über alles", "alles"))", "5"}, {R"(find("abc", "x"))", "null"}}, find);
  family.add("truncate", {text, count}, Type::string, "At most the first n characters",
             {{R"(truncate("hello", 2))", R"("he")"}}, truncate, check_count);
  family.add("repeat", {text, count}, Type::string, "The string n times; more than 1 MiB is an error",
             {{R"(repeat("ab", 3))", R"("ababab")"}, {R"(repeat("ab", 1MiB))", "error"}}, repeat,
             check_count);
  family.add("pad_start", {text, count, pad}, Type::string,
             "The string padded to n characters with c at the start",
             {{R"(pad_start("7", 3, "0"))", R"("007")"}}, pad_start, check_padding);
  family.add("pad_end", {text, count, pad}, Type::string,
             "The string padded to n characters with c at the end", {{R"(pad_end("7", 3))", R"("7  ")"}},
             pad_end, check_padding);
}

}  // namespace pipec::stdlib
