#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "connectors_packed.h"
#include "connectors_support.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace pipec::test;
using namespace pipec::runtime;
using pipec::stdlib::Compression;
using pipec::stdlib::compression_name;

namespace {

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A file sink that packs, and the checkpoint of its pipeline.
class Driver {
 public:
  Driver(SavedState& state, std::shared_ptr<const Program> path, Compression compression, int level = 0)
      : state_(state) {
    OptionsBuilder options;
    options.program("path", std::move(path)).text("compress", compression_name(compression));
    if (level != 0) options.number("level", level);
    sink = make_sink("file", options);
    sink->keep_ahead([this](const StateEntries& entries) {
      state_.merge(entries);
      return Status();
    });
  }
  std::string open() {
    Status status = begin(*sink, state_);
    return status.ok() ? std::string() : status.error().message;
  }
  void write(const std::vector<std::string>& records) {
    FakeContext context;
    REQUIRE(sink->write(batch_of(records, pool_), context).ok());
    CHECK(context.dead.empty());
  }
  void commit() {
    StateEntries entries;
    sink->snapshot(entries);
    REQUIRE(sink->sync().ok());
    state_.merge(entries);
  }

  std::unique_ptr<Sink> sink;

 private:
  SavedState& state_;
  BufferPool pool_;
};

const Compression kBoth[] = {Compression::gzip, Compression::zstd};

std::string record(std::mt19937& random, const std::string& path) {
  return "{\"p\":\"" + path + "\",\"n\":" + std::to_string(random()) + ",\"t\":\"" +
         std::string(random() % 400, 'x') + "\"}";
}

}  // namespace

TEST_CASE("F4 fault S5 a packed file is complete at every commit, and a restart resumes after the last one") {
  const TempDir temp;
  for (const Compression compression : kBoth) {
    const std::string file = temp / compression_name(compression);
    std::mt19937 random(5);
    SavedState state;
    std::string committed;
    for (int run = 0; run < 6; ++run) {
      Driver driver(state, constant_path(file), compression);
      REQUIRE(driver.open().empty());
      CHECK(unpacked(compression, read_file(file)) == committed);
      std::string written = committed;
      for (int batch = 0; batch < 40; ++batch) {
        std::vector<std::string> records;
        for (std::size_t i = 0; i < random() % 300; ++i) records.push_back(record(random, "a"));
        driver.write(records);
        for (const std::string& line : records) written += line + "\n";
        if (random() % 4 != 0) continue;
        driver.commit();
        committed = written;
        CHECK(unpacked(compression, read_file(file)) == committed);
      }
      // The process dies here: uncommitted records were partly written, and are cut off.
      if (run % 2 == 0) CHECK(driver.sink->close().ok());
    }
  }
}

TEST_CASE("F4 fault S5 packed files of a template, each complete at every commit") {
  const TempDir temp;
  for (const Compression compression : kBoth) {
    const std::string base = temp / compression_name(compression);
    std::mt19937 random(9);
    SavedState state;
    std::map<std::string, std::string> committed;
    for (int run = 0; run < 4; ++run) {
      Driver driver(state, path_template(base + "/", "p", ".x"), compression);
      REQUIRE(driver.open().empty());
      auto written = committed;
      for (int batch = 0; batch < 20; ++batch) {
        std::vector<std::string> records;
        for (std::size_t i = 0; i < 400; ++i) {
          const std::string path = std::to_string(random() % 300);
          records.push_back(record(random, path));
          written[path] += records.back() + "\n";
        }
        driver.write(records);
        if (random() % 4 != 0) continue;
        driver.commit();
        committed = written;
        for (const auto& [path, text] : committed) {
          REQUIRE(unpacked(compression, read_file(base + "/" + path + ".x")) == text);
        }
      }
    }
  }
}

