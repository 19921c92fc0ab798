// The checkpoint as the parts of one run see it: each has entries under a state key of its own. The store is
// the caller's: once run() has given up it is not touched any more.
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
  // The checkpoint's own entry: how far a run that begins anew has come.
  static constexpr const char* kAnew = "anew";
  // Under a stage's state key: what its state depends on (Node::meaning).
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
  // The part of `key` behind the owner's; empty: it is no owner's.
  static std::string_view own_key(std::string_view key);

  // Saves what `changes` gives, while nobody else can; entries with an empty value are removed. An error
  // after stop().
  runtime::Status save(const std::function<runtime::Status(runtime::StateEntries& changes)>& changes);
  // Waits for a save that is under way.
  void stop();

 private:
  runtime::CheckpointStore* const store_;
  mutable std::mutex mutex_;  // held while the store is in use
  bool stopped_ = false;
};

}  // namespace pipec::graph
