// Which files a `recv file` reads, and where in each of them it begins.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipec/runtime/connector.h"
#include "pipec/runtime/fd.h"
#include "stdlib/connectors/compress/compression.h"
#include "stdlib/connectors/compress/frame_start.h"
#include "stdlib/connectors/input_claims.h"
#include "stdlib/connectors/input_paths.h"

namespace pipec::stdlib {

struct InputFile {
  std::string path;
  std::string key;  // of its entry
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;     // when the run began
  std::int64_t modified = 0;  // in nanoseconds since 1970, then
  bool size_unknown = false;  // as for files in /proc: the size is 0 although they are not empty
  std::uint64_t start = 0;    // where this run begins to read
  Compression compression = Compression::none;
  // Packed files: `start` counts unpacked bytes, and this is where unpacking begins.
  FrameStart packed_start;
  std::optional<std::uint64_t> head;  // of the Fingerprint at `start`
  // Not 0: the line from `start` up to here was delivered without a newline and may have been continued.
  std::uint64_t open_end = 0;
  bool known = false;      // it is a continuation
  bool closed = false;     // it was delivered as a whole
  bool done = false;       // nothing was new in it when the run began
  bool still_bad = false;  // unchanged since its rest was skipped
};

struct InputFiles {
  std::vector<InputFile> files;   // in the order in which they are read
  std::string note;               // the state found of the last run; empty if there was none
  runtime::StateEntries to_save;  // with the next commit: findings about files that are not read
};

struct InputRequest {
  InputPaths paths;
  std::optional<Compression> packing;  // nullopt: by each file's first bytes
  std::string state;                   // the `state:` name
  std::shared_ptr<InputClaims> claims;
  bool from_start = false;
  bool skip_bad = false;
  bool hint = false;               // errors may name the option on_bad_file
  bool whole = false;              // a file is delivered as a whole: a JSON array, one record
  std::uint64_t forget_after = 0;  // seconds
  std::uint64_t now = 0;           // seconds since 1970
  std::function<void(const std::string& line)> log;
};

class InputResume;

// Says how the pipeline can go on without the file.
runtime::Error with_hint(runtime::Error error, const InputRequest& request);

// The files that the paths name. A file with two names is listed once, and known files come before new ones.
// `resume` identifies the known ones.
runtime::Result<InputFiles> find_input_files(const InputRequest& request, InputResume& resume);

// Opens a regular file for reading. Anything else (a directory, a FIFO, a file whose name wrongly says that
// it is compressed) is an immediate, clear error.
runtime::Result<runtime::Fd> open_input(const std::string& path, std::optional<Compression> packing,
                                        InputFile& file);

// The entry that records that the rest of the file was skipped. It is valid until the file changes.
runtime::StateEntry bad_file_entry(const InputFile& file);

}  // namespace pipec::stdlib
