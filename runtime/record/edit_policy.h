// The semantics of edits below a value, for every format: which members are affected, how missing parents and
// repeated keys are handled, which edits are rejected. The format defines how the bytes change.
//
// A format F has
//   Part                     how it holds a value: a Value, or bytes
//   holds(part)              what is in it
//   open(part, use)          calls use(container) and gives what that gives; part holds members or items
//   nest(steps, part)        objects of one member each around the part; steps are keys, and there is one
// and its containers, which keep the changes made to them,
//   Entry                    a member or an item
//   each(visit)              visit(entry) in order until it returns false; false: malformed
//   count()                  of the items; nullopt: malformed
//   has_key(entry, key)
//   part(entry)              its value; nullopt: malformed
//   set(entry, part) remove(entry) rename(entry, key) add(key, part)      in the order of the entries
//   result()                 the container with the changes
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "pipec/runtime/containers.h"
#include "runtime/record/edit.h"

namespace pipec::runtime::record {

template <typename F>
class EditPolicy {
 public:
  using Part = typename F::Part;
  using Steps = std::span<const Step>;

  explicit EditPolicy(F& format) : format_(format) {}

  // The edit at the end of a non-empty path; a set creates missing objects.
  EditedOf<Part> edit(const Part& container, Steps steps, const OperationOf<Part>& operation) {
    // No record is nested this deep: nothing exists there, and nothing may be set there.
    const bool sets = operation.kind == EditKind::set;
    if (steps.size() > kMaxDepth) return sets ? failure(Edit::malformed) : unchanged(container);
    const bool is_key = steps.front().is_key;
    const Holds holds = format_.holds(container);
    if (holds == Holds::malformed) return failure(Edit::malformed);
    if (holds == Holds::members || (holds == Holds::items && !is_key)) {
      return format_.open(container, [&](auto& open) {
        return holds == Holds::members ? edit_member(open, container, steps, operation)
                                       : edit_item(open, container, steps, operation);
      });
    }
    if (!sets) return unchanged(container);
    return failure(is_key ? Edit::parent_is_no_object : Edit::parent_is_no_array);
  }

  // The container reduced to the members at the paths; no path is empty. `found`: whether any exists.
  EditedOf<Part> keep(const Part& container, std::span<const Steps> paths, bool& found) {
    found = false;
    const Holds holds = format_.holds(container);
    if (holds == Holds::malformed) return failure(Edit::malformed);
    if (holds == Holds::nothing) return unchanged(container);
    for (const Steps& path : paths) {
      if (path.size() > kMaxDepth) return failure(Edit::malformed);
    }
    return format_.open(container,
                        [&](auto& open) { return keep_in(open, holds == Holds::members, paths, found); });
  }

  // Objects around the value, one for each step, for parents that are missing.
  EditedOf<Part> wrap(Steps steps, const Part& value) {
    for (const Step& step : steps) {
      if (!step.is_key) return failure(Edit::parent_is_no_array);
    }
    return {Edit::done, true, steps.empty() ? value : format_.nest(steps, value)};
  }

 private:
  static EditedOf<Part> failure(Edit edit) { return {edit, false, {}}; }
  static EditedOf<Part> unchanged(const Part& part) { return {Edit::done, false, part}; }

  template <typename C>
  EditedOf<Part> edit_inside(C& open, const typename C::Entry& entry, Steps below,
                             const OperationOf<Part>& operation) {
    const std::optional<Part> part = open.part(entry);
    return part ? edit(*part, below, operation) : failure(Edit::malformed);
  }

