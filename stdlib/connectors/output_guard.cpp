#include "stdlib/connectors/output_guard.h"

#include "pipec/runtime/paths.h"
#include "stdlib/connectors/connectors.h"

namespace pipec::stdlib {

const char* OutputClaims::claim(const std::string& path, const void* owner) {
  const std::lock_guard lock(mutex_);
  // A file that will be created is not a directory either.
  for (std::size_t slash = path.rfind('/'); slash != std::string::npos && slash != 0;
       slash = path.rfind('/', slash - 1)) {
    if (owners_.contains(path.substr(0, slash)))
      return "the path leads through something that is not a directory";
  }
  const auto [found, is_new] = owners_.emplace(path, owner);
  return is_new || found->second == owner ? nullptr : "the path names the file of another sink";
}

void OutputClaims::release(const std::string& path, const void* owner) {
  const std::lock_guard lock(mutex_);
  const auto found = owners_.find(path);
  if (found != owners_.end() && found->second == owner) owners_.erase(found);
}

OutputGuard::OutputGuard(const runtime::ConnectorContext& context)
    : own_(context.own_files), claims_(shared_part<OutputClaims>(context, "output claims")) {}

void OutputGuard::open(const std::string& base) {
  base_ = runtime::canonical_path(base.empty() ? "." : base);
  if (base_.empty() || base_.back() != '/') base_ += '/';
  if (own_) index_ = runtime::OwnFileIndex(*own_);
}

const char* OutputGuard::refuse(std::string_view relative, const struct stat* there) const {
  return index_.refuse(base_ + std::string(relative), there);
}

const char* OutputGuard::claim(std::string_view relative, OutputClaim& claim) const {
  const std::string path = base_ + std::string(relative);
  if (const char* reason = claims_->claim(path, this)) return reason;
  claim = OutputClaim(claims_, path, this);
  return nullptr;
}

}  // namespace pipec::stdlib