TEST_CASE("P8 dead letters in a packed file are safe after a sync without a snapshot") {
  const TempDir temp;
  for (const Compression compression : kBoth) {
    const std::string file = temp / compression_name(compression);
    SavedState state;
    Driver driver(state, constant_path(file), compression);
    REQUIRE(driver.open().empty());
    std::string written;
    for (int i = 0; i < 3; ++i) {
      driver.write({"{\"a\":1}", "{\"a\":2}"});
      written += "{\"a\":1}\n{\"a\":2}\n";
      REQUIRE(driver.sink->sync().ok());
      CHECK(unpacked(compression, read_file(file)) == written);
    }
  }
}

TEST_CASE("fault S5 another codec for an existing file is rejected") {
  const TempDir temp;
  const std::string file = temp / "out";
  SavedState state;
  {
    Driver driver(state, constant_path(file), Compression::gzip);
    REQUIRE(driver.open().empty());
    driver.write({"{\"a\":1}"});
    driver.commit();
    REQUIRE(driver.sink->close().ok());
  }
  const std::string before = read_file(file);
  for (const Compression other : {Compression::zstd, Compression::none}) {
    Driver with_state(state, constant_path(file), other);
    CHECK(mentions(with_state.open(), "was written with compress: gzip so far"));
    SavedState fresh;
    Driver without(fresh, constant_path(file), other);
    CHECK(mentions(without.open(), "holds gzip, and this sink would append"));
  }
  CHECK(read_file(file) == before);
  write_file(file, "{\"a\":1}\n");
  SavedState fresh;
  CHECK(mentions(Driver(fresh, constant_path(file), Compression::zstd).open(), "holds plain text"));
  Driver same(fresh, constant_path(file), Compression::none);
  CHECK(same.open().empty());
}

TEST_CASE("a packed file without a record is a valid one, and every level reads back") {
  const TempDir temp;
  for (const Compression compression : kBoth) {
    const std::string empty = temp / (std::string("empty.") + compression_name(compression));
    SavedState state;
    {
      Driver driver(state, constant_path(empty), compression);
      REQUIRE(driver.open().empty());
      REQUIRE(driver.sink->close().ok());
    }
    CHECK(read_file(empty).size() > 5);
    CHECK(unpacked(compression, read_file(empty)).empty());
    std::string text;
    std::mt19937 random(1);
    for (int i = 0; i < 2000; ++i) text += record(random, "a") + "\n";
    std::size_t fast = 0;
    for (const int level : {1, 9}) {
      const std::string file = temp / (compression_name(compression) + std::to_string(level));
      Driver driver(state, constant_path(file), compression, level);
      REQUIRE(driver.open().empty());
      driver.write({text.substr(0, text.size() - 1)});
      driver.commit();
      REQUIRE(driver.sink->close().ok());
      CHECK(unpacked(compression, read_file(file)) == text);
      if (level == 1) fast = read_file(file).size();
      if (level == 9) CHECK(read_file(file).size() < fast);
    }
  }
}

TEST_CASE("G12 a sink that packs keeps to its share of the memory, and writes the same text") {
  const TempDir temp;
  for (const Compression compression : kBoth) {
    for (const std::size_t share : {std::size_t{200} << 10, std::size_t{2} << 20}) {
      const std::string file = temp / (compression_name(compression) + std::to_string(share));
      SavedState state;
      Driver driver(state, constant_path(file), compression);
      driver.sink->keep_queue_limit(share);
      REQUIRE(driver.open().empty());
      std::mt19937 random(7);
      std::string wanted;
      std::size_t most = 0;
      for (int batch = 0; batch < 100; ++batch) {
        std::vector<std::string> records;
        for (int i = 0; i < 100; ++i) {
          records.push_back(record(random, "p"));
          wanted += records.back() + "\n";
        }
        driver.write(records);
        most = std::max(most, driver.sink->queued_bytes());
      }
      driver.commit();
      REQUIRE(driver.sink->close().ok());
      CHECK(unpacked(compression, read_file(file)) == wanted);
      // Strings grow by doubling.
      CHECK(most <= 2 * share);
      CHECK(most > share / 8);
    }
  }
}
