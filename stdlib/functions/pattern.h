// Regular expressions in RE2's syntax: linear time and bounded memory, whatever the pattern and the text.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/function.h"
#include "pipec/runtime/program.h"

namespace pipec::stdlib {

class Pattern : public runtime::Matcher {
 public:
  // Groups are named `(?<name>...)` or `(?P<name>...)`. The error's message describes the defect in the
  // pattern.
  static runtime::Result<std::shared_ptr<const Pattern>> compile(std::string_view pattern);

  // Like compile(), for a pattern from a record. Large patterns are compiled one at a time, whatever the
  // number of threads, since compiling takes many times the memory of the result.
  static runtime::Result<std::shared_ptr<const Pattern>> compile_computed(std::string_view pattern);

  // Memory that it takes, about.
  virtual std::size_t bytes() const = 0;
  // Whether it matches anywhere.
  bool search(std::string_view text) const override = 0;
  // The first match at or after `from`; groups[0] is the whole match. A group that did not participate has
  // null data.
  virtual bool match(std::string_view text, std::size_t from,
                     std::vector<std::string_view>& groups) const = 0;
  // By group number; [0] and groups without a name are empty.
  virtual const std::vector<std::string>& group_names() const = 0;
};

// A pattern that is known only now: compiled, and kept for the next records of this thread.
// Null: the call has failed.
std::shared_ptr<const Pattern> pattern_of(runtime::CallContext& context, const runtime::Value& pattern);

}  // namespace pipec::stdlib
