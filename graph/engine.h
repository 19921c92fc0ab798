// One run of a plan. The pieces are plain classes of their own (limiter, sequencer, barrier, lane, failure,
// timer); the engine joins them. Its functions are grouped in files by the part of a batch's life they belong
// to:
//
//   engine_open.cpp    make and open what the plan names; close it
//   engine_source.cpp  source threads: reserve, receive, admit
//   engine_node.cpp    a batch in a node: stage, route, join, fan-out
//   engine_end.cpp     a batch at its ends: sinks, dead letters, settling
//   engine_commit.cpp  the committing thread
//   engine_govern.cpp  the governor: what it sees, what it decides, figures for others
//   engine_run.cpp     starting, waiting, stopping, the outcome
//
// Threads: one per source, one that opens, commits and closes, a timer, the governor's where there is one,
// TBB's workers, and the one in run(), which sleeps. All of them may outlive run() if foreign code hangs past
// the deadline: the engine is then kept alive for ever.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "graph/activity.h"
#include "graph/borrowed.h"
#include "graph/byte_limiter.h"
#include "graph/commit_barrier.h"
#include "graph/failure.h"
#include "graph/flow.h"
#include "graph/gate.h"
#include "graph/guarded.h"
#include "graph/insist.h"
#include "graph/lane.h"
#include "graph/parcel.h"
#include "graph/retry.h"
#include "graph/scratch_pool.h"
#include "graph/timer.h"
#include "graph/topology.h"
#include "pipec/graph/pipeline.h"
#include "pipec/graph/plan.h"
#include "pipec/runtime/arena.h"
#include "pipec/runtime/governor.h"

namespace pipec::graph {

class VisitContext;

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  Engine(Plan plan, Topology topology, RunOptions options);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Once.
  Outcome run();
  void stop();
  Progress progress();
  std::vector<Metric> metrics();

 private:
  friend class VisitContext;
  using Milliseconds = std::chrono::milliseconds;
  using Time = std::chrono::steady_clock::time_point;

  struct Source {
    std::uint32_t node = 0;
    std::unique_ptr<runtime::Receiver> receiver;
    bool has_stages = false;  // that may make more of a batch than it was
    // Bytes that stages make of each byte; below 0: not known yet, the first batch is a small one that finds
    // out.
    std::atomic<double> expansion{-1};
    Gate probed{false};
    std::chrono::milliseconds rest{0};  // after the next receive that brings nothing at once
  };
  struct SinkEnd {
    std::uint32_t node = 0;
    std::unique_ptr<runtime::Sink> sink;
    std::optional<Lane<Parcel*>> lane;
    std::optional<Backoff> backoff;
    Sequencer<Parcel*> written;  // unordered: written batches, until all before them are written too
    std::uint64_t next_number = 0;
  };
  struct NodeState {
    std::optional<ScratchPool> scratch;
    Pool<std::vector<runtime::Batch>> arms;  // route
    bool reads_outline = false;
    bool outline_wanted = false;  // by a node behind
  };
  struct Counters {
    std::atomic<std::uint64_t> records_in{0}, records_out{0}, records_filtered{0}, dead_letters{0}, errors{0},
        bytes_in{0}, bytes_out{0}, batches{0}, commits{0}, ticker_errors{0};
  };
  // Which name the positions of a source's partition go by, for Outcome::committed.
  struct PositionName {
    std::string name;
    bool bytes = false;
  };

