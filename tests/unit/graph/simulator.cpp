#include "unit/graph/simulator.h"

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "graph/state/byte_limiter.h"
#include "graph/state/commit_barrier.h"
#include "graph/state/countdown.h"
#include "graph/state/failure.h"
#include "graph/state/mutant.h"
#include "graph/state/sequencer.h"

namespace pipec::test {

namespace {

using graph::ByteLimiter;
using graph::Commit;
using graph::CommitBarrier;
using graph::Countdown;
using graph::Failure;
using graph::Sequencer;
using runtime::PositionRange;

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {  // splitmix64
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  bool one_in(std::uint64_t n) { return n != 0 && below(n) == 0; }

 private:
  std::uint64_t state_;
};

// ---- The oracle: the state visible from outside. It identifies batches only by source, partition and
// positions.

class Oracle {
 public:
  Oracle(std::uint32_t sources, std::uint32_t partitions, std::uint32_t sinks, bool ordered)
      : sinks_(sinks), partitions_(partitions), ordered_(ordered), lines_(sources * partitions) {
    begin_run();
  }

  void begin_run() {
    for (Line& line : lines_) {
      line.start = line.watermark;
      // Checked separately in each run: output of an earlier run above the committed position is repeated.
      line.written.assign(sinks_, line.watermark);
      line.ahead.assign(sinks_, {});
      line.synced.assign(sinks_, line.watermark);
      line.lowest_failed = ~std::uint64_t{0};
      line.letters_waiting.clear();
    }
    unsynced_letters_.clear();
    commit_open_ = false;
    failed_ = false;
  }
  std::uint64_t watermark(std::uint32_t source, std::uint32_t partition) const {
    return at(source, partition).watermark;
  }

  void wrote(std::uint32_t sink, std::uint32_t source, const PositionRange& range) {
    Line& line = at(source, range.partition);
    if (range.first < line.start) complain("I5: a record below the watermark was delivered again");
    if (ordered_ && range.first != line.written[sink])
      complain("I4: a sink saw records out of source order, or a gap");
    std::map<std::uint64_t, std::uint64_t>& ahead = line.ahead[sink];
    ahead.emplace(range.first, range.end);
    while (!ahead.empty() && ahead.begin()->first == line.written[sink]) {
      line.written[sink] = ahead.begin()->second;
      ahead.erase(ahead.begin());
    }
  }
  void found_letter(std::uint32_t source, const PositionRange& range) {
    at(source, range.partition).letters_waiting.push_back(range.end);
  }
  void letter_written(std::uint32_t source, const PositionRange& range) {
    unsynced_letters_.emplace_back(source * partitions_ + range.partition, range.end);
  }
  void sync(std::uint32_t sink) {
    for (Line& line : lines_) line.synced[sink] = line.written[sink];
  }
  void sync_letters() {
    for (const auto& [index, end] : unsynced_letters_) {
      std::vector<std::uint64_t>& waiting = lines_[index].letters_waiting;
      waiting.erase(std::remove(waiting.begin(), waiting.end(), end), waiting.end());
    }
    unsynced_letters_.clear();
  }
  void batch_failed(std::uint32_t source, const PositionRange& range) {
    Line& line = at(source, range.partition);
    line.lowest_failed = std::min(line.lowest_failed, range.first);
  }
  void commit_begins() {
    if (commit_open_) complain("D4: two commits were in flight at once");
    if (failed_) complain("D4: a commit was begun after a refused one");
    commit_open_ = true;
  }
  void committed(std::uint32_t source, const PositionRange& range) {
    Line& line = at(source, range.partition);
    if (range.end < line.watermark) complain("I6: the watermark went back");
    if (range.end > line.lowest_failed) complain("D3: a failed batch was committed");
    for (std::uint32_t sink = 0; sink < sinks_; ++sink) {
      if (line.synced[sink] < range.end) complain("I2: committed what is not durable in every sink");
    }
    for (const std::uint64_t end : line.letters_waiting) {
      if (end <= range.end) complain("I2: committed past a dead letter that is not durable");
    }
    line.watermark = range.end;
  }
  void commit_ends(bool refused) {
    commit_open_ = false;
    failed_ = failed_ || refused;
  }
  // The run came to rest without a failure.
  void complete(std::uint32_t source, std::uint32_t partition, std::uint64_t produced) {
    const Line& line = at(source, partition);
    if (line.watermark != produced) complain("I1: not everything is committed at the end of a good run");
    for (const std::uint64_t written : line.written) {
      if (written != produced) complain("I1: a record never reached a sink");
    }
  }
  void complain(const std::string& what) {
    if (violation_.empty()) violation_ = what;
  }
  const std::string& violation() const { return violation_; }

