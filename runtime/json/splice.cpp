#include "runtime/json/splice.h"

#include "pipec/runtime/json.h"
#include "runtime/json/text.h"

namespace pipec::runtime::json {

namespace {

void append_run(const char* from, const char* to, Buffer& out) {
  out.append(std::string_view(from, static_cast<std::size_t>(to - from)));
}

}  // namespace

void append_value(const Value& value, std::string_view record, Buffer& out) {
  const std::size_t begin = out.size();
  append_json(value, out);
  if (value.type() != Type::array && value.type() != Type::object) return;
  if (value.form() == Value::Form::json) {
    const auto inside = reinterpret_cast<std::uintptr_t>(value.text().data()) -
                        reinterpret_cast<std::uintptr_t>(record.data());
    if (inside < record.size()) return;
  }
  const std::string_view written = out.view().substr(begin);
  if (written.find('\n') == std::string_view::npos && written.find('\r') == std::string_view::npos) return;
  out.set_size(begin + compact(out.data() + begin, written.size()));
}

void splice(std::string_view text, std::uint32_t begin, std::uint32_t end,
            std::span<const Change* const> changes, Buffer& out) {
  const char* const base = text.data();
  const char* const open = base + begin;
  const char* const close = base + end;
  const char* copied = base;  // up to here the text is written or left out
  bool all_gone = true;       // no member stays before `copied`
  std::size_t i = 0;
  for (; i < changes.size() && changes[i]->place.found(); ++i) {
    const Change& change = *changes[i];
    const char* const member = base + change.place.key_begin;
    const char* const member_end = base + change.place.value_end;
    const char* const gap = skip_space_back(member, open);  // after `,` or the opening bracket
    const bool first = gap - 1 == open;
    // The members between the change before this one and this one stay as they are.
    if (!first && copied != member) all_gone = false;
    if (change.removed) {
      if (!all_gone) {
        const char* const before_comma = skip_space_back(gap - 1, open);
        append_run(copied, before_comma < copied ? copied : before_comma, out);
        copied = member_end;
      } else {
        if (copied < member) append_run(copied, member, out);
        const char* next = skip_space(member_end, close);
        copied = next == close ? member_end : skip_space(next + 1, close);
      }
      continue;
    }
    all_gone = false;
    append_run(copied, member, out);
    copied = member;
    if (!change.key.empty()) {
      out.append(change.key);
      copied = base + change.place.key_end;
    }
    if (change.set) {
      append_run(copied, base + change.place.value_begin, out);
      append_value(change.value, text, out);
      copied = member_end;
    }
  }
  // New members go after the last one, before the white space in front of the closing bracket.
  const char* last = skip_space_back(close, open);
  if (last < copied) last = copied;
  if (last - 1 != open && last != copied) all_gone = false;
  bool added = false;
  for (; i < changes.size(); ++i) {
    const Change& change = *changes[i];
    if (change.removed) continue;
    if (!added) append_run(copied, last, out);
    if (added || !all_gone) out.append(',');
    out.append(change.key);
    out.append(':');
    append_value(change.value, text, out);
    added = true;
    copied = last;
  }
  append_run(copied, base + text.size(), out);
}

}  // namespace pipec::runtime::json
