// Which files `recv file` recognises as known, and which it treats as new.
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <random>
#include <string>
#include <vector>

#include "connectors_file_runs.h"
#include "connectors_packed.h"
#include "pipec/runtime/fd.h"
#include "stdlib/connectors/file_identity.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace pipec::test;
using namespace pipec::runtime;
using pipec::stdlib::Compression;

namespace {

void rename_file(const std::string& from, const std::string& to) {
  REQUIRE(::rename(from.c_str(), to.c_str()) == 0);
}

void copy_truncate(const std::string& from, const std::string& to) {
  write_file(to, read_file(from));
  REQUIRE(::truncate(from.c_str(), 0) == 0);
}

void pack(Compression packing, const std::string& path, const std::string& to) {
  write_file(to, packed(packing, read_file(path)));
  REQUIRE(::unlink(path.c_str()) == 0);
}

std::string long_text(std::size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < bytes) text += std::to_string(random()) + "\n";
  return text;
}

Lines lines_of(const std::string& text) {
  Lines lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

}  // namespace

TEST_CASE("F1 copytruncate: the copy is resumed, the file is read from its start") {
  const TempDir temp;
  for (const std::size_t bytes : {6, 5000, 100'000}) {
    const std::string log = temp / std::to_string(bytes) + ".log";
    const std::string text = bytes == 6 ? "1\n2\n3\n" : long_text(bytes, 1);
    FileRuns runs;
    write_file(log, text);
    CHECK(runs.run(log + "*").records == lines_of(text));
    append_file(log, "4\n");
    copy_truncate(log, log + ".1");
    append_file(log, "5\n");
    CHECK(runs.run(log + "*").records == Lines{"4", "5"});
    CHECK(runs.run(log + "*").records.empty());
    // Once more, with nothing left in the copy and nothing new in the file.
    rename_file(log + ".1", log + ".2");
    copy_truncate(log, log + ".1");
    CHECK(runs.run(log + "*").records.empty());
    append_file(log, "6\n");
    CHECK(runs.run(log + "*").records == Lines{"6"});
    append_file(log, "7\n");
    CHECK(runs.run(log + "*").records == Lines{"7"});
    CHECK(runs.run(log + "*").records.empty());
  }
}

TEST_CASE("F1 a file that rotation has renamed and packed is resumed, unpacked") {
  const TempDir temp;
  for (const Compression packing : {Compression::gzip, Compression::zstd}) {
    for (const std::size_t bytes : {6, 5000, 700'000}) {
      const std::string log =
          temp / std::to_string(bytes) + pipec::stdlib::compression_name(packing) + ".log";
      const std::string ending = packing == Compression::gzip ? ".gz" : ".zst";
      const std::string text = bytes == 6 ? "1\n2\n3\n" : long_text(bytes, 2);
      FileRuns runs;
      write_file(log, text);
      CHECK(runs.run(log + "*").records == lines_of(text));
      append_file(log, "4\n");
      pack(packing, log, log + ".1" + ending);
      write_file(log, "5\n");
      CHECK(runs.run(log + "*").records == Lines{"4", "5"});
      CHECK(runs.run(log + "*").records.empty());
      // From .1.gz to .2.gz, and .1 directly to it.
      rename_file(log + ".1" + ending, log + ".3" + ending);
      append_file(log, "6\n");
      rename_file(log, log + ".1");
      CHECK(runs.run(log + "*").records == Lines{"6"});
      append_file(log + ".1", "7\n");
      pack(packing, log + ".1", log + ".2" + ending);
      write_file(log, "8\n");
      CHECK(runs.run(log + "*").records == Lines{"7", "8"});
      // It is read to its end, and its entry stays.
      pack(packing, log, log + ".1" + ending);
      CHECK(runs.run(log + "*").records.empty());
      write_file(log, "9\n");
      CHECK(runs.run(log + "*").records == Lines{"9"});
      CHECK(runs.run(log + "*").records.empty());
      // Unpacked by another tool.
      write_file(log + ".2", unpacked(packing, read_file(log + ".2" + ending)));
      REQUIRE(::unlink((log + ".2" + ending).c_str()) == 0);
      CHECK(runs.run(log + "*").records.empty());
    }
  }
}

TEST_CASE("F1 whatever happens to a log between two runs, each line is delivered once") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    INFO("seed " << seed);
    const TempDir temp;
    const std::string log = temp / "app.log";
    std::mt19937 random(seed);
    FileRuns runs;
    runs.max_records = 1 + random() % 200;
    std::size_t written = 0;
    std::vector<char> seen;
    write_file(log, "");
    // "app.log.<n>", packed or not, the newest with the lowest number.
    std::vector<std::string> endings;
    const auto name = [&](std::size_t n) { return log + "." + std::to_string(n + 1) + endings[n]; };
    const auto make_room = [&] {
      for (std::size_t n = endings.size(); n-- > 0;) {
        rename_file(name(n), log + "." + std::to_string(n + 2) + endings[n]);
      }
      endings.insert(endings.begin(), "");
    };
    const auto run = [&](std::size_t blocks) {
      runs.blocks = blocks;
      const FileRun result = runs.run(log + "*");
      REQUIRE(result.error.empty());
      for (const std::string& record : result.records) {
        const auto number = static_cast<std::size_t>(std::stoul(record));
        INFO("line " << number);
        REQUIRE(number < written);
        REQUIRE_FALSE(seen[number]);
        seen[number] = 1;
      }
    };
    for (int step = 0; step < 40; ++step) {
      switch (random() % 6) {
        case 0:
        case 1: {
          std::string text;
          for (std::size_t i = 0, n = random() % (step % 5 == 0 ? 3000 : 20); i < n; ++i)
            text += std::to_string(written++) + "\n";
          append_file(log, text);
          seen.resize(written);
          break;
        }
        case 2:
          make_room();
          rename_file(log, log + ".1");
          write_file(log, "");
          break;
        case 3:
          make_room();
          copy_truncate(log, log + ".1");
          break;
        case 4:
          for (std::size_t n = 0; n < endings.size(); ++n) {
            if (!endings[n].empty() || random() % 2 == 0) continue;
            const bool gzip = random() % 2 == 0;
            const std::string from = name(n);
            endings[n] = gzip ? ".gz" : ".zst";
            pack(gzip ? Compression::gzip : Compression::zstd, from, name(n));
          }
          break;
        default:
          run(random() % 3);  // 0: to the end
      }
    }
    run(0);
    for (std::size_t i = 0; i < written; ++i) {
      INFO("line " << i);
      REQUIRE(seen[i]);
    }
    run(0);
  }
}

