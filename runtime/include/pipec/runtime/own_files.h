// The files that belong to a pipeline: inputs and outputs, its text, its state. The compiler collects them
// and connectors query them, so that a pipeline never reads its own output, and a path built from a record's
// data cannot damage a file that the pipeline needs.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pipec::runtime {

// A path as its author wrote it: one piece if it is constant. In a template, any text may appear between two
// pieces ("out/", ".ndjson" for "out/${.k}.ndjson").
using PathPieces = std::vector<std::string>;

struct OwnFile {
  enum class Role : std::uint8_t { source, sink, dead_letters, text, state };
  Role role = Role::sink;
  PathPieces pieces;
};

struct OwnFiles {
  std::vector<OwnFile> files = {};
  std::vector<std::string> state_directories = {};  // everything in them is state
};

// Whether both paths lead to the same regular file, through any names and links. A missing file counts as
// one, terminals and pipes do not.
bool same_file(const std::string& a, const std::string& b);

// OwnFiles resolved against the disk at construction; queried often, from one thread.
class OwnFileIndex {
 public:
  OwnFileIndex() = default;
  explicit OwnFileIndex(const OwnFiles& files);

  // Is the file at this path something that the pipeline writes or lives on, so that a glob leaves it out?
  bool leaves_out(const std::string& path);
  // Takes such paths out and returns them.
  std::vector<std::string> take_out(std::vector<std::string>& paths);

  // Why a template sink must not write there ("the path names the pipeline's dead letters"), or null.
  // `path` is canonical; `there` is the file that it names, null if there is none yet. A file that a template
  // of the pipeline could have named is not rejected.
  const char* refuse(std::string_view path, const struct stat* there) const;

 private:
  struct Constant {
    OwnFile::Role role;
    std::string written = {};
    std::string canonical = {};
  };
  bool holds_state(std::string_view path) const;
  std::string canonical(const std::string& path, bool is_link);

  std::vector<Constant> constants_;
  std::vector<PathPieces> templates_;             // of sinks and dead letters; the first piece is canonical
  std::vector<std::string> state_directories_;    // canonical, each with a '/' at its end
  std::vector<std::pair<dev_t, ino_t>> written_;  // constants that were there and that no glob may read
  std::string last_directory_;                    // of canonical()
  std::string last_canonical_;
};

}  // namespace pipec::runtime
