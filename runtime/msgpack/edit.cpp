#include "runtime/msgpack/edit.h"

#include <cstring>
#include <optional>

#include "pipec/runtime/msgpack.h"
#include "runtime/msgpack/read.h"
#include "runtime/msgpack/write.h"
#include "runtime/record/edit_policy.h"

namespace pipec::runtime::msgpack {

namespace {

using record::Holds;
using Steps = std::span<const Step>;

// An array or map as bytes.
class Container {
 public:
  using Entry = msgpack::Entry;

  Container(std::string_view bytes, Arena& arena, Buffer& scratch)
      : bytes_(bytes), arena_(arena), scratch_(scratch) {}

  template <typename Visit>
  bool each(Visit visit) const {
    Walk walk(bytes_);
    for (Entry entry; walk.next(entry);) {
      if (!visit(entry)) return true;
    }
    return walk.complete();
  }
  std::optional<std::int64_t> count() const { return Walk(bytes_).count(); }
  bool has_key(const Entry& entry, std::string_view key) const { return entry.has_key(key, arena_); }
  std::optional<std::string_view> part(const Entry& entry) const { return entry.value(); }

  void set(const Entry& entry, std::string_view value) {
    changes_.push_back({place(entry), {}, value, false});
  }
  void remove(const Entry& entry) { changes_.push_back({place(entry), {}, {}, true}); }
  void rename(const Entry& entry, std::string_view key) {
    changes_.push_back({place(entry), str_bytes(key, arena_), {}, false});
  }
  void add(std::string_view key, std::string_view value) {
    changes_.push_back({{}, str_bytes(key, arena_), value, false});
  }

  Edited result() const {
    if (changes_.empty()) return {Edit::done, false, bytes_};
    std::vector<const Change*> order;
    order.reserve(changes_.size());
    for (const Change& change : changes_) order.push_back(&change);
    const Walk walk(bytes_);
    scratch_.clear();
    splice(bytes_, offset(walk.body()), walk.count(), order, scratch_);
    return {Edit::done, true, arena_.copy(scratch_.view())};
  }

 private:
  std::uint32_t offset(const char* at) const { return static_cast<std::uint32_t>(at - bytes_.data()); }
  FieldSlot place(const Entry& entry) const {
    return {offset(entry.key_begin), offset(entry.key_end), offset(entry.value_begin),
            offset(entry.value_end)};
  }

  std::string_view bytes_;
  Arena& arena_;
  Buffer& scratch_;
  std::vector<Change> changes_;
};

class Bytes {
 public:
  using Part = std::string_view;

  Bytes(Arena& arena, Buffer& scratch) : arena_(arena), scratch_(scratch) {}

  static Holds holds(std::string_view value) {
    Token head;
    if (!read_token(value.data(), value.data() + value.size(), head)) return Holds::malformed;
    if (head.kind == Kind::map) return Holds::members;
    return head.kind == Kind::array ? Holds::items : Holds::nothing;
  }
  template <typename Use>
  Edited open(std::string_view value, Use use) {
    Container container(value, arena_, scratch_);
    return use(container);
  }
  std::string_view nest(Steps steps, std::string_view value) const {
    scratch_.clear();
    for (const Step& step : steps) {
      scratch_.append(static_cast<char>(0x81));
      append_str(step.key, scratch_);
    }
    scratch_.append(value);
    return arena_.copy(scratch_.view());
  }

 private:
  Arena& arena_;
  Buffer& scratch_;
};

}  // namespace

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
    copy(base, body);  // the original head, whatever its width
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
  Bytes bytes(arena, scratch);
  return record::EditPolicy(bytes).wrap(steps, value);
}

Edited edit_below(std::string_view container, Steps steps, const Operation& operation, Arena& arena,
                  Buffer& scratch) {
  Bytes bytes(arena, scratch);
  return record::EditPolicy(bytes).edit(container, steps, operation);
}

Edited keep_below(std::string_view container, std::span<const Steps> paths, Arena& arena, Buffer& scratch,
                  bool& found) {
  Bytes bytes(arena, scratch);
  return record::EditPolicy(bytes).keep(container, paths, found);
}

}  // namespace pipec::runtime::msgpack
