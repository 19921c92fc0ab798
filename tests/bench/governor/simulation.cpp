#include "bench/governor/simulation.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <queue>

#include "runtime/governor/pressure.h"

namespace pipec::bench {

namespace {

constexpr double kTick = 0.05;
constexpr double kMiB = 1 << 20;

struct Batch {
  double bytes = 0;
  double out = 0;      // once the stage has run
  double charged = 0;  // in the limiter
  double received = 0;
  double stage_time = 0;
  double sink_time = 0;
  double interval = 0;
  bool staged = false;
};

enum class Kind { source, staged, sunk, tick };
struct Event {
  double time;
  std::uint64_t order;
  Kind kind;
  std::uint64_t batch;
  bool operator>(const Event& other) const {
    return time != other.time ? time > other.time : order > other.order;
  }
};

class Simulation {
 public:
  Simulation(const Scenario& scenario, const NamedLaw& named)
      : s_(scenario), law_(named.make()), governed_(named.name != "off"), band_(0.80, 0.65) {}

  Result run() {
    schedule(0, Kind::source, 0);
    schedule(kTick, Kind::tick, 0);
    while (!events_.empty() && events_.top().time <= s_.seconds) {
      const Event event = events_.top();
      events_.pop();
      pass(event.time);
      switch (event.kind) {
        case Kind::source:
          source_busy_ = false;
          receive();
          break;
        case Kind::staged:
          staged(event.batch);
          break;
        case Kind::sunk:
          sunk();
          break;
        case Kind::tick:
          tick();
          break;
      }
    }
    result_.mean_in_flight /= s_.seconds;
    if (settled_ != 0) result_.mean_residence /= static_cast<double>(settled_);
    result_.last_budget = static_cast<double>(law_->bytes());
    return std::move(result_);
  }

 private:
  void schedule(double time, Kind kind, std::uint64_t batch) { events_.push({time, order_++, kind, batch}); }

  Batch& at(std::uint64_t number) { return batches_[number - first_]; }

  double memory() const { return s_.base + held_bytes_ + s_.outside(now_); }

  void pass(double time) {
    result_.mean_in_flight += in_flight_ * (time - now_);
    if (held_) result_.held += time - now_;
    if (s_.arrivals) backlog_ += s_.arrivals(now_) * (time - now_);
    now_ = time;
    result_.peak_memory = std::max(result_.peak_memory, memory() / s_.memory);
  }

  // The source thread's step, run after every change that it may wait for.
  void receive() {
    if (source_busy_ || held_) return;
    const double budget = static_cast<double>(law_->bytes());
    const auto record = static_cast<double>(s_.record);
    double wanted = std::min(static_cast<double>(s_.batch), budget / (1 + expansion_));
    wanted = std::min(wanted, static_cast<double>(law_->records()) * record);
    wanted = std::max(record, std::floor(wanted / record) * record);
    const double charge = wanted * (1 + expansion_);
    if (units_ != 0 && (charged_ + charge > budget || units_ >= s_.units)) {
      waited_ = true;
      if (units_ < s_.units) bound_ = true;
      return;
    }
    double bytes = wanted;
    if (s_.arrivals) {
      bytes = std::min(bytes, std::floor(backlog_ / record) * record);
      if (bytes < record) return;  // the next tick, or the next batch that leaves, looks again
      backlog_ -= bytes;
    }
    Batch batch;
    batch.bytes = bytes;
    batch.charged = bytes * (1 + expansion_);
    batch.received = now_ + s_.receive_cost + bytes / s_.receive_rate;
    batch.interval = batch.received - last_received_;
    last_received_ = batch.received;
    charged_ += batch.charged;
    ++units_;
    in_flight_ += bytes;
    held_bytes_ += bytes;
    const auto worker = std::min_element(worker_free_.begin(), worker_free_.begin() + s_.workers);
    batch.stage_time = s_.stage_cost + bytes / s_.stage_rate;
    *worker = std::max(*worker, batch.received) + batch.stage_time;
    batches_.push_back(batch);
    schedule(*worker, Kind::staged, first_ + batches_.size() - 1);
    source_busy_ = true;
    schedule(batch.received, Kind::source, 0);
  }

  void staged(std::uint64_t number) {
    Batch& batch = at(number);
    batch.staged = true;
    batch.out = batch.bytes * s_.expansion(now_);
    held_bytes_ += batch.out;
    const double charge = batch.bytes + batch.out;
    charged_ += charge - batch.charged;
    batch.charged = charge;
    const double seen = batch.out / batch.bytes;
    expansion_ = seen > expansion_ ? seen : expansion_ + (seen - expansion_) / 16;
    write();
  }

  void write() {
    if (sink_busy_ || batches_.empty() || !batches_.front().staged) return;
    Batch& batch = batches_.front();
    sink_busy_ = true;
    batch.sink_time = (s_.sink_cost + batch.out / s_.sink_rate) * s_.sink_slowness(now_);
    schedule(now_ + batch.sink_time, Kind::sunk, 0);
  }

