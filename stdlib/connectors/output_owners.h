// Which file sink of a pipeline a path belongs to. All of them keep their entries under one key; each takes
// those that are its own. Complete before the first of them begins.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "stdlib/connectors/output_path.h"

namespace pipec::stdlib {

class OutputOwners {
 public:
  using Owner = const void*;

  // Adds the paths that begin with `key_base` (as keys do) and continue like the template.
  void add(Owner owner, std::string key_base, OutputTemplate shape);
  void drop(Owner owner);
  // The sink with this constant path, else the first one whose template can produce it; null: none.
  Owner owner_of(std::string_view key) const;
  // True for one caller: of an entry that no sink owns any more one of them takes care.
  bool take_orphan(const std::string& key);

 private:
  struct Claim {
    Owner owner;
    std::string key_base;
    OutputTemplate shape;
  };
  mutable std::mutex mutex_;
  std::vector<Claim> claims_;
  std::set<std::string> orphans_;
};

}  // namespace pipec::stdlib
