#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include "pipec/runtime/checkpoint.h"
#include "pipec/runtime/paths.h"
#include "runtime/state/checkpoint_file.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace pipec::runtime;
using pipec::test::append_file;
using pipec::test::exists;
using pipec::test::read_file;
using pipec::test::TempDir;
using pipec::test::write_file;

namespace {

std::string as_text(const StateEntries& entries) {
  std::string text;
  for (const StateEntry& entry : entries) text += entry.key + "=" + entry.value + ";";
  return text;
}

std::unique_ptr<CheckpointStore> open_store(const std::string& directory) {
  auto store = CheckpointStore::open(directory, "router");
  REQUIRE(store.ok());
  return std::move(*store);
}

bool mentions(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

mode_t mode_of(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

}  // namespace

TEST_CASE("F3 many changes at once are merged as if made one by one") {
  const TempDir temp;
  std::mt19937 random(3);
  const auto together = open_store(temp / "together");
  const auto apart = open_store(temp / "apart");
  for (const std::size_t count : {40, 17, 3, 200, 16}) {
    StateEntries changes;
    for (std::size_t i = 0; i < count; ++i) {
      changes.push_back({std::to_string(random() % 60), random() % 3 == 0 ? "" : std::to_string(random())});
    }
    REQUIRE(together->save(changes).ok());
    for (const StateEntry& change : changes) REQUIRE(apart->save({change}).ok());
    CHECK(as_text(together->entries()) == as_text(apart->entries()));
  }
}

TEST_CASE("F3 a checkpoint is read back as it was saved, changes merged") {
  const TempDir temp;
  const std::string directory = temp / "state/router";
  {
    const auto store = open_store(directory);
    CHECK(store->entries().empty());
    REQUIRE(store->save({{"b", "1"}, {"a", "2"}, {std::string("\0\n", 2), "any bytes\n"}}).ok());
    REQUIRE(store->save({{"b", "3"}, {"a", ""}, {"c", "4"}}).ok());
  }
  const auto store = open_store(directory);
  CHECK(as_text(store->entries()) == std::string("\0\n=any bytes\n;b=3;c=4;", 22));
  CHECK(mode_of(directory) == 0700);
  CHECK(mode_of(directory + "/checkpoint") == 0600);
  CHECK(mode_of(directory + "/lock") == 0600);
}

TEST_CASE("F3 the checkpoint before the last one is kept") {
  const TempDir temp;
  const auto store = open_store(temp / "s");
  REQUIRE(store->save({{"a", "1"}}).ok());
  const std::string first = read_file(temp / "s/checkpoint");
  REQUIRE(store->save({{"a", "2"}}).ok());
  CHECK(read_file(temp / "s/checkpoint.prev") == first);
  CHECK_FALSE(exists(temp / "s/checkpoint.new"));
}

TEST_CASE("F3 every flipped bit of a checkpoint and every length but its own is refused") {
  const std::string good =
      state::encode_checkpoint({"router", {{"access.ndjson", "offset=12"}, {"out", "size=3"}}});
  REQUIRE(state::decode_checkpoint(good).ok());
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ (1 << bit));
      INFO("byte " << i << " bit " << bit);
      CHECK_FALSE(state::decode_checkpoint(bad).ok());
    }
    INFO("length " << i);
    CHECK_FALSE(state::decode_checkpoint(good.substr(0, i)).ok());
  }
  CHECK_FALSE(state::decode_checkpoint(good + "x").ok());
  CHECK_FALSE(state::decode_checkpoint(std::string(good.size(), '\0')).ok());
}