 private:
  // One partition of one source. Each position is one past what is meant.
  struct Line {
    std::uint64_t watermark = 0;
    std::uint64_t start = 0;                     // the watermark when the run began
    std::vector<std::uint64_t> written, synced;  // per sink, in this run: without a gap up to here
    std::vector<std::map<std::uint64_t, std::uint64_t>> ahead;  // written after a gap
    std::vector<std::uint64_t> letters_waiting;
    std::uint64_t lowest_failed = ~std::uint64_t{0};
  };
  Line& at(std::uint32_t source, std::uint32_t partition) { return lines_[source * partitions_ + partition]; }
  const Line& at(std::uint32_t source, std::uint32_t partition) const {
    return lines_[source * partitions_ + partition];
  }

  std::uint32_t sinks_, partitions_;
  bool ordered_;
  std::vector<Line> lines_;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> unsynced_letters_;
  bool commit_open_ = false;
  bool failed_ = false;
  std::string violation_;
};

// ---- The model: a pipeline put together of the classes under test, as the engine does it.

struct Work {
  std::uint64_t sequence = 0;
  std::uint32_t source = 0;
  PositionRange range;
  std::size_t lease = 0;
  bool letter = false;
  Countdown branches;
};

struct Task {
  Work* work;
  std::uint32_t sink;
};

class Model {
 public:
  Model(Random& random, Oracle& oracle, std::uint32_t sources, std::uint32_t partitions, std::uint32_t sinks,
        bool ordered, std::uint64_t failure_rate)
      : random_(random),
        oracle_(oracle),
        partitions_(partitions),
        ordered_(ordered),
        failure_rate_(failure_rate),
        limit_(random.below(200) + 1),
        limiter_(limit_, random.below(20) + 1),
        sinks_(sinks),
        tickets_(sources),
        positions_(sources * partitions) {
    for (std::uint32_t s = 0; s < sources; ++s) {
      for (std::uint32_t p = 0; p < partitions; ++p) positions_[s * partitions + p] = oracle.watermark(s, p);
    }
  }

  // Takes one possible step. False: no step is possible.
  bool step(bool sources_run) {
    const std::uint64_t choice = random_.below(8);
    for (std::uint64_t i = 0; i < 8; ++i) {
      switch ((choice + i) % 8) {
        case 0:
        case 1:
          if (sources_run && !failure_.any() && receive()) return true;
          break;
        case 2:
          if (commit_) return end_commit();
          break;
        case 3:
          if (begin_commit()) return true;
          break;
        case 4:
          if (random_.one_in(50)) {  // the budget changes at run time
            limit_ = random_.below(200) + 1;
            limiter_.set_limit(limit_);
            return true;
          }
          break;
        default:
          if (!tasks_.empty()) {
            finish_branch();
            return true;
          }
      }
    }
    return false;
  }

  void at_rest() {
    if (in_flight_ != 0) oracle_.complain("a batch never came to its end");
    for (std::optional<ByteLimiter::Ticket>& ticket : tickets_) {
      if (ticket) limiter_.withdraw(*ticket);
    }
    if (limiter_.used_bytes() != 0 || limiter_.used_units() != 0)
      oracle_.complain("G2: bytes are still leased at rest");
    if (failure_.any()) return;
    for (std::uint32_t i = 0; i < positions_.size(); ++i)
      oracle_.complete(i / partitions_, i % partitions_, positions_[i]);
  }
  bool failed() const { return failure_.any(); }
  std::uint64_t commits() const { return commits_; }

