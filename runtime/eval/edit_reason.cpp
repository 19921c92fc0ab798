#include "runtime/eval/edit_reason.h"

#include <algorithm>
#include <string>

#include "pipec/runtime/json.h"

namespace pipec::runtime::eval {

namespace {

bool is_identifier(std::string_view key) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  return !key.empty() && letter(key[0]) &&
         std::all_of(key.begin(), key.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

void append_key(std::string& text, std::string_view key) {
  text += '.';
  if (is_identifier(key)) {
    text += key;
  } else {
    BufferPool pool(0);
    const BufferRef quoted = pool.get(key.size() + 2);
    append_json_string(key, *quoted);
    text += quoted->view();
  }
}

// The path down to `count` of the steps, as the language writes it.
std::string written(const FieldSet& fields, const Path& path, std::span<const record::Step> steps,
                    std::size_t count) {
  std::string text;
  if (!path.whole) append_key(text, fields.keys[path.slot]);
  for (const record::Step& step : steps.first(count)) {
    if (step.is_key) {
      append_key(text, step.key);
    } else {
      if (text.empty()) text += '.';
      text += "[" + std::to_string(step.index) + "]";
    }
  }
  return text;
}

std::string with_article(Type type) {
  if (type == Type::null) return "null";
  const std::string_view name = type_name(type);
  const bool vowel = std::string_view("aeiou").find(name[0]) != std::string_view::npos;
  return (vowel ? "an " : "a ") + std::string(name);
}

std::size_t items_of(const Value& array) {
  std::size_t count = 0;
  ArrayWalker walker(array);
  for (Value item; walker.next(item);) ++count;
  return count;
}

}  // namespace

void explain_edit(Interpreter& interpreter, const FieldSet& fields, const Place& place,
                  std::string_view doing, record::Edit edit, const Path& path,
                  std::span<const record::Step> steps) {
  if (edit == record::Edit::no_such_number) {
    interpreter.fail(place, {kNoSuchNumber});
    return;
  }
  record::RecordView& view = interpreter.view();
  const std::string target = written(fields, path, steps, steps.size());
  // The first existing value on the path that cannot contain the next step.
  const Value record = view.whole();
  if (!path.whole && record.type() != Type::object) {
    interpreter.fail(place, {"the record is ", with_article(record.type()), ", not an object: cannot ", doing,
                             " ", target});
    return;
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto below = steps.first(i);
    const Value parent = path.whole ? view.get_whole(below) : view.get(path.slot, below);
    const bool there = (path.whole ? view.has_whole(below) : view.has(path.slot, below)) == 1;
    const Type wanted = steps[i].is_key ? Type::object : Type::array;
    if (parent.type() != wanted && (there || wanted == Type::array)) {
      const std::string name = path.whole && i == 0 ? "the record" : written(fields, path, steps, i);
      const std::string what = there || (path.whole && i == 0) ? with_article(parent.type()) : "missing";
      interpreter.fail(place,
                       {name, " is ", what, ", not ", with_article(wanted), ": cannot ", doing, " ", target});
      return;
    }
    if (edit == record::Edit::out_of_bounds && wanted == Type::array && i + 1 == steps.size()) {
      const std::size_t items = items_of(parent);
      interpreter.fail(place, {"cannot ", doing, " ", target, ": the array has ", Digits(items),
                               items == 1 ? " item" : " items"});
      return;
    }
  }
  interpreter.fail(place, {"cannot ", doing, " ", target});
}

}  // namespace pipec::runtime::eval
