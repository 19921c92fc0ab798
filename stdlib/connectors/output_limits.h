// Limits that the file sinks of a process share: descriptors and disk space.
#pragma once

#include <cstddef>

namespace pipec::stdlib {

class OutputFiles;

// A sink is listed during its lifetime.
class OutputLimits {
 public:
  static void add(OutputFiles& files);
  static void remove(OutputFiles& files);
  // How many files each sink may have open: the process's limit minus the run's own needs, divided among the
  // sinks.
  static std::size_t open_files();
  // Called when the disk is full: all sinks except `files` that are not busy release their preallocated
  // space. False: there was none.
  static bool give_back_room(const OutputFiles& files);
};

}  // namespace pipec::stdlib