  template <typename C>
  EditedOf<Part> edit_member(C& open, const Part& container, Steps steps,
                             const OperationOf<Part>& operation) {
    using Entry = typename C::Entry;
    const Step& step = steps.front();
    const Steps below = steps.subspan(1);
    const bool sets = operation.kind == EditKind::set;
    const bool renames = operation.kind == EditKind::rename && below.empty();
    // Every member with the key and, of a rename, those that have the new key.
    struct Match {
      Entry entry;
      bool same;
    };
    std::vector<Match> matches;
    std::optional<std::size_t> last;
    const bool sound = open.each([&](const Entry& entry) {
      const bool same = open.has_key(entry, step.key);
      if (same) last = matches.size();
      if (same || (renames && open.has_key(entry, operation.new_key))) matches.push_back({entry, same});
      return true;
    });
    if (!sound) return failure(Edit::malformed);
    if (!last) {
      if (!sets) return unchanged(container);
      const EditedOf<Part> made = wrap(below, operation.value);
      if (made.edit != Edit::done) return made;
      open.add(step.key, made.value);
      return open.result();
    }
    // The last one counts: the result of setting it is the field's new value, at every repetition.
    Part value = operation.value;
    if (sets && !below.empty()) {
      const EditedOf<Part> made = edit_inside(open, matches[*last].entry, below, operation);
      if (made.edit != Edit::done) return made;
      value = made.value;
    }
    for (std::size_t i = 0; i < matches.size(); ++i) {
      const auto& [entry, same] = matches[i];
      if (renames) {
        if (i == *last) {
          open.rename(entry, operation.new_key);
        } else {
          open.remove(entry);
        }
      } else if (sets) {
        open.set(entry, value);
      } else if (below.empty()) {
        open.remove(entry);
      } else {  // removed or renamed in each, so that nothing of it leaves
        const EditedOf<Part> made = edit_inside(open, entry, below, operation);
        if (made.edit != Edit::done) return made;
        if (made.changed) open.set(entry, made.value);
      }
    }
    return open.result();
  }

  template <typename C>
  EditedOf<Part> edit_item(C& open, const Part& container, Steps steps, const OperationOf<Part>& operation) {
    using Entry = typename C::Entry;
    const Steps below = steps.subspan(1);
    std::int64_t wanted = steps.front().index;
    if (wanted < 0) {
      const std::optional<std::int64_t> count = open.count();
      if (!count) return failure(Edit::malformed);
      wanted += *count;
    }
    std::optional<Entry> found;
    std::int64_t index = 0;
    const bool sound = open.each([&](const Entry& entry) {
      if (index++ == wanted) found = entry;
      return true;
    });
    if (!sound) return failure(Edit::malformed);
    if (!found) {
      return operation.kind == EditKind::set ? failure(Edit::out_of_bounds) : unchanged(container);
    }
    if (!below.empty()) {
      const EditedOf<Part> made = edit_inside(open, *found, below, operation);
      if (made.edit != Edit::done) return made;
      if (made.changed) open.set(*found, made.value);
    } else if (operation.kind == EditKind::set) {
      open.set(*found, operation.value);
    } else if (operation.kind == EditKind::remove) {
      open.remove(*found);
    }  // an item has no key to rename
    return open.result();
  }

  template <typename C>
  EditedOf<Part> keep_in(C& open, bool members, std::span<const Steps> paths, bool& found) {
    std::int64_t count = 0;
    const auto from_the_end = [](const Steps& path) {
      return !path.front().is_key && path.front().index < 0;
    };
    if (!members && std::any_of(paths.begin(), paths.end(), from_the_end)) {
      const std::optional<std::int64_t> counted = open.count();
      if (!counted) return failure(Edit::malformed);
      count = *counted;
    }
    Edit problem = Edit::done;
    std::int64_t index = 0;
    std::vector<Steps> below;  // the paths that go on below an entry
    const bool sound = open.each([&](const typename C::Entry& entry) {
      below.clear();
      bool whole = false;
      for (const Steps& path : paths) {
        const Step& step = path.front();
        const bool leads = members ? open.has_key(entry, step.key)
                                   : !step.is_key && (step.index == index || step.index + count == index);
        if (!leads) continue;
        if (path.size() == 1) {
          whole = true;
        } else {
          below.push_back(path.subspan(1));
        }
      }
      ++index;
      bool inside = whole;
      if (!whole && !below.empty()) {
        const std::optional<Part> part = open.part(entry);
        const EditedOf<Part> kept = part ? keep(*part, below, inside) : failure(Edit::malformed);
        problem = kept.edit;
        if (problem != Edit::done) return false;
        if (inside && kept.changed) open.set(entry, kept.value);
      }
      if (inside) {
        found = true;
      } else {
        open.remove(entry);
      }
      return true;
    });
    if (problem != Edit::done) return failure(problem);
    return sound ? open.result() : failure(Edit::malformed);
  }

  F& format_;
};

}  // namespace pipec::runtime::record
