#include "pipec/graph/ordered.h"

#include <stdexcept>
#include <utility>

namespace pipec::graph {

std::optional<std::string_view> RecordView::key() const {
  const runtime::Metadata* own = metadata();
  if (!own || !own->key) return std::nullopt;
  return *own->key;
}

const std::string* KeyValueState::find(const std::string& key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

void KeyValueState::set(const std::string& key, std::string value) {
  if (value.empty()) throw std::invalid_argument("KeyValueState::set: the value is empty");
  values_[key] = std::move(value);
  changed_.insert(key);
}

void KeyValueState::erase(const std::string& key) {
  if (values_.erase(key) > 0) changed_.insert(key);
}

runtime::Status KeyValueState::open(const runtime::StateEntries& saved) {
  for (const runtime::StateEntry& entry : saved) values_[entry.key] = entry.value;
  return {};
}

void KeyValueState::snapshot(runtime::StateEntries& changes) {
  for (const std::string& key : changed_) {
    const std::string* value = find(key);
    changes.push_back({key, value ? *value : std::string()});
  }
  changed_.clear();
}

}  // namespace pipec::graph
