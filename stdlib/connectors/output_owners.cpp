#include "stdlib/connectors/output_owners.h"

#include <utility>

namespace pipec::stdlib {

void OutputOwners::add(Owner owner, std::string key_base, OutputTemplate shape) {
  const std::lock_guard guard(mutex_);
  claims_.push_back({owner, std::move(key_base), std::move(shape)});
}

void OutputOwners::drop(Owner owner) {
  const std::lock_guard guard(mutex_);
  std::erase_if(claims_, [&](const Claim& claim) { return claim.owner == owner; });
}

OutputOwners::Owner OutputOwners::owner_of(std::string_view key) const {
  const std::lock_guard guard(mutex_);
  for (const bool constant : {true, false}) {
    for (const Claim& claim : claims_) {
      if (claim.shape.constant != constant || !key.starts_with(claim.key_base)) continue;
      const std::string_view path = key.substr(claim.key_base.size());
      if (refuse_output(path) == nullptr && claim.shape.matches(path)) return claim.owner;
    }
  }
  return nullptr;
}

bool OutputOwners::take_orphan(const std::string& key) {
  const std::lock_guard guard(mutex_);
  return orphans_.insert(key).second;
}

}  // namespace pipec::stdlib
