#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "connectors_support.h"
#include "pipec/runtime/fd.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace pipec::test;
using namespace pipec::runtime;

namespace {

struct Run {
  std::vector<std::string> records;
  std::vector<std::uint64_t> positions;
  std::vector<std::string> rejected;  // the reasons
  std::string error;
  std::string note;
  std::size_t largest_block = 0;
  std::size_t left_unread = 0;  // blocks that a worker would have read
};

struct RunOptions {
  ReceiveLimits limits;
  std::size_t stop_after_blocks = 0;  // 0: to the end
  std::int64_t max_record = 0;
  bool from_start = false;
  std::function<void()> before_reading;  // of what was left unread
};

// Receives and commits each block, as an engine does that handles one at a time.
Run run_once(const std::string& path, SavedState& state, const RunOptions& how = {}) {
  Run run;
  OptionsBuilder options;
  options.text("path", path);
  if (how.max_record != 0) options.number("max_record", how.max_record);
  ConnectorContext context;
  context.from_start = how.from_start;
  const auto receiver = make_receiver("file", options, context);
  if (Status opened = receiver->open(state.entries()); !opened.ok()) {
    run.error = opened.error().message;
    return run;
  }
  run.note = receiver->resume_note();
  BufferPool pool;
  for (std::size_t blocks = 0; how.stop_after_blocks == 0 || blocks < how.stop_after_blocks; ++blocks) {
    Block block;
    block.data = pool.get(1024);
    auto received = receiver->receive(how.limits, block);
    if (!received.ok()) {
      run.error = received.error().message;
      break;
    }
    if (*received == Received::end) break;
    CHECK(*received == Received::records);
    CHECK(block.ranges.size() == 1);
    if (block.reader) {
      ++run.left_unread;
      if (how.before_reading) how.before_reading();
      const auto reader = std::move(block.reader);
      if (Status read = reader->read(block); !read.ok()) {
        run.error = read.error().message;
        break;
      }
    }
    for (std::uint32_t i = 0; i < block.origins.size(); ++i) {
      run.records.emplace_back(block.original(i));
      run.positions.push_back(block.position(i));
    }
    for (const Rejected& rejected : block.rejected) run.rejected.push_back(rejected.reason);
    run.largest_block = std::max(run.largest_block, block.bytes());
    StateEntries entries;
    receiver->describe(block.ranges, entries);
    state.merge(entries);
    CHECK(receiver->commit(block.ranges).ok());
  }
  CHECK(receiver->close().ok());
  return run;
}

Run run_fresh(const std::string& path, const RunOptions& how = {}) {
  SavedState state;
  return run_once(path, state, how);
}

using Lines = std::vector<std::string>;

// Whether this file system tells what is in the page cache: not all do (overlayfs, older tmpfs).
bool tells_cached(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char byte = 0;
  const iovec into{&byte, 1};
  return ::preadv2(file.get(), &into, 1, 0, RWF_NOWAIT) == 1;
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("recv file reads lines with their byte offsets") {
  const TempDir temp;
  const std::string file = temp / "a.ndjson";
  write_file(file, "\xef\xbb\xbf{\"a\":1}\r\n\n  \t\n[2]\nlast");
  const Run run = run_fresh(file);
  CHECK(run.error.empty());
  CHECK(run.records == Lines{"{\"a\":1}", "[2]", "last"});
  CHECK(run.positions == std::vector<std::uint64_t>{3, 17, 21});
  write_file(file, "\xef\xbb\xbf\n1\n");
  CHECK(run_fresh(file).records == Lines{"1"});
  write_file(file, "");
  CHECK(run_fresh(file).records.empty());
  write_file(file, "\n\n \n");
  CHECK(run_fresh(file).records.empty());
}

TEST_CASE("F2 any text in blocks of any size gives the same lines") {
  const TempDir temp;
  const std::string file = temp / "a.ndjson";
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    std::string text;
    Lines expected;
    for (std::size_t line = 0, lines = random() % 60; line < lines; ++line) {
      std::string content;
      for (std::size_t i = 0, n = random() % (line % 7 == 0 ? 40000 : 60); i < n; ++i) {
        content += random() % 5 == 0 ? "\xe2\x82\xac" : "z";
      }
      text += content;
      if (!content.empty()) expected.push_back(content);
      if (line + 1 < lines || random() % 2 == 0) text += random() % 2 == 0 ? "\r\n" : "\n";
    }
    write_file(file, text);
    RunOptions how;
    how.limits.max_bytes = 1 + random() % 70000;
    how.limits.max_records = random() % 2 == 0 ? 1 + random() % 9 : 0;
    // A run that is stopped repeatedly: each resumes at the last committed position.
    SavedState state;
    Lines records;
    how.stop_after_blocks = 1 + random() % 4;
    for (std::size_t runs = 0; runs < 2000; ++runs) {
      const Run run = run_once(file, state, how);
      REQUIRE(run.error.empty());
      records.insert(records.end(), run.records.begin(), run.records.end());
      if (run.records.empty() && mentions(run.note, "nothing new")) break;
      if (text.empty()) break;
    }
    REQUIRE(records == expected);
  }
}

TEST_CASE("F2 blocks left for workers to read have the same lines at the same offsets") {
  const TempDir temp;
  const std::string file = temp / "a.ndjson";
  std::string text;
  Lines lines;
  while (text.size() < 400'000) {
    lines.push_back(std::to_string(lines.size()) + std::string(60 + lines.size() % 50, 'x'));
    text += lines.back() + (lines.size() % 3 == 0 ? "\r\n" : "\n");
  }
  write_file(file, text + "last");
  lines.emplace_back("last");
  if (!tells_cached(file)) {
    WARN("the file system of " << file << " does not know RWF_NOWAIT: nothing is left for workers here");
    CHECK(run_fresh(file).records == lines);
    return;
  }
  RunOptions how;
  how.limits.max_bytes = 64 << 10;
  const Run run = run_fresh(file, how);
  CHECK(run.error.empty());
  CHECK(run.left_unread >= 4);
  CHECK(run.records == lines);
  REQUIRE(run.positions.size() == lines.size());
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
    REQUIRE(text.compare(run.positions[i], lines[i].size(), lines[i]) == 0);
    REQUIRE((i == 0 || run.positions[i] > run.positions[i - 1]));
  }
  CHECK(run.positions.back() == text.size());

