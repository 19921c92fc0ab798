#include "stdlib/connectors/kafka/topics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "pipec/runtime/json.h"

namespace pipec::stdlib::kafka {

using runtime::Error;
using runtime::ErrorCode;
using runtime::Result;
using runtime::Status;
using runtime::Type;

Result<TopicPattern> TopicPattern::make(const std::string& text) {
  TopicPattern pattern;
  auto compiled = std::make_unique<regex_t>();
  if (const int code = ::regcomp(compiled.get(), text.c_str(), REG_EXTENDED | REG_NOSUB)) {
    std::array<char, 128> reason{};
    ::regerror(code, compiled.get(), reason.data(), reason.size());
    return Error::make(ErrorCode::option, fmt::format("the topic pattern '{}': {}", text, reason.data()));
  }
  pattern.compiled_.reset(compiled.release());
  return pattern;
}

std::vector<std::string> topics_of(const runtime::Value& value) {
  runtime::Arena arena;
  std::vector<std::string> topics;
  if (value.type() == Type::string) {
    const std::string list(runtime::decode_string(value, arena));
    if (is_pattern(list)) return {list};
    for (std::size_t begin = 0; begin <= list.size();) {
      const std::size_t end = std::min(list.find(',', begin), list.size());
      if (end > begin) topics.push_back(list.substr(begin, end - begin));
      begin = end + 1;
    }
    return topics;
  }
  const runtime::Value array = runtime::expand(value, arena);
  if (array.type() != Type::array) return topics;
  for (std::uint32_t i = 0; i < array.size(); ++i) {
    const runtime::Value& item = array.items()[i];
    if (item.type() == Type::string) topics.emplace_back(runtime::decode_string(item, arena));
  }
  return topics;
}

Status check_topics(const std::vector<std::string>& topics) {
  if (topics.empty()) return Error::make(ErrorCode::option, "'topics' is empty");
  for (const std::string& topic : topics) {
    if (topic.empty()) return Error::make(ErrorCode::option, "'topics' has an empty name");
    if (!is_pattern(topic)) continue;
    if (Result<TopicPattern> pattern = TopicPattern::make(topic); !pattern) return pattern.error();
  }
  return {};
}

}  // namespace pipec::stdlib::kafka
