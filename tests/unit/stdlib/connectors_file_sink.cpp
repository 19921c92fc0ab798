#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "connectors_support.h"
#include "pipec/runtime/paths.h"
#include "stdlib/connectors/output_file.h"
#include "stdlib/connectors/output_files.h"
#include "stdlib/connectors/output_path.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace pipec::test;
using namespace pipec::runtime;

namespace {

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class ManualClock final : public Clock {
 public:
  std::chrono::steady_clock::time_point steady_now() const override { return now_; }
  std::int64_t unix_nanoseconds() const override { return 0; }
  void advance(std::chrono::nanoseconds by) { now_ += by; }

 private:
  std::chrono::steady_clock::time_point now_{};
};

// A file sink and the checkpoint of its pipeline.
class Driver {
 public:
  explicit Driver(SavedState& state, std::shared_ptr<const Program> path, ConnectorContext with = {},
                  std::string encode = "json")
      : state_(state) {
    OptionsBuilder options;
    options.program("path", std::move(path)).text("encode", encode);
    sink = make_sink("file", options, with);
    sink->keep_ahead([this](const StateEntries& entries) {
      ++saves_ahead;
      state_.merge(entries);
      return Status();
    });
  }
  Status open(const Beginning& beginning = {}) { return begin(*sink, state_, beginning); }
  Status write(const std::vector<std::string>& records, bool single_lines = true) {
    Status status = sink->write(batch_of(records, pool_, single_lines), context);
    sink->snapshot(uncommitted_);
    return status;
  }
  Status commit() {
    StateEntries entries = std::exchange(uncommitted_, {});
    Status status = sink->sync();
    if (status.ok()) save(std::move(entries));
    return status;
  }
  // As the engine does: files that are in use again stay; all others that a snapshot removed are finished.
  void save(StateEntries entries) {
    for (StateEntry& entry : entries) {
      if (!entry.value.empty()) continue;
      if (auto kept = sink->kept_entry(entry.key)) {
        entry.value = *kept;
      } else {
        finished.push_back(entry.key);
      }
    }
    state_.merge(entries);
  }
  StateEntries take_uncommitted() { return std::exchange(uncommitted_, {}); }
  void finish() {
    REQUIRE(commit().ok());
    REQUIRE(sink->close().ok());
  }
  // The run comes to its end.
  void complete() {
    REQUIRE(commit().ok());
    StateEntries changes;
    sink->finish(changes);
    state_.merge(changes);
    REQUIRE(sink->close().ok());
  }

  std::unique_ptr<Sink> sink;
  FakeContext context;
  int saves_ahead = 0;
  std::vector<std::string> finished;

 private:
  SavedState& state_;
  StateEntries uncommitted_;
  BufferPool pool_;
};

Beginning truncating(std::vector<std::string> finished = {}) {
  Beginning beginning;
  beginning.anew = beginning.empty = beginning.emptied = true;
  beginning.finished = [finished = std::move(finished)](const auto& each) {
    for (const std::string& key : finished) each(key);
    return Status();
  };
  return beginning;
}

std::string record_of(const std::string& path) {
  return "{\"p\":\"" + path + "\"}";
}

}  // namespace

