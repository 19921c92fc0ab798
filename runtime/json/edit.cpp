#include "runtime/json/edit.h"

#include <memory>
#include <new>
#include <optional>
#include <vector>

#include "pipec/runtime/json.h"
#include "runtime/json/splice.h"
#include "runtime/json/walk.h"
#include "runtime/record/edit_policy.h"

namespace pipec::runtime::json {

namespace {

using record::Holds;
using Steps = std::span<const Step>;

// An array or object of JSON text.
class TextContainer {
 public:
  using Entry = RawMember;  // of an array without a key: its places are where the value begins

  TextContainer(const Value& container, Arena& arena, Buffer& scratch)
      : container_(container), arena_(arena), scratch_(scratch) {}

  template <typename Visit>
  bool each(Visit visit) const {
    const bool object = container_.type() == Type::object;
    const char* at = container_.text().data() + 1;
    const char* const end = container_.text().data() + container_.size();
    RawMember entry;
    for (bool first = true;; first = false) {
      const Walk step = object ? next_member(at, end, first, entry) : next_entry(at, end, first, entry);
      // The bracket that splice() uses must be the real partner bracket.
      if (step == Walk::end) return at == end;
      if (step == Walk::malformed) return false;
      if (!visit(entry)) return true;
    }
  }
  std::optional<std::int64_t> count() const {
    std::int64_t count = 0;
    const auto one_more = [&](const RawMember&) {
      ++count;
      return true;
    };
    return each(one_more) ? std::optional(count) : std::nullopt;
  }
  bool has_key(const RawMember& member, std::string_view key) const { return member.has_key(key, arena_); }
  std::optional<Value> part(const RawMember& entry) const { return read_json(entry.value()); }

  void set(const RawMember& entry, const Value& value) {
    changes_.push_back({place(entry), {}, value, true, false});
  }
  void remove(const RawMember& entry) { changes_.push_back({place(entry), {}, {}, false, true}); }
  void rename(const RawMember& entry, std::string_view key) {
    changes_.push_back({place(entry), quoted(key), {}, false, false});
  }
  void add(std::string_view key, const Value& value) {
    changes_.push_back({{}, quoted(key), value, true, false});
  }

  Edited result() const {
    if (changes_.empty()) return {Edit::done, false, container_};
    std::vector<const Change*> order;
    order.reserve(changes_.size());
    for (const Change& change : changes_) order.push_back(&change);
    scratch_.clear();
    // After malformed text, bytes after the partner bracket cannot be trusted: use the last byte.
    splice(container_.text(), 0, container_.size() - 1, order, scratch_);
    const std::string_view text = arena_.copy(scratch_.view());
    const bool object = container_.type() == Type::object;
    return {Edit::done, true, object ? Value::json_object(text) : Value::json_array(text)};
  }

 private:
  static Walk next_entry(const char*& at, const char* end, bool first, RawMember& entry) {
    std::string_view item;
    const Walk step = next_item(at, end, first, item);
    entry = {item.data(), item.data(), item.data(), item.data() + item.size()};
    return step;
  }
  std::uint32_t offset(const char* at) const {
    return static_cast<std::uint32_t>(at - container_.text().data());
  }
  FieldSlot place(const RawMember& entry) const {
    return {offset(entry.key_begin), offset(entry.key_end), offset(entry.value_begin),
            offset(entry.value_end)};
  }
  std::string_view quoted(std::string_view key) const {
    scratch_.clear();
    append_json_string(key, scratch_);
    return arena_.copy(scratch_.view());
  }

  const Value& container_;
  Arena& arena_;
  Buffer& scratch_;
  std::vector<Change> changes_;
};

// One that a program built: T is Member or Value. The way to the change is copied.
template <typename T>
class BuiltContainer {
 public:
  using Entry = std::uint32_t;  // its index
  static constexpr bool kObject = std::is_same_v<T, Member>;

  BuiltContainer(const Value& container, const T* entries, Arena& arena)
      : container_(container), entries_(entries), arena_(arena) {}

