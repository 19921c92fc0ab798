// Combines many pressure sources into one level (G5), with the band in which it holds receiving (G6).
#pragma once

#include <cstddef>
#include <vector>

#include "pipec/runtime/govern.h"

namespace pipec::runtime::governor {

// Level = max of all sources, the soft ones weighted: no soft source, however weighted, can hide a hard one.
class Pressure {
 public:
  void add(PressureSource source);
  // Reads them all.
  double sample();

  double level() const { return level_; }
  const std::vector<PressureReading>& readings() const { return readings_; }
  // The source that determines the level; the first one if all are 0. At least one source must have been
  // added.
  const PressureReading& worst() const { return readings_[worst_]; }

 private:
  std::vector<PressureSource> sources_;
  std::vector<PressureReading> readings_;  // as of the last sample
  double level_ = 0;
  std::size_t worst_ = 0;
};

// Armed at `pause_above`, released at `resume_below`.
class Hysteresis {
 public:
  // pause_above > resume_below; GovernSettings::check() sees to it.
  Hysteresis(double pause_above, double resume_below)
      : pause_above_(pause_above), resume_below_(resume_below) {}

  void move_to(double pause_above, double resume_below) {
    pause_above_ = pause_above;
    resume_below_ = resume_below;
  }
  // update() would begin to hold.
  bool would_hold(double level) const { return !held_ && level >= pause_above_; }

  // True: receiving must be held.
  bool update(double level) {
    if (level >= pause_above_) held_ = true;
    if (level <= resume_below_) held_ = false;
    return held_;
  }
  bool held() const { return held_; }
  void let_go() { held_ = false; }

 private:
  double pause_above_;
  double resume_below_;
  bool held_ = false;
};

}  // namespace pipec::runtime::governor
