// framing: json. Values one after another, however they are laid out.
#include "stdlib/formats/json/values.h"

#include <memory>
#include <string>

#include "stdlib/formats/framing.h"

namespace pipec::stdlib {

namespace {

using runtime::Framing;
using runtime::Slice;

bool begins_value(char c) {
  return c == '{' || c == '[' || c == '"' || c == '-' || (c >= '0' && c <= '9') || c == 't' || c == 'f' ||
         c == 'n';
}

// Finds where each value ends, by its brackets and strings. A value whose brackets do not match goes up to
// the next line that begins one; whoever parses it says what is wrong with it.
class ValueFraming final : public Framing {
 public:
  void restart(std::uint64_t offset, bool) override {
    at_start_ = offset == 0;
    begin_value();
  }

  Cut cut(std::string_view data, std::size_t from, std::size_t stop, std::size_t max_records, bool at_end,
          std::vector<Slice>& origins) override {
    Cut cut;
    std::size_t at = from + searched_;
    if (at_start_ && !pass_mark(data, at, at_end)) {
      cut.taken = from;
      return cut;
    }
    while (room_for_more(origins, max_records)) {
      if (in_ == In::between) {
        while (at < data.size() && is_white(data[at])) ++at;
        from = at;
        if (at >= data.size() || at >= stop) break;
        in_ = begins_value(data[at]) ? In::value : In::malformed;
      }
      if (!find_end(data, from, at) && !at_end) break;
      origins.push_back(slice(from, trimmed(data, from, at)));
      from = at;
      begin_value();
    }
    searched_ = at - from;
    cut.taken = from;
    return cut;
  }

  bool is_text() const override { return true; }

 private:
  enum class In { between, value, string, malformed };

  void begin_value() {
    in_ = In::between;
    searched_ = 0;
    open_.clear();
    last_ = '\0';
  }

  // False: too few bytes to tell.
  bool pass_mark(std::string_view data, std::size_t& at, bool at_end) {
    const std::string_view head = data.substr(at, kByteOrderMark.size());
    if (head.size() < kByteOrderMark.size() && kByteOrderMark.starts_with(head) && !at_end) return false;
    at_start_ = false;
    if (head == kByteOrderMark) at += head.size();
    return true;
  }

  static std::size_t trimmed(std::string_view data, std::size_t begin, std::size_t end) {
    while (end > begin && is_white(data[end - 1])) --end;
    return end;
  }

  // Moves `at` from inside of a value to its end; false: it goes on past the data.
  bool find_end(std::string_view data, std::size_t begin, std::size_t& at) {
    while (at < data.size()) {
      if (in_ == In::malformed) {
        if (at > begin && data[at - 1] == '\n' && begins_value(data[at])) return true;
        ++at;
      } else if (in_ == In::string) {
        if (!pass_string(data, at)) return false;
        if (in_ == In::value && open_.empty()) return true;
      } else if (step(data, begin, at)) {
        return true;
      }
    }
    return false;
  }

  // Inside of a string, up to behind its quote; false: the data ends.
  bool pass_string(std::string_view data, std::size_t& at) {
    at = data.find_first_of("\"\\\n", at);
    if (at == std::string_view::npos) return at = data.size(), false;
    if (data[at] == '\\') {
      if (at + 1 == data.size()) return false;
      at += 2;
      return true;
    }
    in_ = data[at] == '"' ? In::value : In::malformed;  // no string goes over a line's end
    if (in_ == In::value) ++at;
    last_ = '"';
    return true;
  }

  // One byte of a value outside of strings; true: the value ends before `at`.
  bool step(std::string_view data, std::size_t begin, std::size_t& at) {
    const char c = data[at];
    const bool opens = c == '{' || c == '[';
    if (open_.empty() && at != begin && (is_white(c) || opens || c == '"')) return true;
    // A bracket where no value can begin: that of the next one, if a line begins with it.
    const bool expects =
        last_ == '[' || last_ == ':' || (last_ == ',' && !open_.empty() && open_.back() == '[');
    if (opens && !open_.empty() && !expects) {
      in_ = In::malformed;
      return false;
    }
    if (opens) {
      open_ += c;
    } else if (c == '"') {
      in_ = In::string;
    } else if (c == '}' || c == ']') {
      if (open_.empty() || open_.back() != (c == '}' ? '{' : '[')) {
        in_ = In::malformed;
        return false;
      }
      open_.pop_back();
      ++at;
      last_ = c;
      return open_.empty();
    }
    if (!is_white(c)) last_ = c;
    ++at;
    return false;
  }

  bool at_start_ = true;
  In in_ = In::between;
  std::size_t searched_ = 0;  // bytes searched of the value that is not whole yet
  std::string open_;          // its brackets
  char last_ = '\0';          // its last byte that is not white
};

}  // namespace

runtime::FormatFrame json_frame_role() {
  runtime::FormatFrame frame;
  frame.doc = "a record is a JSON value, however laid out; they follow each other";
  frame.make = [](const runtime::Options&) -> runtime::Result<std::unique_ptr<Framing>> {
    return std::unique_ptr<Framing>(std::make_unique<ValueFraming>());
  };
  return frame;
}

}  // namespace pipec::stdlib
