// Runs of `recv file`, one after another with the state of the last one, as an engine does that handles one
// block at a time.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connectors_support.h"
#include "support/catch.h"

namespace pipec::test {

using Lines = std::vector<std::string>;

class FixedClock final : public runtime::Clock {
 public:
  std::chrono::steady_clock::time_point steady_now() const override { return {}; }
  std::int64_t unix_nanoseconds() const override { return seconds * 1'000'000'000; }
  std::int64_t seconds = std::time(nullptr);
};

struct FileRun {
  Lines records;
  std::string error;
  std::string note;
  Lines log;
};

struct FileRuns {
  // Of each run.
  std::vector<std::pair<std::string, std::string>> options;
  std::size_t max_records = 0;
  std::size_t blocks = 0;  // 0: to the end
  bool from_start = false;
  FixedClock clock;
  std::shared_ptr<runtime::SharedParts> shared;
  SavedState state;

  std::unique_ptr<runtime::Receiver> make(const std::string& path, Lines* log = nullptr) {
    OptionsBuilder builder;
    builder.text("path", path);
    for (const auto& [name, value] : options) builder.text(name, value);
    runtime::ConnectorContext context;
    context.clock = &clock;
    context.from_start = from_start;
    context.shared = shared;
    if (log) context.log = [log](const std::string& line) { log->push_back(line); };
    return make_receiver("file", builder, context);
  }

  FileRun run(const std::string& path) {
    FileRun result;
    const auto receiver = make(path, &result.log);
    if (runtime::Status opened = receiver->open(state.entries()); !opened.ok()) {
      result.error = opened.error().message;
      return result;
    }
    result.note = receiver->resume_note();
    runtime::BufferPool pool;
    runtime::ReceiveLimits limits;
    limits.max_records = max_records;
    for (std::size_t block_number = 0; blocks == 0 || block_number < blocks; ++block_number) {
      runtime::Block block;
      block.data = pool.get(1024);
      auto received = receiver->receive(limits, block);
      if (!received.ok()) {
        result.error = received.error().message;
        break;
      }
      if (*received == runtime::Received::end) break;
      REQUIRE(*received == runtime::Received::records);
      if (block.reader) {
        const auto reader = std::move(block.reader);
        REQUIRE(reader->read(block).ok());
      }
      for (std::uint32_t i = 0; i < block.origins.size(); ++i) result.records.emplace_back(block.original(i));
      runtime::StateEntries entries;
      receiver->describe(block.ranges, entries);
      state.merge(entries);
      REQUIRE(receiver->commit(block.ranges).ok());
    }
    CHECK(receiver->close().ok());
    return result;
  }
};

inline bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Sets its time of modification to an hour ago.
inline void make_old(const std::string& path) {
  const timespec old{std::time(nullptr) - 3600, 0};
  const timespec times[2] = {old, old};
  REQUIRE(::utimensat(AT_FDCWD, path.c_str(), times, 0) == 0);
}

}  // namespace pipec::test
