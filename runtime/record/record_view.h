// A program's view of one record: fields read on demand, edits kept separately from the original bytes, and a
// splice that writes the record with all unedited bytes unchanged.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/arena.h"
#include "pipec/runtime/buffer.h"
#include "pipec/runtime/json.h"
#include "pipec/runtime/program.h"
#include "pipec/runtime/value.h"
#include "runtime/json/edit.h"
#include "runtime/json/field_index.h"
#include "runtime/json/splice.h"

namespace pipec::runtime::msgpack {
class View;
}

namespace pipec::runtime::record {

// A program's view of one record after another. Reads see the edits made before them. One per worker.
// The record's bytes and the values that are set must live until the next open(). Returned values point into
// the record or the arena, and are valid until the arena's reset.
class RecordView {
 public:
  explicit RecordView(const FieldSet& fields);
  ~RecordView();
  RecordView(const RecordView&) = delete;
  RecordView& operator=(const RecordView&) = delete;

  // Begins with a record, which must be followed by Buffer::kPadding readable bytes. Shape::malformed:
  // nothing may be read.
  Shape open(std::string_view record, bool trusted, Arena& arena);
  // Begins with a MsgPack record: all functions below are forwarded to a view of that format, off the path of
  // JSON records. `known`: its members, with a layout of the same fields.
  Shape open_msgpack(std::string_view record, Arena& arena, const KnownMembers& known = {});
  // Begins without one: every field is missing (constants, `generate`).
  void open_nothing(Arena& arena);

  // Missing fields, and paths through values that are not objects or arrays, read as null. Value::failed():
  // the requested value is malformed; the record is treated as malformed.
  Value get(std::uint32_t slot) {
    if (state_[slot] == kUntouched) [[likely]] {
      const FieldSlot& place = index_.slot(slot);
      if (!place.found()) return Value();
      return read_json(slice(place)).value_or(Value::failed());
    }
    return get_changed(slot);
  }
  Value get(std::uint32_t slot, std::span<const Step> below);
  Value whole();
  Value get_whole(std::span<const Step> below);
  // 1 there (null or not), 0 missing, -1 malformed on the way.
  int has(std::uint32_t slot, std::span<const Step> below);
  int has_whole(std::span<const Step> below);

  // The three edits below for fields of the top level, in line. False: this record needs the general way.
  bool set_top(std::uint32_t slot, const Value& value) {
    if (!simple()) return false;
    json::Change& change = changed(slot);
    change.set = true;
    change.value = value;
    return true;
  }
  bool remove_top(std::uint32_t slot) {
    if (!simple()) return false;
    erase(slot);
    return true;
  }
  bool rename_top(std::uint32_t from, std::uint32_t to) {
    if (!simple()) return false;
    if (from == to || !there(from)) return true;
    erase(to);
    json::Change& change = changed(from);
    change.key = quoted_[to];
    state_[to] = state_[from];
    state_[from] = kGone;
    return true;
  }

  // Edits keep places: a set field stays in place, a new one is appended, all repeated keys are affected.
  // Missing parents become objects. Values may point into the record itself (`.a = .b`).
  Edit set(std::uint32_t slot, std::span<const Step> below, const Value& value);
  Edit set_whole(std::span<const Step> below, const Value& value);  // `. = value` where `below` is empty
  Edit remove(std::uint32_t slot, std::span<const Step> below);     // a missing one is fine
  // Keeps these paths and removes everything else. Spacing between the kept fields is unchanged.
  Edit keep(std::span<const Kept> kept);
  // Moves a value byte for byte; nothing happens where it is missing, an existing target is replaced. A
  // rename within one object keeps the member's place and changes its key alone.
  Edit rename(std::uint32_t from, std::span<const Step> from_below, std::uint32_t to,
              std::span<const Step> to_below);

  bool edited() const { return edited_ || (foreign_ && foreign_edited()); }
  // Appends the record with all edits so far. Untouched runs are copied with one memcpy each. The result
  // holds no raw newline that was not in the record.
  void write(Buffer& out);

