// Limits that the file sinks of a process share: descriptors and disk space.
#pragma once

#include <cstddef>

namespace pipec::stdlib {

class OutputFiles;

// A sink is on the list as long as it lives.
class OutputLimits {
 public:
  static void add(OutputFiles& files);
  static void remove(OutputFiles& files);
  // How many files one of them may have open: what the process may have, less what the run itself needs,
  // shared among them.
  static std::size_t open_files();
  // The disk is full: all but `files` give back the room that they asked for ahead, those that are not busy.
  // False: none had any.
  static bool give_back_room(const OutputFiles& files);
};

}  // namespace pipec::stdlib
