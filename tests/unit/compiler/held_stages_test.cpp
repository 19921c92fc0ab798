// Stages that pass or hold back some of the records: sample, head, tail.
#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "support/catch.h"
#include "unit/compiler/stage_run.h"

using namespace pipec;
using namespace pipec::compiler::test;
using namespace pipec::runtime;

namespace {

Lines numbered(int first, int end) {
  Lines lines;
  for (int i = first; i < end; ++i) lines.push_back("{\"n\":" + std::to_string(i) + "}");
  return lines;
}

Lines all_of(StageRun& run, const Lines& records, std::size_t per_batch) {
  Lines result;
  for (std::size_t i = 0; i < records.size(); i += per_batch) {
    const auto begin = records.begin() + static_cast<std::ptrdiff_t>(i);
    const auto end = records.begin() + static_cast<std::ptrdiff_t>(std::min(i + per_batch, records.size()));
    for (std::string& line : run.batch(Lines(begin, end))) result.push_back(std::move(line));
  }
  for (std::string& line : run.finish()) result.push_back(std::move(line));
  return result;
}

}  // namespace

TEST_CASE("sample keeps whole keys, about its share of them, and the same ones in every run") {
  Lines records;
  for (int i = 0; i < 20000; ++i) {
    records.push_back("{\"t\":" + std::to_string(i % 4000) + (i % 2 == 0 ? ".0" : "") +
                      ",\"n\":" + std::to_string(i) + "}");
  }
  StageRun run("sample(0.1, key: .t)");
  const Lines kept = run.batch(records);
  std::map<int, int> keys;
  for (const std::string& line : kept) ++keys[std::stoi(line.substr(5))];
  for (const auto& [key, count] : keys) CHECK(count == 5);
  CHECK(keys.size() > 320);
  CHECK(keys.size() < 480);
  CHECK(run.filtered == records.size() - kept.size());
  StageRun again("sample(0.1, key: .t)");
  CHECK(again.batch(records) == kept);
  StageRun more("sample(0.2, key: .t)");
  const Lines wider = more.batch(records);
  CHECK(std::includes(wider.begin(), wider.end(), kept.begin(), kept.end(), [](const auto& a, const auto& b) {
    return std::stoi(a.substr(a.rfind(':') + 1)) < std::stoi(b.substr(b.rfind(':') + 1));
  }));
}

TEST_CASE("sample without a key goes by position; 0 keeps none and 1 all") {
  const Lines records = numbered(0, 2000);
  StageRun tenth("sample(0.1)");
  const Lines kept = tenth.batch(records);
  CHECK(kept.size() > 120);
  CHECK(kept.size() < 280);
  CHECK(StageRun("sample(0.1)").batch(records) == kept);
  CHECK(StageRun("sample(0)").batch(records).empty());
  CHECK(StageRun("sample(1)").batch(records) == records);
  CHECK(StageRun("sample(1.5)").problem.find("from 0 to 1") != std::string::npos);
  CHECK(StageRun("sample(-0.1)").problem.find("from 0 to 1") != std::string::npos);
}

TEST_CASE("sample dead-letters a record whose key fails") {
  StageRun run("sample(1, key: .a + 1)");
  CHECK(run.batch({R"({"a":1})", R"({"a":"x"})", "nonsense"}) == Lines{R"({"a":1})"});
  REQUIRE(run.dead.size() == 2);
  CHECK(run.filtered == 0);
}

TEST_CASE("S2 head and tail take the first and the last records, whatever the batches") {
  for (const int n : {1, 2, 7, 50, 99, 100, 101, 1000}) {
    for (const std::size_t per_batch : {1u, 3u, 7u, 100u}) {
      INFO(n << " of 100, " << per_batch << " a batch");
      StageRun head("head(" + std::to_string(n) + ")");
      CHECK(all_of(head, numbered(0, 100), per_batch) == numbered(0, std::min(n, 100)));
      CHECK(head.filtered == static_cast<std::uint64_t>(std::max(0, 100 - n)));
      StageRun tail("tail(" + std::to_string(n) + ")");
      CHECK(all_of(tail, numbered(0, 100), per_batch) == numbered(std::max(0, 100 - n), 100));
      CHECK(tail.filtered == static_cast<std::uint64_t>(std::max(0, 100 - n)));
    }
  }
  CHECK(StageRun("head(0)").problem.find("'n' is at least 1") != std::string::npos);
  CHECK(StageRun("tail(-1)").problem.find("'n' is at least 1") != std::string::npos);
}

TEST_CASE("S1 head continues from its state and tail from the records it holds") {
  std::mt19937 random(5);
  for (int round = 0; round < 40; ++round) {
    const int n = 1 + static_cast<int>(random() % 40);
    for (const std::string stage : {"head", "tail"}) {
      const std::string text = stage + "(" + std::to_string(n) + ")";
      INFO(text);
      auto run = std::make_unique<StageRun>(text);
      Lines out;
      for (int i = 0; i < 60;) {
        const int size = 1 + static_cast<int>(random() % 12);
        for (std::string& line : run->batch(numbered(i, std::min(60, i + size))))
          out.push_back(std::move(line));
        i += size;
        if (random() % 2 == 0) continue;
        const auto saved = run->save();
        if (random() % 2 == 0) continue;
        run = std::make_unique<StageRun>(text);
        run->open(saved);
        REQUIRE(run->error == "");
      }
      for (std::string& line : run->finish()) out.push_back(std::move(line));
      CHECK(out == (stage == "head" ? numbered(0, n) : numbered(60 - n, 60)));
      if (stage == "tail") CHECK(run->save().empty());  // the next run begins anew
    }
  }
}

TEST_CASE("a snapshot of tail holds what changed, and every format and metadata survive it") {
  StageRun run("tail(3) | transform { .n = @key }");
  CHECK(run.problem == "");
  StageRun binary("tail(2)");
  CHECK(binary.batch({"\x81\xa1i\x01", "\x81\xa1i\x02"}, Format::msgpack).empty());
  StageRun resumed("tail(2)");
  resumed.open(binary.save());
  CHECK(resumed.finish() == Lines{"\x81\xa1i\x01", "\x81\xa1i\x02"});
}

TEST_CASE("damaged state of head and tail is refused") {
  std::mt19937 random(11);
  for (const std::string text : {"head(3)", "tail(3)"}) {
    StageRun first(text);
    first.batch(numbered(0, 2));
    const auto saved = first.save();
    for (int i = 0; i < 300; ++i) {
      auto broken = saved;
      StateEntries& entries = broken.begin()->second;
      StateEntry& entry = entries[random() % entries.size()];
      std::string& part = random() % 3 == 0 ? entry.key : entry.value;
      if (random() % 4 == 0) {
        part.resize(random() % (part.size() + 1));
      } else if (!part.empty()) {
        part[random() % part.size()] = static_cast<char>(random());
      }
      StageRun second(text);
      second.error.clear();
      second.open(broken);
      if (second.error.empty()) second.finish();
      if (!second.error.empty()) CHECK(second.error == text.substr(0, 4) + ": its saved state is damaged");
    }
  }
}