 private:
  bool receive() {
    const auto source = static_cast<std::uint32_t>(random_.below(tickets_.size()));
    std::optional<ByteLimiter::Ticket>& ticket = tickets_[source];
    if (!ticket) {
      wanted_.resize(tickets_.size());
      wanted_[source] = random_.below(60) + 1;
      if (random_.one_in(100)) wanted_[source] = 1'000;  // larger than the budget
      ticket = limiter_.request(wanted_[source]);
      waiting_.push_back(*ticket);
    }
    if (!limiter_.try_admit(*ticket)) return false;
    if (waiting_.front() != *ticket) oracle_.complain("G4: the limiter did not admit in the order of asking");
    waiting_.pop_front();
    ticket.reset();
    leased_ += wanted_[source];
    if (leased_ > limit_ && limiter_.used_units() > 1)
      oracle_.complain("G4: more bytes in flight than the budget");
    std::size_t real = random_.below(wanted_[source]) + 1;
    limiter_.correct(wanted_[source], real);
    leased_ = leased_ - wanted_[source] + real;

    Work* work = get();
    const auto partition = static_cast<std::uint32_t>(random_.below(partitions_));
    std::uint64_t& position = positions_[source * partitions_ + partition];
    work->sequence = next_sequence_++;
    work->source = source;
    work->range = {partition, 0, position, position + random_.below(5) + 1};
    position = work->range.end;
    work->lease = real;
    work->letter = random_.one_in(20);
    if (work->letter) oracle_.found_letter(source, work->range);
    work->branches.start(static_cast<std::uint32_t>(sinks_.size()));
    barrier_.admit(work->sequence, source, {&work->range, 1}, true);
    ++in_flight_;
    for (std::uint32_t sink = 0; sink < sinks_.size(); ++sink) tasks_.push_back({work, sink});
    return true;
  }

  bool alive(const Work& work) const {
    return !work.branches.failed() && failure_.before_failure(work.sequence);
  }
  void fail(Work& work) {
    work.branches.fail();
    failure_.fail_at(work.sequence, {});
    oracle_.batch_failed(work.source, work.range);
  }

  // Some batch, on some branch, comes out of its stages.
  void finish_branch() {
    const std::size_t index = random_.below(tasks_.size());
    const Task task = tasks_[index];
    tasks_[index] = tasks_.back();
    tasks_.pop_back();
    if (random_.one_in(failure_rate_)) fail(*task.work);
    if (!ordered_) {
      write(task.sink, task.work);
      return;
    }
    Sequencer<Work*>& order = sinks_[task.sink];
    order.put(task.work->sequence, task.work);
    while (Work* next = order.take()) write(task.sink, next);
  }

  void write(std::uint32_t sink, Work* work) {
    if (alive(*work) && random_.one_in(failure_rate_)) fail(*work);  // the sink's own fault
    if (alive(*work) || graph::mutated(graph::Mutant::write_after_failure)) {
      oracle_.wrote(sink, work->source, work->range);
    }
    if (!work->branches.report()) return;
    if (!ordered_) {
      route(work);
      return;
    }
    routes_.put(work->sequence, work);
    while (Work* next = routes_.take()) route(next);
  }

  void route(Work* work) {
    if (work->letter && alive(*work)) {
      if (random_.one_in(failure_rate_)) {
        fail(*work);
      } else {
        oracle_.letter_written(work->source, work->range);
      }
    }
    settle(work);
  }

  // The engine settles in order; the barrier does not rely on it.
  void settle(Work* work) {
    settling_.push_back(work);
    if (settling_.size() < 4 && random_.one_in(2) && !tasks_.empty()) return;
    while (!settling_.empty()) {
      const std::size_t index = random_.below(settling_.size());
      Work* next = settling_[index];
      settling_.erase(settling_.begin() + static_cast<std::ptrdiff_t>(index));
      limiter_.release(next->lease);
      leased_ -= next->lease;
      if (graph::mutated(graph::Mutant::release_twice)) limiter_.release(next->lease);
      if (alive(*next)) {
        barrier_.done(next->sequence);
      } else {
        barrier_.fail(next->sequence);
      }
      --in_flight_;
      free_.push_back(next);
    }
  }

