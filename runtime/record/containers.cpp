#include "pipec/runtime/containers.h"

#include <algorithm>
#include <memory>
#include <new>

#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"
#include "pipec/runtime/utf8.h"
#include "runtime/json/text.h"
#include "runtime/json/walk.h"
#include "runtime/msgpack/read.h"

namespace pipec::runtime {

using namespace json;

namespace {

// A growing array in the arena.
template <typename T>
struct ArenaList {
  Arena& arena;
  T* items = nullptr;
  std::uint32_t count = 0;
  std::uint32_t room = 0;

  void add(const T& item) {
    if (count == room) {
      room = room ? room * 2 : 16;
      T* larger = arena.allocate_array<T>(room);
      std::uninitialized_copy(items, items + count, larger);
      items = larger;
    }
    new (items + count++) T(item);
  }
};

// Of members with the same key the last one's value stays, at the first one's place.
std::uint32_t drop_repeated(Member* members, std::uint32_t count, Arena& arena) {
  if (count < 2) return count;
  // Sorted by key, then by place: the first of a group determines the place, the last the value.
  auto* order = arena.allocate_array<std::uint32_t>(count);
  for (std::uint32_t i = 0; i < count; ++i) order[i] = i;
  std::sort(order, order + count, [&](std::uint32_t a, std::uint32_t b) {
    const int compared = members[a].key.compare(members[b].key);
    return compared != 0 ? compared < 0 : a < b;
  });
  bool* dropped = nullptr;
  for (std::uint32_t i = 0; i + 1 < count;) {
    std::uint32_t last = i;
    while (last + 1 < count && members[order[last + 1]].key == members[order[i]].key) ++last;
    if (last > i) {
      if (!dropped) {
        dropped = arena.allocate_array<bool>(count);
        std::fill(dropped, dropped + count, false);
      }
      members[order[i]].value = members[order[last]].value;
      for (std::uint32_t k = i + 1; k <= last; ++k) dropped[order[k]] = true;
    }
    i = last + 1;
  }
  if (!dropped) return count;
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!dropped[i]) members[kept++] = members[i];
  }
  return kept;
}

}  // namespace

ArrayWalker::ArrayWalker(const Value& array) {
  if (array.type() != Type::array) return;
  if (array.form() == Value::Form::built) {
    built_ = array.items();
    left_ = array.size();
  } else if (msgpack::is_slice(array)) {
    const msgpack::Walk walk(array.text());
    at_ = walk.body();
    end_ = array.text().data() + array.size();
    left_ = walk.count();
    bad_ = walk.bad();
    if (left_ == 0) at_ = nullptr;
  } else {
    at_ = array.text().data() + 1;
    end_ = array.text().data() + array.size();
  }
}

bool ArrayWalker::next(Value& item) {
  if (left_ > 0) {
    --left_;
    if (!built_) return next_msgpack(item);
    item = *built_++;
    return true;
  }
  if (!at_) return false;
  std::string_view slice;
  const Walk step = next_item(at_, end_, first_, slice);
  first_ = false;
  if (step == Walk::item) {
    if (const auto value = read_json(slice)) {
      item = *value;
      return true;
    }
  }
  bad_ = step != Walk::end;
  at_ = nullptr;
  return false;
}

bool ArrayWalker::next_msgpack(Value& item) {
  const char* const behind = msgpack::skip(at_, end_, 0);
  const auto value =
      behind ? read_msgpack({at_, static_cast<std::size_t>(behind - at_)}) : std::optional<Value>();
  bad_ = !value;
  if (bad_) left_ = 0;
  at_ = left_ > 0 ? behind : nullptr;
  if (value) item = *value;
  return !bad_;
}

ObjectWalker::ObjectWalker(const Value& object, Arena& arena) : arena_(arena) {
  if (object.type() != Type::object) return;
  if (object.form() == Value::Form::built) {
    built_ = object.members();
    left_ = object.size();
  } else if (msgpack::is_slice(object)) {
    const msgpack::Walk walk(object.text());
    at_ = walk.body();
    end_ = object.text().data() + object.size();
    left_ = walk.count();
    bad_ = walk.bad();
    if (left_ == 0) at_ = nullptr;
  } else {
    at_ = object.text().data() + 1;
    end_ = object.text().data() + object.size();
  }
}