 private:
  // state_ of a slot; anything else is an index into changes_.
  static constexpr std::uint32_t kUntouched = 0xffffffff;
  static constexpr std::uint32_t kGone = 0xfffffffe;
  static constexpr std::uint32_t kForeign = 0xfffffffd;  // the slot is foreign_'s

  // A value that is more than its JSON text (a timestamp is a string there), set below the top level.
  struct Typed {
    std::uint32_t slot;
    std::vector<Step> path;
    Value value;
  };

  std::string_view slice(const FieldSlot& place) const {
    return record_.substr(place.value_begin, place.value_end - place.value_begin);
  }
  Value get_changed(std::uint32_t slot);
  Found read(std::uint32_t slot);
  Found descend(Found from, std::span<const Step> below);
  bool there(std::uint32_t slot) const {
    if (shape_ != Shape::object || state_[slot] == kGone) return false;
    return state_[slot] != kUntouched || index_.slot(slot).found();
  }
  // An object without repeated keys, and no value below the top level to look after.
  bool simple() const { return shape_ == Shape::object && !index_.repeated() && typed_.empty(); }
  Edit usable() const;
  bool foreign_edited() const;
  void leave_msgpack();
  void begin(std::string_view record, Shape shape);
  // The slot's entry in changes_, made where there is none.
  json::Change& changed(std::uint32_t slot) {
    edited_ = true;
    whole_known_ = false;
    const std::uint32_t state = state_[slot];
    if (state < kGone) return changes_[state];
    state_[slot] = static_cast<std::uint32_t>(changes_.size());
    json::Change& change = changes_.emplace_back();
    if (state == kUntouched) change.place = index_.slot(slot);
    if (!change.place.found()) change.key = quoted_[slot];
    return change;
  }
  void put(std::uint32_t slot, const Value& value);
  void erase(std::uint32_t slot) {
    if (!there(slot)) return;
    changed(slot).removed = true;
    state_[slot] = kGone;
  }
  void move(std::uint32_t from, std::uint32_t to);
  Edit edit_slot(std::uint32_t slot, std::span<const Step> below, const json::Operation& operation);
  Edit edit_text(std::span<const Step> steps, const json::Operation& operation);
  std::span<const Step> steps_of(std::uint32_t slot, std::span<const Step> below);
  std::uint32_t slot_of(const Step& step) const;
  void replace(std::string_view text);
  void reopen(const Value& record, std::string_view source);
  void render(Buffer& out);
  Edit keep_text(std::span<const Kept> kept);
  Edit keep_places(std::span<const Kept> kept);
  const Typed* typed_at(std::uint32_t slot, std::span<const Step> below) const;
  void forget_typed(std::uint32_t slot);
  void forget_typed(std::uint32_t slot, std::span<const Step> below);
  void forget_typed_but(std::span<const Kept> kept);

  std::vector<std::string> keys_;    // decoded
  std::vector<std::string> quoted_;  // as they are written
  json::FieldIndex index_;
  BufferPool pool_{1};
  BufferRef scratch_;
  Arena* arena_ = nullptr;
  std::string_view record_;  // the record, or, after an edit that moved more than values, its text since then
  Shape shape_ = Shape::malformed;
  bool edited_ = false;
  bool others_removed_ = false;             // by keep: the members without slots were removed
  std::vector<std::uint32_t> state_;        // per slot
  std::vector<json::Change> changes_;       // in the order of the edits
  std::vector<const json::Change*> order_;  // for splice
  std::vector<Typed> typed_;
  std::vector<Step> path_;  // of steps_of
  Value whole_;             // where whole_known_
  bool whole_known_ = false;
  std::unique_ptr<msgpack::View> msgpack_;  // created for the first such record
  msgpack::View* foreign_ = nullptr;        // it, while the record is its
};

}  // namespace pipec::runtime::record
