#include "stdlib/stages/seen_keys.h"

#include <algorithm>
#include <charconv>

#include "stdlib/stages/state_bytes.h"

namespace pipec::stdlib {

namespace {

// A chunk is rewritten with each commit until it reaches this size, and never after.
constexpr std::size_t kChunkBytes = std::size_t{32} << 10;
constexpr std::string_view kChunkPrefix = "keys ";
constexpr const char* kGreatestKey = "time";

}  // namespace

std::uint64_t* HashIndex::find(const Key& key) {
  if (slots_.empty()) return nullptr;
  for (std::size_t at = place(key); slots_[at].pass != kFree; at = (at + 1) & (slots_.size() - 1)) {
    if (slots_[at].key == key) return &slots_[at].pass;
  }
  return nullptr;
}

void HashIndex::put(const Key& key, std::uint64_t pass) {
  if (std::uint64_t* known = find(key)) {
    *known = pass;
    return;
  }
  if ((used_ + 1) * 4 > slots_.size() * 3) grow();
  std::size_t at = place(key);
  while (slots_[at].pass != kFree) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = {key, pass};
  ++used_;
}

void HashIndex::grow() {
  std::vector<Slot> old(std::max<std::size_t>(64, slots_.size() * 2));
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.pass == kFree) continue;
    std::size_t at = place(slot.key);
    while (slots_[at].pass != kFree) at = (at + 1) & (slots_.size() - 1);
    slots_[at] = slot;
  }
}

// Moves the following entries up, so that no search ends too early at the hole.
void HashIndex::remove(const Key& key) {
  if (!find(key)) return;
  const std::size_t mask = slots_.size() - 1;
  std::size_t hole = place(key);
  while (!(slots_[hole].key == key)) hole = (hole + 1) & mask;
  for (std::size_t at = (hole + 1) & mask; slots_[at].pass != kFree; at = (at + 1) & mask) {
    const std::size_t distance = (at - place(slots_[at].key)) & mask;
    if (distance < ((at - hole) & mask)) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = Slot{};
  --used_;
}

void HashIndex::write(const Key& key, std::string& out) {
  write_word(key.low, out);
  write_word(key.high, out);
}

std::optional<Hash128> HashIndex::read(std::string_view& from) {
  const auto low = read_word(from);
  const auto high = low ? read_word(from) : std::nullopt;
  if (!high) return std::nullopt;
  return Hash128{*low, *high};
}

std::uint64_t* TextIndex::find(const Key& key) {
  const auto found = passes_.find(key);
  return found == passes_.end() ? nullptr : &found->second;
}

void TextIndex::put(const Key& key, std::uint64_t pass) {
  const auto [at, is_new] = passes_.insert_or_assign(key, pass);
  if (is_new) text_ += at->first.size();
}

void TextIndex::remove(const Key& key) {
  if (passes_.erase(key) != 0) text_ -= key.size();
}

void TextIndex::write(const Key& key, std::string& out) {
  write_text(key, out);
}

std::optional<std::string> TextIndex::read(std::string_view& from) {
  const auto key = read_text(from);
  return key ? std::optional<std::string>(*key) : std::nullopt;
}

template <class Index>
bool SeenKeys<Index>::pass(const Key& key, std::int64_t time) {
  if (limits_.within && time > greatest_) {
    greatest_ = time;
    moved_ = true;
    forget();
  }
  if (const std::uint64_t* known = index_.find(key)) {
    if (!limits_.forgets() || !expired(order_[*known - first_].time)) return false;
  }
  if (expired(time) && !limits_.last) return true;  // would expire before it could be looked up
  add(key, time);
  Index::write(key, open_chunk_);
  if (limits_.within) write_word(static_cast<std::uint64_t>(time), open_chunk_);
  open_changed_ = true;
  forget();
  return true;
}

template <class Index>
void SeenKeys<Index>::add(const Key& key, std::int64_t time) {
  index_.put(key, next_++);
  if (limits_.forgets()) order_.push_back({key, time});
}

template <class Index>
void SeenKeys<Index>::forget_first() {
  const Key& key = order_.front().key;
  // Unless it has passed again since.
  if (const std::uint64_t* known = index_.find(key); known && *known == first_) index_.remove(key);
  order_.pop_front();
  ++first_;
}

template <class Index>
void SeenKeys<Index>::forget() {
  while (!order_.empty() &&
         (expired(order_.front().time) || (limits_.last && order_.size() > *limits_.last))) {
    forget_first();
  }
}

template <class Index>
std::string SeenKeys<Index>::chunk_key(std::uint64_t number) {
  return std::string(kChunkPrefix) + hexadecimal(number);
}

template <class Index>
void SeenKeys<Index>::snapshot(runtime::StateEntries& changes) {
  if (moved_) changes.push_back({kGreatestKey, std::to_string(greatest_)});
  moved_ = false;
  while (!chunks_.empty() && chunks_.front().end <= first_) {
    changes.push_back({chunk_key(chunks_.front().number), {}});
    chunks_.pop_front();
  }
  if (!open_changed_) return;
  open_changed_ = false;
  changes.push_back({chunk_key(open_number_), open_chunk_});
  if (open_chunk_.size() < kChunkBytes) return;
  if (limits_.forgets()) chunks_.push_back({open_number_, next_});
  ++open_number_;
  open_chunk_.clear();
}

template <class Index>
bool SeenKeys<Index>::restore(const runtime::StateEntries& saved) {
  std::vector<std::pair<std::uint64_t, std::string_view>> chunks;
  for (const runtime::StateEntry& entry : saved) {
    if (entry.key == kGreatestKey) {
      const char* const end = entry.value.data() + entry.value.size();
      const auto read = std::from_chars(entry.value.data(), end, greatest_);
      if (read.ec != std::errc{} || read.ptr != end) return false;
    } else if (entry.key.starts_with(kChunkPrefix)) {
      const auto number = read_hexadecimal(std::string_view(entry.key).substr(kChunkPrefix.size()));
      if (!number) return false;
      chunks.emplace_back(*number, entry.value);
    }
  }
  std::sort(chunks.begin(), chunks.end());
  for (const auto& [number, text] : chunks) {
    std::string_view rest = text;
    while (!rest.empty()) {
      auto key = Index::read(rest);
      const auto time = key && limits_.within ? read_word(rest) : std::optional<std::uint64_t>(0);
      if (!key || !time) return false;
      add(*key, static_cast<std::int64_t>(*time));
    }
    if (limits_.forgets()) chunks_.push_back({number, next_});
    open_number_ = number + 1;
  }
  forget();
  return true;
}

template class SeenKeys<HashIndex>;
template class SeenKeys<TextIndex>;

}  // namespace pipec::stdlib
