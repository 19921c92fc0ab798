// The option `topics`: topic names, and patterns that begin with ^ (POSIX extended, as in librdkafka).
#pragma once

#include <regex.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/runtime/error.h"
#include "pipec/runtime/value.h"

namespace pipec::stdlib::kafka {

inline bool is_pattern(std::string_view topic) {
  return topic.starts_with("^");
}

class TopicPattern {
 public:
  // Fails if it is not a regular expression.
  static runtime::Result<TopicPattern> make(const std::string& text);
  bool matches(const char* topic) const { return ::regexec(compiled_.get(), topic, 0, nullptr, 0) == 0; }

 private:
  struct Free {
    void operator()(regex_t* compiled) const {
      ::regfree(compiled);
      delete compiled;
    }
  };
  std::unique_ptr<regex_t, Free> compiled_;
};

// An array, or a string with commas between; a string that is a pattern is one, commas and all.
std::vector<std::string> topics_of(const runtime::Value& value);
// Each pattern is one, and there is something to read.
runtime::Status check_topics(const std::vector<std::string>& topics);

}  // namespace pipec::stdlib::kafka
