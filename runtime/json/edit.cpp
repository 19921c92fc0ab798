#include "runtime/json/edit.h"

#include <algorithm>
#include <new>
#include <vector>

#include "pipec/runtime/json.h"
#include "runtime/json/splice.h"
#include "runtime/json/walk.h"

namespace pipec::runtime::json {

namespace {

using Steps = std::span<const Step>;

Edited failure(Edit edit) {
  return {edit, false, {}};
}
Edited unchanged(const Value& value) {
  return {Edit::done, false, value};
}
Edited changed(const Value& value) {
  return {Edit::done, true, value};
}

// The changes to one container of JSON text.
class TextEdit {
 public:
  TextEdit(const Value& container, Arena& arena, Buffer& scratch)
      : container_(container), arena_(arena), scratch_(scratch) {}

  FieldSlot place(const RawMember& member) const {
    return {offset(member.key_begin), offset(member.key_end), offset(member.value_begin),
            offset(member.value_end)};
  }
  FieldSlot place(std::string_view item) const {
    const std::uint32_t begin = offset(item.data());
    return {begin, begin, begin, begin + static_cast<std::uint32_t>(item.size())};
  }
  void set(const FieldSlot& place, const Value& value) {
    changes_.push_back({place, {}, value, true, false});
  }
  void remove(const FieldSlot& place) { changes_.push_back({place, {}, {}, false, true}); }
  void rename(const FieldSlot& place, std::string_view key) {
    changes_.push_back({place, key, {}, false, false});
  }
  void add(std::string_view key, const Value& value) { changes_.push_back({{}, key, value, true, false}); }
  bool empty() const { return changes_.empty(); }

  Edited result() {
    if (changes_.empty()) return unchanged(container_);
    std::vector<const Change*> order;
    order.reserve(changes_.size());
    for (const Change& change : changes_) order.push_back(&change);
    scratch_.clear();
    // The slice may have more behind its partner bracket than malformed text allows to trust: the last byte
    // counts.
    splice(container_.text(), 0, container_.size() - 1, order, scratch_);
    const std::string_view text = arena_.copy(scratch_.view());
    return changed(container_.type() == Type::object ? Value::json_object(text) : Value::json_array(text));
  }

 private:
  std::uint32_t offset(const char* at) const {
    return static_cast<std::uint32_t>(at - container_.text().data());
  }

