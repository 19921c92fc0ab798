// Which files a `recv file` reads, and where in each of them it begins.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "pipec/runtime/connector.h"
#include "pipec/runtime/fd.h"
#include "stdlib/connectors/compress/compression.h"
#include "stdlib/connectors/compress/frame_start.h"
#include "stdlib/connectors/input_paths.h"

namespace pipec::stdlib {

struct InputFile {
  std::string path;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;   // when the run began
  std::uint64_t start = 0;  // where this run begins to read
  Compression compression = Compression::none;
  // Packed files: `start` counts unpacked bytes, and this is where unpacking begins.
  FrameStart packed_start;
  // Not 0: what was delivered up to here had no newline, and begins at `start`. Is it continued now?
  std::uint64_t open_end = 0;
};

struct InputFiles {
  std::vector<InputFile> files;  // in the order in which they are read
  std::string note;              // what was found of the last run; empty where there was none
};

// What the paths name; a file with two names counts once.
// `packing`: how the files are packed; nullopt: by each one's first bytes.
runtime::Result<InputFiles> find_input_files(const InputPaths& paths, std::optional<Compression> packing,
                                             const runtime::StateEntries& saved);

// Opens a regular file for reading. Anything else (a directory, a FIFO, a file that by its name is packed and
// is not) is a clear error, at once.
runtime::Result<runtime::Fd> open_input(const std::string& path, std::optional<Compression> packing,
                                        InputFile& file);

}  // namespace pipec::stdlib