bool ObjectWalker::next(std::string_view& key, Value& value) {
  if (left_ > 0) {
    --left_;
    if (!built_) return next_msgpack(key, value);
    key = built_->key;
    value = built_->value;
    ++built_;
    return true;
  }
  if (!at_) return false;
  RawMember member;
  const Walk step = next_member(at_, end_, first_, member);
  first_ = false;
  if (step == Walk::item) {
    bool escaped = false;
    const std::string_view inside = member.inside_key();
    const auto read = read_json(member.value());
    if (read && check_string(inside, escaped)) {
      key = escaped ? decode_string(Value::json_string(inside, true), arena_) : inside;
      value = *read;
      return true;
    }
  }
  bad_ = step != Walk::end;
  at_ = nullptr;
  return false;
}

bool ObjectWalker::next_msgpack(std::string_view& key, Value& value) {
  msgpack::Entry entry;
  bad_ = !msgpack::read_entry(at_, end_, true, entry);
  if (!bad_) {
    const auto read = read_msgpack(entry.value());
    key = msgpack::key_text(entry.key, arena_);
    bad_ = !read || (entry.key.kind == msgpack::Kind::str && !is_utf8(key));
    if (read) value = *read;
  }
  if (bad_) left_ = 0;
  at_ = left_ > 0 ? entry.value_end : nullptr;
  return !bad_;
}

Found find_member(const Value& object, std::string_view key, Arena& arena) {
  Found found;
  if (object.type() != Type::object) return found;
  if (msgpack::is_slice(object)) return msgpack::find_member(object, key, arena);
  if (object.form() == Value::Form::built) {
    for (std::uint32_t i = 0; i < object.size(); ++i) {
      if (object.members()[i].key == key) {
        found.value = object.members()[i].value;
        found.found = true;
      }
    }
    return found;
  }
  const char* at = object.text().data() + 1;
  const char* const end = object.text().data() + object.size();
  std::string_view slice;
  for (bool first = true;; first = false) {
    RawMember member;
    const Walk step = next_member(at, end, first, member);
    if (step == Walk::end) break;
    if (step == Walk::malformed) {
      found.bad = true;
      return found;
    }
    if (member.has_key(key, arena)) slice = member.value();
  }
  if (slice.empty()) return found;
  const auto value = read_json(slice);
  found.bad = !value;
  found.found = value.has_value();
  if (value) found.value = *value;
  return found;
}

Found find_item(const Value& array, std::int64_t index) {
  Found found;
  if (array.type() != Type::array) return found;
  if (msgpack::is_slice(array)) return msgpack::find_item(array, index);
  if (array.form() == Value::Form::built) {
    if (index < 0) index += array.size();
    if (index >= 0 && index < array.size()) {
      found.value = array.items()[index];
      found.found = true;
    }
    return found;
  }
  const char* const begin = array.text().data() + 1;
  const char* const end = array.text().data() + array.size();
  std::string_view slice;
  if (index < 0) {
    std::int64_t count = 0;
    const char* at = begin;
    for (;; ++count) {
      const Walk step = next_item(at, end, count == 0, slice);
      if (step == Walk::end) break;
      if (step == Walk::malformed) {
        found.bad = true;
        return found;
      }
    }
    index += count;
    if (index < 0) return found;
  }
  const char* at = begin;
  for (std::int64_t i = 0;; ++i) {
    const Walk step = next_item(at, end, i == 0, slice);
    if (step == Walk::end) return found;
    if (step == Walk::malformed) break;
    if (i == index) {
      const auto value = read_json(slice);
      if (!value) break;
      found.value = *value;
      found.found = true;
      return found;
    }
  }
  found.bad = true;
  return found;
}

Value expand(const Value& container, Arena& arena) {
  if (container.form() == Value::Form::built) return container;
  if (container.type() == Type::array) {
    ArenaList<Value> items{arena};
    ArrayWalker walker(container);
    Value item;
    while (walker.next(item)) items.add(item);
    return walker.bad() ? Value::failed() : Value::built_array(items.items, items.count);
  }
  if (container.type() == Type::object) {
    ArenaList<Member> members{arena};
    ObjectWalker walker(container, arena);
    Member member;
    while (walker.next(member.key, member.value)) members.add(member);
    if (walker.bad()) return Value::failed();
    return Value::built_object(members.items, drop_repeated(members.items, members.count, arena));
  }
  return container;
}

}  // namespace pipec::runtime
