#include "compiler/c/fault.h"

#include <charconv>
#include <memory>
#include <string_view>

namespace pipec::c {
namespace {

struct OwnedError : pipec_error {
  Fault fault;
  std::vector<pipec_diagnostic> shown;
};

// Takes ":12" off the end of a place.
std::uint32_t take_number(std::string_view& place) {
  const std::size_t colon = place.rfind(':');
  std::uint32_t number = 0;
  if (colon == std::string_view::npos) return 0;
  const char* end = place.data() + place.size();
  const auto [read, failed] = std::from_chars(place.data() + colon + 1, end, number);
  if (failed != std::errc() || read != end) return 0;
  place = place.substr(0, colon);
  return number;
}

}  // namespace

pipec_error* make_error(Fault fault) {
  auto owned = std::make_unique<OwnedError>();
  owned->fault = std::move(fault);
  const runtime::Error& error = owned->fault.error;
  for (const Diagnostic& each : owned->fault.diagnostics) {
    owned->shown.push_back(
        {each.code.c_str(), each.message.c_str(), each.file.c_str(), each.line, each.column});
  }
  owned->result = owned->fault.result;
  owned->code = error.code.c_str();
  owned->message = error.message.c_str();
  owned->node = error.node.c_str();
  owned->where = error.place.c_str();
  std::string_view place = error.place;
  owned->column = take_number(place);
  owned->line = take_number(place);
  owned->diagnostics = owned->shown.data();
  owned->diagnostic_count = owned->shown.size();
  return owned.release();
}

}  // namespace pipec::c

void pipec_error_free(pipec_error* error) {
  delete static_cast<pipec::c::OwnedError*>(error);
}
