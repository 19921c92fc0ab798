// The C++ side of a pipec_pipeline: a compiled text, its channels and its run.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <variant>

#include "compiler/c/callbacks.h"
#include "compiler/c/fault.h"
#include "compiler/c/record.h"
#include "pipec/graph/pipeline.h"
#include "pipec/runtime/checkpoint.h"
#include "pipec/runtime/registry.h"
#include "pipec/stdlib/memory.h"

namespace pipec::c {

struct Settings {
  std::string state_directory = {};  // "": none
  std::size_t channel_bytes = 0;     // 0: the channel's own
  graph::RunOptions run = {};
};

class PipelineHandle {
 public:
  static std::variant<std::shared_ptr<PipelineHandle>, Fault> open(std::string name, std::string text,
                                                                   Settings settings);
  PipelineHandle(const PipelineHandle&) = delete;
  PipelineHandle& operator=(const PipelineHandle&) = delete;

  using Wait = std::optional<std::chrono::milliseconds>;  // nullopt: no limit

  // handle_run.cpp
  Answer run();
  Answer start();
  Answer wait(Wait limit);
  Answer stop();
  Answer close();
  Answer set(const std::function<void(Callbacks&)>& change);

  // handle_records.cpp
  Answer on_record(std::string_view channel, Callback<pipec_record_fn> callback);
  Answer push(std::string_view channel, stdlib::MemoryRecord record, Wait limit, std::uint64_t* position);
  Answer end(std::string_view channel);
  Answer committed(std::string_view channel, std::uint64_t& end);
  Answer take(std::string_view channel, Wait limit, const pipec_record*& record);
  Answer release(std::string_view channel, std::uint64_t number);

  std::string status() const;  // JSON

 private:
  enum class State : std::uint8_t { ready, running, over };
  struct Channel {
    std::shared_ptr<stdlib::MemoryChannel> records;
    bool read = false;               // by the text, so that the program pushes
    std::atomic<bool> ended{false};  // pipec_end()
    bool called = false;             // on_record
  };

  explicit PipelineHandle(Settings settings);
  std::optional<Fault> compile(std::string name, std::string text);
  runtime::Status name_channel(std::string_view name, bool read);
  void register_channels();
  Channel* find(std::string_view name, bool read);
  Fault unknown(std::string_view name, bool read) const;
  std::optional<Fault> prepare();
  runtime::Result<std::unique_ptr<graph::Pipeline>> make_pipeline();
  void drive() noexcept;
  void finish(graph::Outcome outcome) noexcept;
  Answer result() const;  // after the run

  Settings settings_;
  const std::shared_ptr<Callbacks> callbacks_ = std::make_shared<Callbacks>();
  std::map<std::string, Channel, std::less<>> channels_;  // fixed after compilation
  const std::shared_ptr<runtime::Registry> registry_ = std::make_shared<runtime::Registry>();
  graph::Plan plan_;
  std::string name_;
  std::string warnings_;
  std::string stops_;  // W0505, which holds only without a dead letter callback

  mutable std::mutex mutex_;
  std::condition_variable over_;
  State state_ = State::ready;
  bool stop_wanted_ = false;
  std::atomic<bool> closing_{false};  // take() hands out nothing more
  std::unique_ptr<runtime::CheckpointStore> store_;
  std::unique_ptr<graph::Pipeline> pipeline_;
  graph::Outcome outcome_;
  std::thread thread_;

  std::mutex lent_mutex_;
  std::map<std::pair<const Channel*, std::uint64_t>, Lent> lent_;
};

}  // namespace pipec::c