  void sunk() {
    const Batch batch = batches_.front();
    batches_.pop_front();
    ++first_;
    sink_busy_ = false;
    --units_;
    charged_ -= batch.charged;
    in_flight_ -= batch.bytes;
    held_bytes_ -= batch.bytes + batch.out;
    const double residence = now_ - batch.received;
    round_.residence += residence;
    round_.least_residence = round_.batches == 0 ? residence : std::min(round_.least_residence, residence);
    round_.service += batch.stage_time + batch.sink_time;
    ++round_.batches;
    round_.bytes += static_cast<std::uint64_t>(batch.bytes);
    ++settled_;
    result_.delivered += batch.bytes;
    window_ += batch.bytes;
    result_.mean_residence += residence;
    result_.worst_residence = std::max(result_.worst_residence, residence);
    law_->block({batch.stage_time + batch.sink_time, batch.interval});
    note_budget();
    write();
    receive();
  }

  void note_budget() {
    result_.least_budget = std::min(result_.least_budget, static_cast<double>(law_->bytes()));
  }

  void tick() {
    const double level = memory() / s_.memory;
    if (governed_) {
      const bool hold = band_.update(level);
      if (hold && !held_) ++result_.pauses;
      held_ = hold;
    }
    round_.seconds = kTick;
    round_.hold = held_;
    round_.slack = level < 0.65;
    round_.waited = waited_;
    round_.bound = bound_;
    round_.used = static_cast<std::size_t>(charged_);
    round_.working_set = 2 * s_.workers * s_.batch;
    law_->round(round_);
    round_ = {};
    bound_ = waited_ = false;
    note_budget();
    result_.samples.push_back({now_, static_cast<double>(law_->bytes()), in_flight_, level, window_ / kTick});
    window_ = 0;
    schedule(now_ + kTick, Kind::tick, 0);
    receive();
  }

  const Scenario& s_;
  std::unique_ptr<Law> law_;
  bool governed_;
  runtime::governor::Hysteresis band_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t order_ = 0;
  std::deque<Batch> batches_;
  std::uint64_t first_ = 0;
  std::vector<double> worker_free_ = std::vector<double>(64);
  double now_ = 0, backlog_ = 0, charged_ = 0, in_flight_ = 0, held_bytes_ = 0, last_received_ = 0;
  double expansion_ = 1, window_ = 0;
  std::size_t units_ = 0, settled_ = 0;
  bool source_busy_ = false, sink_busy_ = false, held_ = false, bound_ = false, waited_ = false;
  Round round_;
  Result result_;
};

OverTime between(double begin, double end, double inside, double outside) {
  return [=](double t) { return t >= begin && t < end ? inside : outside; };
}

std::vector<Scenario> all_scenarios() {
  std::vector<Scenario> all;
  const auto add = [&](std::string name, std::string about) -> Scenario& {
    all.emplace_back();
    all.back().name = std::move(name);
    all.back().about = std::move(about);
    return all.back();
  };
  add("saturated, cheap", "always more to read; a write costs 20 us");
  add("saturated, commit 100 us", "always more to read; a commit costs 100 us").sink_cost = 100e-6;
  add("saturated, commit 2 ms", "always more to read; a commit costs 2 ms").sink_cost = 2e-3;
  {
    Scenario& s = add("far sink", "a sink that needs 200 ms, eight batches at a time");
    s.workers = 8;
    s.units = 36;
    s.stage_cost = 0.2;
    s.stage_rate = 1e12;
  }
  add("trickle", "100 KB/s").arrivals = [](double) { return 1e5; };
  // With these figures the sink takes 256 KiB in 151 us.
  for (const double share : {0.50, 0.80, 0.95}) {
    Scenario& s = add("paced " + std::to_string(std::lround(share * 100)) + " %", "of what the pipe can do");
    s.arrivals = [rate = share * 1.7e9](double) { return rate; };
  }
  {
    Scenario& s = add("burst", "10 MB/s, and 3 GB/s for two seconds");
    s.arrivals = between(5, 7, 3e9, 1e7);
  }
  {
    Scenario& s = add("slow sink", "1 MB/s");
    s.seconds = 60;
    s.sink_rate = 1e6;
  }
  {
    Scenario& s = add("sink 100 x slower", "between 10 and 20 s");
    s.sink_slowness = between(10, 20, 100, 1);
  }
  {
    Scenario& s = add("sink stalls", "between 10 and 15 s nothing is written");
    // One write takes as long as what is left of the stall.
    s.sink_slowness = [](double t) { return t >= 10 && t < 15 ? (15 - t) / 200e-6 : 1.0; };
  }
  {
    Scenario& s = add("outside pressure", "others fill nine tenths of the memory between 10 and 15 s");
    s.outside = between(10, 15, 0.9 * 512e6, 0);
  }
  {
    Scenario& s = add("balloon", "1 KiB in, 1 MiB out, from 10 to 20 s");
    s.batch = std::size_t{16} << 10;
    s.memory = 128e6;
    s.expansion = between(10, 20, 1000, 1);
  }
  {
    Scenario& s = add("small memory", "records of 1 MiB, a sink of 50 MB/s, 21 MB of memory");
    s.record = std::size_t{1} << 20;
    s.batch = std::size_t{1} << 20;
    s.sink_rate = 50e6;
    s.memory = 21e6;
    s.units = 64;
  }
  return all;
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = all_scenarios();
  return all;
}

Result simulate(const Scenario& scenario, const NamedLaw& law) {
  return Simulation(scenario, law).run();
}

}  // namespace pipec::bench
