// One file of a file sink, open or not. Guarded by OutputFiles' mutex.
#pragma once

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

struct OutputFile {
  std::string path;                       // below the base
  std::shared_ptr<runtime::Fd> fd;        // null: closed, or not made yet; sync() may hold it a little longer
  std::list<OutputFile*>::iterator used;  // where fd is set: its place among the open ones
  std::uint64_t device = 0;
  std::uint64_t inode = 0;      // 0: not made yet
  std::uint64_t written = 0;    // bytes in the file
  std::uint64_t allocated = 0;  // up to here the file system was asked for room; 0: not yet
  std::uint64_t started = 0;    // up to here the disk was told to write
  std::string pending;          // behind them, not written yet
  std::string unpacked;         // gathered for the next frame, where the sink packs
  bool gathers = false;         // in PackedOutput::gathered_
  bool regular = true;          // else a device or pipe: nothing about it is kept, synced or cut
  bool known = false;           // the checkpoint has an entry of it, or no state is kept
  bool changed = false;         // in OutputFiles::changed_
  bool unsynced = false;        // in OutputFiles::unsynced_
  OutputClaim claim;            // no other sink's record may name it meanwhile

  std::uint64_t length() const { return written + pending.size(); }
};

// What the checkpoint says of a file: "size=123 device=2049 inode=77", and "codec=gzip" where it is packed;
// inode 0: it was not made yet.
struct OutputMark {
  std::uint64_t size = 0;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  Compression compression = Compression::none;

  std::string text() const;
  static std::optional<OutputMark> parse(std::string_view text);
};

// Writes pending, text and, if asked, a newline at the file's end, in one system call where it can. On an
// error a regular file is cut back to what it was. Leaves `pending` empty.
runtime::Status write_output(OutputFile& file, std::string_view text, bool add_newline,
                             const std::string& full_path);

// How the file's content begins; nullopt where it is empty or cannot be read.
std::optional<Compression> compression_of_file(int fd);

// Before `more` bytes are written to a large regular file: asks for room ahead of its end, without changing
// its size. Blocks that are there already cost a third of the time that the kernel takes to find them one by
// one. A file system that cannot, or is nearly full, is not asked again.
void allocate_ahead(OutputFile& file, std::size_t more);
// Behind a write: lets the disk begin with what was written since the last time, so that a sync finds little
// left to do.
void start_writing_back(OutputFile& file);
// Before the descriptor is closed: gives back the room behind the file's end.
void give_back_room(OutputFile& file);

}  // namespace pipec::stdlib