TEST_CASE("sink file releases its preallocated space, and keeps text that others appended") {
  const TempDir temp;
  const std::string file = temp / "out.ndjson";
  const std::string line(300'000, 'x');
  struct stat info {};
  SavedState state;
  Driver driver(state, constant_path(file));
  REQUIRE(driver.open().ok());
  for (int i = 0; i < 40; ++i) REQUIRE(driver.write({line}).ok());
  REQUIRE(::stat(file.c_str(), &info) == 0);
  CHECK(static_cast<std::size_t>(info.st_size) == 40 * (line.size() + 1));  // room does not count
  driver.finish();
  REQUIRE(::stat(file.c_str(), &info) == 0);
  CHECK(static_cast<std::size_t>(info.st_size) == 40 * (line.size() + 1));
  CHECK(info.st_blocks * 512 < info.st_size + (1 << 20));

  Driver second(state, constant_path(file));
  REQUIRE(second.open().ok());
  for (int i = 0; i < 10; ++i) REQUIRE(second.write({line}).ok());
  REQUIRE(second.commit().ok());
  std::ofstream(file, std::ios::app) << "a stranger\n";
  REQUIRE(second.sink->close().ok());
  CHECK(read_file(file).ends_with("x\na stranger\n"));
}

TEST_CASE("sink file appends one line per record and creates its directories") {
  const TempDir temp;
  const std::string file = temp / "new/deep/out.ndjson";
  SavedState state;
  {
    Driver driver(state, constant_path(file));
    REQUIRE(driver.open().ok());
    CHECK(read_file(file).empty());
    REQUIRE(driver.write({"1", "22", "333"}).ok());
    REQUIRE(driver.write({}).ok());
    REQUIRE(driver.write({std::string(200'000, 'x'), "4"}).ok());
    driver.finish();
  }
  CHECK(read_file(file) == "1\n22\n333\n" + std::string(200'000, 'x') + "\n4\n");
  struct stat info {};
  REQUIRE(::stat(file.c_str(), &info) == 0);
  CHECK((info.st_mode & 0111) == 0);

  // A program that knows nothing of it appends; --truncate begins empty.
  SavedState other;
  Driver appending(other, constant_path(file));
  REQUIRE(appending.open().ok());
  REQUIRE(appending.write({"5"}).ok());
  appending.finish();
  CHECK(read_file(file).ends_with("\n4\n5\n"));
  SavedState third;
  Driver emptied(third, constant_path(file));
  REQUIRE(emptied.open(truncating()).ok());
  CHECK(read_file(file).empty());
}

TEST_CASE("G12 a sink's file buffers are counted, and bounded by its share") {
  const TempDir temp;
  SavedState state;
  const std::string file = temp / "out";
  Driver driver(state, constant_path(file));
  driver.sink->keep_queue_limit(std::size_t{256} << 10);
  REQUIRE(driver.open().ok());
  CHECK(driver.sink->queued_bytes() == 0);
  const std::string line(1'000, 'x');
  std::size_t most = 0;
  for (int i = 0; i < 1'000; ++i) {
    REQUIRE(driver.write({line}).ok());
    most = std::max(most, driver.sink->queued_bytes());
  }
  CHECK(most >= std::size_t{100} << 10);  // it does buffer
  CHECK(most <= std::size_t{256} << 10);
  driver.finish();
  CHECK(read_file(file).size() == 1'001'000);
}

TEST_CASE("records that a filter keeps are written without the ones between them") {
  const TempDir temp;
  SavedState state;
  Driver driver(state, constant_path(temp / "out"));
  REQUIRE(driver.open().ok());
  BufferPool pool;
  Batch batch = batch_of({"1", "2", "3", "4", "5"}, pool);
  batch.records.erase(batch.records.begin() + 2);
  REQUIRE(driver.sink->write(batch, driver.context).ok());
  driver.finish();
  CHECK(read_file(temp / "out") == "1\n2\n4\n5\n");
}

TEST_CASE("one record is one line, whatever it holds") {
  const TempDir temp;
  SavedState state;
  Driver json(state, constant_path(temp / "out"));
  REQUIRE(json.open().ok());
  REQUIRE(json.write({"{\n\"a\":\r\n1}", "2"}, false).ok());
  json.finish();
  CHECK(read_file(temp / "out") == "{\"a\":1}\n2\n");

  Driver text(state, constant_path(temp / "text"), {}, "text");
  REQUIRE(text.open().ok());
  REQUIRE(text.write({R"({"message":"a\nb \u00e9"})", R"({"message":1})", R"({"m":1})", "[]", "",
                      R"({"message":"z"})"})
              .ok());
  text.finish();
  CHECK(read_file(temp / "text") == "a\\nb \xc3\xa9\nz\n");
  REQUIRE(text.context.dead.size() == 4);
  CHECK(text.context.dead[0] ==
        std::pair<std::uint32_t, std::string>(1, "encode: text: .message is not a string"));
}

TEST_CASE("F5 a template's path cannot leave its base directory") {
  const TempDir temp;
  REQUIRE(::mkdir((temp / "out").c_str(), 0700) == 0);
  REQUIRE(::mkdir((temp / "secret").c_str(), 0700) == 0);
  write_file(temp / "secret/file", "untouched");
  REQUIRE(::symlink((temp / "secret").c_str(), (temp / "out/dirlink").c_str()) == 0);
  REQUIRE(::symlink((temp / "secret/file").c_str(), (temp / "out/filelink").c_str()) == 0);
  REQUIRE(::symlink((temp / "secret/absent").c_str(), (temp / "out/dangling").c_str()) == 0);
  REQUIRE(::mkfifo((temp / "out/fifo").c_str(), 0600) == 0);
  REQUIRE(::mkdir((temp / "out/directory").c_str(), 0700) == 0);

  const std::vector<std::string> bad = {"..",
                                        "../x",
                                        "a/../../x",
                                        "/etc/x",
                                        "",
                                        ".",
                                        "a//b",
                                        "a/",
                                        "./a",
                                        "a/./b",
                                        "a/..",
                                        "a\\u0000b",
                                        std::string(256, 'n'),
                                        std::string(5000, 'n'),
                                        "dirlink/x",
                                        "filelink",
                                        "dangling",
                                        "fifo",
                                        "directory",
                                        "dirlink/../x"};
  SavedState state;
  Driver driver(state, path_template(temp / "out/", "p", ""));
  REQUIRE(driver.open().ok());
  for (const std::string& path : bad) {
    INFO(path.substr(0, 40));
    const std::size_t before = driver.context.dead.size();
    REQUIRE(driver.write({record_of(path)}).ok());
    CHECK(driver.context.dead.size() == before + 1);
  }
  REQUIRE(
      driver.write({record_of("good"), record_of("made/of/slashes"), record_of("\xef\xbc\x8f..look")}).ok());
  CHECK(driver.context.dead.size() == bad.size());
  // There is a file where a directory would have to be.
  REQUIRE(driver.commit().ok());
  REQUIRE(driver.write({record_of("good/below"), "{}", R"({"p":null})"}).ok());
  CHECK(driver.context.dead.size() == bad.size() + 3);
  driver.finish();
  CHECK(read_file(temp / "out/good") == record_of("good") + "\n");
  CHECK(read_file(temp / "out/made/of/slashes") == record_of("made/of/slashes") + "\n");
  CHECK(read_file(temp / "secret/file") == "untouched");
  CHECK_FALSE(exists(temp / "secret/x"));
  CHECK_FALSE(exists(temp / "secret/absent"));
  CHECK_FALSE(exists(temp / "x"));
}

TEST_CASE("F4 killed anywhere and started again, the output equals that of an undisturbed run") {
  std::mt19937 random(11);
  for (int round = 0; round < 15; ++round) {
    const TempDir temp;
    const std::size_t names = 1 + random() % 5;
    std::vector<std::vector<std::string>> batches(30);
    std::map<std::string, std::string> expected;
    for (std::size_t n = 0; n < names; n += 2) expected["f" + std::to_string(n)] = "there before\n";
    for (const auto& [name, content] : expected) write_file(temp / name, content);
    for (auto& batch : batches) {
      for (std::size_t i = 0, n = random() % 8; i < n; ++i) {
        const std::string name = "f" + std::to_string(random() % names);
        const std::size_t padding = random() % 10 == 0 ? 70'000 : random() % 50;
        batch.push_back("{\"p\":\"" + name + "\",\"n\":\"" +
                        std::string(padding, static_cast<char>('a' + random() % 26)) + "\"}");
        expected[name] += batch.back() + "\n";
      }
    }
    SavedState state;
    std::size_t committed = 0;
    for (int starts = 0; committed < batches.size(); ++starts) {
      REQUIRE(starts < 500);
      Driver driver(state, path_template(temp / "", "p", ""));
      REQUIRE(driver.open().ok());
      const std::size_t kill_at = committed + random() % 12;
      for (std::size_t next = committed; next < batches.size(); ++next) {
        if (next == kill_at) break;
        REQUIRE(driver.write(batches[next]).ok());
        if (random() % 4 == 0) {
          if (random() % 4 == 0) {
            REQUIRE(driver.sink->sync().ok());  // killed between the sync and the checkpoint
            break;
          }
          REQUIRE(driver.commit().ok());
          committed = next + 1;
        }
        if (next + 1 == batches.size()) {
          driver.finish();
          committed = batches.size();
        }
      }
      if (committed == batches.size()) break;
      driver.sink.reset();
      // A torn write at the end of every file in the checkpoint.
      for (const StateEntry& entry : state.entries()) {
        if (random() % 2 == 0 && exists(entry.key)) append_file(entry.key, "{\"torn");
      }
    }
    for (const auto& [name, content] : expected) REQUIRE(read_file(temp / name) == content);
  }
}

TEST_CASE("F4 a file that no checkpoint knows is announced before its first byte, several at once") {
  const TempDir temp;
  SavedState state;
  Driver driver(state, path_template(temp / "", "p", ""));
  REQUIRE(driver.open().ok());
  REQUIRE(driver.write({record_of("a"), record_of("b"), record_of("a")}).ok());
  CHECK_FALSE(exists(temp / "a"));
  CHECK(driver.saves_ahead == 0);
  REQUIRE(driver.commit().ok());
  CHECK(driver.saves_ahead == 1);
  REQUIRE(driver.write({record_of("a")}).ok());
  REQUIRE(driver.commit().ok());
  CHECK(driver.saves_ahead == 1);
}

TEST_CASE("fault S4, fault C5 a missing, shorter or different output file stops the start") {
  const TempDir temp;
  const std::string file = temp / "out";
  SavedState state;
  {
    Driver driver(state, constant_path(file));
    REQUIRE(driver.open().ok());
    REQUIRE(driver.write({"1", "2"}).ok());
    driver.finish();
    REQUIRE(driver.write({"3"}).ok());
    REQUIRE(driver.commit().ok());
  }
  const auto refused = [&] {
    Driver driver(state, constant_path(file));
    const Status status = driver.open();
    REQUIRE_FALSE(status.ok());
    CHECK(mentions(status.error().message, file));
    CHECK(mentions(status.error().message, "--from-start"));
    return status.error().message;
  };
  const std::string content = read_file(file);
  write_file(file, "1\n");
  CHECK(mentions(refused(), "holds 2 bytes, but 6 are committed"));
  REQUIRE(::rename(file.c_str(), (temp / "moved").c_str()) == 0);
  CHECK(mentions(refused(), "no longer exists"));
  write_file(file, content);
  CHECK(mentions(refused(), "was replaced"));
  Beginning again;
  again.anew = true;
  Driver driver(state, constant_path(file));
  CHECK(driver.open(again).ok());
}

TEST_CASE("fault S4 an output that another program changes during the run is an error at the commit") {
  const TempDir temp;
  const std::string file = temp / "out";
  for (int fault = 0; fault < 4; ++fault) {
    SavedState state;
    Driver driver(state, constant_path(file));
    REQUIRE(driver.open(truncating()).ok());
    REQUIRE(driver.write({"1"}).ok());
    REQUIRE(driver.commit().ok());
    if (fault == 0) REQUIRE(::unlink(file.c_str()) == 0);
    if (fault == 1) REQUIRE(::rename(file.c_str(), (temp / "moved").c_str()) == 0);
    if (fault == 1) write_file(file, "other");
    if (fault == 2) write_file(file, "");
    if (fault == 3) append_file(file, "mine\n");
    INFO(fault);
    REQUIRE(driver.write({"2"}).ok());
    CHECK_FALSE(driver.commit().ok());
    CHECK_FALSE(driver.write({"3"}).ok());
  }
}

TEST_CASE("fault S7 two writers of one file: the second is refused") {
  const TempDir temp;
  SavedState state;
  SavedState other;
  Driver first(state, constant_path(temp / "out"));
  REQUIRE(first.open().ok());
  Driver second(other, constant_path(temp / "out"));
  const Status status = second.open();
  REQUIRE_FALSE(status.ok());
  CHECK(mentions(status.error().message, "being written by another process"));
}

TEST_CASE("F6 a full disk is terminal, the torn tail is cut off and a restart completes the output") {
  const TempDir temp;
  const std::string file = temp / "out";
  ::signal(SIGXFSZ, SIG_IGN);
  SavedState state;
  std::vector<std::string> records;
  for (int i = 0; i < 40; ++i) records.push_back(std::string(9'999, static_cast<char>('a' + i % 26)));
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  {
    Driver driver(state, constant_path(file));
    REQUIRE(driver.open().ok());
    REQUIRE(driver.write({"first"}).ok());
    REQUIRE(driver.commit().ok());
    rlimit small = before;
    small.rlim_cur = 100'000;
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
    const Status status = driver.write(records);
    const Status later = driver.sink->sync();
    const Status much_later = driver.write({"x"});
    REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
    REQUIRE_FALSE(status.ok());
    CHECK(mentions(status.error().message, "cannot write " + file));
    CHECK_FALSE(later.ok());
    CHECK_FALSE(much_later.ok());
    CHECK(read_file(file) == "first\n");
  }
  Driver driver(state, constant_path(file));
  REQUIRE(driver.open().ok());
  REQUIRE(driver.write(records).ok());
  driver.finish();
  std::string expected = "first\n";
  for (const std::string& record : records) expected += record + "\n";
  CHECK(read_file(file) == expected);

  SavedState none;
  Driver full(none, constant_path("/dev/full"));
  REQUIRE(full.open().ok());
  REQUIRE(full.write({"1"}).ok());
  const Status status = full.commit();
  REQUIRE_FALSE(status.ok());
  CHECK(mentions(status.error().message, "No space left"));
  CHECK(none.entries().empty());
}

TEST_CASE("F5 only so many files are open, least recently used closed first, and nothing is lost") {
  const TempDir temp;
  pipec::stdlib::OutputOptions options;
  options.base = temp / "";
  options.most_open = 3;
  pipec::stdlib::OutputFiles files(options);
  REQUIRE(files.open({}).ok());
  std::map<std::string, std::string> expected;
  std::mt19937 random(3);
  for (int i = 0; i < 600; ++i) {
    const std::string name = "d" + std::to_string(random() % 4) + "/f" + std::to_string(random() % 5);
    const std::string text(1 + random() % 30'000, 'q');
    {
      pipec::stdlib::OutputFiles::Writer writer(files);
      std::string refused;
      auto file = writer.find(name, refused);
      REQUIRE(file.ok());
      REQUIRE(*file != nullptr);
      REQUIRE(writer.append(**file, text, false).ok());
    }
    expected[name] += text + "\n";
    if (i % 50 == 0) REQUIRE(files.sync().ok());
  }
  REQUIRE(files.close().ok());
  for (const auto& [name, content] : expected) CHECK(read_file(temp / name) == content);
}

TEST_CASE("F8 more files are in use than can be open, while a commit makes them durable") {
  const TempDir temp;
  pipec::stdlib::OutputOptions options;
  options.base = temp / "";
  options.most_open = 2;
  pipec::stdlib::OutputFiles files(options);
  REQUIRE(files.open({}).ok());
  std::atomic<bool> written{false};
  std::thread committing([&] {
    while (!written.load()) CHECK(files.sync().ok());
  });
  constexpr int kRounds = 400;
  const std::string text(70'000, 'x');  // written at once
  for (int i = 0; i < kRounds * 5; ++i) {
    pipec::stdlib::OutputFiles::Writer writer(files);
    std::string refused;
    auto file = writer.find("f" + std::to_string(i % 5), refused);
    if (!file.ok() || !writer.append(**file, text, false).ok()) break;
  }
  written.store(true);
  committing.join();
  CHECK(files.failure().ok());
  REQUIRE(files.sync().ok());
  REQUIRE(files.close().ok());
  for (int i = 0; i < 5; ++i) {
    struct stat info {};
    REQUIRE(::stat((temp / ("f" + std::to_string(i))).c_str(), &info) == 0);
    CHECK(static_cast<std::size_t>(info.st_size) == kRounds * (text.size() + 1));
  }
}

TEST_CASE("F7 files that are written in turn leave the state, the one unwritten longest first") {
  const TempDir temp;
  SavedState state;
  Driver driver(state, path_template(temp / "", "p", ""));
  REQUIRE(driver.open().ok());
  constexpr std::size_t kMost = pipec::stdlib::OutputFiles::kMostIdle;
  for (std::size_t i = 0; i < 1200; ++i) {
    REQUIRE(driver.write({record_of("f" + std::to_string(i)), record_of("always")}).ok());
    REQUIRE(driver.commit().ok());
    REQUIRE(state.entries().size() <= kMost + 4);
  }
  REQUIRE(driver.finished.size() >= 1200 - kMost - 4);
  CHECK(mentions(driver.finished.front(), "/f0"));
  // A finished file may be removed, and is made again.
  REQUIRE(::unlink((temp / "f0").c_str()) == 0);
  REQUIRE(::unlink((temp / "f1").c_str()) == 0);
  REQUIRE(driver.write({record_of("f0"), record_of("f2")}).ok());
  driver.complete();
  CHECK(read_file(temp / "f0") == record_of("f0") + "\n");
  CHECK(read_file(temp / "f2") == record_of("f2") + "\n" + record_of("f2") + "\n");
  CHECK_FALSE(exists(temp / "f1"));
  CHECK(state.entries().empty());
}

TEST_CASE("F7 batches are small while new files follow each other, but not when files are reused") {
  const TempDir temp;
  SavedState state;
  ManualClock clock;
  ConnectorContext context;
  context.clock = &clock;
  Driver driver(state, path_template(temp / "", "p", ""), context);
  REQUIRE(driver.open().ok());
  std::vector<std::string> many;
  for (std::size_t i = 0; i <= pipec::stdlib::OutputFiles::kMostKept; ++i)
    many.push_back(record_of("f" + std::to_string(i)));
  const auto write = [&](const std::vector<std::string>& records) {
    clock.advance(std::chrono::milliseconds(100));
    REQUIRE(driver.write(records).ok());
    REQUIRE(driver.commit().ok());
  };
  CHECK(driver.sink->wants_small_batches());  // not known yet
  write({record_of("a"), record_of("b")});
  CHECK_FALSE(driver.sink->wants_small_batches());
  CHECK_FALSE(driver.sink->wants_commit());
  write(many);
  CHECK(driver.sink->wants_small_batches());
  CHECK(driver.sink->wants_commit());
  write(many);
  write(many);
  CHECK_FALSE(driver.sink->wants_small_batches());
  CHECK(driver.sink->wants_commit());
}

TEST_CASE("F7 a file that was not written for close_after is finished, and one in use again is not") {
  const TempDir temp;
  SavedState state;
  ManualClock clock;
  ConnectorContext context;
  context.clock = &clock;
  Driver driver(state, path_template(temp / "", "p", ""), context);
  REQUIRE(driver.open().ok());
  const auto keys = [&] {
    std::string text;
    for (const StateEntry& entry : state.entries()) text += entry.key.substr(entry.key.rfind('/') + 1);
    return text;
  };
  REQUIRE(driver.write({record_of("a"), record_of("b")}).ok());
  REQUIRE(driver.commit().ok());
  REQUIRE(driver.write({}).ok());  // the entry of a file that was made has its inode now
  REQUIRE(driver.commit().ok());
  CHECK(keys() == "ab");
  clock.advance(std::chrono::minutes(4));
  REQUIRE(driver.write({record_of("b")}).ok());
  REQUIRE(driver.commit().ok());
  CHECK(keys() == "ab");
  clock.advance(std::chrono::minutes(2));
  REQUIRE(driver.write({}).ok());
  REQUIRE(driver.commit().ok());
  CHECK(keys() == "b");
  CHECK(driver.finished.size() == 1);

  // A record comes between the snapshot that removes the entry and the commit: the entry stays.
  clock.advance(std::chrono::minutes(6));
  REQUIRE(driver.write({}).ok());
  StateEntries removes = driver.take_uncommitted();
  REQUIRE(driver.sink->sync().ok());
  REQUIRE(driver.write({record_of("b")}).ok());
  driver.save(std::move(removes));
  CHECK(keys() == "b");
  const int announced = driver.saves_ahead;
  REQUIRE(driver.commit().ok());
  CHECK(keys() == "b");
  CHECK(driver.saves_ahead == announced);

  // It arrives during the commit that drops the entry: the file is announced again, after that.
  clock.advance(std::chrono::minutes(6));
  REQUIRE(driver.write({}).ok());
  removes = driver.take_uncommitted();
  REQUIRE(driver.sink->sync().ok());
  driver.save(std::move(removes));
  CHECK(keys().empty());
  REQUIRE(driver.write({record_of("b")}).ok());
  REQUIRE(driver.sink->sync().ok());
  CHECK(keys() == "b");
  CHECK(driver.saves_ahead == announced + 1);
  driver.complete();
  CHECK(read_file(temp / "b") ==
        record_of("b") + "\n" + record_of("b") + "\n" + record_of("b") + "\n" + record_of("b") + "\n");
}

TEST_CASE("F13 --truncate empties known files at once, and unknown ones at their first write, once") {
  const TempDir temp;
  for (const char* name : {"entry", "finished", "stranger", "untouched", "other.log"})
    write_file(temp / name, "old\n");
  SavedState state;
  const auto path = [&] { return path_template(temp / "", "p", ""); };
  {
    Driver driver(state, path());
    REQUIRE(driver.open().ok());
    REQUIRE(driver.write({record_of("entry")}).ok());
    REQUIRE(driver.commit().ok());
  }
  REQUIRE(state.entries().size() == 1);
  std::vector<std::string> finished{state_path(temp / "finished"), state_path(temp / "gone")};
  {
    Driver driver(state, path());
    REQUIRE(driver.open(truncating(finished)).ok());
    CHECK(read_file(temp / "entry").empty());
    CHECK(read_file(temp / "finished").empty());
    CHECK(read_file(temp / "stranger") == "old\n");
    REQUIRE(driver.write({record_of("stranger"), record_of("new")}).ok());
    REQUIRE(driver.commit().ok());
    REQUIRE(driver.write({record_of("stranger"), record_of("entry")}).ok());
    // ... and is stopped before its end.
    REQUIRE(driver.commit().ok());
    StateEntries changes;
    driver.sink->finish(changes);
    state.merge(changes);
    finished.clear();
    for (const StateEntry& change : changes) finished.push_back(change.key);
    REQUIRE(driver.sink->close().ok());
  }
  CHECK(finished.size() == 3);
  Beginning goes_on = truncating(finished);
  goes_on.anew = goes_on.empty = false;
  Driver driver(state, path());
  REQUIRE(driver.open(goes_on).ok());
  REQUIRE(driver.write({record_of("stranger"), record_of("new"), record_of("untouched")}).ok());
  driver.complete();
  const auto lines = [](const std::string& name, int count) {
    std::string text;
    while (count-- > 0) text += record_of(name) + "\n";
    return text;
  };
  CHECK(read_file(temp / "stranger") == lines("stranger", 3));
  CHECK(read_file(temp / "new") == lines("new", 2));
  CHECK(read_file(temp / "entry") == lines("entry", 1));
  CHECK(read_file(temp / "untouched") == lines("untouched", 1));
  CHECK(read_file(temp / "other.log") == "old\n");
}

TEST_CASE(
    "F12 text that others appended after a run stays, what a crash left does not, whatever the device") {
  const TempDir temp;
  const std::string file = temp / "out";
  write_file(file, "no newline");
  SavedState state;
  {
    Driver driver(state, constant_path(file));
    REQUIRE(driver.open().ok());
    REQUIRE(driver.write({"1"}).ok());
    driver.complete();
  }
  CHECK(read_file(file) == "no newline\n1\n");
  append_file(file, "theirs");
  {
    Driver driver(state, constant_path(file));
    REQUIRE(driver.open().ok());
    CHECK(mentions(driver.sink->resume_note(), "another program has appended 6 bytes"));
    REQUIRE(driver.write({"2"}).ok());
    REQUIRE(driver.commit().ok());
    REQUIRE(driver.write({"3"}).ok());
    REQUIRE(driver.sink->sync().ok());
    driver.sink.reset();  // a crash
  }
  CHECK(read_file(file) == "no newline\n1\ntheirs\n2\n3\n");
  {
    Driver driver(state, constant_path(file));
    REQUIRE(driver.open().ok());
    CHECK(mentions(driver.sink->resume_note(), "cut back by 2 bytes"));
    driver.finish();
  }
  CHECK(read_file(file) == "no newline\n1\ntheirs\n2\n");
  // The same length, other bytes: not the file that was left.
  write_file(file, "no newline\n1\ntheirs\n9\n");
  Driver driver(state, constant_path(file));
  const Status status = driver.open();
  REQUIRE_FALSE(status.ok());
  CHECK(mentions(status.error().message, "was changed since the last run"));
  CHECK(read_file(file) == "no newline\n1\ntheirs\n9\n");
}

TEST_CASE(
    "F12 entries of two templates and of none: each sink takes its own, one truncates files without an "
    "owner") {
  const TempDir temp;
  SavedState state;
  for (const char* name : {"a.log", "b.txt", "c.old"}) {
    write_file(temp / name, "12\ntorn");
    struct stat info {};
    REQUIRE(::stat((temp / name).c_str(), &info) == 0);
    state.merge({{state_path(temp / name), "size=3 device=1 inode=" + std::to_string(info.st_ino)}});
  }
  ConnectorContext context;
  context.shared = std::make_shared<SharedParts>();
  Driver logs(state, path_template(temp / "", "p", ".log"), context);
  Driver texts(state, path_template(temp / "", "p", ".txt"), context);
  const StateEntries saved = state.entries();
  REQUIRE(logs.sink->open(saved).ok());
  REQUIRE(texts.sink->open(saved).ok());
  CHECK(read_file(temp / "a.log") == "12\ntorn");
  StateEntries changes;
  REQUIRE(logs.sink->begin(changes).ok());
  CHECK(read_file(temp / "a.log") == "12\n");
  CHECK(read_file(temp / "b.txt") == "12\ntorn");
  CHECK(read_file(temp / "c.old") == "12\n");
  CHECK(changes.size() == 2);
  REQUIRE(texts.sink->begin(changes).ok());
  CHECK(read_file(temp / "b.txt") == "12\n");
  CHECK(changes.size() == 3);
}

TEST_CASE("a constant path that is a link to a missing file creates that file") {
  const TempDir temp;
  REQUIRE(::symlink("real/out", (temp / "link").c_str()) == 0);
  SavedState state;
  Driver driver(state, constant_path(temp / "link"));
  REQUIRE(driver.open().ok());
  REQUIRE(driver.write({"1"}).ok());
  driver.finish();
  CHECK(read_file(temp / "real/out") == "1\n");
  CHECK(state.entries().front().key == state_path(temp / "real/out"));
}

TEST_CASE("fault S4 a missing file is created again with on_missing: recreate") {
  const TempDir temp;
  SavedState state;
  {
    Driver driver(state, path_template(temp / "", "p", ""));
    REQUIRE(driver.open().ok());
    REQUIRE(driver.write({record_of("a")}).ok());
    REQUIRE(driver.commit().ok());
  }
  REQUIRE(::unlink((temp / "a").c_str()) == 0);
  Driver strict(state, path_template(temp / "", "p", ""));
  const Status status = strict.open();
  REQUIRE_FALSE(status.ok());
  CHECK(mentions(status.error().message, "on_missing: recreate"));
  OptionsBuilder options;
  options.program("path", path_template(temp / "", "p", "")).text("on_missing", "recreate");
  CHECK(begin(*make_sink("file", options), state).ok());
}

TEST_CASE("F12 a path belongs to a template if its values can be any text") {
  const auto matches = [](const std::string& before, const std::string& after, std::string_view path) {
    return pipec::stdlib::analyse_output(*path_template(before, "p", after)).matches(path);
  };
  CHECK(matches("out/a-", ".log", "a-1.log"));
  CHECK(matches("out/a-", ".log", "a-x/y.log"));
  CHECK(matches("out/a-", ".log", "a-.log"));
  CHECK_FALSE(matches("out/a-", ".log", "b-1.log"));
  CHECK_FALSE(matches("out/a-", ".log", "a-1.txt"));
  CHECK_FALSE(matches("out/a-", "-a", "a-a"));  // the text before and after does not overlap
  CHECK(matches("", "", "anything"));
  const auto constant = pipec::stdlib::analyse_output(*constant_path("out/a"));
  CHECK(constant.matches("a"));
  CHECK_FALSE(constant.matches("a2"));
}

TEST_CASE("a constant path is the sink's target, whatever its spelling") {
  const SinkSpec& spec = *connectors().sink("file");
  const auto target = [&](std::shared_ptr<const Program> path) {
    OptionsBuilder options;
    return spec.target(options.program("path", std::move(path)));
  };
  CHECK(target(constant_path("a/./b//c")) == "file:a/b/c");
  CHECK(target(constant_path("/a/b")) == "file:/a/b");
  CHECK(target(path_template("a/", "p", "")) == std::nullopt);
  const auto check = [&](std::string_view path) {
    OptionsBuilder options;
    return spec.check(options.program("path", constant_path(path))).ok();
  };
  CHECK(check("a"));
  CHECK_FALSE(check(""));
  CHECK_FALSE(check("a/"));
  CHECK_FALSE(check(".."));
  CHECK_FALSE(check(std::string_view("a\0b", 3)));
  CHECK_FALSE(check(std::string(300, 'a')));
}