  SECTION("not where the limit counts records") {
    how.limits.max_records = 100;
    const Run few = run_fresh(file, how);
    CHECK(few.left_unread == 0);
    CHECK(few.records == lines);
  }
  SECTION("not where lines are short") {
    std::string dense;
    while (dense.size() < 300'000) dense += "1\n";
    write_file(file, dense);
    CHECK(run_fresh(file, how).left_unread == 0);
  }
  SECTION("a file that is cut meanwhile is an error") {
    how.before_reading = [&] { REQUIRE(::truncate(file.c_str(), 70'000) == 0); };
    const Run cut = run_fresh(file, how);
    CHECK(mentions(cut.error, "was changed while it was read"));
    CHECK(cut.left_unread == 1);
  }
}

TEST_CASE("G3 a receive returns at most its limit plus one record") {
  const TempDir temp;
  const std::string file = temp / "a.ndjson";
  std::string text;
  for (int i = 0; i < 1000; ++i) text += std::string(99, 'x') + "\n";
  write_file(file, text);
  RunOptions how;
  how.limits.max_bytes = 250;
  CHECK(run_fresh(file, how).largest_block <= 350);
  how.limits.max_bytes = 1;
  CHECK(run_fresh(file, how).largest_block == 100);
  how.limits.max_bytes = 0;
  how.limits.max_records = 3;
  const Run run = run_fresh(file, how);
  CHECK(run.largest_block == 300);
  CHECK(run.records.size() == 1000);
}

TEST_CASE("one line of many megabytes is one record, up to max_record") {
  const TempDir temp;
  const std::string file = temp / "a.ndjson";
  const std::string big(std::size_t{20} << 20, 'y');
  write_file(file, "first\n" + big + "\nlast\n");
  const Run run = run_fresh(file);
  REQUIRE(run.records.size() == 3);
  CHECK(run.records[1] == big);
}

TEST_CASE("fault F8 a record that is longer than allowed is a dead letter, and reading continues after it") {
  const TempDir temp;
  const std::string file = temp / "a.ndjson";
  std::string big(std::size_t{20} << 20, 'y');
  for (std::size_t i = 0; i < big.size(); i += 5) big[i] = '\0';
  for (const bool by_memory : {false, true}) {
    for (const std::string ending : {"\nlast\n", "\n", ""}) {
      write_file(file, "first\n" + big + ending);
      RunOptions how;
      if (by_memory) {
        how.limits.largest_record = 1 << 20;
      } else {
        how.max_record = 1 << 20;
      }
      SavedState state;
      const Run run = run_once(file, state, how);
      CHECK(run.error.empty());
      const std::string head = big.substr(0, 65536);
      CHECK(run.records == (ending.size() > 1 ? Lines{"first", head, "last"} : Lines{"first", head}));
      CHECK(run.positions[1] == 6);
      if (ending.size() > 1) CHECK(run.positions[2] == 6 + big.size() + 1);
      REQUIRE(run.rejected.size() == 1);
      CHECK(mentions(run.rejected[0], "the record has 20971520 bytes, more than"));
      CHECK(mentions(run.rejected[0], by_memory ? "of the usable memory" : "max_record (1048576)"));
      CHECK(mentions(run_once(file, state, how).note, "nothing new"));
    }
  }
}

TEST_CASE("files of a glob are read in the order of their names") {
  const TempDir temp;
  write_file(temp / "b.ndjson", "3\n");
  write_file(temp / "a.ndjson", "1\n2");
  write_file(temp / "c.txt", "4\n");
  REQUIRE(::mkdir((temp / "d.ndjson").c_str(), 0700) == 0);
  REQUIRE(::link((temp / "a.ndjson").c_str(), (temp / "z.ndjson").c_str()) == 0);
  SavedState state;
  CHECK(run_once(temp / "*.ndjson", state).records == Lines{"1", "2", "3"});
  CHECK(mentions(run_once(temp / "*.ndjson", state).note, "nothing new in 2 files"));
  write_file(temp / "c.ndjson", "5\n");
  append_file(temp / "b.ndjson", "6\n");
  CHECK(run_once(temp / "*.ndjson", state).records == Lines{"6", "5"});
  write_file(temp / "odd[1].ndjson", "7\n");
  CHECK(run_fresh(temp / "odd[1].ndjson").records == Lines{"7"});
}

TEST_CASE("fault F7 a path that is not a readable file is a clear error, at once") {
  const TempDir temp;
  CHECK(mentions(run_fresh(temp / "none").error, temp / "none"));
  CHECK(mentions(run_fresh(temp / "no*").error, "no file matches"));
  CHECK(mentions(run_fresh(temp.path()).error, "is a directory"));
  REQUIRE(::mkfifo((temp / "fifo").c_str(), 0600) == 0);
  CHECK(mentions(run_fresh(temp / "fifo").error, "is a pipe"));
  CHECK(mentions(run_fresh("/dev/null").error, "not a regular file"));
  write_file(temp / "a.gz", "text");
  CHECK(mentions(run_fresh(temp / "a.gz").error, "does not begin like a gzip file"));
}

TEST_CASE("F1 a renamed file is resumed, a new file of its name is read from its start") {
  const TempDir temp;
  const std::string file = temp / "log";
  write_file(file, "1\n2\n");
  SavedState state;
  CHECK(run_once(file, state).records == Lines{"1", "2"});
  append_file(file, "3\n");
  REQUIRE(::rename(file.c_str(), (temp / "log.1").c_str()) == 0);
  write_file(file, "4\n");
  const Run run = run_once(temp / "log*", state);
  CHECK(run.records == Lines{"3", "4"});
  CHECK(mentions(run.note, "is not the file that was read before"));
  CHECK(mentions(run.note, "resuming at byte 4"));
}

TEST_CASE("F1 a truncated or rewritten file is read from its start, and the note reports it") {
  const TempDir temp;
  const std::string file = temp / "log";
  write_file(file, "11\n22\n");
  SavedState state;
  run_once(file, state);
  const SavedState before = state;
  CHECK(
      mentions(run_once(file, state).note, "nothing new since the last run (read to byte 6); --from-start"));

  write_file(file, "3\n");
  const Run cut = run_once(file, state);
  CHECK(cut.records == Lines{"3"});
  CHECK(mentions(cut.note, "was truncated to 2 bytes"));

  state = before;
  write_file(file, "33\n44\n55\n");
  const Run rewritten = run_once(file, state);
  CHECK(rewritten.records == Lines{"33", "44", "55"});
  CHECK(mentions(rewritten.note, "was rewritten"));
}

TEST_CASE("F2 a last line without a newline that is continued later is delivered again, whole") {
  const TempDir temp;
  const std::string file = temp / "log";
  for (const std::string ending : {"\n", "\r\n"}) {
    write_file(file, "1\n2");
    SavedState state;
    CHECK(run_once(file, state).records == Lines{"1", "2"});
    append_file(file, ending);
    CHECK(run_once(file, state).records.empty());
    append_file(file, "3\n");
    CHECK(run_once(file, state).records == Lines{"3"});
  }
  write_file(file, "1\n2");
  SavedState state;
  run_once(file, state);
  append_file(file, "5\n3\n");
  const Run run = run_once(file, state);
  CHECK(run.records == Lines{"25", "3"});
  CHECK(mentions(run.note, "delivered again, whole, from byte 2"));
}

TEST_CASE("fault F5 files with the same beginning are distinguished") {
  const TempDir temp;
  std::string same;
  while (same.size() < 8192) same += "the same line\n";
  write_file(temp / "a", same + "1\n");
  write_file(temp / "b", same + "2\n");
  SavedState state;
  const Run run = run_once(temp / "?", state);
  CHECK(run.records.size() == 2 * (same.size() / 14 + 1));
  append_file(temp / "a", "3\n");
  CHECK(run_once(temp / "?", state).records == Lines{"3"});
}

TEST_CASE("--from-start reads everything again") {
  const TempDir temp;
  const std::string file = temp / "log";
  write_file(file, "1\n2\n");
  SavedState state;
  run_once(file, state);
  RunOptions how;
  how.from_start = true;
  CHECK(run_once(file, state, how).records == Lines{"1", "2"});
}

TEST_CASE("fault F9 a file that is truncated while it is read is an error") {
  const TempDir temp;
  const std::string file = temp / "log";
  write_file(file, "1\n2\n3\n");
  OptionsBuilder options;
  const auto receiver = make_receiver("file", options.text("path", file));
  REQUIRE(receiver->open({}).ok());
  CHECK(receiver->total_bytes() == 6);
  BufferPool pool;
  Block block;
  block.data = pool.get(64);
  ReceiveLimits limits;
  limits.max_records = 2;
  REQUIRE(receiver->receive(limits, block).ok());
  write_file(file, "1\n");
  block.clear();
  const auto received = receiver->receive(limits, block);
  REQUIRE_FALSE(received.ok());
  CHECK(mentions(received.error().message, "was truncated to 2 bytes while it was read"));
}

TEST_CASE("fault F11 offsets beyond 4 GiB are exact") {
  const TempDir temp;
  const std::string file = temp / "big";
  constexpr std::uint64_t kFar = (std::uint64_t{5} << 30) + 1;
  write_file(file, "");
  REQUIRE(::truncate(file.c_str(), static_cast<off_t>(kFar)) == 0);
  append_file(file, "\nx\n");
  struct stat info {};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  // Resumed right after the hole, as if it had been read.
  SavedState state;
  {
    const std::string other = temp / "other";
    write_file(other, std::string(4095, '\0') + "\n");
    run_once(other, state);
  }
  StateEntries entries = state.entries();
  REQUIRE(entries.size() == 1);
  std::string value = entries[0].value;
  value.replace(value.find("offset=4096"), 11, "offset=" + std::to_string(kFar + 1));
  value.replace(value.find("line=4096"), 9, "line=" + std::to_string(kFar + 1));
  SavedState far;
  far.merge({{std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino), value}});
  const Run run = run_once(file, far);
  CHECK(run.records == Lines{"x"});
  CHECK(run.positions == std::vector<std::uint64_t>{kFar + 1});
}
