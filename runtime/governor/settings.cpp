#include "pipec/runtime/govern.h"

namespace pipec::runtime {

std::optional<Profile> profile_named(std::string_view name) {
  for (std::size_t i = 0; i < kProfileNames.size(); ++i) {
    if (kProfileNames[i] == name) return static_cast<Profile>(i);
  }
  return std::nullopt;
}

// Comparisons are written so that NaN fails them.
Status GovernSettings::check() const {
  const auto wrong = [](std::string message) { return Error{"govern", std::move(message), {}, {}, false}; };
  if (!(pause_above >= 0 && pause_above <= 1)) return wrong("pause_above must be between 0 and 1");
  if (!(resume_below >= 0 && resume_below <= 1)) return wrong("resume_below must be between 0 and 1");
  if (!(resume_below < pause_above)) return wrong("resume_below must be less than pause_above");
  if (!(target_rho > 0 && target_rho < 1)) return wrong("target_rho must be between 0 and 1");
  if (!(md_factor > 0 && md_factor < 1)) return wrong("md_factor must be between 0 and 1");
  for (const PressureSource& source : more_pressure) {
    if (!source.read) return wrong("the pressure source '" + source.name + "' has nothing to read");
  }
  return {};
}

}  // namespace pipec::runtime
