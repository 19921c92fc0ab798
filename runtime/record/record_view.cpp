#include "runtime/record/record_view.h"

#include <algorithm>

#include "runtime/json/text.h"
#include "runtime/msgpack/view.h"
#include "runtime/record/changes.h"

namespace pipec::runtime::record {

namespace {

using json::Change;
using json::Edited;
using json::Operation;
using Steps = std::span<const Step>;

// Whether reading the value's JSON text returns the same value instead of a string or number.
bool is_its_text(const Value& value) {
  switch (value.type()) {
    case Type::bytes:
    case Type::timestamp:
    case Type::duration:
      return false;
    default:
      return value.form() != Value::Form::built;
  }
}

// Whether a step leads to a value that another step has set. A value set by a key is in an object, where an
// index is a key too.
bool leads_to(const Step& set, const Step& step) {
  return same_step(set, step) || (set.is_key && set.key == step.key);
}

}  // namespace

RecordView::RecordView(const FieldSet& fields)
    : keys_(fields.keys), index_(fields), scratch_(pool_.get(1024)), state_(fields.keys.size(), kUntouched) {
  for (const std::string& key : keys_) {
    scratch_->clear();
    append_json_string(key, *scratch_);
    quoted_.emplace_back(scratch_->view());
  }
}

RecordView::~RecordView() = default;

bool RecordView::foreign_edited() const {
  return foreign_->edited();
}

Shape RecordView::open_msgpack(std::string_view record, Arena& arena, const KnownMembers& known) {
  if (!foreign_) {
    if (!msgpack_) msgpack_ = std::make_unique<msgpack::View>(keys_);
    begin({}, Shape::other);
    typed_.clear();
    edited_ = false;
    foreign_ = msgpack_.get();
    std::fill(state_.begin(), state_.end(), kForeign);
  }
  return foreign_->open(record, arena, known);
}

void RecordView::leave_msgpack() {
  foreign_ = nullptr;
  std::fill(state_.begin(), state_.end(), kUntouched);
}

void RecordView::begin(std::string_view record, Shape shape) {
  record_ = record;
  shape_ = shape;
  if (!changes_.empty() || edited_) {
    std::fill(state_.begin(), state_.end(), kUntouched);
    changes_.clear();
  }
  others_removed_ = false;
  whole_known_ = false;
}

Shape RecordView::open(std::string_view record, bool trusted, Arena& arena) {
  arena_ = &arena;
  if (foreign_) [[unlikely]]
    leave_msgpack();
  begin(record, index_.scan(record, trusted));
  if (edited_) typed_.clear();
  edited_ = false;
  return shape_;
}

void RecordView::open_nothing(Arena& arena) {
  static constexpr char kNothing[Buffer::kPadding + 8] = "null";
  open({kNothing, 4}, true, arena);
}

Found RecordView::read(std::uint32_t slot) {
  Found found;
  const std::uint32_t state = state_[slot];
  if (state == kGone || shape_ != Shape::object) return found;
  FieldSlot place;
  if (state == kUntouched) {
    place = index_.slot(slot);
    if (!place.found()) return found;
  } else {
    const Change& change = changes_[state];
    if (change.set) {
      found.found = true;
      found.value = change.value;
      return found;
    }
    place = change.place;
  }
  const auto value = read_json(slice(place));
  found.found = value.has_value();
  found.bad = !value;
  if (value) found.value = *value;
  return found;
}

Value RecordView::get_changed(std::uint32_t slot) {
  if (foreign_) return foreign_->get(slot, {});
  const Found found = read(slot);
  return found.bad ? Value::failed() : found.value;
}

Found RecordView::descend(Found from, Steps below) {
  for (const Step& step : below) {
    if (!from.found) return from;
    from = find_step(from.value, step, *arena_);
  }
  return from;
}

Value RecordView::get(std::uint32_t slot, Steps below) {
  if (foreign_) return foreign_->get(slot, below);
  if (below.empty()) return get(slot);
  if (!typed_.empty()) {
    if (const Typed* typed = typed_at(slot, below)) {
      Found from;
      from.found = true;
      from.value = typed->value;
      const Found found = descend(from, below.subspan(typed->path.size()));
      return found.bad ? Value::failed() : found.value;
    }
  }
  const Found found = descend(read(slot), below);
  return found.bad ? Value::failed() : found.value;
}

int RecordView::has(std::uint32_t slot, Steps below) {
  if (foreign_) return foreign_->has(slot, below);
  if (below.empty()) return there(slot) ? 1 : 0;
  const Found found = descend(read(slot), below);
  return found.bad ? -1 : found.found ? 1 : 0;
}

Value RecordView::whole() {
  if (foreign_) return foreign_->whole();
  if (!whole_known_) {
    std::string_view text = record_;
    if (!changes_.empty()) {
      scratch_->clear();
      render(*scratch_);
      text = arena_->copy(scratch_->view());
    }
    whole_ = read_json(json::trimmed(text)).value_or(Value::failed());
    whole_known_ = true;
  }
  return whole_;
}

std::uint32_t RecordView::slot_of(const Step& step) const {
  if (shape_ != Shape::object) return kGone;
  const auto found = std::find(keys_.begin(), keys_.end(), step.key);
  return found == keys_.end() ? kGone : static_cast<std::uint32_t>(found - keys_.begin());
}

Value RecordView::get_whole(Steps below) {
  if (foreign_) return foreign_->get_whole(below);
  if (below.empty()) return whole();
  if (const std::uint32_t slot = slot_of(below.front()); slot != kGone) return get(slot, below.subspan(1));
  Found from;
  from.found = true;
  from.value = whole();
  if (from.value.is_failed()) return from.value;
  const Found found = descend(from, below);
  return found.bad ? Value::failed() : found.value;
}

int RecordView::has_whole(Steps below) {
  if (foreign_) return foreign_->has_whole(below);
  if (below.empty()) return 1;
  if (const std::uint32_t slot = slot_of(below.front()); slot != kGone) return has(slot, below.subspan(1));
  Found from;
  from.found = true;
  from.value = whole();
  if (from.value.is_failed()) return -1;
  const Found found = descend(from, below);
  return found.bad ? -1 : found.found ? 1 : 0;
}

Edit RecordView::usable() const {
  if (shape_ == Shape::object) return Edit::done;
  return shape_ == Shape::malformed ? Edit::malformed : Edit::parent_is_no_object;
}

void RecordView::put(std::uint32_t slot, const Value& value) {
  Change& change = changed(slot);
  change.set = true;
  change.value = value;
}

void RecordView::move(std::uint32_t from, std::uint32_t to) {
  erase(to);
  changed(from).key = quoted_[to];
  state_[to] = state_[from];
  state_[from] = kGone;
}

// The path from the record's top, in path_.
Steps RecordView::steps_of(std::uint32_t slot, Steps below) {
  path_.clear();
  path_.push_back({true, keys_[slot], 0});
  path_.insert(path_.end(), below.begin(), below.end());
  return path_;
}

// Sets a new text for the record and scans it again. Values that hold more than their text are kept.
void RecordView::replace(std::string_view text) {
  struct Held {
    std::uint32_t slot;
    Value value;
  };
  std::vector<Held> held;
  for (std::uint32_t slot = 0; slot < state_.size(); ++slot) {
    if (state_[slot] >= kGone) continue;
    const Change& change = changes_[state_[slot]];
    if (change.set && !is_its_text(change.value)) held.push_back({slot, change.value});
  }
  char* bytes = arena_->allocate(text.size(), Buffer::kPadding);
  std::copy(text.begin(), text.end(), bytes);
  std::fill(bytes + text.size(), bytes + text.size() + Buffer::kPadding, '\0');
  edited_ = true;
  const std::string_view copy{bytes, text.size()};
  begin(copy, index_.scan(copy));
  if (shape_ != Shape::object) return;
  for (const Held& value : held) {
    if (!there(value.slot)) continue;
    // Unless the edit that made the new text was of this field.
    scratch_->clear();
    json::append_value(value.value, record_, *scratch_);
    if (slice(index_.slot(value.slot)) == scratch_->view()) put(value.slot, value.value);
  }
}

void RecordView::reopen(const Value& record, std::string_view source) {
  scratch_->clear();
  json::append_value(record, source, *scratch_);
  replace(scratch_->view());
}

// An edit by way of the record's text: slower than a change of slots, and right for everything.
Edit RecordView::edit_text(Steps steps, const Operation& operation) {
  const Value container = whole();
  if (container.is_failed()) return Edit::malformed;
  const Edited edited = json::edit_below(container, steps, operation, *arena_, *scratch_);
  if (edited.edit != Edit::done || !edited.changed) return edited.edit;
  reopen(edited.value, edited.value.text());
  return Edit::done;
}

Edit RecordView::edit_slot(std::uint32_t slot, Steps below, const Operation& operation) {
  if (index_.repeated()) {
    const Edit edit = edit_text(steps_of(slot, below), operation);
    if (edit == Edit::done && below.empty() && operation.kind == Operation::Kind::set &&
        !is_its_text(operation.value)) {
      put(slot, operation.value);
    }
    return edit;
  }
  const bool sets = operation.kind == Operation::Kind::set;
  if (below.empty()) {
    if (sets) {
      put(slot, operation.value);
    } else {
      erase(slot);
    }
    return Edit::done;
  }
  const Found found = read(slot);
  if (found.bad) return Edit::malformed;
  if (!found.found && !sets) return Edit::done;
  const Edited edited = found.found ? json::edit_below(found.value, below, operation, *arena_, *scratch_)
                                    : json::wrap(below, operation.value, *arena_, *scratch_);
  if (edited.edit == Edit::done && edited.changed) put(slot, edited.value);
  return edited.edit;
}

Edit RecordView::set(std::uint32_t slot, Steps below, const Value& value) {
  if (foreign_) return foreign_->set(slot, below, value);
  if (const Edit edit = usable(); edit != Edit::done) return edit;
  if (!typed_.empty()) forget_typed(slot, below);
  if (below.empty() && !index_.repeated()) [[likely]] {
    put(slot, value);
    return Edit::done;
  }
  const Edit edit = edit_slot(slot, below, {Operation::Kind::set, value, {}});
  if (edit == Edit::done && !below.empty() && !is_its_text(value)) {
    Typed typed{slot, {below.begin(), below.end()}, value};
    for (Step& step : typed.path) step.key = arena_->copy(step.key);
    typed_.push_back(std::move(typed));
  }
  return edit;
}

Edit RecordView::set_whole(Steps below, const Value& value) {
  if (foreign_) return foreign_->set_whole(below, value);
  if (below.empty()) {
    std::fill(state_.begin(), state_.end(), kUntouched);
    changes_.clear();
    typed_.clear();
    reopen(value, record_);
    if (shape_ == Shape::object && value.form() == Value::Form::built) {
      for (std::uint32_t i = 0; i < value.size(); ++i) {
        const Member& member = value.members()[i];
        const std::uint32_t slot = slot_of({true, member.key, 0});
        if (slot != kGone && !is_its_text(member.value)) put(slot, member.value);
      }
    }
    return shape_ == Shape::malformed ? Edit::malformed : Edit::done;
  }
  if (shape_ == Shape::malformed) return Edit::malformed;
  if (const std::uint32_t slot = slot_of(below.front()); slot != kGone)
    return set(slot, below.subspan(1), value);
  return edit_text(below, {Operation::Kind::set, value, {}});
}

Edit RecordView::remove(std::uint32_t slot, Steps below) {
  if (foreign_) return foreign_->remove(slot, below);
  if (shape_ != Shape::object) return shape_ == Shape::malformed ? Edit::malformed : Edit::done;
  forget_typed(slot);
  return edit_slot(slot, below, {Operation::Kind::remove, {}, {}});
}

Edit RecordView::rename(std::uint32_t from, Steps from_below, std::uint32_t to, Steps to_below) {
  if (foreign_) return foreign_->rename(from, from_below, to, to_below);
  if (shape_ != Shape::object) return shape_ == Shape::malformed ? Edit::malformed : Edit::done;
  const Renaming how = renaming(from, from_below, to, to_below);
  if (how == Renaming::nothing) return Edit::done;
  if (how == Renaming::top) {
    if (!there(from)) return Edit::done;
    forget_typed(from);
    forget_typed(to);
    if (!index_.repeated()) {
      move(from, to);
      return Edit::done;
    }
    const Value value = get(from);
    if (value.is_failed()) return Edit::malformed;
    const Edit edit = edit_text(steps_of(from, {}), {Operation::Kind::rename, {}, keys_[to]});
    if (edit == Edit::done && !is_its_text(value)) put(to, value);
    return edit;
  }
  if (how == Renaming::key) {
    forget_typed(from);
    return edit_slot(from, from_below, {Operation::Kind::rename, {}, to_below.back().key});
  }
  const int found = has(from, from_below);
  if (found <= 0) return found < 0 ? Edit::malformed : Edit::done;
  const Value value = get(from, from_below);
  if (value.is_failed()) return Edit::malformed;
  const Edit removed = remove(from, from_below);
  return removed == Edit::done ? set(to, to_below, value) : removed;
}

Edit RecordView::keep(std::span<const Kept> kept) {
  if (foreign_) return foreign_->keep(kept);
  if (const Edit edit = usable(); edit != Edit::done) return edit;
  forget_typed_but(kept);
  return index_.repeated() ? keep_text(kept) : keep_places(kept);
}

// By way of the text: for records with repeated keys.
Edit RecordView::keep_text(std::span<const Kept> kept) {
  std::vector<std::vector<Step>> paths;
  for (const Kept& path : kept) {
    const Steps steps = steps_of(path.slot, path.below);
    paths.emplace_back(steps.begin(), steps.end());
  }
  const std::vector<Steps> views(paths.begin(), paths.end());
  const Value container = whole();
  if (container.is_failed()) return Edit::malformed;
  bool found = false;
  const Edited edited = json::keep_below(container, views, *arena_, *scratch_, found);
  if (edited.edit == Edit::done && edited.changed) reopen(edited.value, edited.value.text());
  return edited.edit;
}

Edit RecordView::keep_places(std::span<const Kept> kept) {
  // Members without a slot are removed, once.
  if (!others_removed_) {
    others_removed_ = true;
    for (std::uint32_t i = 0; i < index_.members(); ++i) {
      const FieldSlot place = index_.member(record_, i);
      bool wanted = false;
      for (std::uint32_t slot = 0; slot < state_.size() && !wanted; ++slot) {
        wanted = index_.slot(slot).found() && index_.slot(slot).key_begin == place.key_begin;
      }
      if (wanted) continue;
      Change change;
      change.place = place;
      change.removed = true;
      changes_.push_back(change);
      edited_ = true;
      whole_known_ = false;
    }
  }
  std::vector<Steps> below;
  for (std::uint32_t slot = 0; slot < state_.size(); ++slot) {
    if (!there(slot)) continue;
    below.clear();
    bool all = false;
    for (const Kept& path : kept) {
      if (path.slot != slot) continue;
      all |= path.below.empty();
      below.push_back(path.below);
    }
    if (all) continue;
    bool found = false;
    if (!below.empty()) {
      const Found value = read(slot);
      if (value.bad) return Edit::malformed;
      const Edited edited = json::keep_below(value.value, below, *arena_, *scratch_, found);
      if (edited.edit != Edit::done) return edited.edit;
      if (found && edited.changed) put(slot, edited.value);
    }
    if (!found) erase(slot);
  }
  return Edit::done;
}

// The value of the longest path that was set and leads to or above this one.
const RecordView::Typed* RecordView::typed_at(std::uint32_t slot, Steps below) const {
  for (const Typed& typed : typed_) {
    if (typed.slot == slot && typed.path.size() <= below.size() &&
        std::equal(typed.path.begin(), typed.path.end(), below.begin(), leads_to)) {
      return &typed;
    }
  }
  return nullptr;
}

void RecordView::forget_typed(std::uint32_t slot) {
  std::erase_if(typed_, [&](const Typed& typed) { return typed.slot == slot; });
}

// Those that an edit of this path may touch: above it, at it or below it. Indexes may be the same item from
// either end.
void RecordView::forget_typed(std::uint32_t slot, Steps below) {
  std::erase_if(typed_, [&](const Typed& typed) {
    if (typed.slot != slot) return false;
    const std::size_t common = std::min(typed.path.size(), below.size());
    for (std::size_t i = 0; i < common; ++i) {
      const bool indexes = !typed.path[i].is_key && !below[i].is_key;
      if (!indexes && typed.path[i].key != below[i].key) return false;
    }
    return true;
  });
}

// Forgets typed values that are not at or below one of these paths. Kept items of an array move to its front.
void RecordView::forget_typed_but(std::span<const Kept> kept) {
  const auto stays = [](const Step& wanted, const Step& step) {
    return wanted.is_key && same_step(wanted, step);
  };
  std::erase_if(typed_, [&](const Typed& typed) {
    return std::none_of(kept.begin(), kept.end(), [&](const Kept& path) {
      return path.slot == typed.slot && path.below.size() <= typed.path.size() &&
             std::equal(path.below.begin(), path.below.end(), typed.path.begin(), stays);
    });
  });
}

void RecordView::render(Buffer& out) {
  if (changes_.empty()) {
    out.append(record_);
    return;
  }
  order_.resize(changes_.size());
  for (std::size_t i = 0; i < changes_.size(); ++i) order_[i] = &changes_[i];
  sort_changes(order_);
  json::splice(record_, index_.object_begin(), index_.object_end(), order_, out);
}

void RecordView::write(Buffer& out) {
  if (foreign_) return foreign_->write(out);
  render(out);
}

}  // namespace pipec::runtime::record
