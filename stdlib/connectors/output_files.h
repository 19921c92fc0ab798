// The files that a file sink writes: buffered, few of them open at a time, cut back after a crash.
//
// Effectively once. A file's committed length is kept in the checkpoint with the source's positions; a
// restart truncates the file to it, and the same records are rewritten. A file that no checkpoint knows yet
// could be left half written by a crash. Therefore its current length (0 for a new file) is saved ahead
// (Sink::keep_ahead) before its first byte is written, so a restart finds an entry for every file that was
// touched.
//
// State does not grow with history. If `finishes` is set, a file that is no longer in use is removed from
// memory and checkpoint: a snapshot removes its entry, kept_entry() confirms the removal right before it is
// saved, and the next snapshot forgets the file. A record that arrives for it in between cancels the removal.
//
// Bytes passed to append() reach a file only with flush() and become durable only with sync().
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "pipec/runtime/clock.h"
#include "pipec/runtime/connector.h"
#include "stdlib/connectors/compress/compression.h"
#include "stdlib/connectors/output_directory.h"
#include "stdlib/connectors/output_guard.h"
#include "stdlib/connectors/output_owners.h"
#include "stdlib/connectors/output_path.h"
#include "stdlib/connectors/output_turnover.h"

namespace pipec::stdlib {

struct OutputOptions {
  std::string base;
  OutputTemplate shape;  // selects this sink's entries among those of all the pipeline's file sinks
  std::shared_ptr<OutputOwners> owners = std::make_shared<OutputOwners>();  // the pipeline's
  bool confined = true;                                                     // paths come from records
  bool durable = true;                                                      // sync() makes the bytes durable
  bool is_private = false;                      // new files are readable by their owner only
  bool finishes = false;                        // files leave the state when they are no longer in use
  std::chrono::nanoseconds close_after{0};      // that is, not written for this long
  bool recreate = false;                        // a missing file is created again
  std::size_t most_open = 0;                    // 0: as many as the process may have
  Compression compression = Compression::none;  // of what append_frame() gets
  std::shared_ptr<OutputGuard> guard;           // where paths come from records
  const runtime::Clock* clock = &runtime::Clock::system();
};

struct OutputFile;
struct OutputMark;

// write-side calls, snapshot() and sync() may come from two threads: one mutex guards everything. It is not
// held during fsync, except for a file that is closed to free a descriptor.
class OutputFiles {
 public:
  // So many files may be unwritten since the last commit before the one unwritten longest is finished.
  static constexpr std::size_t kMostIdle = 256;
  // So many files are kept in memory, and those of the batches since the last commit point. Where more are
  // written between two commits, each batch should be a commit point, and files are finished as soon as they
  // are written. Where more are written in turn, batches should be small too.
  static constexpr std::size_t kMostKept = 1024;

  explicit OutputFiles(OutputOptions options);
  ~OutputFiles();
  OutputFiles(const OutputFiles&) = delete;
  OutputFiles& operator=(const OutputFiles&) = delete;

  using SaveAhead = std::function<runtime::Status(const runtime::StateEntries&)>;
  void keep_ahead(SaveAhead save) { save_ahead_ = std::move(save); }
  void keep_beginning(const runtime::Beginning& beginning) { beginning_ = beginning; }

  // Checks this sink's files that the entries name. Changes no existing file.
  runtime::Status open(const runtime::StateEntries& saved);
  // Cuts them back to their committed lengths, or empties them.
  runtime::Status begin(runtime::StateEntries& changes);
  // Which files begin() cut, and by how much; "" where none.
  std::string resume_note() const;

  // Between two writes: where many files are on their way out of the state, waits a little until they are.
  void make_way();
  // One write() of the sink: nothing of it interleaves with sync().
  class Writer {
   public:
    explicit Writer(OutputFiles& files) : files_(files), lock_(files.mutex_) {}
    // The file of that path; null with `refused` set if the path itself cannot name a file. Valid until the
    // next snapshot().
    runtime::Result<OutputFile*> find(std::string_view path, std::string& refused);
    // Creates the file, even if no record follows.
    runtime::Status make(OutputFile& file) { return files_.latch(files_.open_again(file)); }
    // `line`: `text` is whole lines without the last newline, which is added; `newline_follows`: it already
    // follows `text` in memory. Otherwise the bytes are written unchanged.
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

  // Any thread: bytes that the files' buffers take.
  std::size_t held_bytes() const { return held_bytes_.load(std::memory_order_relaxed); }
  // How many it should buffer at most, within its own bounds.
  void keep_limit(std::size_t bytes);

  void snapshot(runtime::StateEntries& out);
  std::optional<std::string> kept_entry(const std::string& key);
  bool wants_commit() const { return wants_commit_.load(std::memory_order_relaxed); }
  bool wants_small_batches() const { return wants_small_batches_.load(std::memory_order_relaxed); }
  void finish(runtime::StateEntries& out);
  runtime::Status sync();
  runtime::Status close();
  // After an error nothing more is written; every later call returns the error.
  runtime::Status failure();
  // Any thread: unless busy, releases the space preallocated for its files; false: there was none.
  bool give_back_room_if_idle();

