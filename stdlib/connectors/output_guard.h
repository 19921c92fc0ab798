// Keeps record-dependent paths away from files that the pipeline needs: its inputs, text, state and dead
// letters, and the files of its other sinks. A record with such a path becomes a dead letter.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "pipec/runtime/own_files.h"
#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

// Which template sink of a pipeline is writing which path; the pipeline's sinks share one. Thread-safe.
class OutputClaims {
 public:
  // Null where it is `owner`'s now, else why it cannot be.
  const char* claim(const std::string& path, const void* owner);
  void release(const std::string& path, const void* owner);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, const void*> owners_;
};

// A path that is being written, until it is destroyed.
class OutputClaim {
 public:
  OutputClaim() = default;
  OutputClaim(std::shared_ptr<OutputClaims> claims, std::string path, const void* owner)
      : claims_(std::move(claims)), path_(std::move(path)), owner_(owner) {}
  OutputClaim(OutputClaim&& other) noexcept = default;
  OutputClaim& operator=(OutputClaim&& other) noexcept {
    std::swap(claims_, other.claims_);
    std::swap(path_, other.path_);
    std::swap(owner_, other.owner_);
    return *this;
  }
  ~OutputClaim() {
    if (claims_) claims_->release(path_, owner_);
  }

 private:
  std::shared_ptr<OutputClaims> claims_;
  std::string path_;
  const void* owner_ = nullptr;
};

// One per template sink; calls are serialized.
class OutputGuard {
 public:
  explicit OutputGuard(const runtime::ConnectorContext& context);

  // Called once the directory `base` exists.
  void open(const std::string& base);
  // Null if the path (relative to the base) may be written. `there`: the file at the path; null if missing or
  // not checked.
  const char* refuse(std::string_view relative, const struct stat* there) const;
  // The path is this sink's for as long as `claim` lives; else why not.
  const char* claim(std::string_view relative, OutputClaim& claim) const;

 private:
  std::shared_ptr<const runtime::OwnFiles> own_;
  std::shared_ptr<OutputClaims> claims_;
  runtime::OwnFileIndex index_;
  std::string base_;  // canonical, with a '/' at its end
};

}  // namespace pipec::stdlib
