// One file of a file sink, open or not. Guarded by OutputFiles' mutex.
#pragma once

#include <chrono>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "pipec/runtime/error.h"
#include "pipec/runtime/fd.h"
#include "stdlib/connectors/compress/compression.h"
#include "stdlib/connectors/output_guard.h"

namespace pipec::stdlib {

// The last bytes of a file's content, by which it is known again.
class OutputTail {
 public:
  static constexpr std::size_t kBytes = 256;

  void append(std::string_view text);
  // Nobody knows them: the file cannot be read.
  void forget() {
    bytes_.clear();
    known_ = false;
  }
  void set(std::string_view bytes) {
    bytes_ = bytes;
    known_ = true;
  }
  // Of the last kBytes, or all there are.
  std::optional<std::uint64_t> hash() const;
  // The content does not end with a newline.
  bool open_line() const { return known_ && !bytes_.empty() && bytes_.back() != '\n'; }

 private:
  std::string bytes_;
  bool known_ = true;
};

struct OutputFile {
  std::string path;                 // below the base
  std::shared_ptr<runtime::Fd> fd;  // null: closed, or not made yet
  std::weak_ptr<runtime::Fd>
      held;  // where fd is null: sync() may still hold the last one, and with it the lock
  std::list<OutputFile*>::iterator used;               // where fd is set: its place among the open ones
  std::list<OutputFile*>::iterator recent;             // its place among all, by when they were written
  std::chrono::steady_clock::time_point last_written;  // as of a snapshot
  std::uint64_t device = 0;
  std::uint64_t inode = 0;                   // 0: not made yet
  std::uint64_t written = 0;                 // bytes in the file
  std::uint64_t allocated = 0;               // space is preallocated up to here; 0: not yet
  std::uint64_t started = 0;                 // writeback was started up to here
  OutputTail tail;                           // pending included
  std::optional<std::uint64_t> tail_before;  // where the checkpoint has no entry: of the bytes until then
  std::string pending;                       // after them, not written yet
  std::size_t counted = 0;                   // bytes of its buffer in OutputFiles::held_bytes_
  std::string unpacked;                      // gathered for the next frame, where the sink packs
  bool gathers = false;                      // in PackedOutput::gathered_
  bool regular = true;                       // else a device or pipe: nothing about it is kept, synced or cut
  bool known = false;                        // the checkpoint has an entry of it, or no state is kept
  bool changed = false;                      // in OutputFiles::changed_
  bool unsynced = false;                     // in OutputFiles::unsynced_, or sync() has it in hand
  bool syncing = false;                      // sync() has it in hand
  OutputClaim claim;                         // no other sink's record may name it during that time
  bool leaving = false;                      // a snapshot has removed its entry
  bool headed = false;                       // its format's file header is written, or requested
  bool wants_newline = false;                // the existing content ends in the middle of a line

  std::uint64_t length() const { return written + pending.size(); }
};

// A file's checkpoint entry: "size=123 inode=77 tail=0123456789abcdef", and "codec=gzip" if it is packed.
// Inode 0: not created yet. "clean": the run finished, so bytes after `size` are not its own.
struct OutputMark {
  std::uint64_t size = 0;
  std::uint64_t inode = 0;
  std::optional<std::uint64_t> tail;  // the hash of the last bytes before `size`
  bool clean = false;
  Compression compression = Compression::none;

  std::string text() const;
  static std::optional<OutputMark> parse(std::string_view text);
};

// Writes pending, text and, if asked, a newline at the file's end, in one system call where it can. 0:
// `pending` is empty now; else errno, and a regular file is truncated to its previous length.
int write_output(OutputFile& file, std::string_view text, bool add_newline);

// How a file begins and how the bytes before `size` end. Nullopt where it cannot be read.
struct OutputContent {
  std::optional<Compression> compression;  // nullopt: it is empty
  std::string tail;
};
std::optional<OutputContent> read_output(int fd, std::uint64_t size);

// Before `more` bytes are written to a large regular file: preallocates space past its end, without changing
// its size. Preallocated blocks cost a third of the time that the kernel takes to find blocks one by one. The
// amount depends on the free space. If a file system does not support it, it is not tried again.
void allocate_ahead(OutputFile& file, std::size_t more);
// After a write: starts writeback of the bytes written since the last call, so that a sync has little left to
// do.
void start_writing_back(OutputFile& file);
// Releases the space preallocated past the file's end; false: there was none. `for_good`: do not preallocate
// again.
bool give_back_room(OutputFile& file, bool for_good = false);

}  // namespace pipec::stdlib
