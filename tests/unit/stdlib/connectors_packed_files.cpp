#include <unistd.h>

#include <random>
#include <string>
#include <vector>

#include "connectors_packed.h"
#include "connectors_support.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace pipec::test;
using namespace pipec::runtime;
using pipec::stdlib::Compression;

namespace {

using Lines = std::vector<std::string>;

struct Run {
  Lines records;
  Lines rejected;
  std::string error;
  std::string note;
  std::size_t most_held = 0;
};

struct How {
  ReceiveLimits limits;
  std::size_t blocks = 0;  // 0: to the end
  std::string decompress;
};

Run run_once(const std::string& path, SavedState& state, const How& how = {}) {
  Run run;
  OptionsBuilder options;
  options.text("path", path);
  if (!how.decompress.empty()) options.text("decompress", how.decompress);
  const auto receiver = make_receiver("file", options);
  if (Status opened = receiver->open(state.entries()); !opened.ok()) {
    run.error = opened.error().message;
    return run;
  }
  run.note = receiver->resume_note();
  BufferPool pool;
  for (std::size_t blocks = 0; how.blocks == 0 || blocks < how.blocks; ++blocks) {
    Block block;
    block.data = pool.get(1024);
    auto received = receiver->receive(how.limits, block);
    run.most_held = std::max(run.most_held, receiver->queued_bytes() + block.data->capacity());
    if (!received.ok()) {
      run.error = received.error().message;
      break;
    }
    if (*received == Received::end) break;
    REQUIRE(*received == Received::records);
    for (std::uint32_t i = 0; i < block.origins.size(); ++i) run.records.emplace_back(block.original(i));
    for (const Rejected& rejected : block.rejected) run.rejected.push_back(rejected.reason);
    StateEntries entries;
    receiver->describe(block.ranges, entries);
    state.merge(entries);
    REQUIRE(receiver->commit(block.ranges).ok());
  }
  CHECK(receiver->close().ok());
  return run;
}

Run run_fresh(const std::string& path, const How& how = {}) {
  SavedState state;
  return run_once(path, state, how);
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const Compression kBoth[] = {Compression::gzip, Compression::zstd};

}  // namespace

TEST_CASE("fault F10 packed files are read whatever their name, all members and frames of them") {
  const TempDir temp;
  for (const Compression packing : kBoth) {
    const std::string file = temp / "a";
    write_file(file, packed(packing, "1\n2\n3") + packed(packing, "") + packed(packing, "3\n") +
                         packed(packing, "4"));
    CHECK(run_fresh(file).records == Lines{"1", "2", "33", "4"});
    CHECK(run_fresh(file).error.empty());
    How how;
    how.decompress = "none";
    CHECK(run_fresh(file, how).records != Lines{"1", "2", "33", "4"});
  }
  write_file(temp / "empty.gz", "");
  CHECK(run_fresh(temp / "empty.gz").records.empty());
  CHECK(run_fresh(temp / "empty.gz").error.empty());
  write_file(temp / "skipped.zst",
             std::string("\x50\x2a\x4d\x18\x03\0\0\0abc", 11) + packed(Compression::zstd, "1\n"));
  CHECK(run_fresh(temp / "skipped.zst").records == Lines{"1"});
}

TEST_CASE(
    "fault F10 a packed file that is truncated, damaged or followed by other bytes is an error with the "
    "place") {
  const TempDir temp;
  const std::string file = temp / "a.bin";
  std::string text;
  std::mt19937 random(3);
  for (int i = 0; i < 60000; ++i) text += std::to_string(random()) + "\n";
  for (const Compression packing : kBoth) {
    const std::string whole = packed(packing, text);
    const Run all = [&] {
      write_file(file, whole);
      return run_fresh(file);
    }();
    REQUIRE(all.error.empty());
    for (std::size_t cut : {std::size_t{5}, whole.size() / 2, whole.size() - 9, whole.size() - 1}) {
      write_file(file, whole.substr(0, cut));
      const Run run = run_fresh(file);
      CHECK(mentions(run.error, file));
      CHECK(mentions(run.error, "it was cut off, at byte " + std::to_string(cut)));
      // What came before is handed out, whole records only.
      REQUIRE(run.records.size() <= all.records.size());
      CHECK(std::equal(run.records.begin(), run.records.end(), all.records.begin()));
      if (cut > whole.size() / 2) CHECK(run.records.size() > all.records.size() / 2);
    }
    std::string damaged = whole;
    damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x40);
    write_file(file, damaged);
    CHECK(mentions(run_fresh(file).error, "at byte "));
    write_file(file, whole + "garbage");
    const Run behind = run_fresh(file);
    CHECK(mentions(behind.error,
                   "the data after the end cannot be unpacked, at byte " + std::to_string(whole.size())));
    CHECK(behind.records == all.records);
    write_file(file, whole + std::string(70'000, '\0') + "garbage");
    CHECK(mentions(run_fresh(file).error, "what follows the end"));
  }
}

TEST_CASE("fault F10 any damage to a packed file is noticed") {
  const TempDir temp;
  const std::string file = temp / "a.bin";
  std::mt19937 random(17);
  std::string text;
  for (int i = 0; i < 4000; ++i) text += "{\"n\":" + std::to_string(random() % 100) + "}\n";
  for (const Compression packing : kBoth) {
    const std::string whole =
        packed(packing, text.substr(0, text.size() / 2)) + packed(packing, text.substr(text.size() / 2));
    write_file(file, whole);
    How how;
    how.decompress = pipec::stdlib::compression_name(packing);
    how.limits.max_bytes = 5000;
    const Run all = run_fresh(file, how);
    REQUIRE(all.error.empty());
    for (int round = 0; round < 150; ++round) {
      std::string damaged = whole;
      for (std::size_t i = 0; i < 1 + random() % 3; ++i) {
        damaged[random() % damaged.size()] = static_cast<char>(random());
      }
      if (random() % 3 == 0) damaged.insert(random() % damaged.size(), std::string(random() % 9, 'x'));
      write_file(file, damaged);
      const Run run = run_fresh(file, how);
      // A header may hold bytes that mean nothing.
      if (run.error.empty()) CHECK(run.records == all.records);
      if (!run.error.empty()) CHECK(mentions(run.error, file));
      // Nothing is checked before the checksum, so bad bytes may be delivered before it.
      CHECK(run.records.size() <= 3 * all.records.size());
    }
  }
}

TEST_CASE("F2 any packed text in blocks of any size, stopped repeatedly, gives the same lines") {
  const TempDir temp;
  const std::string file = temp / "a";
  std::mt19937 random(11);
  for (int round = 0; round < 40; ++round) {
    const Compression packing = kBoth[round % 2];
    std::string text;
    Lines expected;
    for (std::size_t line = 0, lines = random() % 60; line < lines; ++line) {
      const std::string content(random() % (line % 7 == 0 ? 60000 : 60),
                                static_cast<char>('a' + random() % 26));
      text += content;
      if (!content.empty()) expected.push_back(content);
      if (line + 1 < lines || random() % 2 == 0) text += random() % 2 == 0 ? "\r\n" : "\n";
    }
    std::string whole;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t size = 1 + random() % (random() % 2 == 0 ? 100 : 50000);
      whole += packed(packing, std::string_view(text).substr(at, size));
      at += size;
    }
    write_file(file, whole);
    How how;
    how.limits.max_bytes = 1 + random() % 70000;
    how.limits.max_records = random() % 2 == 0 ? 1 + random() % 9 : 0;
    how.blocks = 1 + random() % 4;
    SavedState state;
    Lines records;
    for (std::size_t runs = 0; runs < 500 && !text.empty(); ++runs) {
      const Run run = run_once(file, state, how);
      REQUIRE(run.error.empty());
      records.insert(records.end(), run.records.begin(), run.records.end());
      if (run.records.empty() && mentions(run.note, "nothing new")) break;
    }
    REQUIRE(records == expected);
  }
}

TEST_CASE(
    "F1 a packed file that was continued is resumed, a truncated or rewritten one is read from its start") {
  const TempDir temp;
  const std::string file = temp / "log.gz";
  for (const Compression packing : kBoth) {
    How how;
    how.decompress = pipec::stdlib::compression_name(packing);
    SavedState state;
    write_file(file, packed(packing, "1\n2\n"));
    CHECK(run_once(file, state, how).records == Lines{"1", "2"});
    CHECK(mentions(run_once(file, state, how).note, "nothing new"));
    const SavedState before = state;
    append_file(file, packed(packing, "3\n4"));
    CHECK(run_once(file, state, how).records == Lines{"3", "4"});
    SavedState with_newline = state;
    const std::string so_far = read_file(file);
    append_file(file, packed(packing, "\n5\n"));
    CHECK(run_once(file, with_newline, how).records == Lines{"5"});
    write_file(file, so_far);
    append_file(file, packed(packing, "4\n"));
    CHECK(run_once(file, state, how).records == Lines{"44"});

    state = before;
    write_file(file, packed(packing, "7\n8\n9\n10\n11\n"));
    const Run rewritten = run_once(file, state, how);
    CHECK(rewritten.records == Lines{"7", "8", "9", "10", "11"});
    CHECK(mentions(rewritten.note, "was rewritten"));
    state = before;
    write_file(file, packed(packing, ""));
    CHECK(mentions(run_once(file, state, how).note, "was truncated to"));
    // Unpacked in place: the same text.
    state = before;
    write_file(file, "1\n2\n3\n" + std::string(100, ' ') + "\n");
    how.decompress = "none";
    CHECK(run_once(file, state, how).records == Lines{"3"});
  }
}

TEST_CASE("F10 zero bytes after an archive are padding") {
  const TempDir temp;
  const std::string file = temp / "pad";
  for (const Compression packing : kBoth) {
    for (const std::size_t zeros : {1, 512, 300'000}) {
      SavedState state;
      write_file(file, packed(packing, "1\n2\n") + std::string(zeros, '\0'));
      Run run = run_once(file, state);
      CHECK(run.error.empty());
      CHECK(run.records == Lines{"1", "2"});
      CHECK(mentions(run_once(file, state).note, "nothing new"));
      append_file(file, std::string(100, '\0'));
      CHECK(run_once(file, state).error.empty());
      append_file(file, packed(packing, "3\n"));
      run = run_once(file, state);
      CHECK(run.error.empty());
      CHECK(run.records == Lines{"3"});
    }
  }
}

TEST_CASE(
    "G3 a bomb is bounded: a long record is discarded while it is unpacked, and a large window rejected") {
  const TempDir temp;
  const std::string file = temp / "bomb";
  const std::string zeros(std::size_t{64} << 20, '\0');
  for (const Compression packing : kBoth) {
    write_file(file, packed(packing, "1\n" + zeros) + packed(packing, zeros + "\n2\n"));
    How how;
    how.limits.largest_record = std::size_t{1} << 20;
    const Run run = run_fresh(file, how);
    CHECK(run.error.empty());
    CHECK(run.records == Lines{"1", zeros.substr(0, 65536), "2"});
    REQUIRE(run.rejected.size() == 1);
    CHECK(mentions(run.rejected[0], "the record has 134217728 bytes"));
    CHECK(run.most_held < (std::size_t{8} << 20));
  }
  std::string lines;
  while (lines.size() < (std::size_t{16} << 20)) lines += "1\n\n";
  write_file(file, packed(Compression::gzip, lines));
  const Run tiny = run_fresh(file);
  CHECK(tiny.records.size() == lines.size() / 3);
  CHECK(tiny.most_held < (std::size_t{3} << 20));

  write_file(file, packed(Compression::zstd, lines, 24));
  How how;
  how.limits.largest_record = std::size_t{1} << 20;
  const Run refused = run_fresh(file, how);
  CHECK(refused.records.empty());
  CHECK(mentions(refused.error, "takes a window of more than 8388608 bytes"));
}
