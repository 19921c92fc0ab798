#include "runtime/json/walk.h"

namespace pipec::runtime::json {

bool RawMember::has_key(std::string_view decoded, Arena& arena) const {
  const std::string_view inside = inside_key();
  if (inside == decoded) return inside.find('\\') == std::string_view::npos;
  if (inside.size() <= decoded.size() || inside.find('\\') == std::string_view::npos) return false;
  char* out = arena.allocate(inside.size());
  return std::string_view(out, unescape(inside, out)) == decoded;
}

}  // namespace pipec::runtime::json
