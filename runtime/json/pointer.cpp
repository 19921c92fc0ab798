#include "pipec/runtime/json_pointer.h"

#include <charconv>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "runtime/json/edit.h"

namespace pipec::runtime {

using record::Edit;
using record::Step;

namespace {

// A reference token; without escapes it is the pointer's own bytes.
std::string_view unescape(std::string_view token, Arena& arena) {
  if (token.find('~') == std::string_view::npos) return token;
  std::string text;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const char next = i + 1 < token.size() ? token[i + 1] : '\0';
    const bool escape = token[i] == '~' && (next == '0' || next == '1');
    text += !escape ? token[i] : next == '0' ? '~' : '/';
    if (escape) ++i;
  }
  return arena.copy(text);
}

// Digits without a leading zero lead into an array as well as to a member of that name.
Step step_of(std::string_view token, Arena& arena) {
  const std::string_view key = unescape(token, arena);
  Step step{.is_key = true, .key = key, .index = 0};
  if (key.empty() || (key.size() > 1 && key[0] == '0') || key[0] == '-') return step;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), step.index);
  step.is_key = error != std::errc() || end != key.data() + key.size();
  return step;
}

std::optional<std::vector<Step>> steps_of(std::string_view pointer, Arena& arena) {
  std::vector<Step> steps;
  while (!pointer.empty()) {
    if (pointer[0] != '/') return std::nullopt;
    pointer.remove_prefix(1);
    const std::string_view token = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(token.size());
    steps.push_back(step_of(token, arena));
  }
  return steps;
}

PointerEdit outcome(Edit edit) {
  switch (edit) {
    case Edit::done:
      return PointerEdit::done;
    case Edit::out_of_bounds:
      return PointerEdit::out_of_bounds;
    case Edit::malformed:
      return PointerEdit::malformed;
    case Edit::parent_is_no_object:
    case Edit::parent_is_no_array:
    case Edit::no_such_number:
      break;
  }
  return PointerEdit::no_container;
}

}  // namespace

Found find_pointer(const Value& root, std::string_view pointer, Arena& arena) {
  Found at{.value = root, .found = true};
  const auto steps = steps_of(pointer, arena);
  if (!steps) return {};
  for (const Step& step : *steps) {
    const Type type = at.value.type();
    if (type != Type::object && type != Type::array) return {};
    at = record::find_step(at.value, step, arena);
    if (!at.found) return at;
  }
  return at;
}

PointerEdit set_pointer(Value& root, std::string_view pointer, const Value& value, Arena& arena) {
  const auto steps = steps_of(pointer, arena);
  if (!steps) return PointerEdit::not_a_pointer;
  if (steps->empty()) {
    root = value;
    return PointerEdit::done;
  }
  BufferPool pool;
  const BufferRef scratch = pool.get(256);
  const json::Edited edited =
      json::edit_below(root, *steps, {record::EditKind::set, value, {}}, arena, *scratch);
  if (edited.edit == Edit::done && edited.changed) root = edited.value;
  return outcome(edited.edit);
}

}  // namespace pipec::runtime
