// Decides where a run resumes in the files that exist now, based on the state of the last run (contract F1).
//
// A file is known if its text before the committed position is unchanged and one of these holds: it has the
// known inode; it is at the known path; or rotation could have renamed the known path to its name, and the
// known path no longer has that text. Nothing else counts: devices get new numbers, and names and inodes are
// reused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "pipec/runtime/connector.h"
#include "pipec/runtime/error.h"
#include "stdlib/connectors/compress/unpacked_prefix.h"
#include "stdlib/connectors/file_identity.h"
#include "stdlib/connectors/input_files.h"

namespace pipec::stdlib {

class InputResume {
 public:
  // `saved`: of all sources that share the state.
  InputResume(const runtime::StateEntries& saved, const InputRequest& request);

  // For each file, which is open: sets where it begins, if it is a known one by its inode or path.
  runtime::Status place(InputFile& file, int fd);
  // Called next for all files that place() did not recognize: finds copies and packed forms of known ones.
  // True: skip the file, a copy that may be about to replace its original.
  runtime::Result<bool> place_rotated(InputFile& file);
  // Called next for each file that is read: assigns the key of its entry. True: it is the bad file that was
  // skipped before.
  bool assign_key(InputFile& file);
  std::string note(std::size_t files) const;
  // The findings of these calls that must be saved.
  runtime::StateEntries to_save() const { return to_save_; }

  // Called once all sources of the pipeline are open: updates the entries that none of them has claimed.
  // Sources that share the state make the same changes.
  runtime::StateEntries look_after_rest();

 private:
  struct Known {
    FileMark mark;
    bool taken = false;  // by a file of this source, now at mark.path
    // Is it still there, unless taken?
    enum class Original : std::uint8_t { unasked, stands, gone } original = Original::unasked;
  };
  class Candidate;

  bool free(std::size_t at) const;
  bool stands(Known& known);
  void take(std::size_t at, InputFile& file, int fd, const std::optional<UnpackedPrefix>& prefix);
  void go_on(InputFile& file, int fd, const FileMark& mark);
  void go_on_unpacking(InputFile& file, const FileMark& mark);
  void pass_open_line(InputFile& file, int fd, const FileMark& mark);
  void say_why_new(const InputFile& file);
  void index_names();
  bool still_bad(const InputFile& file);
  void done(InputFile& file, const FileMark& mark);
  void say(const std::string& what);

  const InputRequest& request_;
  std::vector<Known> known_;
  std::unordered_multimap<std::uint64_t, std::size_t> by_inode_;
  std::unordered_multimap<std::string, std::size_t> by_path_;
  // By the names that rotation starts from, and by those that it numbers.
  std::unordered_multimap<std::string, std::size_t> by_name_;
  std::unordered_multimap<std::string, std::size_t> by_numbered_name_;
  bool names_indexed_ = false;
  std::unordered_map<std::string, std::string> bad_;  // entries of bad files, by the key of the file's own
  std::unordered_set<std::string> keys_;              // of all that is saved
  runtime::StateEntries to_save_;
  std::string note_;
  std::size_t done_ = 0;
  std::string done_path_;
  std::uint64_t done_offset_ = 0;
};

}  // namespace pipec::stdlib
