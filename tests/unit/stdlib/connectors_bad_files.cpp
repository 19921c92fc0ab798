// Files that cannot be read to their end, and files that change after they were read as a whole.
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "connectors_file_runs.h"
#include "connectors_packed.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace pipec::test;
using namespace pipec::runtime;
using pipec::stdlib::Compression;

namespace {

std::string numbers(int first, int last) {
  std::string text;
  for (int i = first; i <= last; ++i) text += std::to_string(i) + "\n";
  return text;
}

}  // namespace

TEST_CASE("F10 a damaged archive ends the run, and the message names file, byte and option") {
  const TempDir temp;
  write_file(temp / "a.gz", packed(Compression::gzip, "1\n"));
  const std::string whole = packed(Compression::gzip, "2\n");
  write_file(temp / "b.gz", whole.substr(0, whole.size() - 3));
  write_file(temp / "c.gz", packed(Compression::gzip, "3\n"));
  FileRuns runs;
  const FileRun run = runs.run(temp / "*.gz");
  CHECK(run.records == Lines{"1", "2"});
  CHECK(mentions(run.error, temp / "b.gz"));
  CHECK(mentions(run.error, "at byte " + std::to_string(whole.size() - 3)));
  CHECK(mentions(run.error, "on_bad_file: skip"));
}

TEST_CASE("F10 on_bad_file: skip reads the intact part and continues with the other files") {
  const TempDir temp;
  write_file(temp / "a.gz", packed(Compression::gzip, "1\n"));
  const std::string whole = packed(Compression::gzip, "2\n3\n") + packed(Compression::gzip, "4\n5\n");
  write_file(temp / "b.gz", whole.substr(0, whole.size() - 3));
  write_file(temp / "c.gz", packed(Compression::gzip, "6\n"));
  write_file(temp / "d.gz", "no archive");
  write_file(temp / "e.gz", std::string("\xff\xfe", 2) + "1");
  FileRuns runs;
  runs.options = {{"on_bad_file", "skip"}};
  FileRun run = runs.run(temp / "*.gz");
  CHECK(run.error.empty());
  CHECK(run.records == Lines{"1", "2", "3", "4", "5", "6"});
  REQUIRE(run.log.size() == 3);
  CHECK(mentions(run.log[0], temp / "d.gz"));
  CHECK(mentions(run.log[2], temp / "b.gz"));

  // As long as it does not change it is not tried again.
  run = runs.run(temp / "*.gz");
  CHECK(run.records.empty());
  CHECK(mentions(run.note, "b.gz has not changed since it was found to be damaged"));

  SECTION("a mended file gives only its rest") {
    write_file(temp / "b.gz", whole + packed(Compression::gzip, "7\n"));
    run = runs.run(temp / "*.gz");
    CHECK(run.records == Lines{"7"});
    CHECK(run.error.empty());
    append_file(temp / "b.gz", packed(Compression::gzip, "8\n"));
    CHECK(runs.run(temp / "*.gz").records == Lines{"8"});
  }
  SECTION("without the option it is an error again") {
    REQUIRE(::unlink((temp / "d.gz").c_str()) == 0);
    REQUIRE(::unlink((temp / "e.gz").c_str()) == 0);
    runs.options.clear();
    CHECK(mentions(runs.run(temp / "*.gz").error, temp / "b.gz"));
  }
}

TEST_CASE("F10 a file is not abandoned before the part that was read is committed") {
  const TempDir temp;
  const std::string whole = packed(Compression::gzip, numbers(1, 4));
  write_file(temp / "a.gz", whole.substr(0, whole.size() - 3));
  write_file(temp / "b", "5\n");
  FileRuns runs;
  runs.options = {{"on_bad_file", "skip"}};
  const auto receiver = runs.make(temp / "*");
  REQUIRE(receiver->open({}).ok());
  BufferPool pool;
  ReceiveLimits limits;
  limits.max_records = 2;
  std::vector<Block> blocks;
  for (;;) {
    Block block;
    block.data = pool.get(64);
    const auto received = receiver->receive(limits, block);
    REQUIRE(received.ok());
    if (*received == Received::end) break;
    blocks.push_back(std::move(block));
  }
  REQUIRE(blocks.size() == 3);
  // All was received, the first block alone is committed, and then comes a crash.
  StateEntries entries;
  receiver->describe(blocks[0].ranges, entries);
  runs.state.merge(entries);
  CHECK(runs.run(temp / "*").records == Lines{"3", "4", "5"});
  CHECK(runs.run(temp / "*").records.empty());
}

TEST_CASE("F10 a file that cannot be opened is skipped") {
  const TempDir temp;
  REQUIRE(::symlink("a", (temp / "a").c_str()) == 0);
  REQUIRE(::symlink("nowhere", (temp / "b").c_str()) == 0);
  write_file(temp / "c", "1\n");
  FileRuns runs;
  CHECK(mentions(runs.run(temp / "?").error, "on_bad_file: skip"));
  runs.options = {{"on_bad_file", "skip"}};
  const FileRun run = runs.run(temp / "?");
  CHECK(run.records == Lines{"1"});
  CHECK(run.log.size() == 2);
  // A file that is named and not there is another kind of mistake.
  CHECK(mentions(runs.run(temp / "none").error, "cannot open"));
}

