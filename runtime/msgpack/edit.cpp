#include "runtime/msgpack/edit.h"

#include <algorithm>

#include "pipec/runtime/msgpack.h"
#include "runtime/msgpack/read.h"
#include "runtime/msgpack/write.h"

namespace pipec::runtime::msgpack {

namespace {

using Steps = std::span<const Step>;
using Does = Operation::Kind;

Edited failure(Edit edit) {
  return {edit, false, {}};
}

enum class Holds : std::uint8_t { members, items, nothing, malformed };

Holds held_by(std::string_view value) {
  Token head;
  if (!read_token(value.data(), value.data() + value.size(), head)) return Holds::malformed;
  if (head.kind == Kind::map) return Holds::members;
  return head.kind == Kind::array ? Holds::items : Holds::nothing;
}

// The changes to one container.
class BytesEdit {
 public:
  explicit BytesEdit(std::string_view container) : container_(container) {
    Walk walk(container);
    body_ = offset(walk.body());
    count_ = walk.count();
    entries_.reserve(std::min<std::uint32_t>(count_, 64));
    for (Entry entry; walk.next(entry);) entries_.push_back(entry);
    bad_ = !walk.complete();
  }
  bool bad() const { return bad_; }
  const std::vector<Entry>& entries() const { return entries_; }

  void set(const Entry& entry, std::string_view value) {
    changes_.push_back({place(entry), {}, value, false});
  }
  void remove(const Entry& entry) { changes_.push_back({place(entry), {}, {}, true}); }
  void rename(const Entry& entry, std::string_view key) {
    changes_.push_back({place(entry), key, {}, false});
  }
  void add(std::string_view key, std::string_view value) { changes_.push_back({{}, key, value, false}); }

  Edited result(Arena& arena, Buffer& scratch) const {
    if (changes_.empty()) return {Edit::done, false, container_};
    std::vector<const Change*> order;
    order.reserve(changes_.size());
    for (const Change& change : changes_) order.push_back(&change);
    sort_changes(order);
    scratch.clear();
    splice(container_, body_, count_, order, scratch);
    return {Edit::done, true, arena.copy(scratch.view())};
  }

 private:
  std::uint32_t offset(const char* at) const { return static_cast<std::uint32_t>(at - container_.data()); }
  FieldSlot place(const Entry& entry) const {
    return {offset(entry.key_begin), offset(entry.key_end), offset(entry.value_begin),
            offset(entry.value_end)};
  }

