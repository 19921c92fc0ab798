// The state of one pipeline on disk: one checkpoint file, the one before it, a lock. Replaced atomically
// (write, fsync, rename, fsync of the directory), with version, length and checksum. A corrupt one is an
// error, never a fresh start.
#pragma once

#include <memory>
#include <string>

#include "pipec/runtime/connector.h"
#include "pipec/runtime/error.h"

namespace pipec::runtime {

class CheckpointStore {
 public:
  // Makes the directory (mode 0700) and takes the lock: a second holder gets an error that says so.
  // `pipeline` is written into the file: a checkpoint of another pipeline is refused. `fresh`: what is there
  // is forgotten unread, so that --from-start gets past a corrupt one.
  static Result<std::unique_ptr<CheckpointStore>> open(const std::string& directory,
                                                       const std::string& pipeline, bool fresh = false);
  virtual ~CheckpointStore() = default;
  // The entries that were saved last, sorted by key; empty where there is no checkpoint yet. Not while save()
  // runs.
  virtual const StateEntries& entries() const = 0;
  // Merges the changes into the entries and replaces the file. Durable when it returns ok. After an error the
  // store is of no use any more (a failed fsync is not retried). Any thread.
  virtual Status save(const StateEntries& changes) = 0;
  // Forgets everything (--from-start).
  virtual Status clear() = 0;
};

}  // namespace pipec::runtime