TEST_CASE("F3 a corrupt checkpoint stops the start with a message that says what to do") {
  const TempDir temp;
  const std::string file = temp / "s/checkpoint";
  REQUIRE(open_store(temp / "s")->save({{"a", "1"}}).ok());
  const std::string good = read_file(file);

  const auto refused = [&](const std::string& pipeline = "router") {
    auto store = CheckpointStore::open(temp / "s", pipeline);
    REQUIRE_FALSE(store.ok());
    CHECK(store.error().code == "checkpoint");
    CHECK(mentions(store.error().message, file.c_str()));
    CHECK(mentions(store.error().message, "--from-start"));
    return store.error().message;
  };
  write_file(file, "");
  CHECK(mentions(refused(), "is empty"));
  write_file(file, std::string(good.size(), '\0'));
  refused();
  write_file(file, good.substr(0, good.size() - 1));
  CHECK(mentions(refused(), "damaged"));
  std::string newer = good;
  newer[newer.find('2')] = '9';
  write_file(file, newer);
  CHECK(mentions(refused(), "format 9"));
  write_file(file, good);
  CHECK(mentions(refused("other"), "belongs to the pipeline 'router'"));
  REQUIRE(open_store(temp / "s")->save({{"a", "2"}}).ok());
  REQUIRE(::unlink(file.c_str()) == 0);
  CHECK(mentions(refused(), "is missing"));

  SECTION("--from-start gets past it") {
    write_file(file, "rubbish");
    auto store = CheckpointStore::open(temp / "s", "router", true);
    REQUIRE(store.ok());
    CHECK((*store)->entries().empty());
    REQUIRE((*store)->save({{"a", "3"}}).ok());
    store->reset();
    CHECK(as_text(open_store(temp / "s")->entries()) == "a=3;");
  }
}

TEST_CASE("fault C4 a second holder of the state directory is refused") {
  const TempDir temp;
  auto first = open_store(temp / "s");
  auto second = CheckpointStore::open(temp / "s", "router");
  REQUIRE_FALSE(second.ok());
  CHECK(mentions(second.error().message, "already running"));
  first.reset();
  CHECK(CheckpointStore::open(temp / "s", "router").ok());
}

TEST_CASE("fault C6 a missing state directory is an error, now and later") {
  const TempDir temp;
  const auto store = open_store(temp / "s");
  REQUIRE(store->save({{"a", "1"}}).ok());
  for (const char* name : {"checkpoint", "lock"}) ::unlink((temp / (std::string("s/") + name)).c_str());
  REQUIRE(::rmdir((temp / "s").c_str()) == 0);
  CHECK_FALSE(store->save({{"a", "2"}}).ok());
  REQUIRE(::mkdir((temp / "s").c_str(), 0700) == 0);
  CHECK_FALSE(store->save({{"a", "2"}}).ok());
}

TEST_CASE(
    "F12 a checkpoint of the first format, with keys by the connectors' texts, continues under the current "
    "keys") {
  const TempDir temp;
  std::string body = "pipeline 6\nrouter\n";
  const auto add = [&](const std::string& key, const std::string& value) {
    body += "entry " + std::to_string(key.size()) + " " + std::to_string(value.size()) + "\n" + key + "\n" +
            value + "\n";
  };
  add("dlq.file:./dead\t./dead", "size=1");
  add("recv.file:in\t2049:77", "offset=5");
  add("recv.file:in#2\t2049:77", "offset=7");
  add("recv.files\tx", "another connector");
  add("sink.file\tout//a.ndjson", "size=2");
  add("sink.file:x\t" + (temp / "./x"), "size=3");
  char hash[17];
  std::snprintf(hash, sizeof hash, "%016llx",
                static_cast<unsigned long long>(XXH3_64bits(body.data(), body.size())));
  REQUIRE(::mkdir((temp / "s").c_str(), 0700) == 0);
  write_file(temp / "s/checkpoint",
             "pipec checkpoint 1\nbytes " + std::to_string(body.size()) + "\nxxh3 " + hash + "\n\n" + body);
  const std::string now =
      "input\t2049:77=offset=5;output\t" + canonical_path(temp / "x") +
      "=size=3;output\tdead=size=1;output\tout/a.ndjson=size=2;recv.files\tx=another connector;";
  auto store = open_store(temp / "s");
  CHECK(as_text(store->entries()) == now);
  REQUIRE(store->save({{"new", "1"}}).ok());
  store.reset();
  CHECK(read_file(temp / "s/checkpoint").starts_with("pipec checkpoint 2\n"));
  CHECK(mentions(as_text(open_store(temp / "s")->entries()), "output\tdead=size=1;"));
}

