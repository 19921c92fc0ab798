#include "graph/state_keeper.h"

#include <utility>

#include "pipec/runtime/guarded.h"

namespace pipec::graph {

using runtime::StateEntries;
using runtime::StateEntry;
using runtime::Status;

namespace {

// Between an owner's key and its own in the checkpoint; no state key holds one.
constexpr char kKeyEnd = '\t';

}  // namespace

std::string StateKeeper::prefix(const std::string& state_key) {
  return state_key + kKeyEnd;
}

StateEntries StateKeeper::saved(const std::string& state_key) const {
  StateEntries own;
  if (!store_) return own;
  const std::string begin = prefix(state_key);
  for (const StateEntry& entry : store_->entries()) {
    if (entry.key.starts_with(begin)) own.push_back({entry.key.substr(begin.size()), entry.value});
  }
  return own;
}

std::string StateKeeper::saved_value(std::string_view key) const {
  if (!store_) return {};
  for (const StateEntry& entry : store_->entries()) {
    if (entry.key == key) return entry.value;
  }
  return {};
}

void StateKeeper::add(const std::string& state_key, StateEntries&& own, StateEntries& to) {
  for (StateEntry& entry : own) to.push_back({prefix(state_key) + entry.key, std::move(entry.value)});
}

std::string_view StateKeeper::own_key(std::string_view key) {
  const std::size_t end = key.find(kKeyEnd);
  return end == std::string_view::npos ? std::string_view() : key.substr(end + 1);
}

Status StateKeeper::save(const std::function<Status(StateEntries& changes)>& changes) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return runtime::Error::make(runtime::ErrorCode::deadline, "the run is over");
  return runtime::guarded([&]() -> Status {
    StateEntries entries;
    if (Status made = changes(entries); !made) return made;
    return entries.empty() ? Status() : store_->save(entries);
  });
}

void StateKeeper::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
}

}  // namespace pipec::graph