  const Value& container_;
  Arena& arena_;
  Buffer& scratch_;
  std::vector<Change> changes_;
};

// Calls `visit(member)` for every member until it returns false; false where the text is malformed.
template <typename Visit>
bool each_member(const Value& object, Visit visit) {
  const char* at = object.text().data() + 1;
  const char* const end = object.text().data() + object.size();
  RawMember member;
  for (bool first = true;; first = false) {
    const Walk step = next_member(at, end, first, member);
    // What a splice takes for the partner bracket must be it.
    if (step == Walk::end) return at == end;
    if (step == Walk::malformed) return false;
    if (!visit(member)) return true;
  }
}

template <typename Visit>
bool each_item(const Value& array, Visit visit) {
  const char* at = array.text().data() + 1;
  const char* const end = array.text().data() + array.size();
  std::string_view item;
  for (bool first = true;; first = false) {
    const Walk step = next_item(at, end, first, item);
    if (step == Walk::end) return at == end;
    if (step == Walk::malformed) return false;
    visit(item);
  }
}

Edited missing_parent(const Operation& operation, Steps below, Arena& arena) {
  return wrap(below, operation.value, arena);
}

Edited edit_built_object(const Value& object, Steps steps, const Operation& operation, Arena& arena,
                         Buffer& scratch) {
  const Step& step = steps.front();
  const Steps below = steps.subspan(1);
  const Member* const members = object.members();
  std::uint32_t at = 0;
  while (at < object.size() && members[at].key != step.key) ++at;
  const bool found = at < object.size();
  if (!found && operation.kind != Operation::Kind::set) return unchanged(object);

  auto* copy = arena.allocate_array<Member>(object.size() + 1);
  std::uninitialized_copy(members, members + object.size(), copy);
  std::uint32_t count = object.size();
  if (!found) {
    const Edited made = missing_parent(operation, below, arena);
    if (made.edit != Edit::done) return made;
    new (copy + count++) Member{arena.copy(step.key), made.value};
  } else if (!below.empty()) {
    const Edited child = edit_below(members[at].value, below, operation, arena, scratch);
    if (child.edit != Edit::done) return child;
    if (!child.changed) return unchanged(object);
    copy[at].value = child.value;
  } else if (operation.kind == Operation::Kind::set) {
    copy[at].value = operation.value;
  } else if (operation.kind == Operation::Kind::remove) {
    std::copy(copy + at + 1, copy + count, copy + at);
    --count;
  } else {
    copy[at].key = arena.copy(operation.new_key);
    for (std::uint32_t i = 0; i < count; ++i) {
      if (i != at && copy[i].key == operation.new_key) {
        std::copy(copy + i + 1, copy + count, copy + i);
        --count;
        break;
      }
    }
  }
  return changed(Value::built_object(copy, count));
}

Edited edit_json_object(const Value& object, Steps steps, const Operation& operation, Arena& arena,
                        Buffer& scratch) {
  const Step& step = steps.front();
  const Steps below = steps.subspan(1);
  std::vector<RawMember> same;    // every member with the key
  std::vector<RawMember> target;  // of a rename: those that have the new key
  const bool renames = operation.kind == Operation::Kind::rename && below.empty();
  const bool well_formed = each_member(object, [&](const RawMember& member) {
    if (member.has_key(step.key, arena)) {
      same.push_back(member);
    } else if (renames && member.has_key(operation.new_key, arena)) {
      target.push_back(member);
    }
    return true;
  });
  if (!well_formed) return failure(Edit::malformed);

  TextEdit text(object, arena, scratch);
  if (same.empty()) {
    if (operation.kind != Operation::Kind::set) return unchanged(object);
    const Edited made = missing_parent(operation, below, arena);
    if (made.edit != Edit::done) return made;
    text.add(quoted_key(step.key, arena, scratch), made.value);
    return text.result();
  }
  if (renames) {
    const RawMember& moved = same.back();
    const std::string_view key = quoted_key(operation.new_key, arena, scratch);
    std::vector<RawMember> all = same;
    all.insert(all.end(), target.begin(), target.end());
    std::sort(all.begin(), all.end(),
              [](const RawMember& a, const RawMember& b) { return a.key_begin < b.key_begin; });
    for (const RawMember& member : all) {
      if (member.key_begin == moved.key_begin) {
        text.rename(text.place(member), key);
      } else {
        text.remove(text.place(member));
      }
    }
    return text.result();
  }
  if (below.empty()) {
    for (const RawMember& member : same) {
      if (operation.kind == Operation::Kind::set) {
        text.set(text.place(member), operation.value);
      } else {
        text.remove(text.place(member));
      }
    }
    return text.result();
  }
  if (operation.kind == Operation::Kind::set) {
    // The last one counts: what becomes of it is the field's new value, at every repetition.
    const auto child = read_json(same.back().value());
    if (!child) return failure(Edit::malformed);
    const Edited made = edit_below(*child, below, operation, arena, scratch);
    if (made.edit != Edit::done) return made;
    for (const RawMember& member : same) text.set(text.place(member), made.value);
    return text.result();
  }
  for (const RawMember& member : same) {  // removed from each, so that nothing of it leaves
    const auto child = read_json(member.value());
    if (!child) return failure(Edit::malformed);
    const Edited made = edit_below(*child, below, operation, arena, scratch);
    if (made.edit != Edit::done) return made;
    if (made.changed) text.set(text.place(member), made.value);
  }
  return text.result();
}

Edited edit_array(const Value& array, Steps steps, const Operation& operation, Arena& arena,
                  Buffer& scratch) {
  const Steps below = steps.subspan(1);
  const bool built = array.form() == Value::Form::built;
  std::vector<std::string_view> items;
  if (!built && !each_item(array, [&](std::string_view item) { items.push_back(item); })) {
    return failure(Edit::malformed);
  }
  const auto count = static_cast<std::int64_t>(built ? array.size() : items.size());
  const std::int64_t at = steps.front().index < 0 ? steps.front().index + count : steps.front().index;
  if (at < 0 || at >= count) {
    return operation.kind == Operation::Kind::set ? failure(Edit::out_of_bounds) : unchanged(array);
  }
  const bool removes = below.empty() && operation.kind == Operation::Kind::remove;
  if (below.empty() && operation.kind == Operation::Kind::rename)
    return unchanged(array);  // an item has no key
  Value item = operation.value;
  if (!below.empty()) {
    if (built) {
      item = array.items()[at];
    } else {
      const auto read = read_json(items[static_cast<std::size_t>(at)]);
      if (!read) return failure(Edit::malformed);
      item = *read;
    }
    const Edited child = edit_below(item, below, operation, arena, scratch);
    if (child.edit != Edit::done) return child;
    if (!child.changed) return unchanged(array);
    item = child.value;
  }
  if (!built) {
    TextEdit text(array, arena, scratch);
    const FieldSlot place = text.place(items[static_cast<std::size_t>(at)]);
    if (removes) {
      text.remove(place);
    } else {
      text.set(place, item);
    }
    return text.result();
  }
  auto* copy = arena.allocate_array<Value>(array.size());
  std::uninitialized_copy(array.items(), array.items() + array.size(), copy);
  std::uint32_t left = array.size();
  if (removes) {
    std::copy(copy + at + 1, copy + left, copy + at);
    --left;
  } else {
    copy[at] = item;
  }
  return changed(Value::built_array(copy, left));
}

// The paths that go on below this member or item; `whole`: one ends here.
std::vector<Steps> paths_through(std::span<const Steps> paths, bool& whole, auto matches) {
  std::vector<Steps> below;
  whole = false;
  for (const Steps& path : paths) {
    if (!matches(path.front())) continue;
    if (path.size() == 1) whole = true;
    below.push_back(path.subspan(1));
  }
  return below;
}

}  // namespace

std::string_view quoted_key(std::string_view key, Arena& arena, Buffer& scratch) {
  scratch.clear();
  append_json_string(key, scratch);
  return arena.copy(scratch.view());
}

Edited wrap(std::span<const Step> steps, const Value& value, Arena& arena) {
  Value result = value;
  for (std::size_t i = steps.size(); i-- > 0;) {
    if (!steps[i].is_key) return failure(Edit::parent_is_no_array);
    auto* member = arena.allocate_array<Member>(1);
    new (member) Member{arena.copy(steps[i].key), result};
    result = Value::built_object(member, 1);
  }
  return changed(result);
}

Edited edit_below(const Value& container, std::span<const Step> steps, const Operation& operation,
                  Arena& arena, Buffer& scratch) {
  // No record is as deep as that: nothing is there, and nothing may be put there.
  const bool sets = operation.kind == Operation::Kind::set;
  if (steps.size() > kMaxDepth) return sets ? failure(Edit::malformed) : unchanged(container);
  if (container.type() == Type::object) {
    return container.form() == Value::Form::built
               ? edit_built_object(container, steps, operation, arena, scratch)
               : edit_json_object(container, steps, operation, arena, scratch);
  }
  if (container.type() == Type::array && !steps.front().is_key) {
    return edit_array(container, steps, operation, arena, scratch);
  }
  if (!sets) return unchanged(container);
  return failure(steps.front().is_key ? Edit::parent_is_no_object : Edit::parent_is_no_array);
}

Edited keep_below(const Value& container, std::span<const std::span<const Step>> paths, Arena& arena,
                  Buffer& scratch, bool& found) {
  found = false;
  const bool built = container.form() == Value::Form::built;
  if (container.type() != Type::object && container.type() != Type::array) return unchanged(container);
  for (const Steps& path : paths) {
    if (path.size() > kMaxDepth) return failure(Edit::malformed);
  }
  TextEdit text(container, arena, scratch);
  Edit problem = Edit::done;
  // Whether this part stays, and what becomes of it.
  const auto judge = [&](const std::vector<Steps>& below, bool whole, const Value& value, Edited& result) {
    result = unchanged(value);
    if (whole) return true;
    bool inside = false;
    if (!below.empty()) result = keep_below(value, below, arena, scratch, inside);
    if (result.edit != Edit::done) problem = result.edit;
    return inside;
  };
  const auto judge_text = [&](const std::vector<Steps>& below, bool whole, std::string_view slice,
                              const FieldSlot& place) {
    Edited result = unchanged({});
    if (!whole && !below.empty()) {
      const auto value = read_json(slice);
      if (!value) {
        problem = Edit::malformed;
        return;
      }
      if (!judge(below, whole, *value, result)) {
        text.remove(place);
      } else {
        found = true;
        if (result.changed) text.set(place, result.value);
      }
    } else if (whole) {
      found = true;
    } else {
      text.remove(place);
    }
  };
  bool whole = false;
  if (container.type() == Type::object) {
    if (built) {
      auto* kept = arena.allocate_array<Member>(container.size());
      std::uint32_t count = 0;
      for (std::uint32_t i = 0; i < container.size(); ++i) {
        const Member& member = container.members()[i];
        const auto below = paths_through(paths, whole, [&](const Step& s) { return s.key == member.key; });
        Edited result;
        if (judge(below, whole, member.value, result)) new (kept + count++) Member{member.key, result.value};
      }
      found = count > 0;
      return problem == Edit::done ? changed(Value::built_object(kept, count)) : failure(problem);
    }
    const bool well_formed = each_member(container, [&](const RawMember& member) {
      const auto below =
          paths_through(paths, whole, [&](const Step& s) { return member.has_key(s.key, arena); });
      judge_text(below, whole, member.value(), text.place(member));
      return problem == Edit::done;
    });
    if (!well_formed) problem = Edit::malformed;
    return problem == Edit::done ? text.result() : failure(problem);
  }
  std::vector<std::string_view> items;
  if (!built && !each_item(container, [&](std::string_view item) { items.push_back(item); })) {
    return failure(Edit::malformed);
  }
  const std::size_t count = built ? container.size() : items.size();
  auto* kept = arena.allocate_array<Value>(built ? count : 0);
  std::uint32_t stay = 0;
  for (std::size_t i = 0; i < count && problem == Edit::done; ++i) {
    const auto below = paths_through(paths, whole, [&](const Step& s) {
      const auto index = static_cast<std::int64_t>(i);
      return !s.is_key && (s.index == index || s.index + static_cast<std::int64_t>(count) == index);
    });
    if (!built) {
      judge_text(below, whole, items[i], text.place(items[i]));
      continue;
    }
    Edited result;
    if (judge(below, whole, container.items()[i], result)) new (kept + stay++) Value(result.value);
  }
  if (problem != Edit::done) return failure(problem);
  if (!built) return text.result();
  found = stay > 0;
  return changed(Value::built_array(kept, stay));
}

}  // namespace pipec::runtime::json
