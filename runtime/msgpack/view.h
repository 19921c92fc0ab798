// A program's view of one MsgPack record, like record::RecordView for JSON, and used through it. Values that
// are set are encoded immediately, so a read after an edit returns what will be written.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/containers.h"
#include "runtime/msgpack/edit.h"
#include "runtime/msgpack/index.h"

namespace pipec::runtime::msgpack {

using record::Kept;

// One per worker. The record's bytes must live until the next open(). Returned values point into the record
// or the arena.
class View {
 public:
  // `keys` must outlive it.
  explicit View(const std::vector<std::string>& keys);

  // `known`: its members, of a layout with the same keys.
  Shape open(std::string_view record, Arena& arena, const KnownMembers& known = {});

  Value get(std::uint32_t slot, std::span<const Step> below);
  Value whole();
  Value get_whole(std::span<const Step> below);
  int has(std::uint32_t slot, std::span<const Step> below);
  int has_whole(std::span<const Step> below);

  Edit set(std::uint32_t slot, std::span<const Step> below, const Value& value);
  Edit set_whole(std::span<const Step> below, const Value& value);
  Edit remove(std::uint32_t slot, std::span<const Step> below);
  Edit keep(std::span<const Kept> kept);
  Edit rename(std::uint32_t from, std::span<const Step> from_below, std::uint32_t to,
              std::span<const Step> to_below);

  bool edited() const { return edited_; }
  void write(Buffer& out) { render(out); }

 private:
  // state_ of a slot; anything else is an index into changes_.
  static constexpr std::uint32_t kUntouched = 0xffffffff;
  static constexpr std::uint32_t kGone = 0xfffffffe;

  // The slot's current bytes; empty: it is missing.
  std::string_view bytes_of(std::uint32_t slot) const;
  Found read(std::uint32_t slot) const;
  Found read_whole();
  Found descend(Found from, std::span<const Step> below);
  std::uint32_t slot_of(const Step& step) const;
  std::span<const Step> steps_of(std::uint32_t slot, std::span<const Step> below);
  Change& changed(std::uint32_t slot);
  void put(std::uint32_t slot, std::string_view value);
  void erase(std::uint32_t slot);
  Edit edit_slot(std::uint32_t slot, std::span<const Step> below, const Operation& operation);
  Edit edit_whole(std::span<const Step> steps, const Operation& operation);
  Edit keep_members(std::span<const Kept> kept);
  // The bytes of a container's member or item; empty: it has none such.
  std::string_view bytes_below(const Found& parent, const Step& step);
  void begin(std::string_view record, const KnownMembers& known = {});
  void replace(std::string_view record);
  std::string_view rendered();
  void render(Buffer& out);

  const std::vector<std::string>& keys_;
  std::vector<std::string> key_bytes_;  // the same as MsgPack
  Index index_;
  BufferPool pool_{1};
  BufferRef scratch_;
  Arena* arena_ = nullptr;
  std::string_view
      record_;  // the record, or, after an edit that moved more than values, its bytes since then
  Shape shape_ = Shape::malformed;
  bool edited_ = false;
  std::vector<std::uint32_t> state_;  // per slot
  std::vector<Change> changes_;       // in the order of the edits
  std::vector<const Change*> order_;  // for splice
  std::vector<Step> path_;            // of steps_of
};

}  // namespace pipec::runtime::msgpack