  template <typename Visit>
  bool each(Visit visit) const {
    for (std::uint32_t i = 0; i < container_.size() && visit(i);) ++i;
    return true;
  }
  std::optional<std::int64_t> count() const { return container_.size(); }
  bool has_key(std::uint32_t entry, std::string_view key) const {
    if constexpr (kObject) return entries_[entry].key == key;
    return false;
  }
  std::optional<Value> part(std::uint32_t entry) const {
    if constexpr (kObject) {
      return entries_[entry].value;
    } else {
      return entries_[entry];
    }
  }

  void set(std::uint32_t entry, const Value& value) { changes_.push_back({entry, {}, value, true, false}); }
  void remove(std::uint32_t entry) { changes_.push_back({entry, {}, {}, false, true}); }
  void rename(std::uint32_t entry, std::string_view key) {
    changes_.push_back({entry, key, {}, false, false});
  }
  void add(std::string_view key, const Value& value) {
    changes_.push_back({container_.size(), key, value, true, false});
  }

  Edited result() const {
    if (changes_.empty()) return {Edit::done, false, container_};
    T* const copy = arena_.allocate_array<T>(container_.size() + changes_.size());
    std::uint32_t count = 0;
    auto change = changes_.begin();
    for (std::uint32_t i = 0; i < container_.size(); ++i) {
      const bool changes = change != changes_.end() && change->entry == i;
      if (!changes || !change->removed) {
        T* const entry = new (copy + count++) T(entries_[i]);
        if (changes) apply(*change, *entry);
      }
      if (changes) ++change;
    }
    for (; change != changes_.end(); ++change) apply(*change, *new (copy + count++) T());
    if constexpr (kObject) {
      return {Edit::done, true, Value::built_object(copy, count)};
    } else {
      return {Edit::done, true, Value::built_array(copy, count)};
    }
  }

 private:
  struct Change {
    std::uint32_t entry;
    std::string_view key;
    Value value;
    bool set;
    bool removed;
  };
  void apply(const Change& change, T& entry) const {
    if constexpr (kObject) {
      if (!change.set || change.entry == container_.size()) entry.key = arena_.copy(change.key);
      if (change.set) entry.value = change.value;
    } else {
      entry = change.value;
    }
  }

  const Value& container_;
  const T* entries_;
  Arena& arena_;
  std::vector<Change> changes_;  // in the order of the entries
};

// Values of JSON text and built ones.
class Values {
 public:
  using Part = Value;

  Values(Arena& arena, Buffer& scratch) : arena_(arena), scratch_(scratch) {}

  static Holds holds(const Value& value) {
    if (value.type() == Type::object) return Holds::members;
    return value.type() == Type::array ? Holds::items : Holds::nothing;
  }
  template <typename Use>
  Edited open(const Value& value, Use use) {
    if (value.form() != Value::Form::built) {
      TextContainer container(value, arena_, scratch_);
      return use(container);
    }
    if (value.type() == Type::object) {
      BuiltContainer<Member> container(value, value.members(), arena_);
      return use(container);
    }
    BuiltContainer<Value> container(value, value.items(), arena_);
    return use(container);
  }
  Value nest(Steps steps, Value value) const {
    for (std::size_t i = steps.size(); i-- > 0;) {
      auto* member = arena_.allocate_array<Member>(1);
      new (member) Member{arena_.copy(steps[i].key), value};
      value = Value::built_object(member, 1);
    }
    return value;
  }

 private:
  Arena& arena_;
  Buffer& scratch_;
};

}  // namespace

Edited wrap(Steps steps, const Value& value, Arena& arena, Buffer& scratch) {
  Values values(arena, scratch);
  return record::EditPolicy(values).wrap(steps, value);
}

Edited edit_below(const Value& container, Steps steps, const Operation& operation, Arena& arena,
                  Buffer& scratch) {
  Values values(arena, scratch);
  return record::EditPolicy(values).edit(container, steps, operation);
}

Edited keep_below(const Value& container, std::span<const Steps> paths, Arena& arena, Buffer& scratch,
                  bool& found) {
  Values values(arena, scratch);
  return record::EditPolicy(values).keep(container, paths, found);
}

}  // namespace pipec::runtime::json
