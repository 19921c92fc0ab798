#include "runtime/eval/splice_plan.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "pipec/runtime/json.h"
#include "pipec/runtime/msgpack.h"
#include "runtime/json/splice.h"
#include "runtime/msgpack/write.h"

namespace pipec::runtime::eval {

namespace {

constexpr std::uint16_t kMissing = record::Layout::kMissing;
constexpr std::uint32_t kUntouched = 0xffffffff;
constexpr std::uint32_t kGone = 0xfffffffe;

// The change of one member.
struct Change {
  std::uint16_t member = kMissing;  // kMissing: new, goes to the end
  std::string_view key;             // the new key; empty: unchanged
  ColumnPlan::Number value = ColumnPlan::kNone;
  bool removed = false;
};

// The edits one after another, as RecordView has them.
class Changes {
 public:
  Changes(const record::Layout& layout, std::span<const std::string> keys)
      : layout_(layout), keys_(keys), state_(keys.size(), kUntouched), members_(layout.leads.size()) {}

  void apply(const TopEdit& edit) {
    switch (edit.kind) {
      case TopEdit::Kind::keep:
        return keep(edit.kept);
      case TopEdit::Kind::set:
        changed(edit.slot).value = edit.value;
        return;
      case TopEdit::Kind::remove:
        return erase(edit.slot);
      case TopEdit::Kind::rename:
        return rename(edit.slot, edit.to);
    }
  }
  // In the order of the record, then new members.
  std::vector<Change> take() {
    std::stable_sort(changes_.begin(), changes_.end(),
                     [](const Change& a, const Change& b) { return a.member < b.member; });
    return std::move(changes_);
  }
  std::size_t members() const { return members_; }  // how many there are now
  // A map's head is rewritten if the number of members changed, at the end or at a keep().
  bool recounted() const { return recounted_ || members_ != counted_; }

 private:
  bool there(std::uint32_t slot) const {
    return state_[slot] != kGone && (state_[slot] != kUntouched || layout_.member_of[slot] != kMissing);
  }
  Change& changed(std::uint32_t slot) {
    if (state_[slot] < kGone) return changes_[state_[slot]];
    Change change;
    if (state_[slot] == kUntouched) change.member = layout_.member_of[slot];
    if (change.member == kMissing) {
      change.key = keys_[slot];
      ++members_;
    }
    state_[slot] = static_cast<std::uint32_t>(changes_.size());
    return changes_.emplace_back(change);
  }
  void erase(std::uint32_t slot) {
    if (!there(slot)) return;
    changed(slot).removed = true;
    state_[slot] = kGone;
    --members_;
  }
  void rename(std::uint32_t from, std::uint32_t to) {
    if (from == to || !there(from)) return;
    erase(to);
    changed(from).key = keys_[to];
    state_[to] = state_[from];
    state_[from] = kGone;
  }
  void keep(std::span<const std::uint32_t> kept) {
    recount();
    // Members without a slot are removed, once.
    for (std::uint16_t m = 0; m < layout_.leads.size() && !others_removed_; ++m) {
      const auto& wanted = layout_.member_of;
      if (std::find(wanted.begin(), wanted.end(), m) != wanted.end()) continue;
      changes_.push_back({m, {}, ColumnPlan::kNone, true});
      --members_;
    }
    others_removed_ = true;
    for (std::uint32_t slot = 0; slot < state_.size(); ++slot) {
      if (std::find(kept.begin(), kept.end(), slot) == kept.end()) erase(slot);
    }
    recount();
  }
  void recount() {
    recounted_ = recounted();
    counted_ = members_;
  }

  const record::Layout& layout_;
  std::span<const std::string> keys_;
  std::vector<std::uint32_t> state_;
  std::vector<Change> changes_;
  std::size_t members_;
  std::size_t counted_ = members_;
  bool recounted_ = false;
  bool others_removed_ = false;
};

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

SplicePlan::SplicePlan(const record::Layout& layout, std::span<const TopEdit> edits, const Keys& keys) {
  const bool json = layout.format == Format::json;
  Changes applied(layout, json ? keys.json : keys.msgpack);
  for (const TopEdit& edit : edits) applied.apply(edit);
  const std::vector<Change> changes = applied.take();
  if (changes.empty()) return;
  const Part::Kind value_kind = json ? Part::Kind::json_value : Part::Kind::msgpack_value;
  const auto last = static_cast<std::uint32_t>(layout.leads.size()) - 1;
  // Places of member m: `begin` is the separator before it.
  const auto begin = [](std::uint32_t m) { return Place{2 * m, 0}; };
  const auto end = [](std::uint32_t m) { return Place{2 * m + 2, 0}; };
  const auto key = [&](std::uint32_t m) { return Place{2 * m, layout.leads[m].key}; };
  const auto key_end = [](std::uint32_t m) { return Place{2 * m + 1, 0}; };
  const auto value = [&](std::uint32_t m) { return Place{2 * m, layout.leads[m].size}; };
  Place copied{0, 0};      // up to here the record is written or left out
  std::uint32_t next = 0;  // the first member that has not been dealt with
  bool all_gone = true;    // no member stays before it
  if (!json && applied.recounted()) {
    char head[msgpack::kMostHead];
    const char* const head_end = msgpack::put_container_head(head, true, applied.members());
    add_text({head, static_cast<std::size_t>(head_end - head)});
    copied = key(0);
  }
  std::size_t i = 0;
  for (; i < changes.size() && changes[i].member != kMissing; ++i) {
    const Change& change = changes[i];
    const std::uint32_t m = change.member;
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
      copied = key_end(m);
    }
    if (change.value != ColumnPlan::kNone) {
      add_run(copied, value(m));
      add_value(value_kind, change.value);
      copied = end(m);
    }
  }
  if (next <= last) all_gone = false;
  bool added = false;
  for (; i < changes.size(); ++i) {
    const Change& change = changes[i];
    if (change.removed) continue;
    if (!added) add_run(copied, end(last));
    if (json && (added || !all_gone)) add_text(",");
    add_text(change.key);
    if (json) add_text(":");
    add_value(value_kind, change.value);
    added = true;
    copied = end(last);
  }
  add_run(copied, {2 * last + 2, json ? 1U : 0U});  // of JSON with the closing bracket
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

void SplicePlan::add_value(Part::Kind kind, ColumnPlan::Number value) {
  room_ += kNumber;
  Part part;
  part.kind = kind;
  part.value = value;
  parts_.push_back(part);
}

void SplicePlan::write(const record::BlockIndex& index, std::size_t row, std::uint32_t size,
                       const Columns& columns, Buffer& out) const {
  const char* const text = index.text();
  const std::uint32_t* const members = index.members(row);
  const auto place = [&](const Place& at) { return text + members[at.member] + at.behind; };
  // Space for everything except non-numeric values, which reserve their own.
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
      case Part::Kind::json_value: {
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
          json::append_value(value, {text + members[0], size}, out);
          to = out.extend(room);
        }
        break;
      }
      case Part::Kind::msgpack_value: {
        const Value& value = columns.value(part.value, row);
        if (value.type() == Type::integer && !value.is_beyond()) {
          to = msgpack::put_integer(to, value.as_int());
        } else if (value.type() == Type::floating) {
          to = msgpack::put_float(to, value.as_float());
        } else {
          written();
          append_msgpack(value, out);
          to = out.extend(room);
        }
        break;
      }
    }
  }
  written();
}

}  // namespace pipec::runtime::eval