TEST_CASE("F1 a position in the middle of a file holds for its packed form") {
  const TempDir temp;
  const std::string log = temp / "app.log";
  const std::string text = long_text(400'000, 3);
  write_file(log, text);
  const Lines all = lines_of(text);
  FileRuns runs;
  runs.max_records = 1000;
  runs.blocks = 7;
  Lines records = runs.run(log + "*").records;
  CHECK(records.size() == 7000);
  pack(Compression::gzip, log, temp / "app.log-20260102.gz");
  const Lines more = runs.run(log + "*").records;
  records.insert(records.end(), more.begin(), more.end());
  CHECK(records.size() == 14'000);
  runs.blocks = 0;
  const Lines rest = runs.run(log + "*").records;
  records.insert(records.end(), rest.begin(), rest.end());
  CHECK(records == all);
}

TEST_CASE("F1 a copy whose original exists is ignored until the original changes") {
  const TempDir temp;
  const std::string log = temp / "app.log";
  write_file(log, "1\n2\n");
  FileRuns runs;
  runs.run(log + "*");
  write_file(log + ".1", read_file(log));
  FileRun run = runs.run(log + "*");
  CHECK(run.records.empty());
  CHECK(mentions(run.note, "app.log.1 is a copy of"));
  append_file(log, "3\n");
  CHECK(runs.run(log + "*").records == Lines{"3"});

  SECTION("then it is cut, and the copy is the file") {
    write_file(log + ".1", read_file(log) + "4\n");
    REQUIRE(::truncate(log.c_str(), 0) == 0);
    append_file(log, "5\n");
    CHECK(runs.run(log + "*").records == Lines{"4", "5"});
  }
  SECTION("a copy that is no longer written is a separate file") {
    make_old(log + ".1");
    CHECK(runs.run(log + "*").records == Lines{"1", "2"});
    CHECK(runs.run(log + "*").records.empty());
  }
  SECTION("a packed form beside it is never read") {
    REQUIRE(::unlink((log + ".1").c_str()) == 0);
    write_file(log + ".gz", packed(Compression::gzip, read_file(log)));
    make_old(log + ".gz");
    CHECK(runs.run(log + "*").records.empty());
    REQUIRE(::unlink(log.c_str()) == 0);
    CHECK(runs.run(log + "*").records.empty());
  }
}

TEST_CASE("F1 a file with another text is new, whatever its name and inode") {
  const TempDir temp;
  const std::string log = temp / "app.log";
  const std::string text = long_text(9000, 4);
  write_file(log, text);
  FileRuns runs;
  CHECK(runs.run(log).records == lines_of(text));
  // The last 4 KiB before the position are the same, the first are not.
  std::string other = text;
  other[0] = 'x';
  write_file(log, other + "1\n");
  FileRun run = runs.run(log);
  CHECK(run.records.size() == lines_of(text).size() + 1);
  CHECK(mentions(run.note, "was rewritten"));
  // A rotated name with another text, of the same beginning.
  write_file(log + ".1", text.substr(0, 8000) + "\n");
  CHECK(runs.run(log + "*").records.size() == lines_of(text.substr(0, 8000) + "\n").size());
  // The same text under a name that rotation does not make.
  write_file(temp / "other.log", read_file(log));
  CHECK(runs.run(temp / "other.log").records.size() == lines_of(text).size() + 1);
}

TEST_CASE("F1 a file that was restored from a copy is resumed") {
  const TempDir temp;
  const std::string log = temp / "app.log";
  write_file(log, "1\n2\n");
  FileRuns runs;
  runs.run(log);
  write_file(temp / "copy", "1\n2\n3\n");
  rename_file(temp / "copy", log);
  CHECK(runs.run(log).records == Lines{"3"});
}

TEST_CASE("F1 the device number is not used") {
  const TempDir temp;
  const std::string log = temp / "app.log";
  write_file(log, "1\n2\n");
  FileRuns runs;
  runs.run(log);
  StateEntries moved;
  for (const StateEntry& entry : runs.state.entries()) {
    const std::size_t colon = entry.key.find(':');
    moved.push_back({"7" + entry.key.substr(colon), entry.value});
  }
  runs.state = {};
  runs.state.merge(moved);
  append_file(log, "3\n");
  rename_file(log, temp / "renamed");
  CHECK(runs.run(temp / "renamed").records == Lines{"3"});
  CHECK(runs.run(temp / "renamed").records.empty());
}

TEST_CASE("F1 entries of earlier versions are read") {
  const TempDir temp;
  const std::string log = temp / "app.log";
  const std::string text = long_text(9000, 5);
  write_file(log, text + "1\n");
  struct stat info {};
  REQUIRE(::stat(log.c_str(), &info) == 0);
  const std::string key = pipec::stdlib::file_key(info.st_dev, info.st_ino);
  char hash[20];
  std::snprintf(hash, sizeof hash, "%llx",
                static_cast<unsigned long long>(
                    pipec::stdlib::hash_of(std::string_view(text).substr(text.size() - 4096))));
  const std::string size = std::to_string(text.size());
  FileRuns runs;
  runs.state.merge({{key, "offset=" + size + " hash=" + hash + " line=" + size + " path=" + log}});
  CHECK(runs.run(log).records == Lines{"1"});

  const std::string archive = packed(Compression::gzip, text);
  write_file(log, archive + packed(Compression::gzip, "2\n"));
  std::snprintf(hash, sizeof hash, "%llx",
                static_cast<unsigned long long>(pipec::stdlib::hash_of(std::string_view(archive).substr(
                    archive.size() - std::min<std::size_t>(archive.size(), 4096)))));
  const std::string end = std::to_string(archive.size());
  FileRuns packed_runs;
  packed_runs.state.merge({{key, "offset=" + size + " hash=" + hash + " line=" + size + " packed=" + end +
                                     " frame=0 at=0 whole=1 path=" + log}});
  CHECK(packed_runs.run(log).records == Lines{"2"});
}

TEST_CASE("F1 an entry survives being written and read") {
  using pipec::stdlib::FileMark;
  FileMark mark;
  mark.key = "1:2#3";
  mark.device = 5;
  mark.inode = 6;
  mark.offset = 10'000;
  mark.open_line = 9'990;
  mark.text = pipec::stdlib::Fingerprint{0xabc, 0xdef};
  mark.closed = true;
  mark.missing_since = 77;
  mark.path = "a name=1 with spaces";
  mark.packed = FileMark::Packed{400, {100, 200}, true, 0x123};
  const auto read = FileMark::parse(mark.entry());
  REQUIRE(read);
  CHECK(read->entry().value == mark.entry().value);
  CHECK(read->text->head == mark.text->head);
  CHECK(read->text->tail == 0xdef);
  CHECK(read->packed->tail == 0x123);
  CHECK(read->inode == 6);
  for (const char* bad : {"", "path=x", "offset=1 hash=zz line=1 path=x", "offset=1 hash=1 line=2 path=x",
                          "offset=1 hash=1 line=1 packed=1 path=x", "offset=1 hash=1 line=1"}) {
    CHECK_FALSE(FileMark::parse({"1:2", bad}));
  }
  CHECK_FALSE(FileMark::parse({"1", mark.entry().value}));
  CHECK_FALSE(FileMark::parse({"1:2x", mark.entry().value}));
}

TEST_CASE("F12 a position is found by the file, whatever path the source names") {
  const TempDir temp;
  write_file(temp / "a", "1\n");
  FileRuns runs;
  runs.run(temp / "a");
  rename_file(temp / "a", temp / "b");
  append_file(temp / "b", "2\n");
  CHECK(runs.run(temp / "b").records == Lines{"2"});
  CHECK(runs.run(temp / "./b").records.empty());
  CHECK(runs.run(temp / "*").records.empty());
}

TEST_CASE("F12 sources that share a state leave each other's entries alone") {
  const TempDir temp;
  write_file(temp / "a", "1\n");
  write_file(temp / "b", "2\n");
  FileRuns runs;
  CHECK(runs.run(temp / "a").records == Lines{"1"});
  CHECK(runs.run(temp / "b").records == Lines{"2"});
  CHECK(runs.run(temp / "a").records.empty());
  CHECK(runs.run(temp / "b").records.empty());
  append_file(temp / "a", "3\n");
  append_file(temp / "b", "4\n");
  CHECK(runs.run(temp / "?").records == Lines{"3", "4"});
}

TEST_CASE("F12 two sources of one pipeline that read one file are an error unless each has a state") {
  const TempDir temp;
  write_file(temp / "a", "1\n");
  write_file(temp / "b", "2\n");
  FileRuns runs;
  runs.shared = std::make_shared<SharedParts>();
  const auto open = [&](const std::string& path, const std::string& state) {
    runs.options.clear();
    if (!state.empty()) runs.options = {{"state", state}};
    auto receiver = runs.make(path);
    const Status opened = receiver->open({});
    // Held until the end of the pipeline.
    return std::pair(std::move(receiver), opened.ok() ? std::string() : opened.error().message);
  };
  const auto first = open(temp / "a", "");
  CHECK(first.second.empty());
  CHECK(open(temp / "b", "").second.empty());
  CHECK(mentions(open(temp / "./a", "").second, "is read by another source of this pipeline too"));
  CHECK(mentions(open(temp / "*", "x").second, "is read by another source"));
  REQUIRE(::link((temp / "a").c_str(), (temp / "c").c_str()) == 0);
  CHECK(mentions(open(temp / "c", "").second, "is read by another source"));

  write_file(temp / "d", "3\n");
  const auto named = open(temp / "d", "x");
  CHECK(named.second.empty());
  CHECK(open(temp / "d", "y").second.empty());
  CHECK(mentions(open(temp / "d", "x").second, "is read by another source"));
  CHECK(mentions(open(temp / "d", "").second, "is read by another source"));
}

TEST_CASE("F12 --from-start starts over, and earlier state no longer counts") {
  const TempDir temp;
  write_file(temp / "a", "1\n2\n3\n");
  write_file(temp / "b", "4\n");
  FileRuns runs;
  runs.run(temp / "?");
  runs.from_start = true;
  runs.max_records = 2;
  runs.blocks = 1;
  CHECK(runs.run(temp / "?").records == Lines{"1", "2"});
  runs.from_start = false;
  runs.blocks = 0;
  CHECK(runs.run(temp / "?").records == Lines{"3", "4"});
}

TEST_CASE("F1 the rest of known files comes before new files") {
  const TempDir temp;
  write_file(temp / "b", "1\n");
  FileRuns runs;
  runs.run(temp / "?");
  write_file(temp / "a", "3\n");
  append_file(temp / "b", "2\n");
  CHECK(runs.run(temp / "?").records == Lines{"2", "3"});
}

TEST_CASE("F1 an unchanged file is opened once, one that grew is resumed") {
  const TempDir temp;
  write_file(temp / "a.log", "1\n");
  write_file(temp / "b.log", "2\n");
  FileRuns runs;
  REQUIRE(runs.run(temp / "*.log").records == Lines{"1", "2"});
  const Fd watch(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  REQUIRE(watch);
  for (const char* name : {"a.log", "b.log"})
    REQUIRE(::inotify_add_watch(watch.get(), (temp / name).c_str(), IN_OPEN) > 0);
  const auto opened = [&] {
    alignas(inotify_event) char events[4096];
    const ssize_t got = ::read(watch.get(), events, sizeof events);
    return got < 0 ? 0 : static_cast<std::size_t>(got) / sizeof(inotify_event);
  };
  CHECK(runs.run(temp / "*.log").records.empty());
  CHECK(opened() == 2);

  // Since the run began, too.
  const auto receiver = runs.make(temp / "*.log");
  REQUIRE(receiver->open(runs.state.entries()).ok());
  append_file(temp / "b.log", "3\n");
  BufferPool pool;
  Block block;
  block.data = pool.get(1024);
  const auto received = receiver->receive({}, block);
  REQUIRE(received.ok());
  REQUIRE(block.origins.size() == 1);
  CHECK(block.original(0) == "3");
}

TEST_CASE("F7 an entry goes when its file has been missing for forget_after") {
  const TempDir temp;
  write_file(temp / "a", "1\n");
  write_file(temp / "b", "2\n");
  write_file(temp / "c", "3\n");
  FileRuns runs;
  const auto run = [&] {
    append_file(temp / "c", "4\n");
    return runs.run(temp / "?").records.size();
  };
  const auto entries = [&] {
    std::size_t count = 0;
    for (const StateEntry& entry : runs.state.entries()) count += entry.value.empty() ? 0 : 1;
    return count;
  };
  CHECK(run() == 4);
  CHECK(entries() == 3);
  constexpr std::int64_t kDay = 24 * 60 * 60;
  rename_file(temp / "a", temp / "elsewhere");
  REQUIRE(::unlink((temp / "b").c_str()) == 0);
  CHECK(run() == 1);
  runs.clock.seconds += 6 * kDay;
  CHECK(run() == 1);
  CHECK(entries() == 3);
  // One comes back in time, as the same file.
  rename_file(temp / "elsewhere", temp / "a");
  append_file(temp / "a", "5\n");
  CHECK(run() == 2);
  CHECK(entries() == 3);
  runs.clock.seconds += 2 * kDay;
  CHECK(run() == 1);
  CHECK(entries() == 2);
  CHECK(run() == 1);
}

TEST_CASE("F7 entries of a file that is truncated repeatedly do not accumulate") {
  const TempDir temp;
  const std::string log = temp / "app.log";
  FileRuns runs;
  std::size_t most = 0;
  for (int day = 0; day < 40; ++day) {
    write_file(log, std::to_string(day) + "\n");
    CHECK(runs.run(log).records == Lines{std::to_string(day)});
    runs.clock.seconds += 24 * 60 * 60;
    std::size_t count = 0;
    for (const StateEntry& entry : runs.state.entries()) count += entry.value.empty() ? 0 : 1;
    most = std::max(most, count);
  }
  CHECK(most <= 10);
}
