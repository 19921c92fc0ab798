// Laws for the budget to compare: the one that pipec uses, and alternatives.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/governor/budget.h"

namespace pipec::bench {

// Additional signals for the other laws.
struct Round : runtime::governor::Round {
  double least_residence = 0;  // seconds, of one batch
};

// One block as the naive law sees it.
struct BlockTimes {
  double process = 0;   // from the end of its receive to its end
  double interval = 0;  // from the end of the receive before it
};

class Law {
 public:
  virtual ~Law() = default;
  virtual void round(const Round& round) = 0;
  virtual void block(const BlockTimes& times) { (void)times; }
  virtual std::size_t bytes() const = 0;
  virtual std::size_t records() const { return 1000; }
};

struct NamedLaw {
  std::string name;
  std::function<std::unique_ptr<Law>()> make;
};

// "off" first: a fixed budget and no gate. All others begin at 8 MiB with a ceiling of 64 MiB.
const std::vector<NamedLaw>& laws();

}  // namespace pipec::bench
