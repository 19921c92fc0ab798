#include "runtime/eval/splice_plan.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "pipec/runtime/json.h"
#include "runtime/json/splice.h"

namespace pipec::runtime::eval {

namespace {

constexpr std::uint16_t kMissing = json::Layout::kMissing;
constexpr std::uint32_t kUntouched = 0xffffffff;
constexpr std::uint32_t kGone = 0xfffffffe;

// What becomes of one member.
struct Change {
  std::uint16_t member = kMissing;  // kMissing: new, goes to the end
  std::string_view key;             // the new key; empty: as it stands
  ColumnPlan::Number value = ColumnPlan::kNone;
  bool removed = false;
};

// The edits one after another, as RecordView has them.
std::vector<Change> changes_of(const json::Layout& layout, std::span<const TopEdit> edits,
                               std::span<const std::string> quoted) {
  std::vector<Change> changes;
  std::vector<std::uint32_t> state(quoted.size(), kUntouched);
  const auto there = [&](std::uint32_t slot) {
    return state[slot] != kGone && (state[slot] != kUntouched || layout.member_of[slot] != kMissing);
  };
  const auto changed = [&](std::uint32_t slot) -> Change& {
    if (state[slot] < kGone) return changes[state[slot]];
    Change change;
    if (state[slot] == kUntouched) change.member = layout.member_of[slot];
    if (change.member == kMissing) change.key = quoted[slot];
    state[slot] = static_cast<std::uint32_t>(changes.size());
    return changes.emplace_back(change);
  };
  const auto erase = [&](std::uint32_t slot) {
    if (!there(slot)) return;
    changed(slot).removed = true;
    state[slot] = kGone;
  };
  for (const TopEdit& edit : edits) {
    switch (edit.kind) {
      case TopEdit::Kind::set:
        changed(edit.slot).value = edit.value;
        break;
      case TopEdit::Kind::remove:
        erase(edit.slot);
        break;
      case TopEdit::Kind::rename:
        if (edit.slot == edit.to || !there(edit.slot)) break;
        erase(edit.to);
        changed(edit.slot).key = quoted[edit.to];
        state[edit.to] = state[edit.slot];
        state[edit.slot] = kGone;
        break;
    }
  }
  std::stable_sort(changes.begin(), changes.end(),
                   [](const Change& a, const Change& b) { return a.member < b.member; });
  return changes;
}

// Copies in whole pieces: up to 31 bytes more are read and written.
inline char* copy(char* to, const char* from, std::size_t size) {
  if (size > 512) {
    std::memcpy(to, from, size);
  } else {
    for (std::size_t i = 0; i < size; i += 32) std::memcpy(to + i, from + i, 32);
  }
  return to + size;
}
constexpr std::size_t kOverrun = 32;
constexpr std::size_t kNumber = 32;  // any number, bool or null as text

}  // namespace

SplicePlan::SplicePlan(const json::Layout& layout, std::span<const TopEdit> edits,
                       std::span<const std::string> quoted) {
  const std::vector<Change> changes = changes_of(layout, edits, quoted);
  if (changes.empty()) return;
  const auto last = static_cast<std::int32_t>(layout.leads.size()) - 1;
  // Places of member m: `begin` is the separator before it.
  const auto begin = [](std::int32_t m) { return Place{m == 0 ? -1 : 2 * m - 1, 0}; };
  const auto end = [](std::int32_t m) { return Place{2 * m + 1, 0}; };
  const auto key = [&](std::int32_t m) {
    return Place{begin(m).member, layout.leads[static_cast<std::size_t>(m)].key};
  };
  const auto colon = [](std::int32_t m) { return Place{2 * m, 0}; };
  const auto value = [&](std::int32_t m) {
    return Place{begin(m).member, layout.leads[static_cast<std::size_t>(m)].size};
  };
  Place copied{-1, 0};         // up to here the record is written or left out
  std::int32_t next = 0;       // the first member that has not been dealt with
  bool all_gone = true;        // no member stays before it
  std::size_t i = 0;
  for (; i < changes.size() && changes[i].member != kMissing; ++i) {
    const Change& change = changes[i];
    const auto m = static_cast<std::int32_t>(change.member);
    if (m > next) all_gone = false;
    next = m + 1;
    if (change.removed) {
      if (!all_gone) {
        add_run(copied, begin(m));
        copied = end(m);
      } else {
        add_run(copied, key(m));
        copied = m == last ? end(m) : key(m + 1);
      }
      continue;
    }
    all_gone = false;
    if (!change.key.empty()) {
      add_run(copied, key(m));
      add_text(change.key);
      copied = colon(m);
    }
    if (change.value != ColumnPlan::kNone) {
      add_run(copied, value(m));
      add_value(change.value);
      copied = end(m);
    }
  }
  if (next <= last) all_gone = false;
  bool added = false;
  for (; i < changes.size(); ++i) {
    const Change& change = changes[i];
    if (change.removed) continue;
    if (!added) add_run(copied, end(last));
    if (added || !all_gone) add_text(",");
    add_text(change.key);
    add_text(":");
    add_value(change.value);
    added = true;
    copied = end(last);
  }
  add_run(copied, {2 * last + 1, 1});
}

void SplicePlan::add_run(Place from, Place to) {
  if (from.member == to.member && from.behind == to.behind) return;
  Part part;
  part.from = from;
  part.to = to;
  parts_.push_back(part);
}

void SplicePlan::add_text(std::string_view text) {
  room_ += text.size();
  if (!parts_.empty() && parts_.back().kind == Part::Kind::text) {
    parts_.back().size += static_cast<std::uint32_t>(text.size());
  } else {
    Part part;
    part.kind = Part::Kind::text;
    part.text = static_cast<std::uint32_t>(texts_.size());
    part.size = static_cast<std::uint32_t>(text.size());
    parts_.push_back(part);
  }
  texts_ += text;
}

void SplicePlan::add_value(ColumnPlan::Number value) {
  room_ += kNumber;
  Part part;
  part.kind = Part::Kind::value;
  part.value = value;
  parts_.push_back(part);
}

void SplicePlan::write(const json::BlockIndex& index, std::size_t row, std::uint32_t size,
                       const Columns& columns, Buffer& out) const {
  const char* const text = index.text();
  const std::uint32_t* const members = index.members(row);
  const std::uint32_t begin = index.begin(row);
  const auto place = [&](const Place& at) {
    return text + (at.member < 0 ? begin : members[at.member]) + at.behind;
  };
  // Room for all but the values that are no numbers: those ask for theirs.
  const std::size_t room = size + room_ + 2 * kOverrun;
  char* to = out.extend(room);
  const auto written = [&] { out.set_size(static_cast<std::size_t>(to - out.data())); };
  for (const Part& part : parts_) {
    switch (part.kind) {
      case Part::Kind::run: {
        const char* const from = place(part.from);
        to = copy(to, from, static_cast<std::size_t>(place(part.to) - from));
        break;
      }
      case Part::Kind::text:
        std::memcpy(to, texts_.data() + part.text, part.size);
        to += part.size;
        break;
      case Part::Kind::value: {
        const Value& value = columns.value(part.value, row);
        if (value.type() == Type::integer && value.number_text().empty()) {
          to = std::to_chars(to, to + kNumber, value.as_int()).ptr;
        } else if (value.type() == Type::floating && value.number_text().empty()) {
          to += format_float(value.as_float(), to);
        } else if (value.type() == Type::string && value.is_json_text()) {
          written();
          to = out.extend(room + value.size());
          *to = '"';
          to = copy(to + 1, value.text().data(), value.size());
          *to++ = '"';
        } else {
          written();
          json::append_value(value, {text + begin, size}, out);
          to = out.extend(room);
        }
        break;
      }
    }
  }
  written();
}

}  // namespace pipec::runtime::eval
