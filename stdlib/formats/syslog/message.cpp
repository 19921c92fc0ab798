#include "stdlib/formats/syslog/message.h"

#include <algorithm>
#include <charconv>

#include "stdlib/formats/framing.h"

namespace pipec::stdlib::syslog {

namespace {

constexpr unsigned kHighestPriority = 191;

// Copies the text without the backslashes before quotes, backslashes and closing brackets.
std::string_view unescaped(std::string_view text, runtime::Arena& arena) {
  char* const copy = arena.allocate(text.size());
  std::size_t size = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escapes = text[i] == '\\' && i + 1 < text.size() &&
                         (text[i + 1] == '"' || text[i + 1] == '\\' || text[i + 1] == ']');
    if (escapes) ++i;
    copy[size++] = text[i];
  }
  return {copy, size};
}

}  // namespace

const char* Reader::read(std::string_view line, std::int64_t now, Message& message, std::size_t& at) {
  line_ = line;
  at_ = 0;
  message = Message();
  const char* reason = nullptr;
  if (next_is('<')) {
    unsigned priority = 0;
    const char* const end = line.data() + line.size();
    const auto read = std::from_chars(line.data() + 1, end, priority);
    if (read.ec != std::errc() || read.ptr == end || *read.ptr != '>' || priority > kHighestPriority)
      reason = "not a priority of syslog, <0> to <191>";
    message.priority = priority;
    if (!reason) at_ = static_cast<std::size_t>(read.ptr - line.data()) + 1;
  }
  if (!reason)
    reason = message.priority && rest().starts_with("1 ") ? new_style(message) : old_style(now, message);
  at = at_;
  return reason;
}

// A part and the space after it; `-` is none. False: the line ends.
bool Reader::take_part(std::string_view& part) {
  const std::size_t end = std::min(line_.find(' ', at_), line_.size());
  if (end == at_) return false;
  part = line_.substr(at_, end - at_);
  at_ = std::min(end + 1, line_.size());
  if (part == "-") part = {};
  return true;
}

// 1 TIMESTAMP HOSTNAME APPNAME PROCID MSGID STRUCTURED-DATA [MESSAGE]
const char* Reader::new_style(Message& message) {
  at_ += 2;
  const std::size_t begin = at_;
  std::string_view time;
  if (!take_part(time)) return "a timestamp or - is missing";
  if (time.data()) message.timestamp = read_rfc3339(time);
  if (time.data() && !message.timestamp) {
    at_ = begin;
    return "not a timestamp";
  }
  if (!take_part(message.hostname)) return "a host name or - is missing";
  if (!take_part(message.appname)) return "an application's name or - is missing";
  if (!take_part(message.procid)) return "a process id or - is missing";
  if (!take_part(message.msgid)) return "a message id or - is missing";
  if (const char* const reason = structured_data(message.structured_data)) return reason;
  if (at_ == line_.size()) return nullptr;
  if (line_[at_] != ' ') return "text after the structured data";
  message.text = line_.substr(++at_);
  if (message.text.starts_with(kByteOrderMark)) message.text.remove_prefix(kByteOrderMark.size());
  return nullptr;
}

// `-`, or [ID NAME="VALUE" ...] once or more often.
const char* Reader::structured_data(std::string_view& json) {
  if (next_is('-')) return ++at_, nullptr;
  if (!next_is('[')) return "structured data or - is missing";
  elements_.clear();
  while (next_is('[')) {
    const std::size_t begin = ++at_;
    at_ = std::min(line_.find_first_of(" ]", at_), line_.size());
    const std::string_view id = line_.substr(begin, at_ - begin);
    if (id.empty()) return "the structured data has no id";
    std::string_view parameters_json;
    if (const char* const reason = parameters(parameters_json)) return reason;
    elements_.set(id, elements_.arena().copy(parameters_json), FieldList::Kind::json);
  }
  json_->clear();
  elements_.append_to(*json_);
  json = json_->view();
  return nullptr;
}

const char* Reader::parameters(std::string_view& json) {
  parameters_.clear();
  while (next_is(' ')) {
    const std::size_t begin = ++at_;
    at_ = std::min(line_.find_first_of("= ]\"", at_), line_.size());
    const std::string_view name = line_.substr(begin, at_ - begin);
    if (name.empty() || !rest().starts_with("=\"")) return "expected NAME=\"VALUE\" in the structured data";
    const std::size_t value = at_ += 2;
    while (at_ < line_.size() && line_[at_] != '"') at_ += line_[at_] == '\\' ? 2 : 1;
    if (at_ >= line_.size()) return at_ = value - 1, "the quote is not closed";
    std::string_view text = line_.substr(value, at_ - value);
    if (text.find('\\') != std::string_view::npos) text = unescaped(text, parameters_.arena());
    parameters_.set(name, text);
    ++at_;
  }
  if (!next_is(']')) return "the structured data is not closed";
  ++at_;
  json_->clear();
  parameters_.append_to(*json_);
  json = json_->view();
  return nullptr;
}

// [TIMESTAMP] [HOSTNAME] [TAG[PID]:] MESSAGE
const char* Reader::old_style(std::int64_t now, Message& message) {
  const std::size_t word = std::min(line_.find(' ', at_), line_.size());
  std::size_t end = at_ + OldTimes::kBytes;
  if (line_.size() > end && line_[end] == ' ')
    message.timestamp = old_times_.read(line_.substr(at_, OldTimes::kBytes), now);
  if (!message.timestamp && word < line_.size() && word > at_ && line_[at_] >= '0' && line_[at_] <= '9') {
    message.timestamp = read_rfc3339(line_.substr(at_, word - at_));
    end = word;
  }
  if (!message.timestamp && !message.priority) return "neither a priority nor a timestamp of syslog";
  if (message.timestamp) {
    at_ = end + 1;
    const std::size_t space = line_.find(' ', at_);
    const std::string_view host = line_.substr(at_, space - at_);
    // Local programs send no host.
    const bool is_host =
        space != std::string_view::npos && !host.empty() && host.back() != ':' && host.back() != ']';
    if (is_host) {
      message.hostname = host;
      at_ = space + 1;
    } else if (!message.priority) {
      return "a host name is missing";
    }
  }
  take_tag(message);
  message.text = rest();
  return nullptr;
}

void Reader::take_tag(Message& message) {
  const std::size_t end = line_.find_first_of(" [:", at_);
  if (end == std::string_view::npos || end == at_ || line_[end] == ' ') return;
  std::size_t after = end;
  std::string_view pid;
  if (line_[end] == '[') {
    const std::size_t close = line_.find(']', end);
    if (close == std::string_view::npos) return;
    pid = line_.substr(end + 1, close - end - 1);
    after = close + 1;
  }
  if (after < line_.size() && line_[after] == ':') {
    ++after;
  } else if (pid.data() == nullptr) {
    return;
  }
  message.appname = line_.substr(at_, end - at_);
  message.procid = pid;
  at_ = after;
  if (next_is(' ')) ++at_;
}

}  // namespace pipec::stdlib::syslog
