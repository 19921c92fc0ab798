// The state of one pipeline on disk: one checkpoint file, the previous one, a list of finished keys, a lock.
// The checkpoint is replaced atomically (write, fsync, rename, fsync of the directory), with version, length
// and checksum. A corrupt one is an error, never a fresh start.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/connector.h"
#include "pipec/runtime/error.h"

namespace pipec::runtime {

class CheckpointStore {
 public:
  // Creates the directory (mode 0700) and takes the lock; fails if the lock is already held. `pipeline` is
  // stored in the file, and a checkpoint of another pipeline is rejected. `fresh`: an unusable checkpoint is
  // treated as absent, so that --from-start works.
  static Result<std::unique_ptr<CheckpointStore>> open(const std::string& directory,
                                                       const std::string& pipeline, bool fresh = false);
  // Before open(): a checkpoint of this pipeline that an older pipec kept in `old_directory` itself is moved
  // to `directory`, unless there is one already. `fresh`: as in open().
  static Status move_old(const std::string& old_directory, const std::string& directory,
                         const std::string& pipeline, bool fresh = false);
  virtual ~CheckpointStore() = default;
  // The entries that were saved last, sorted by key; empty if there is no checkpoint yet. Must not be called
  // while save() runs.
  virtual const StateEntries& entries() const = 0;
  // Merges the changes into the entries and replaces the file. Durable when it returns ok. After an error the
  // store is of no use any more (a failed fsync is not retried). Any thread.
  virtual Status save(const StateEntries& changes) = 0;
  // Forgets everything.
  virtual Status clear() = 0;

  // Adds the keys of entries that were removed because their files are finished, to a growing list on disk
  // that is never held in memory. It may contain a key several times. The default keeps nothing.
  virtual Status add_finished(const std::vector<std::string>& keys) {
    (void)keys;
    return {};
  }
  virtual Status read_finished(const std::function<void(std::string_view key)>& each) const {
    (void)each;
    return {};
  }
  virtual Status clear_finished() { return {}; }
};

}  // namespace pipec::runtime
