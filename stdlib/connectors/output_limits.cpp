#include "stdlib/connectors/output_limits.h"

#include <sys/resource.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "stdlib/connectors/output_files.h"

namespace pipec::stdlib {

namespace {

constexpr std::size_t kMostOpen = 256;  // of one sink
constexpr std::size_t kLeastOpen = 2;   // of one sink
constexpr std::size_t kRunItself = 32;  // checkpoint, directories, inputs, sockets, pipes

struct Living {
  std::mutex mutex;
  std::vector<OutputFiles*> files;
};

Living& living() {
  static auto* const all = new Living;  // no destructor runs at exit: a sink may outlive it
  return *all;
}

}  // namespace

void OutputLimits::add(OutputFiles& files) {
  const std::lock_guard guard(living().mutex);
  living().files.push_back(&files);
}

void OutputLimits::remove(OutputFiles& files) {
  const std::lock_guard guard(living().mutex);
  std::erase(living().files, &files);
}

std::size_t OutputLimits::open_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kLeastOpen;
  std::size_t sinks = 1;
  {
    const std::lock_guard guard(living().mutex);
    sinks = std::max<std::size_t>(living().files.size(), 1);
  }
  const std::size_t all = std::min<std::size_t>(limit.rlim_cur, std::size_t{1} << 20);
  // Half of the rest: inputs and client libraries need descriptors too.
  const std::size_t outputs = all > kRunItself ? (all - kRunItself) / 2 : 0;
  return std::clamp(outputs / sinks, kLeastOpen, kMostOpen);
}

bool OutputLimits::give_back_room(const OutputFiles& files) {
  const std::lock_guard guard(living().mutex);
  bool any = false;
  for (OutputFiles* each : living().files) {
    if (each != &files) any = each->give_back_room_if_idle() || any;
  }
  return any;
}

}  // namespace pipec::stdlib
