#include "runtime/msgpack/view.h"

#include <algorithm>

#include "pipec/runtime/msgpack.h"
#include "runtime/msgpack/write.h"
#include "runtime/record/changes.h"

namespace pipec::runtime::msgpack {

namespace {

using Steps = std::span<const Step>;

Found found_value(std::string_view bytes) {
  Found found;
  if (bytes.empty()) return found;
  const auto value = read_msgpack(bytes);
  found.found = value.has_value();
  found.bad = !value;
  if (value) found.value = *value;
  return found;
}

Value value_or_failed(const Found& found) {
  return found.bad ? Value::failed() : found.value;
}

int presence(const Found& found) {
  return found.bad ? -1 : found.found ? 1 : 0;
}

}  // namespace

View::View(const std::vector<std::string>& keys)
    : keys_(keys), index_(keys), scratch_(pool_.get(1024)), state_(keys.size(), kUntouched) {
  for (const std::string& key : keys) {
    scratch_->clear();
    append_str(key, *scratch_);
    key_bytes_.emplace_back(scratch_->view());
  }
}

void View::begin(std::string_view record, const KnownMembers& known) {
  record_ = record;
  shape_ = known.layout ? index_.take(known) : index_.scan(record);
  if (!changes_.empty()) {
    std::fill(state_.begin(), state_.end(), kUntouched);
    changes_.clear();
  }
}

Shape View::open(std::string_view record, Arena& arena, const KnownMembers& known) {
  arena_ = &arena;
  edited_ = false;
  begin(record, known);
  return shape_;
}

std::string_view View::bytes_of(std::uint32_t slot) const {
  const std::uint32_t state = state_[slot];
  if (state == kGone || shape_ != Shape::object) return {};
  const bool untouched = state == kUntouched;
  if (!untouched && !changes_[state].value.empty()) return changes_[state].value;
  const FieldSlot& place = untouched ? index_.slot(slot) : changes_[state].place;
  return record_.substr(place.value_begin, place.value_end - place.value_begin);
}

Found View::read(std::uint32_t slot) const {
  return found_value(bytes_of(slot));
}

Found View::read_whole() {
  return found_value(rendered());
}

Found View::descend(Found from, Steps below) {
  for (const Step& step : below) {
    if (!from.found) return from;
    from = record::find_step(from.value, step, *arena_);
  }
  return from;
}

Value View::get(std::uint32_t slot, Steps below) {
  if (below.empty()) {
    const std::string_view bytes = bytes_of(slot);
    return bytes.empty() ? Value() : read_msgpack(bytes).value_or(Value::failed());
  }
  return value_or_failed(descend(read(slot), below));
}

int View::has(std::uint32_t slot, Steps below) {
  if (below.empty()) return bytes_of(slot).empty() ? 0 : 1;
  return presence(descend(read(slot), below));
}

Value View::whole() {
  return value_or_failed(read_whole());
}

std::uint32_t View::slot_of(const Step& step) const {
  if (shape_ != Shape::object) return kGone;
  const auto found = std::find(keys_.begin(), keys_.end(), step.key);
  return found == keys_.end() ? kGone : static_cast<std::uint32_t>(found - keys_.begin());
}

Value View::get_whole(Steps below) {
  if (below.empty()) return whole();
  if (const std::uint32_t slot = slot_of(below.front()); slot != kGone) return get(slot, below.subspan(1));
  return value_or_failed(descend(read_whole(), below));
}

int View::has_whole(Steps below) {
  if (below.empty()) return 1;
  if (const std::uint32_t slot = slot_of(below.front()); slot != kGone) return has(slot, below.subspan(1));
  return presence(descend(read_whole(), below));
}

Change& View::changed(std::uint32_t slot) {
  edited_ = true;
  const std::uint32_t state = state_[slot];
  if (state < kGone) return changes_[state];
  state_[slot] = static_cast<std::uint32_t>(changes_.size());
  Change& change = changes_.emplace_back();
  if (state == kUntouched) change.place = index_.slot(slot);
  if (!change.place.found()) change.key = key_bytes_[slot];
  return change;
}

void View::put(std::uint32_t slot, std::string_view value) {
  changed(slot).value = value;
}

void View::erase(std::uint32_t slot) {
  if (bytes_of(slot).empty()) return;
  changed(slot).removed = true;
  state_[slot] = kGone;
}

// The path from the record's top, in path_.
Steps View::steps_of(std::uint32_t slot, Steps below) {
  path_.clear();
  path_.push_back({true, keys_[slot], 0});
  path_.insert(path_.end(), below.begin(), below.end());
  return path_;
}

void View::replace(std::string_view record) {
  edited_ = true;
  begin(record);
}

// An edit by way of the record's bytes: slower than a change of slots, and right for everything.
Edit View::edit_whole(Steps steps, const Operation& operation) {
  const Edited edited = edit_below(rendered(), steps, operation, *arena_, *scratch_);
  if (edited.edit == Edit::done && edited.changed) replace(edited.value);
  return edited.edit;
}

Edit View::edit_slot(std::uint32_t slot, Steps below, const Operation& operation) {
  if (index_.repeated()) return edit_whole(steps_of(slot, below), operation);
  const bool sets = operation.kind == Operation::Kind::set;
  if (below.empty()) {
    if (sets) {
      put(slot, operation.value);
    } else {
      erase(slot);
    }
    return Edit::done;
  }
  const std::string_view bytes = bytes_of(slot);
  if (bytes.empty() && !sets) return Edit::done;
  const Edited edited = bytes.empty() ? wrap(below, operation.value, *arena_, *scratch_)
                                      : edit_below(bytes, below, operation, *arena_, *scratch_);
  if (edited.edit == Edit::done && edited.changed) put(slot, edited.value);
  return edited.edit;
}

Edit View::set(std::uint32_t slot, Steps below, const Value& value) {
  if (shape_ != Shape::object) return shape_ == Shape::other ? Edit::parent_is_no_object : Edit::malformed;
  const std::string_view bytes = encoded(value, *arena_, *scratch_);
  if (bytes.empty()) return Edit::no_such_number;
  return edit_slot(slot, below, {Operation::Kind::set, bytes, {}});
}

Edit View::set_whole(Steps below, const Value& value) {
  if (!below.empty()) {
    if (const std::uint32_t slot = slot_of(below.front()); slot != kGone)
      return set(slot, below.subspan(1), value);
  }
  const std::string_view bytes = encoded(value, *arena_, *scratch_);
  if (bytes.empty()) return Edit::no_such_number;
  if (!below.empty()) return edit_whole(below, {Operation::Kind::set, bytes, {}});
  replace(bytes);
  return shape_ == Shape::malformed ? Edit::malformed : Edit::done;
}

Edit View::remove(std::uint32_t slot, Steps below) {
  if (shape_ != Shape::object) return shape_ == Shape::other ? Edit::done : Edit::malformed;
  return edit_slot(slot, below, {Operation::Kind::remove, {}, {}});
}

Edit View::rename(std::uint32_t from, Steps from_below, std::uint32_t to, Steps to_below) {
  if (shape_ != Shape::object) return shape_ == Shape::other ? Edit::done : Edit::malformed;
  const record::Renaming how = record::renaming(from, from_below, to, to_below);
  if (how == record::Renaming::nothing) return Edit::done;
  if (how == record::Renaming::top) {
    if (bytes_of(from).empty()) return Edit::done;
    if (index_.repeated()) return edit_whole(steps_of(from, {}), {Operation::Kind::rename, {}, keys_[to]});
    erase(to);
    changed(from).key = key_bytes_[to];
    state_[to] = state_[from];
    state_[from] = kGone;
    return Edit::done;
  }
  if (how == record::Renaming::key)
    return edit_slot(from, from_below, {Operation::Kind::rename, {}, to_below.back().key});
  // Byte for byte, so the value is not read but found.
  Found found = descend(read(from), from_below.first(from_below.empty() ? 0 : from_below.size() - 1));
  if (found.bad) return Edit::malformed;
  const std::string_view bytes = from_below.empty() ? bytes_of(from) : bytes_below(found, from_below.back());
  if (bytes.empty()) return Edit::done;
  const Edit removed = remove(from, from_below);
  return removed == Edit::done ? edit_slot(to, to_below, {Operation::Kind::set, bytes, {}}) : removed;
}

std::string_view View::bytes_below(const Found& parent, const Step& step) {
  const bool map = parent.found && parent.value.type() == Type::object;
  if (!parent.found || (!map && (step.is_key || parent.value.type() != Type::array))) return {};
  Walk walk(parent.value.text());
  std::string_view bytes;
  std::int64_t left = step.index < 0 ? step.index + walk.count() : step.index;
  for (Entry entry; walk.next(entry); --left) {
    if (map ? entry.has_key(step.key, *arena_) : left == 0) bytes = entry.value();
  }
  return bytes;
}

Edit View::keep(std::span<const Kept> kept) {
  if (shape_ != Shape::object) return shape_ == Shape::other ? Edit::parent_is_no_object : Edit::malformed;
  if (!changes_.empty()) replace(rendered());
  const bool top = std::all_of(kept.begin(), kept.end(), [](const Kept& path) { return path.below.empty(); });
  if (top && !index_.repeated()) return keep_members(kept);
  std::vector<std::vector<Step>> paths;
  for (const Kept& path : kept) {
    const Steps steps = steps_of(path.slot, path.below);
    paths.emplace_back(steps.begin(), steps.end());
  }
  const std::vector<Steps> views(paths.begin(), paths.end());
  bool found = false;
  const Edited edited = keep_below(record_, views, *arena_, *scratch_, found);
  if (edited.edit == Edit::done && edited.changed) replace(edited.value);
  return edited.edit;
}

// Whole members of a record without repeated keys.
Edit View::keep_members(std::span<const Kept> kept) {
  std::vector<FieldSlot> places;
  for (const Kept& path : kept) {
    if (index_.slot(path.slot).found()) places.push_back(index_.slot(path.slot));
  }
  std::sort(places.begin(), places.end(),
            [](const FieldSlot& a, const FieldSlot& b) { return a.key_begin < b.key_begin; });
  places.erase(std::unique(places.begin(), places.end(),
                           [](const FieldSlot& a, const FieldSlot& b) { return a.key_begin == b.key_begin; }),
               places.end());
  if (places.size() == index_.members()) return Edit::done;
  char* const begin = arena_->allocate(record_.size() + kMostHead);
  char* to = put_container_head(begin, true, places.size());
  for (const FieldSlot& place : places) {
    const std::size_t bytes = place.value_end - place.key_begin;
    std::memcpy(to, record_.data() + place.key_begin, bytes);
    to += bytes;
  }
  replace({begin, static_cast<std::size_t>(to - begin)});
  return Edit::done;
}

// The record with all edits so far.
std::string_view View::rendered() {
  if (changes_.empty()) return record_;
  scratch_->clear();
  render(*scratch_);
  return arena_->copy(scratch_->view());
}

void View::render(Buffer& out) {
  if (changes_.empty()) {
    out.append(record_);
    return;
  }
  order_.resize(changes_.size());
  for (std::size_t i = 0; i < changes_.size(); ++i) order_[i] = &changes_[i];
  record::sort_changes(order_);
  splice(record_, index_.body(), index_.members(), order_, out);
}

}  // namespace pipec::runtime::msgpack
