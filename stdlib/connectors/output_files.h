// The files that a file sink writes: buffered, capped in number, cut back after a crash.
//
// Effectively once. A file's committed length is kept in the checkpoint with the source's positions; a
// restart cuts the file to it and the same records are written again. That leaves the file that no checkpoint
// knows yet, which a crash may leave half written: before its first byte is written, its length until then (0
// for a new one) is saved ahead (Sink::keep_ahead), so that a restart finds an entry for whatever was
// touched.
//
// Nothing that was handed to append() is in a file before flush(); nothing is durable before sync().
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pipec/runtime/connector.h"
#include "stdlib/connectors/compress/compression.h"
#include "stdlib/connectors/output_directory.h"
#include "stdlib/connectors/output_guard.h"
#include "stdlib/connectors/output_path.h"

namespace pipec::stdlib {

struct OutputOptions {
  std::string base;
  OutputTemplate shape;  // which of the entries of all the pipeline's file sinks are this one's
  bool confined = true;  // paths come from records
  bool truncate = false;
  bool durable = true;      // sync() makes the bytes durable
  bool is_private = false;  // new files are for their owner alone
  std::size_t most_open = 256;
  Compression compression = Compression::none;  // of what append_frame() gets
  std::shared_ptr<OutputGuard> guard;           // where paths come from records
};

struct OutputFile;

// write-side calls, snapshot() and sync() may come from two threads: one mutex guards all, held for no fsync.
class OutputFiles {
 public:
  explicit OutputFiles(OutputOptions options);
  ~OutputFiles();

  using SaveAhead = std::function<runtime::Status(const runtime::StateEntries&)>;
  void keep_ahead(SaveAhead save) { save_ahead_ = std::move(save); }

  // Cuts every file of its own that the entries name back to its committed length.
  runtime::Status open(const runtime::StateEntries& saved);
  // Which files open() cut, and by how much; "" where none.
  std::string resume_note() const;

  // One write() of the sink: nothing of it interleaves with sync().
  class Writer {
   public:
    explicit Writer(OutputFiles& files) : files_(files), lock_(files.mutex_) {}
    // The file of that path; null with `refused` set where no file can be there, for a reason that lies in
    // the path.
    runtime::Result<OutputFile*> find(std::string_view path, std::string& refused);
    // The file is there from now on, even if nothing comes.
    runtime::Status make(OutputFile& file) { return files_.latch(files_.open_again(file)); }
    // `line`: whole lines but for the newline behind the last one, which is added; `newline_follows`: it lies
    // behind `text` already. Else bytes as they are.
    runtime::Status append(OutputFile& file, std::string_view text, bool newline_follows, bool line = true);
    // As they are. Without `writing` they are only buffered (for snapshot(), which must not save ahead).
    runtime::Status append_frame(OutputFile& file, std::string_view bytes, bool writing);
    // Comes back from every later call.
    runtime::Status fail(runtime::Error error) { return files_.latch(std::move(error)); }

   private:
    runtime::Status buffered(OutputFile& file, std::size_t bytes);
    OutputFiles& files_;
    std::unique_lock<std::mutex> lock_;
  };

  void snapshot(runtime::StateEntries& out);
  runtime::Status sync();
  runtime::Status close();
  // After an error nothing is written any more; it comes back from every later call.
  runtime::Status failure();

 private:
  friend class Writer;
  struct Admission {
    bool ok = false;
    std::string refused;
  };

  void note_change(OutputFile& file);
  const char* guard_against(OutputFile& file, const struct stat* there) const;
  runtime::Status check_compression(const OutputFile& file) const;
  runtime::Status restore(const std::string& path, std::string_view value);
  runtime::Result<Admission> admit(OutputFile& file);
  runtime::Status adopt(OutputFile& file, runtime::Fd fd);
  runtime::Status make_ready(const std::vector<OutputFile*>& files);
  runtime::Status open_again(OutputFile& file);
  runtime::Status make_room();
  runtime::Status close_oldest();
  void use(OutputFile& file);
  runtime::Status put(OutputFile& file, std::string_view text, bool add_newline);
  runtime::Status flush_all();
  runtime::Status check_in_place(const OutputFile& file) const;
  // The key of an entry: the file's path as state keeps it (runtime::state_path).
  std::string key_of(const std::string& path) const { return key_base_ + path; }
  std::string entry_of(const OutputFile& file) const;
  runtime::Status latch(runtime::Status status);

  const OutputOptions options_;
  const std::string key_base_;  // "" for the working directory, else it ends with '/'
  OutputDirectory directory_;
  SaveAhead save_ahead_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<OutputFile>>
      files_;                          // by relative path; every one ever written
  std::list<OutputFile*> open_;        // most recently used first
  std::vector<OutputFile*> changed_;   // since the last snapshot
  std::vector<OutputFile*> unsynced_;  // since the last sync
  std::vector<OutputFile*> buffered_;  // hold bytes that no file has yet
  std::size_t buffered_bytes_ = 0;
  std::size_t cut_files_ = 0;  // by open()
  std::uint64_t cut_bytes_ = 0;
  std::string cut_first_;
  std::optional<runtime::Error> failed_;
};

}  // namespace pipec::stdlib