TEST_CASE("F12 a path has one name, however it is written") {
  const TempDir temp;
  const std::string base = canonical_path(temp / "");
  REQUIRE(::mkdir((temp / "d").c_str(), 0700) == 0);
  write_file(temp / "d/f", "");
  REQUIRE(::symlink("d", (temp / "link").c_str()) == 0);
  REQUIRE(::symlink("d/absent", (temp / "dangling").c_str()) == 0);
  REQUIRE(::symlink("loop", (temp / "loop").c_str()) == 0);
  for (const char* spelled : {"d/f", "./d//f", "link/f", "d/../link/./f", "link/../d/f"}) {
    INFO(spelled);
    CHECK(canonical_path(temp / spelled) == base + "/d/f");
  }
  CHECK(canonical_path(temp / "link/new/x") == base + "/d/new/x");
  CHECK(canonical_path(temp / "new/../x") == base + "/x");
  CHECK(canonical_path(temp / "dangling") == base + "/d/absent");
  CHECK(canonical_path(temp / "loop/x").ends_with("loop/x"));
  CHECK(canonical_path("/") == "/");
  CHECK(canonical_path("/..") == "/");
  CHECK(state_path("./a/../b") == "b");
  CHECK(state_path(temp / "d/f") == base + "/d/f");
}

TEST_CASE("F7 finished files are a list on disk, whole lines only, each key once when it has grown") {
  const TempDir temp;
  const std::string file = temp / "s/finished";
  const auto keys = [](const CheckpointStore& store) {
    std::vector<std::string> found;
    REQUIRE(store.read_finished([&](std::string_view key) { found.emplace_back(key); }).ok());
    return found;
  };
  const std::vector<std::string> odd{"output\ta", "a\nb\\n", "output\tout/2026-01-02.ndjson"};
  {
    const auto store = open_store(temp / "s");
    CHECK(keys(*store).empty());
    REQUIRE(store->add_finished({}).ok());
    CHECK_FALSE(exists(file));
    REQUIRE(store->add_finished(odd).ok());
    CHECK(keys(*store) == odd);
  }
  // A crash truncates the last line: it must not count as another, shorter key.
  const std::string whole = read_file(file);
  write_file(file, whole.substr(0, whole.size() - 8));
  {
    const auto store = open_store(temp / "s");
    CHECK(keys(*store) == std::vector<std::string>{odd[0], odd[1]});
    REQUIRE(store->add_finished({"c"}).ok());
    CHECK(keys(*store) == std::vector<std::string>{odd[0], odd[1], "c"});
    std::vector<std::string> again;
    for (int i = 0; i < 100; ++i) again.push_back("output\t" + std::string(200, 'x') + std::to_string(i));
    for (int i = 0; i < 100; ++i) REQUIRE(store->add_finished(again).ok());
    CHECK(read_file(file).size() < 1'200'000);
    CHECK(keys(*store).size() >= again.size() + 3);
    REQUIRE(store->clear_finished().ok());
    CHECK(keys(*store).empty());
  }
}

TEST_CASE("clear() forgets everything") {
  const TempDir temp;
  {
    const auto store = open_store(temp / "s");
    REQUIRE(store->save({{"a", "1"}}).ok());
    REQUIRE(store->save({{"a", "2"}}).ok());
    REQUIRE(store->clear().ok());
    CHECK(store->entries().empty());
  }
  CHECK(open_store(temp / "s")->entries().empty());
}
