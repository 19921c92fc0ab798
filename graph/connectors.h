// The receivers, sinks and stateful stages of one run: created, opened and closed here, and queried for their
// memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "graph/faults.h"
#include "graph/leash.h"
#include "graph/shared.h"
#include "graph/state_keeper.h"
#include "pipec/runtime/connector.h"
#include "pipec/runtime/ordered_stage.h"

namespace pipec::graph {

class Connectors {
 public:
  struct Source {
    std::uint32_t node = 0;
    std::unique_ptr<runtime::Receiver> receiver;
  };
  struct End {
    std::uint32_t node = 0;
    std::unique_ptr<runtime::Sink> sink;
  };
  struct Stateful {
    std::uint32_t node = 0;
    std::unique_ptr<runtime::OrderedStage> stage;
  };
  // The governor's queue limit for each of them; 0: no limit.
  struct QueueLimits {
    std::size_t receiver = 0, sink = 0;
  };

  // There is a place for each of the plan's from the beginning, so that nodes may refer to it.
  Connectors(const Shared& shared, StateKeeper& keeper, Leash& leash);

  // `want_commit`: requests a commit point. `stopping`: if true, nothing more is opened.
  void on_want_commit(std::function<void()> want_commit) { want_commit_ = std::move(want_commit); }
  void keep_queue_limits(const QueueLimits& limits) { queue_limits_ = limits; }
  // Creates and opens all of them, then calls begin(); no existing data changes before that.
  runtime::Status open(const std::function<bool()>& stopping);
  // Called when every source has ended or was stopped, and its records are committed.
  runtime::Status finish(bool stopped);
  // Whatever was made is closed, also after a failed open.
  void close();

  // Any thread. Interrupts the connector that is being opened, or the receivers.
  void interrupt_sources();
  void interrupt_sinks();
  // Calls `call` while all of them are open and stay open; false: they are not.
  bool while_open(const std::function<void()>& call) const;

  // Calls call(sink, place, state key) until one fails; the error gets its sink's name and place.
  using EachSink = std::function<runtime::Status(runtime::Sink&, std::size_t place, const std::string& key)>;
  runtime::Status for_each_sink(Activity::Call what, const EachSink& call);

  struct Held {
    std::size_t bytes = 0;   // in the connectors' queues and the stages' states
    std::size_t queued = 0;  // of them, in the receivers' queues
  };
  // An error of theirs ends the run.
  Held held() const;
  std::size_t queued_by(std::uint32_t source) const;
  bool sinks_want_commit() const;
  bool sinks_want_small_batches() const;
  bool stages_want_time() const;

  const std::deque<Source>& sources() const { return sources_; }
  const std::deque<End>& sinks() const { return sinks_; }
  const std::deque<Stateful>& stages() const { return stages_; }
  const std::unique_ptr<runtime::Sink>& dead_letters() const { return dead_letter_sink_; }

 private:
  template <typename Part, typename Make>
  runtime::Status make_part(std::unique_ptr<Part>& to, std::size_t place, const char* what, const Make& make);
  template <typename Open>
  runtime::Status open_part(std::size_t place, std::function<void()> interrupt, const Open& open);
  runtime::Status make_all();
  runtime::Status open_all();
  runtime::Status open_sink(runtime::Sink& sink, const std::string& state_key);
  runtime::Status open_receiver(const Source& source);
  runtime::Status open_stage(const Stateful& stage);
  runtime::Status begin();
  runtime::Beginning beginning() const;
  runtime::Status say_notes();
  bool keeps_state() const;
  bool any_sink(bool (runtime::Sink::*wants)() const) const;

  const Shared& shared_;
  StateKeeper& keeper_;
  Leash& leash_;
  std::function<void()> want_commit_;
  QueueLimits queue_limits_;
  std::deque<Source> sources_;
  std::deque<End> sinks_;
  std::deque<Stateful> stages_;
  std::unique_ptr<runtime::Sink> dead_letter_sink_;
  runtime::Beginning beginning_;
  RunServices services_;

  struct Opening {
    std::function<bool()> stopping;
    std::function<void()> interrupt;  // for the connector being opened; empty: none
    std::size_t place = 0;
  };
  mutable std::mutex mutex_;
  Opening opening_;
  bool open_ = false;  // receivers and sinks may be interrupted and queried
};

}  // namespace pipec::graph
