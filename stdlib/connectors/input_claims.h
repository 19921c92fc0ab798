// What the file sources of one pipeline tell each other (SharedParts): which files they read, and which
// entries of a common state are whose.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

namespace pipec::stdlib {

// `state`: a source's `state:` name, empty where it has none. Any thread.
class InputClaims {
 public:
  // False: another source reads this file, and the two do not each have a name of their own.
  bool claim_file(std::uint64_t device, std::uint64_t inode, const std::string& state) {
    const std::lock_guard lock(mutex_);
    std::set<std::string>& readers = files_[{device, inode}];
    if (!readers.empty() && (state.empty() || readers.contains("") || readers.contains(state))) return false;
    readers.insert(state);
    return true;
  }

  bool is_read(std::uint64_t device, std::uint64_t inode) const {
    const std::lock_guard lock(mutex_);
    return files_.contains({device, inode});
  }

  // False: the entry is another source's, or was claimed before.
  bool claim_entry(const std::string& state, const std::string& key) {
    const std::lock_guard lock(mutex_);
    return entries_.insert({state, key}).second;
  }
  bool is_claimed(const std::string& state, const std::string& key) const {
    const std::lock_guard lock(mutex_);
    return entries_.contains({state, key});
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::set<std::string>> files_;
  std::set<std::pair<std::string, std::string>> entries_;
};

}  // namespace pipec::stdlib
