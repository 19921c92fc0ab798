#include "bench/governor/laws.h"

#include <algorithm>
#include <deque>
#include <optional>

namespace pipec::bench {

namespace {

using runtime::governor::Budget;
using runtime::governor::BudgetLimits;

constexpr std::size_t kStart = std::size_t{8} << 20;
constexpr std::size_t kCeiling = std::size_t{64} << 20;
constexpr std::size_t kStep = std::size_t{256} << 10;
constexpr std::size_t kFloor = 1024;

std::size_t halved(std::size_t bytes) {
  return std::max(kFloor, bytes / 2);
}

class Off final : public Law {
 public:
  void round(const Round&) override {}
  std::size_t bytes() const override { return kStart; }
};

// rho = process time over the interval between receives, both smoothed; halve above 0.7. It looks at blocks
// alone, not at memory.
class Naive final : public Law {
 public:
  void round(const Round&) override {}
  void block(const BlockTimes& times) override {
    process_ = smooth(process_, times.process);
    interval_ = smooth(interval_, times.interval);
    const bool over = *process_ > 0.7 * *interval_;
    bytes_ = over ? halved(bytes_) : std::min(kCeiling, bytes_ + kStep);
  }
  std::size_t bytes() const override { return bytes_; }

 private:
  static double smooth(std::optional<double> before, double now) {
    return before ? *before + 0.2 * (now - *before) : now;
  }
  std::optional<double> process_, interval_;
  std::size_t bytes_ = kStart;
};

// Memory pressure alone: halve under a hold, else grow.
class MemoryOnly final : public Law {
 public:
  void round(const Round& round) override {
    since_ += round.seconds;
    if (round.hold) {
      if (!held_ || since_ >= 1) {
        bytes_ = halved(bytes_);
        since_ = 0;
      }
    } else if (round.slack) {
      bytes_ = std::min(kCeiling, bytes_ + kStep);
    }
    held_ = round.hold;
  }
  std::size_t bytes() const override { return bytes_; }

 private:
  std::size_t bytes_ = kStart;
  double since_ = 0;
  bool held_ = false;
};

// TCP Vegas: budget x (1 - least / residence) is the part in queues; keep it between two bounds.
class Vegas final : public Law {
 public:
  void round(const Round& round) override {
    since_ += round.seconds;
    if (round.batches != 0) {
      const double mean = round.residence / static_cast<double>(round.batches);
      residence_ = residence_ ? *residence_ + 0.25 * (mean - *residence_) : mean;
      least_ = least_ ? std::min(*least_, round.least_residence) : round.least_residence;
    }
    if (round.hold) {
      if (!held_ || since_ >= 1) {
        bytes_ = halved(bytes_);
        since_ = 0;
      }
      held_ = true;
      return;
    }
    held_ = false;
    if (!residence_ || since_ < *residence_) return;
    since_ = 0;
    const double queued = static_cast<double>(bytes_) * (1 - *least_ / *residence_);
    if (queued > 4.0 * kStep) {
      bytes_ = bytes_ > kStep + kFloor ? bytes_ - kStep : kFloor;
    } else if (queued < 2.0 * kStep && round.slack) {
      bytes_ = std::min(kCeiling, bytes_ + kStep);
    }
  }
  std::size_t bytes() const override { return bytes_; }

 private:
  std::size_t bytes_ = kStart;
  std::optional<double> residence_, least_;
  double since_ = 0;
  bool held_ = false;
};

// The least of the last ten seconds, roughly: of the current and the previous five.
class RecentLeast {
 public:
  void add(double value) { current_ = current_ ? std::min(*current_, value) : value; }
  void pass(double seconds) {
    age_ += seconds;
    if (age_ < 5 || !current_) return;
    previous_ = current_;
    current_.reset();
    age_ = 0;
  }
  std::optional<double> value() const {
    if (current_ && previous_) return std::min(*current_, *previous_);
    return current_ ? current_ : previous_;
  }

 private:
  std::optional<double> current_, previous_;
  double age_ = 0;
};

// A model of the pipe, as BBR keeps one: twice the greatest bandwidth of late times the least residence of
// late, with a cycle of gains to probe for more bandwidth and a short drought now and then to see the least
// residence. As BBR never goes below four packets, this never goes below four batches but under a hold:
// without that it collapses as the naive law does, since smaller batches have a smaller residence.
class Model final : public Law {
  static constexpr double kLeast = 4.0 * (256 << 10);

 public:
  void round(const Round& round) override {
    now_ += round.seconds;
    window_ += round.seconds;
    settled_ += round.bytes;
    batches_ += round.batches;
    if (round.batches != 0) least_.add(round.least_residence);
    least_.pass(round.seconds);
    if (batches_ >= 16 || (window_ >= 1 && batches_ > 0)) {
      rates_.push_back(static_cast<double>(settled_) / window_);
      if (rates_.size() > 10) rates_.pop_front();
      window_ = 0;
      settled_ = 0;
      batches_ = 0;
      ++phase_;
    }
    if (round.hold && !held_) cap_ = halved(std::min(cap_, bytes_));
    if (!round.hold && round.slack) cap_ = std::min(kCeiling, cap_ + kStep);
    held_ = round.hold;
    if (rates_.empty() || !least_.value()) return;
    static constexpr double kGains[8] = {1.25, 0.75, 1, 1, 1, 1, 1, 1};
    double wanted =
        2 * kGains[phase_ % 8] * *std::max_element(rates_.begin(), rates_.end()) * *least_.value();
    if (now_ - drought_ > 10) {
      wanted = kLeast;
      if (now_ - drought_ > 10.2) drought_ = now_;
    }
    bytes_ = static_cast<std::size_t>(std::min(std::max(wanted, kLeast), static_cast<double>(cap_)));
  }
  std::size_t bytes() const override { return bytes_; }

 private:
  std::size_t bytes_ = kStart;
  std::size_t cap_ = kCeiling;
  std::deque<double> rates_;
  RecentLeast least_;
  double now_ = 0, window_ = 0, drought_ = 0;
  std::uint64_t settled_ = 0, batches_ = 0;
  unsigned phase_ = 0;
  bool held_ = false;
};

class Chosen final : public Law {
 public:
  void round(const Round& round) override { budget_.round(round); }
  std::size_t bytes() const override { return budget_.bytes(); }
  std::size_t records() const override { return budget_.records(); }

 private:
  Budget budget_{BudgetLimits::of({})};
};

template <typename Kind>
std::unique_ptr<Law> make() {
  return std::make_unique<Kind>();
}

}  // namespace

const std::vector<NamedLaw>& laws() {
  static const std::vector<NamedLaw> all = {{"off", make<Off>},           {"naive", make<Naive>},
                                            {"memory", make<MemoryOnly>}, {"vegas", make<Vegas>},
                                            {"model", make<Model>},       {"pipec", make<Chosen>}};
  return all;
}

}  // namespace pipec::bench
