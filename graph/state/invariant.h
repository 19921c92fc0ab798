// A check that stays on in every build: a broken invariant of the engine must not turn into a wrong commit.
#pragma once

namespace pipec::graph {

[[noreturn]] void invariant_broken(const char* what);

inline void invariant(bool holds, const char* what) {
  if (!holds) [[unlikely]]
    invariant_broken(what);
}

}  // namespace pipec::graph
