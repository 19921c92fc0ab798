#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "connectors_support.h"
#include "stdlib/connectors/output_file.h"
#include "stdlib/connectors/output_files.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace pipec::test;
using namespace pipec::runtime;

namespace {

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

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
  Status open() { return sink->open(state_.entries()); }
  Status write(const std::vector<std::string>& records, bool single_lines = true) {
    Status status = sink->write(batch_of(records, pool_, single_lines), context);
    sink->snapshot(uncommitted_);
    return status;
  }
  Status commit() {
    const StateEntries entries = std::exchange(uncommitted_, {});
    Status status = sink->sync();
    if (status.ok()) state_.merge(entries);
    return status;
  }
  void finish() {
    REQUIRE(commit().ok());
    REQUIRE(sink->close().ok());
  }

  std::unique_ptr<Sink> sink;
  FakeContext context;
  int saves_ahead = 0;

 private:
  SavedState& state_;
  StateEntries uncommitted_;
  BufferPool pool_;
};

ConnectorContext truncating() {
  ConnectorContext context;
  context.truncate = true;
  return context;
}

std::string record_of(const std::string& path) {
  return "{\"p\":\"" + path + "\"}";
}

}  // namespace

TEST_CASE("sink file gives back the room that it asked for ahead, and leaves what others appended") {
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

TEST_CASE("sink file appends one line per record and makes its directories") {
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
  Driver emptied(third, constant_path(file), truncating());
  REQUIRE(emptied.open().ok());
  CHECK(read_file(file).empty());
}

TEST_CASE("records that a filter left are written without what lay between them") {
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
  CHECK(read_file(temp / "out") == "{ \"a\":  1}\n2\n");

  Driver text(state, constant_path(temp / "text"), {}, "text");
  REQUIRE(text.open().ok());
  REQUIRE(text.write({R"({"message":"a\nb \u00e9"})", R"({"message":1})", R"({"m":1})", "[]", "",
                      R"({"message":"z"})"})
              .ok());
  text.finish();
  CHECK(read_file(temp / "text") == "a\\nb \xc3\xa9\nz\n");
  REQUIRE(text.context.dead.size() == 4);
  CHECK(text.context.dead[0] ==
        std::pair<std::uint32_t, std::string>(1, "encode: text: .message is no string"));
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
  // A file stands where a directory would have to be.
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
      // A torn write at the end of whatever the checkpoint knows.
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

TEST_CASE("fault S4, fault C5 an output that is gone, shorter or another file stops the start") {
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
  CHECK(mentions(refused(), "is gone"));
  write_file(file, content);
  CHECK(mentions(refused(), "was replaced"));
  ConnectorContext again;
  again.from_start = true;
  Driver driver(state, constant_path(file), again);
  CHECK(driver.open().ok());
}

TEST_CASE("fault S4 an output that somebody else touches during the run is an error at the commit") {
  const TempDir temp;
  const std::string file = temp / "out";
  for (int fault = 0; fault < 4; ++fault) {
    SavedState state;
    Driver driver(state, constant_path(file), truncating());
    REQUIRE(driver.open().ok());
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
  CHECK(mentions(status.error().message, "being written by somebody else"));
}

TEST_CASE("F6 a full disk is terminal, the torn tail is cut and a restart completes the output") {
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
