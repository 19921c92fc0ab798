#include "pipec/runtime/place.h"

namespace pipec::runtime {

std::string Place::to_string() const {
  if (!known()) return {};
  return file + ":" + std::to_string(line) + ":" + std::to_string(column);
}

}  // namespace pipec::runtime
