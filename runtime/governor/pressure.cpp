#include "runtime/governor/pressure.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace pipec::runtime::governor {

void Pressure::add(PressureSource source) {
  source.weight = std::isnan(source.weight) ? 0 : std::clamp(source.weight, 0.0, 1.0);
  readings_.push_back({source.name, source.hard, 0});
  sources_.push_back(std::move(source));
}

double Pressure::sample() {
  level_ = 0;
  worst_ = 0;
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    double value = sources_[i].read();
    if (!(value > 0)) value = 0;  // NaN too
    if (!sources_[i].hard) value = std::min(value, 1.0) * sources_[i].weight;
    readings_[i].level = value;
    if (value > level_) {
      level_ = value;
      worst_ = i;
    }
  }
  return level_;
}

}  // namespace pipec::runtime::governor
