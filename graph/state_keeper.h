// The checkpoint as seen by the parts of one run: each has entries under its own state key. The caller owns
// the store: once run() has given up, the store is not used any more.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/checkpoint.h"
#include "pipec/runtime/connector.h"

namespace pipec::graph {

class StateKeeper {
 public:
  // The checkpoint's own entry: the progress of a run that starts over.
  static constexpr const char* kAnew = "anew";
  // Under a stage's state key: the settings that its state depends on (Node::meaning).
  static constexpr const char* kMeaning = "\tmeaning";

  // `store`: null where nothing is kept across runs.
  explicit StateKeeper(runtime::CheckpointStore* store) : store_(store) {}

  bool keeps() const { return store_ != nullptr; }
  runtime::CheckpointStore* store() const { return store_; }

  // The entries below this key, by the owner's own keys.
  runtime::StateEntries saved(const std::string& state_key) const;
  // The value of an entry that belongs to no part; "" where there is none.
  std::string saved_value(std::string_view key) const;
  static std::string prefix(const std::string& state_key);
  static void add(const std::string& state_key, runtime::StateEntries&& own, runtime::StateEntries& to);
  // The part of `key` after the owner's prefix; empty: the key has no owner.
  static std::string_view own_key(std::string_view key);

  // Saves the entries that `changes` returns, under the store's lock; entries with an empty value are
  // removed. Fails after stop().
  runtime::Status save(const std::function<runtime::Status(runtime::StateEntries& changes)>& changes);
  // Waits for a save in progress.
  void stop();

 private:
  runtime::CheckpointStore* const store_;
  mutable std::mutex mutex_;  // held while the store is in use
  bool stopped_ = false;
};

}  // namespace pipec::graph