  // engine_open.cpp
  runtime::Status open();
  template <typename Connector, typename Make>
  runtime::Status make_end(std::unique_ptr<Connector>& to, std::size_t place, const Make& make);
  // Opens what was made; stop() interrupts it meanwhile.
  template <typename Connector, typename Open>
  runtime::Status open_end(Connector& connector, std::size_t place, const Open& open);
  runtime::Status make_ends();
  runtime::Status open_ends();
  runtime::Status begin();
  runtime::Beginning beginning() const;
  // Calls call(sink, state key) until one fails; the error gets its sink's name and place.
  runtime::Status for_each_sink(
      Activity::Call what,
      const std::function<runtime::Status(runtime::Sink&, const std::string& state_key)>& call);
  bool keeps_state() const { return options_.checkpoint != nullptr && plan_.commit == CommitMode::automatic; }
  runtime::Status open_receiver(runtime::Receiver& receiver, const std::string& state_key);
  std::size_t queue_share(std::size_t part, std::size_t among) const;
  runtime::Status open_sink(runtime::Sink& sink, const std::string& state_key);
  void let_save_ahead(runtime::Sink& sink, const std::string& state_key);
  void close();
  runtime::StateEntries saved_entries(const std::string& state_key) const;
  static void add_entries(const std::string& state_key, runtime::StateEntries&& own,
                          runtime::StateEntries& to);

  // engine_source.cpp
  void source_loop(std::uint32_t source) noexcept;
  runtime::Status receive_all(std::uint32_t source);
  // How much to ask for, and what to hold in the limiter for it.
  struct Reservation {
    std::size_t bytes = 0;   // of one receive
    std::size_t charge = 0;  // of them
    std::size_t most = 0;    // bytes that would fit into the source's share of the budget
    bool probe = false;      // the first batch, which finds out what stages make of it
  };
  runtime::Result<runtime::Received> receive(Source& source, Delivery& delivery, const Reservation& reserved);
  void rest(Source& source, Time asked);
  void note_names(std::uint32_t source, const runtime::Block& block);
  // How a source got past the gate.
  enum class Pass : std::uint8_t {
    open,
    alone,  // held, to hand out its own queue: nothing else may be in flight
    none,   // the run ends
  };
  Pass pass_gate(const Source& source);
  bool still_passes(Pass pass) const;
  std::size_t record_limit(std::size_t bytes) const;
  Reservation reservation(const Source& source) const;
  std::size_t charge_of(const Source& source, std::size_t bytes) const;
  void admit_parts(std::uint32_t source, std::shared_ptr<runtime::Block> block);
  void admit(std::uint32_t source, Delivery* delivery) noexcept;
  void admit_commit_point() noexcept;
  void send_to_sink(std::uint32_t sink, Delivery* delivery);
  bool any_sink_wants(bool (runtime::Sink::*what)() const) const;
  bool is_commit_point();
  void want_commit() noexcept;
  void end_transaction_when_due();

  // engine_node.cpp
  void build();
  void visit(std::uint32_t node, Parcel* parcel) noexcept;
  Parcel* join(std::uint32_t node, Parcel* parcel);
  void read(std::uint32_t node, Delivery& delivery);
  void begin(std::uint32_t node, Parcel& parcel);
  void take_rejected(std::uint32_t node, Parcel& parcel);
  void run_stage(std::uint32_t node, Parcel& parcel);
  runtime::Status check_context(VisitContext& context, const Delivery& delivery, std::uint32_t node,
                                std::size_t records) const;
  void run_route(std::uint32_t node, Parcel* parcel);
  void split(std::uint32_t node, Parcel& parcel, std::vector<runtime::Record>& rest,
             std::size_t buffers_before);
  void go_on(Split* split);
  void forward(std::uint32_t node, Parcel* parcel);

  // engine_end.cpp
  std::optional<Milliseconds> write(SinkEnd& end, Parcel* parcel);
  class DeferredWrite;
  // Null: done, failed for good, or `deferred`. A time: try again after it. Without `deferred` the sink has
  // to finish in write().
  std::optional<Milliseconds> write_records(SinkEnd& end, Parcel& parcel,
                                            std::shared_ptr<DeferredWrite>* deferred = nullptr);
  void finish_deferred(DeferredWrite& write);
  void take_snapshot(SinkEnd& end, Delivery& delivery);
  void report(Parcel* parcel);
  std::optional<Milliseconds> route_point(Delivery* delivery);
  std::optional<Milliseconds> route_letters(Delivery& delivery);
  runtime::Status write_letters(Delivery& delivery);
  void settle(Delivery* delivery);
  void recycle(Parcel* parcel);

