#include "stdlib/stages/period_counts.h"

#include <charconv>
#include <utility>

#include "stdlib/stages/state_bytes.h"

namespace pipec::stdlib {

bool PeriodCounts::pass(std::int64_t number, const Hash128& key) {
  begin(number);
  Period& period = period_of(number);
  std::uint64_t* count = period.counts.find(key);
  if (count && *count >= limit_) return false;
  if (count) {
    ++*count;
  } else {
    period.counts.put(key, 1);
    period.keys.push_back(key);
  }
  period.changed.push_back(key);
  return true;
}

void PeriodCounts::begin(std::int64_t number) {
  if (number > now_.number) {
    forget(std::exchange(before_, std::exchange(now_, Period{number})));
  } else if (number < now_.number && number > before_.number) {
    forget(std::exchange(before_, Period{number}));
  }
}

// Entries that were never saved are removed too: that does no harm.
void PeriodCounts::forget(Period&& period) {
  for (const Hash128& key : period.keys) removed_.push_back(entry_key(period.number, key));
}

std::string PeriodCounts::entry_key(std::int64_t period, const Hash128& key) {
  return kPrefix + hexadecimal(static_cast<std::uint64_t>(period)) + hexadecimal(key.low) +
         hexadecimal(key.high);
}

void PeriodCounts::snapshot(runtime::StateEntries& changes) {
  for (std::string& key : removed_) changes.push_back({std::move(key), {}});
  removed_.clear();
  for (Period* period : {&before_, &now_}) {
    for (const Hash128& key : period->changed) {
      changes.push_back({entry_key(period->number, key), std::to_string(*period->counts.find(key))});
    }
    period->changed.clear();
  }
}

bool PeriodCounts::restore(const runtime::StateEntry& entry) {
  std::string_view rest = std::string_view(entry.key).substr(std::string_view(kPrefix).size());
  if (rest.size() != 48) return false;
  const auto number = read_hexadecimal(rest.substr(0, 16));
  const auto low = read_hexadecimal(rest.substr(16, 16));
  const auto high = read_hexadecimal(rest.substr(32));
  std::uint64_t count = 0;
  const char* const end = entry.value.data() + entry.value.size();
  const auto read = std::from_chars(entry.value.data(), end, count);
  if (!number || !low || !high || read.ec != std::errc{} || read.ptr != end) return false;
  if (count == 0 || count > limit_) return false;
  const auto signed_number = static_cast<std::int64_t>(*number);
  begin(signed_number);
  Period& period = period_of(signed_number);
  if (period.number != signed_number || period.counts.find({*low, *high})) return false;
  period.counts.put({*low, *high}, count);
  period.keys.push_back({*low, *high});
  return true;
}

std::size_t PeriodCounts::bytes() const {
  std::size_t all = 0;
  for (const Period* period : {&before_, &now_}) {
    all += period->counts.bytes() + (period->keys.capacity() + period->changed.capacity()) * sizeof(Hash128);
  }
  return all;
}

}  // namespace pipec::stdlib
