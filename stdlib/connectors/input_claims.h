// Shared by the file sources of one pipeline (SharedParts): which source reads which file, and which source
// owns which entries of the common state.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace pipec::stdlib {

using FileIdentity = std::pair<std::uint64_t, std::uint64_t>;  // device and inode
struct FileIdentityHash {
  std::size_t operator()(const FileIdentity& file) const {
    return std::hash<std::uint64_t>()(file.second ^ (file.first << 48));
  }
};

// `state`: a source's `state:` name, empty where it has none. Any thread.
class InputClaims {
 public:
  // False: another source reads this file, and the two sources do not have distinct names.
  bool claim_file(std::uint64_t device, std::uint64_t inode, const std::string& state) {
    const std::lock_guard lock(mutex_);
    std::vector<std::string>& readers = files_[{device, inode}];
    const auto excludes = [&](const std::string& reader) {
      return state.empty() || reader.empty() || reader == state;
    };
    if (std::any_of(readers.begin(), readers.end(), excludes)) return false;
    readers.push_back(state);
    return true;
  }

  bool is_read(std::uint64_t device, std::uint64_t inode) const {
    const std::lock_guard lock(mutex_);
    return files_.contains({device, inode});
  }

  // False: the entry is another source's, or was claimed before.
  bool claim_entry(const std::string& state, const std::string& key) {
    const std::lock_guard lock(mutex_);
    return entries_[state].insert(key).second;
  }
  bool is_claimed(const std::string& state, const std::string& key) const {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(state);
    return found != entries_.end() && found->second.contains(key);
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<FileIdentity, std::vector<std::string>, FileIdentityHash> files_;
  std::unordered_map<std::string, std::unordered_set<std::string>> entries_;  // by state
};

}  // namespace pipec::stdlib