  // engine_commit.cpp
  void commit_loop();
  runtime::Status commit(const Commit& commit);
  std::vector<std::string> let_go(runtime::StateEntries& entries);
  runtime::Status finish();
  runtime::Status retry(const std::function<runtime::Status()>& attempt);
  void note_committed(const Commit& commit);

  // engine_govern.cpp
  runtime::SharedGovernor::Shape shape() const;
  runtime::Status start_governing();
  void leave_governor();
  void publish_use();
  void govern_loop();
  void govern_once();
  void set_held(bool held, const std::string& reason);
  static std::size_t made_in(const runtime::Batch& batch, std::size_t buffers_before);
  std::size_t output_allowance(Delivery& delivery) const;
  void note_made(Delivery& delivery, std::size_t bytes);
  void note_outline(Parcel& parcel);
  void note_freed(Delivery& delivery, std::size_t bytes);
  void note_expansion(Delivery& delivery);
  void note_settled(const Delivery& delivery);
  struct Tracked {
    std::size_t bytes = 0;   // in buffers and in the connectors' queues
    std::size_t queued = 0;  // of them, in the receivers' queues
  };
  // What a connector that was asked has thrown, and its place.
  using Thrown = std::optional<std::pair<runtime::Error, std::size_t>>;
  Tracked tracked(Thrown& thrown) const;
  Tracked tracked();  // which ends the run over it
  std::size_t queued_by(const Source& source);
  // Waits for the next round of the governor.
  void have_it_look();
  void stop_governing();

  // engine_run.cpp
  void open_and_commit() noexcept;
  bool start_threads();
  bool run_to_end();
  bool wait_for(const std::function<bool()>& reached);
  void past_deadline();
  void abandon();
  void wake();
  void end_early();
  void interrupt_sources();
  void interrupt_sinks();
  void tick();
  void log(const std::string& line) const;
  Outcome outcome();
  bool start_thread(std::function<void()> body);
  // A step without which a batch would be lost.
  template <typename Call>
  void must(Call&& call) noexcept {
    insist(std::forward<Call>(call), [this] { out_of_resources(); });
  }
  // In a handler. The run has failed.
  void out_of_resources() noexcept;
  bool ending() const { return stopping_.load(std::memory_order_acquire) || failure_.any(); }

  // Errors get the node's name and place where they have none. A place is a node's number, or route_place().
  runtime::Error at_node(runtime::Error error, std::size_t place) const noexcept;
  runtime::Error at_dead_letter_route(runtime::Error error) const noexcept;
  void fail_batch(Delivery& delivery, runtime::Error error) noexcept;
  // Foreign code that is no batch's threw.
  void fail_at_node(runtime::Error error, std::size_t place) noexcept;
  // The dead letter route, as a place.
  std::size_t route_place() const { return plan_.nodes.size(); }
  // A call into foreign code: an exception is an error, and a deadline can say where it was.
  template <typename Call>
  auto foreign(Activity::Call what, std::size_t place, Call&& call) {
    const Activity::Mark mark(activity_, what, place);
    return guarded(std::forward<Call>(call));
  }
  bool alive(const Delivery& delivery) const {
    return !delivery.branches.failed() && failure_.before_failure(delivery.sequence);
  }

  const Plan plan_;
  const Topology topology_;
  BorrowedClock clock_;
  const RunOptions options_;  // its clock is clock_
  const unsigned threads_;
  std::size_t largest_record_ = 0;               // that fits into memory; 0: nobody knows
  runtime::ArenaBounds evaluation_;              // of what stages make of one record on their way
  const std::size_t fixed_budget_;               // without a governor; with one, the most it may allow
  std::unique_ptr<runtime::Governor> governor_;  // null: govern off
  std::shared_ptr<runtime::SharedGovernor::Member> ungoverned_;  // govern off, but the others count its bytes