  std::string_view container_;
  std::uint32_t body_ = 0;
  std::uint32_t count_ = 0;
  bool bad_ = false;
  std::vector<Entry> entries_;
  std::vector<Change> changes_;
};

// The paths that go on below this member or item; `whole`: one ends here.
std::vector<Steps> paths_through(std::span<const Steps> paths, bool& whole, auto matches) {
  std::vector<Steps> below;
  whole = false;
  for (const Steps& path : paths) {
    if (!matches(path.front())) continue;
    if (path.size() == 1) {
      whole = true;
    } else {
      below.push_back(path.subspan(1));
    }
  }
  return below;
}

Edited edit_map(std::string_view map, Steps steps, const Operation& operation, Arena& arena,
                Buffer& scratch) {
  const Step& step = steps.front();
  const Steps below = steps.subspan(1);
  BytesEdit bytes(map);
  if (bytes.bad()) return failure(Edit::malformed);
  const bool renames = operation.kind == Does::rename && below.empty();
  const Entry* last = nullptr;
  for (const Entry& entry : bytes.entries()) {
    if (entry.has_key(step.key, arena)) last = &entry;
  }
  if (!last) {
    if (operation.kind != Does::set) return {Edit::done, false, map};
    const Edited made = wrap(below, operation.value, arena, scratch);
    if (made.edit != Edit::done) return made;
    bytes.add(str_bytes(step.key, arena), made.bytes);
    return bytes.result(arena, scratch);
  }
  // The last one counts: what a set makes of it is the field's new value, at every repetition.
  std::string_view value = operation.value;
  if (operation.kind == Does::set && !below.empty()) {
    const Edited made = edit_below(last->value(), below, operation, arena, scratch);
    if (made.edit != Edit::done) return made;
    value = made.bytes;
  }
  for (const Entry& entry : bytes.entries()) {
    if (!entry.has_key(step.key, arena)) {
      if (renames && entry.has_key(operation.new_key, arena)) bytes.remove(entry);
    } else if (renames) {
      if (&entry == last) {
        bytes.rename(entry, str_bytes(operation.new_key, arena));
      } else {
        bytes.remove(entry);
      }
    } else if (operation.kind == Does::set) {
      bytes.set(entry, value);
    } else if (below.empty()) {
      bytes.remove(entry);
    } else {  // removed from each, so that nothing of it leaves
      const Edited made = edit_below(entry.value(), below, operation, arena, scratch);
      if (made.edit != Edit::done) return made;
      if (made.changed) bytes.set(entry, made.bytes);
    }
  }
  return bytes.result(arena, scratch);
}

Edited edit_array(std::string_view array, Steps steps, const Operation& operation, Arena& arena,
                  Buffer& scratch) {
  const Steps below = steps.subspan(1);
  BytesEdit bytes(array);
  if (bytes.bad()) return failure(Edit::malformed);
  const auto count = static_cast<std::int64_t>(bytes.entries().size());
  const std::int64_t at = steps.front().index < 0 ? steps.front().index + count : steps.front().index;
  if (at < 0 || at >= count)
    return operation.kind == Does::set ? failure(Edit::out_of_bounds) : Edited{Edit::done, false, array};
  const Entry& entry = bytes.entries()[static_cast<std::size_t>(at)];
  if (!below.empty()) {
    const Edited made = edit_below(entry.value(), below, operation, arena, scratch);
    if (made.edit != Edit::done) return made;
    if (made.changed) bytes.set(entry, made.bytes);
  } else if (operation.kind == Does::set) {
    bytes.set(entry, operation.value);
  } else if (operation.kind == Does::remove) {
    bytes.remove(entry);
  }
  return bytes.result(arena, scratch);
}

}  // namespace

void sort_changes(std::vector<const Change*>& changes) {
  const auto before = [](const Change* a, const Change* b) {
    if (!a->place.found()) return false;
    return !b->place.found() || a->place.key_begin < b->place.key_begin;
  };
  if (changes.size() > 16) {
    std::stable_sort(changes.begin(), changes.end(), before);
    return;
  }
  // Few, mostly made in the order of the bytes: insertion sort; new members stay in the order they came.
  for (std::size_t i = 1; i < changes.size(); ++i) {
    const Change* const change = changes[i];
    std::size_t at = i;
    for (; at > 0 && before(change, changes[at - 1]); --at) changes[at] = changes[at - 1];
    changes[at] = change;
  }
}

void splice(std::string_view container, std::uint32_t body, std::uint32_t count,
            std::span<const Change* const> changes, Buffer& out) {
  std::int64_t left = count;
  std::size_t room = container.size() + kMostHead;
  for (const Change* change : changes) {
    if (change->place.found()) {
      left -= change->removed ? 1 : 0;
    } else {
      left += change->removed ? 0 : 1;
    }
    room += change->key.size() + change->value.size();
  }
  char* const begin = out.extend(room);
  char* to = begin;
  const auto copy = [&](const char* from, std::size_t bytes) {
    std::memcpy(to, from, bytes);
    to += bytes;
  };
  const char* const base = container.data();
  if (left == static_cast<std::int64_t>(count)) {
    copy(base, body);  // the head as it came, whatever its width
  } else {
    const bool map = lead(base).kind == Lead::Class::map;
    to = put_container_head(to, map, static_cast<std::size_t>(left));
  }
  std::uint32_t copied = body;
  for (const Change* change : changes) {
    const FieldSlot& place = change->place;
    if (!place.found()) {
      if (copied < container.size()) copy(base + copied, container.size() - copied);
      copied = static_cast<std::uint32_t>(container.size());
      if (change->removed) continue;
      copy(change->key.data(), change->key.size());
      copy(change->value.data(), change->value.size());
      continue;
    }
    copy(base + copied, place.key_begin - copied);
    copied = place.key_begin;
    if (change->removed) {
      copied = place.value_end;
      continue;
    }
    if (!change->key.empty()) {
      copy(change->key.data(), change->key.size());
      copied = place.key_end;
    }
    if (!change->value.empty()) {
      copy(base + copied, place.value_begin - copied);
      copy(change->value.data(), change->value.size());
      copied = place.value_end;
    }
  }
  copy(base + copied, container.size() - copied);
  out.set_size(out.size() + static_cast<std::size_t>(to - begin));
}

std::string_view encoded(const Value& value, Arena& arena, Buffer& scratch) {
  // The common ones without a detour.
  if (value.type() == Type::string && !value.is_escaped()) return str_bytes(value.text(), arena);
  if (value.is_number() && !value.is_beyond()) {
    char* const begin = arena.allocate(kMostHead);
    const char* const end = value.type() == Type::integer ? put_integer(begin, value.as_int())
                                                          : put_float(begin, value.as_float());
    return {begin, static_cast<std::size_t>(end - begin)};
  }
  scratch.clear();
  if (append_msgpack(value, scratch)) return {};
  return arena.copy(scratch.view());
}

std::string_view str_bytes(std::string_view text, Arena& arena) {
  char* const begin = arena.allocate(text.size() + kMostHead);
  char* const to = put_str_head(begin, text.size());
  if (!text.empty()) std::memcpy(to, text.data(), text.size());
  return {begin, static_cast<std::size_t>(to - begin) + text.size()};
}

Edited wrap(Steps steps, std::string_view value, Arena& arena, Buffer& scratch) {
  for (const Step& step : steps) {
    if (!step.is_key) return failure(Edit::parent_is_no_array);
  }
  if (steps.empty()) return {Edit::done, true, value};
  scratch.clear();
  for (const Step& step : steps) {
    scratch.append(static_cast<char>(0x81));
    append_str(step.key, scratch);
  }
  scratch.append(value);
  return {Edit::done, true, arena.copy(scratch.view())};
}

Edited edit_below(std::string_view container, Steps steps, const Operation& operation, Arena& arena,
                  Buffer& scratch) {
  // No record is as deep as that: nothing is there, and nothing may be put there.
  const bool sets = operation.kind == Does::set;
  const Edited unchanged{Edit::done, false, container};
  if (steps.size() > kMaxDepth) return sets ? failure(Edit::malformed) : unchanged;
  switch (held_by(container)) {
    case Holds::members:
      return edit_map(container, steps, operation, arena, scratch);
    case Holds::items:
      if (!steps.front().is_key) return edit_array(container, steps, operation, arena, scratch);
      return sets ? failure(Edit::parent_is_no_object) : unchanged;
    case Holds::malformed:
      return failure(Edit::malformed);
    case Holds::nothing:
      break;
  }
  if (!sets) return unchanged;
  return failure(steps.front().is_key ? Edit::parent_is_no_object : Edit::parent_is_no_array);
}

Edited keep_below(std::string_view container, std::span<const Steps> paths, Arena& arena, Buffer& scratch,
                  bool& found) {
  found = false;
  const Holds holds = held_by(container);
  if (holds == Holds::malformed) return failure(Edit::malformed);
  if (holds == Holds::nothing) return {Edit::done, false, container};
  for (const Steps& path : paths) {
    if (path.size() > kMaxDepth) return failure(Edit::malformed);
  }
  BytesEdit bytes(container);
  if (bytes.bad()) return failure(Edit::malformed);
  const auto count = static_cast<std::int64_t>(bytes.entries().size());
  std::int64_t index = 0;
  for (const Entry& entry : bytes.entries()) {
    bool whole = false;
    const auto below = paths_through(paths, whole, [&](const Step& step) {
      if (holds == Holds::members) return entry.has_key(step.key, arena);
      return !step.is_key && (step.index == index || step.index + count == index);
    });
    ++index;
    if (whole) {
      found = true;
      continue;
    }
    bool inside = false;
    Edited kept;
    if (!below.empty()) kept = keep_below(entry.value(), below, arena, scratch, inside);
    if (kept.edit != Edit::done) return kept;
    if (!inside) {
      bytes.remove(entry);
      continue;
    }
    found = true;
    if (kept.changed) bytes.set(entry, kept.bytes);
  }
  return bytes.result(arena, scratch);
}

}  // namespace pipec::runtime::msgpack