  bool begin_commit() {
    if (commit_ && !graph::mutated(graph::Mutant::two_commits_in_flight)) {
      if (barrier_.take()) oracle_.complain("D4: two commits were in flight at once");
      return false;
    }
    std::optional<Commit> next = barrier_.take();
    if (!next) return false;
    oracle_.commit_begins();
    for (std::uint32_t sink = 0; sink < sinks_.size(); ++sink) oracle_.sync(sink);
    oracle_.sync_letters();
    commit_ = std::move(next);
    return true;
  }
  bool end_commit() {
    const bool refused = random_.one_in(failure_rate_);
    if (!refused) {
      for (const graph::SourceRanges& source : commit_->sources) {
        for (const PositionRange& range : source.ranges) oracle_.committed(source.source, range);
      }
      barrier_.committed();
      ++commits_;
    } else {
      barrier_.refused();
      failure_.fail_all({});
    }
    oracle_.commit_ends(refused);
    commit_.reset();
    return true;
  }

  Work* get() {
    if (free_.empty()) return &all_.emplace_back();
    Work* work = free_.back();
    free_.pop_back();
    return work;
  }

  Random& random_;
  Oracle& oracle_;
  std::uint32_t partitions_;
  bool ordered_;
  std::uint64_t failure_rate_;
  std::size_t limit_;
  ByteLimiter limiter_;
  std::vector<Sequencer<Work*>> sinks_;
  Sequencer<Work*> routes_;
  CommitBarrier barrier_;
  Failure failure_;
  std::vector<std::optional<ByteLimiter::Ticket>> tickets_;
  std::vector<std::size_t> wanted_;
  std::deque<ByteLimiter::Ticket> waiting_;  // in the order of asking
  std::size_t leased_ = 0;                   // the model's own sum
  std::vector<std::uint64_t> positions_;
  std::vector<Task> tasks_;
  std::vector<Work*> settling_;
  std::deque<Work> all_;
  std::vector<Work*> free_;
  std::optional<Commit> commit_;
  std::uint64_t next_sequence_ = 0;
  std::uint64_t in_flight_ = 0;
  std::uint64_t commits_ = 0;
};

}  // namespace

SimulationResult simulate(std::uint64_t seed, std::uint64_t steps) {
  Random random(seed);
  SimulationResult result;
  while (result.steps < steps && result.violation.empty()) {
    // One world, several runs in it: each resumes at the last committed position.
    const auto sources = static_cast<std::uint32_t>(random.below(3) + 1);
    const auto partitions = static_cast<std::uint32_t>(random.below(3) + 1);
    const auto sinks = static_cast<std::uint32_t>(random.below(4) + 1);
    const bool ordered = random.below(2) == 0;
    Oracle oracle(sources, partitions, sinks, ordered);
    const std::uint64_t runs = random.below(4) + 1;
    for (std::uint64_t run = 0; run < runs && oracle.violation().empty(); ++run) {
      oracle.begin_run();
      const std::uint64_t rates[] = {0, 200, 2'000};
      const std::uint64_t failure_rate = run + 1 == runs ? 0 : rates[random.below(3)];
      auto model = std::make_unique<Model>(random, oracle, sources, partitions, sinks, ordered, failure_rate);
      const std::uint64_t length = random.below(5'000) + 1;
      for (std::uint64_t i = 0; i < length && oracle.violation().empty(); ++i, ++result.steps) {
        if (!model->step(true)) break;
      }
      while (oracle.violation().empty() && model->step(false)) ++result.steps;
      if (oracle.violation().empty()) model->at_rest();
      result.commits += model->commits();
      result.failures += model->failed() ? 1 : 0;
    }
    result.violation = oracle.violation();
    ++result.episodes;
  }
  return result;
}

}  // namespace pipec::test