TEST_CASE("F2 partial: wait leaves a last line without a newline for the next run") {
  const TempDir temp;
  const std::string log = temp / "log";
  write_file(log, "1\n2");
  FileRuns runs;
  runs.options = {{"partial", "wait"}};
  CHECK(runs.run(log).records == Lines{"1"});
  CHECK(runs.run(log).records.empty());
  append_file(log, "3\n4");
  CHECK(runs.run(log).records == Lines{"23"});
  append_file(log, std::string(100'000, 'x'));
  CHECK(runs.run(log).records.empty());
  append_file(log, "\n5");
  CHECK(runs.run(log).records == Lines{"4" + std::string(100'000, 'x')});
  write_file(log, "6");
  CHECK(runs.run(log).records.empty());
  // An archive is whole as it is.
  write_file(temp / "a.gz", packed(Compression::gzip, "7\n8"));
  CHECK(runs.run(temp / "a.gz").records == Lines{"7", "8"});
  OptionsBuilder both;
  both.text("path", log).text("partial", "wait").text("framing", "bytes");
  CHECK_FALSE(connectors().receiver("file")->check(both).ok());
}

TEST_CASE("F2 a truncated JSON array is an error, and is resumed once it is complete") {
  const TempDir temp;
  const std::string file = temp / "a.json";
  FileRuns runs;
  runs.options = {{"framing", "json_array"}};
  for (const char* cut : {"[{\"a\":1},{\"a\":2}", "[{\"a\":1},{\"a\":2},", "[{\"a\":1},{\"a\":2}  \n"}) {
    runs.state = {};
    write_file(file, cut);
    FileRun run = runs.run(file);
    CHECK(run.records == Lines{"{\"a\":1}", "{\"a\":2}"});
    CHECK(mentions(run.error, "the array is cut off"));
    run = runs.run(file);
    CHECK(run.records.empty());
    CHECK(mentions(run.error, "the array is cut off"));
    write_file(file, "[{\"a\":1},{\"a\":2}, 3]");
    if (std::string(cut).back() != '\n') {
      run = runs.run(file);
      CHECK(run.error.empty());
      CHECK(run.records == Lines{"3"});
    }
  }
}

TEST_CASE("F2 only white space may be appended to a file that was read as a whole") {
  const TempDir temp;
  const std::string file = temp / "a";
  for (const std::string framing : {"json_array", "bytes"}) {
    FileRuns runs;
    runs.options = {{"framing", framing}};
    write_file(file, "[1,2]");
    CHECK(runs.run(file).records == (framing == "bytes" ? Lines{"[1,2]"} : Lines{"1", "2"}));
    CHECK(mentions(runs.run(file).note, "nothing new"));
    append_file(file, "\n");
    FileRun run = runs.run(file);
    CHECK(run.records.empty());
    CHECK(run.error.empty());
    append_file(file, " \n\n");
    CHECK(runs.run(file).error.empty());
    append_file(file, "3]");
    run = runs.run(file);
    CHECK(run.records.empty());
    CHECK(mentions(run.error, file + " was changed since it was read as a whole (byte "));
    CHECK(mentions(run.error, "--from-start"));
    // Rewritten, it is a different file.
    write_file(file, "[3]");
    CHECK(runs.run(file).records == (framing == "bytes" ? Lines{"[3]"} : Lines{"3"}));
  }
}

TEST_CASE("a byte order mark is skipped in every framing of text") {
  const TempDir temp;
  const std::string file = temp / "a";
  const std::string mark = "\xef\xbb\xbf";
  FileRuns runs;
  runs.from_start = true;
  write_file(file, mark + "[1,2]");
  CHECK(runs.run(file).records == Lines{"[1,2]"});
  runs.options = {{"framing", "bytes"}};
  CHECK(runs.run(file).records == Lines{"[1,2]"});
  runs.options = {{"framing", "json_array"}};
  CHECK(runs.run(file).records == Lines{"1", "2"});
  write_file(file, mark);
  CHECK(runs.run(file).records.empty());
  runs.options = {{"framing", "bytes"}};
  CHECK(runs.run(file).records.empty());
}

TEST_CASE("UTF-16 is an error that says what to do, except with framing bytes") {
  const TempDir temp;
  const std::string file = temp / "a";
  for (const std::string mark : {"\xff\xfe", "\xfe\xff"}) {
    write_file(file, mark + std::string("1\0\n\0", 4));
    FileRuns runs;
    runs.from_start = true;
    for (const char* framing : {"lines", "json_array"}) {
      runs.options = {{"framing", framing}};
      const FileRun run = runs.run(file);
      CHECK(run.records.empty());
      CHECK(mentions(run.error, file + " begins with the byte order mark of UTF-16"));
      CHECK(mentions(run.error, "iconv -f UTF-16 -t UTF-8"));
    }
    runs.options = {{"framing", "bytes"}};
    CHECK(runs.run(file).records.size() == 1);
  }
}

TEST_CASE("files of the kernel, whose size is unknown, are read each time") {
  FileRuns runs;
  const FileRun first = runs.run("/proc/self/status");
  CHECK(first.error.empty());
  REQUIRE_FALSE(first.records.empty());
  CHECK(mentions(first.records[0], "Name:"));
  CHECK(runs.run("/proc/self/status").records.size() == first.records.size());
  const auto receiver = runs.make("/proc/self/status");
  REQUIRE(receiver->open({}).ok());
  CHECK_FALSE(receiver->total_bytes());
}