 private:
  friend class Writer;
  struct Admission {
    bool ok = false;
    std::string refused;
  };
  // What exists at the path of an entry.
  struct Found {
    runtime::Fd fd;  // null: nothing, or something else, which begins as if it were unknown
    std::uint64_t size = 0;
  };

  // output_files_begin.cpp
  bool owns(const std::string& key) const;
  std::string path_of(const std::string& key) const { return key.substr(key_base_.size()); }
  runtime::Result<Found> look(const std::string& full, const OutputMark& mark, runtime::Fd fd,
                              int error) const;
  runtime::Result<Found> find_saved(const std::string& path, const OutputMark& mark) const;
  runtime::Status settle(const runtime::StateEntry& entry, runtime::StateEntries& changes);
  runtime::Status settle_orphan(const runtime::StateEntry& entry, runtime::StateEntries& changes);
  runtime::Status cut(int fd, const std::string& full, const OutputMark& mark, std::uint64_t size);
  runtime::Status empty(const std::string& path);
  runtime::Status empty_all();
  OutputFile* already_open(const std::string& path) const;

  // output_files_open.cpp
  runtime::Status check_compression(const OutputFile& file, std::optional<Compression> found) const;
  runtime::Result<Admission> admit(OutputFile& file);
  runtime::Status adopt(OutputFile& file, runtime::Fd fd);
  runtime::Status read_content(OutputFile& file);
  runtime::Status truncate(OutputFile& file, std::uint64_t size);
  runtime::Status open_again(OutputFile& file);
  runtime::Status make_room();
  runtime::Status close_oldest();
  std::size_t most_open() const;
  void use(OutputFile& file);

  const char* guard_against(OutputFile& file, const struct stat* there) const;
  bool is_given_away(const std::string& path, const struct stat* there) const;
  void note_change(OutputFile& file);
  void count(OutputFile& file);
  void come_back(OutputFile& file);
  void forget_left();
  void finish_idle(std::chrono::steady_clock::time_point now, runtime::StateEntries& out);
  void finish_changed(runtime::StateEntries& out);
  bool leave(OutputFile& file, runtime::StateEntries& out);
  static bool is_through(const OutputFile& file);
  static bool is_idle(const OutputFile& file);
  runtime::Status make_ready(const std::vector<OutputFile*>& files);
  runtime::Status put(OutputFile& file, std::string_view text, bool add_newline);
  runtime::Status write_all(OutputFile& file, std::string_view text, bool add_newline);
  bool give_back_all_room();
  runtime::Status flush_all();
  runtime::Status check_in_place(const OutputFile& file) const;
  // The key of an entry: the file's path as state keeps it (runtime::state_path).
  std::string key_of(const std::string& path) const { return key_base_ + path; }
  std::string entry_of(const OutputFile& file, bool clean = false) const;
  runtime::Status latch(runtime::Status status);

  const OutputOptions options_;
  const std::string key_base_;  // "" for the working directory, else it ends with '/'
  OutputDirectory directory_;
  SaveAhead save_ahead_;
  // Until a snapshot finds that few files are written, and few in turn.
  std::atomic<bool> wants_commit_;
  std::atomic<bool> wants_small_batches_;
  runtime::Beginning beginning_;
  runtime::StateEntries saved_;  // until begin()
  std::mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<OutputFile>> files_;  // in use, by relative path
  OutputTurnover turnover_;
  std::list<OutputFile*> recent_;      // all of them, most recently written first
  std::list<OutputFile*> open_;        // most recently used first
  std::vector<OutputFile*> changed_;   // since the last snapshot
  std::vector<OutputFile*> unsynced_;  // since the last sync
  bool sync_all_ = false;              // files were closed unsynced that sync_all() makes durable
  std::vector<OutputFile*> buffered_;  // hold bytes that no file has yet
  std::size_t buffered_bytes_ = 0;
  std::size_t most_buffered_ = std::size_t{4} << 20;  // then all of it is written
  std::atomic<std::size_t> held_bytes_{0};            // by the files' buffers
  // Beginning::emptied: hashes of the keys written by this run, or by an earlier run that it continues.
  std::unordered_set<std::uint64_t> touched_;
  // Cut by begin(), or left as others made them longer.
  struct Notes {
    std::size_t files = 0;
    std::uint64_t bytes = 0;
    std::string first;
    void add(const std::string& name, std::uint64_t more);
    std::string text(const char* what) const;
  };
  Notes cut_;
  Notes grown_;
  std::optional<runtime::Error> failed_;

  // Removed entries that are not in the checkpoint yet, by key. Its lock is never held during calls:
  // kept_entry() is called while the checkpoint is locked, for which make_ready() waits.
  struct Leaving {
    enum class State : std::uint8_t { asked, gone, called_off } state = State::asked;
    std::string entry;  // as of the snapshot
  };
  std::mutex leaving_mutex_;
  std::condition_variable left_;
  std::map<std::string, Leaving> leaving_;
  std::size_t asked_ = 0;  // of them
};

}  // namespace pipec::stdlib
