// The advice at the end of a one-liner that produced no output although it should have.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/graph/plan.h"
#include "pipec/runtime/batch.h"
#include "pipec/runtime/registry.h"

namespace pipec::cli {

// The first records of the input, as far as they were available when received.
class InputSample {
 public:
  void add(const runtime::Block& block);

  const std::vector<std::string>& records() const { return records_; }
  std::string_view head() const { return head_; }  // the input's first bytes
  // Any thread that has seen a record: the first one is a line out of a value that goes over several.
  bool begins_with_a_part() const { return begins_with_a_part_.load(); }
  bool holds_all_of(std::uint64_t records) const { return !full_ && records_.size() == records; }

 private:
  static constexpr std::size_t kMostBytes = std::size_t{4} << 20;

  std::vector<std::string> records_;
  std::string head_;
  std::size_t bytes_ = 0;
  bool begun_ = false;
  std::atomic<bool> begins_with_a_part_{false};
  bool full_ = false;
};

// A line that is JSON only together with others: `{`, `"a": 1,`, `]`.
bool is_part_of_a_value(std::string_view line);
// How to read a value that goes over several lines, `head` being its beginning: "--framing json_array".
std::string framing_for_several_lines(const runtime::Registry& registry, std::string_view head);

// The likely mistake if `records` records produced no output; "" if the result may be correct.
std::string advice_on_nothing(const runtime::Registry& registry, const graph::Plan& plan,
                              const InputSample& sample, std::uint64_t records);

}  // namespace pipec::cli
