// Channels of the embedding program: `recv memory("in")` reads what the program pushed, `sink memory("out")`
// gives it what came out. A sink and a recv of the same name join two pipelines of one process.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/registry.h"

namespace pipec::stdlib {

struct MemoryRecord {
  std::string payload;
  runtime::Metadata metadata = {};
  runtime::Format format = runtime::Format::json;  // of the payload
};

// A queue of records, numbered from 0. A record is kept until it is committed, so that a pipeline that failed
// gets it again. Thread safe.
class MemoryChannel {
 public:
  void push(MemoryRecord record);
  // No more will come: readers end when they have read what is there.
  void close();

  // Everything that no reader has read, read and committed at once: for the program that reads what a sink
  // wrote.
  std::vector<MemoryRecord> take();
  // As above, but waits until there is something or the channel is closed (then it may be empty).
  std::vector<MemoryRecord> wait_and_take();

  std::uint64_t pushed() const;     // records in all
  std::uint64_t committed() const;  // all below are safely out
  bool closed() const;

 private:
  friend class MemoryReceiver;
  std::vector<MemoryRecord> take_locked();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<MemoryRecord> records_;  // the first one's number is committed_
  std::uint64_t committed_ = 0;
  std::uint64_t next_ = 0;  // what is read next
  bool closed_ = false;
};

class MemoryChannels {
 public:
  // The channel of that name; made where it is new.
  std::shared_ptr<MemoryChannel> channel(std::string_view name);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<MemoryChannel>, std::less<>> channels_;
};

// `recv memory` and `sink memory` over these channels. Call it before register_connectors (or register_all),
// which otherwise gives the registry channels that nobody else sees.
void register_memory(runtime::Registry& registry, const std::shared_ptr<MemoryChannels>& channels);

}  // namespace pipec::stdlib