  runtime::BufferPool buffers_;  // before all that holds buffers
  Pool<Parcel> parcels_;
  Pool<Delivery> deliveries_;
  Pool<Split> splits_;
  BlockingLimiter limiter_;
  Failure failure_;
  Reserve reserve_{std::size_t{512} << 10};
  Activity activity_;
  const std::shared_ptr<Leash> leash_ = std::make_shared<Leash>();
  Timer timer_;
  Counters counters_;

  // Governed. What settled batches tell it, and what it says.
  struct Settled {
    std::atomic<std::uint64_t> batches{0}, bytes{0}, residence{0}, work{0};  // nanoseconds
  };
  Settled settled_;
  std::atomic<std::size_t> budget_{0};
  std::atomic<std::size_t> most_records_{0};  // of one receive; 0: any number
  std::atomic<std::size_t> last_received_{0};
  Gate gate_;
  mutable std::mutex govern_mutex_;
  std::condition_variable govern_changed_;
  bool govern_stopped_ = false;
  bool look_now_ = false;
  std::uint64_t looks_ = 0;
  double pressure_level_ = 0;
  std::vector<runtime::PressureReading> pressures_;
  std::uint64_t pauses_ = 0;
  Time held_since_{};
  std::chrono::nanoseconds held_for_{0};
  std::size_t least_budget_ = 0;

  std::deque<Source> sources_;
  std::deque<SinkEnd> sinks_;
  std::deque<NodeState> nodes_;

  // The route point: serial, in the total order.
  std::optional<Lane<Delivery*>> routes_;
  std::unique_ptr<runtime::Sink> dead_letter_sink_;
  runtime::Beginning beginning_;
  std::optional<Backoff> dead_letter_backoff_;
  std::size_t letters_written_ = 0;  // of the delivery at the route point

  std::mutex admission_;  // the total order
  std::uint64_t next_sequence_ = 0;
  bool behind_commit_point_ = false;  // batches were admitted since the last one
  std::size_t split_ = 0;             // receives of which not all parts are admitted
  Time last_commit_point_{};
  std::atomic<bool> commit_wanted_{false};  // transactional: by the receiver

  mutable std::mutex barrier_mutex_;
  std::condition_variable barrier_changed_;
  CommitBarrier barrier_;
  bool no_more_batches_ = false;
  bool transaction_ending_ = false;  // transactional: a commit point is out and not yet committed
  std::condition_variable transaction_ended_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, PositionName> position_names_;  // source, partition
  std::map<std::pair<std::uint32_t, std::uint32_t>, runtime::PositionRange> committed_;
  std::atomic<std::uint64_t> in_flight_{0};
  std::atomic<bool> draining_{false};  // run() waits for the last batch

  mutable std::mutex state_;
  std::condition_variable state_changed_;
  bool opened_ = false;                      // receivers and sinks may be interrupted
  std::function<void()> interrupt_opening_;  // what is being opened; empty: nothing is
  std::size_t opening_ = 0;                  // its place
  bool open_ended_ = false;
  bool ready_ = false;            // all is open and built
  bool run_ended_early_ = false;  // out of memory: run() has to do that
  unsigned sources_running_ = 0;
  unsigned threads_running_ = 0;
  bool committer_done_ = false;
  bool governing_ = false;  // the governor's thread is at work
  std::optional<Time> ending_since_;
  bool deadline_passed_ = false;
  std::atomic<bool> stopping_{false};
  // Set once run() gave up: what the caller owns (checkpoint, clock, log) must not be touched any more.
  std::atomic<bool> abandoned_{false};
  std::mutex outside_;  // held while the checkpoint store is in use
  mutable std::mutex log_mutex_;
  Time started_{};

  std::vector<std::thread> running_;
  std::unique_ptr<Flow> flow_;  // last: its workers use all the others
};

}  // namespace pipec::graph
