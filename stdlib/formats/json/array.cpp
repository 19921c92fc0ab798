// framing: json_array.
#include <memory>
#include <string>
#include <utility>

#include "pipec/runtime/registry.h"
#include "stdlib/formats/formats.h"
#include "stdlib/formats/framing.h"

namespace pipec::stdlib {

namespace {

using runtime::Framing;
using runtime::Slice;

// The items of one JSON array; the input contains only that array and white space. The parser checks the
// content of items.
class JsonArrayFraming final : public Framing {
 public:
  void restart(std::uint64_t offset, bool closed) override {
    // The bytes taken before ended after an item, or after the array.
    phase_ = closed ? Phase::end : offset == 0 ? Phase::mark : Phase::behind_item;
    searched_ = 0;
    depth_ = 0;
    in_string_ = false;
  }

  Cut cut(std::string_view data, std::size_t from, std::size_t stop, std::size_t max_records, bool at_end,
          std::vector<Slice>& origins) override {
    Cut cut;
    std::size_t at = from + searched_;
    cut.taken = from;
    if (phase_ == Phase::mark && !pass_mark(data.substr(at), at_end, at)) return cut;
    while (at < data.size() && cut.error.empty()) {
      if (phase_ == Phase::item) {
        if (!find_end(data, at)) break;
        origins.push_back(slice(from + item_, at));
        from = at;
        phase_ = Phase::behind_item;
      } else if (is_white(data[at])) {
        ++at;
      } else if (!step(data[at])) {
        cut.error = expected();
        cut.error_at = at;
      } else if (phase_ != Phase::item) {
        ++at;
      } else if (!origins.empty() && (at >= stop || !room_for_more(origins, max_records))) {
        phase_ = Phase::next;
        break;
      } else {
        item_ = at - from;
      }
    }
    const bool all = phase_ == Phase::end || (phase_ == Phase::begin && at_end);
    if (cut.error.empty() && at_end && at == data.size() && !all) {
      cut.error = "the array is cut off";
      cut.error_at = at;
    }
    if (all) from = at;
    searched_ = at - from;
    cut.taken = from;
    return cut;
  }

  bool closed() const override { return phase_ == Phase::end; }
  bool is_text() const override { return true; }

 private:
  enum class Phase { mark, begin, first, next, item, behind_item, end };

  // Skips a byte order mark at the start; false: too few bytes to tell.
  bool pass_mark(std::string_view data, bool at_end, std::size_t& at) {
    const std::string_view head = data.substr(0, kByteOrderMark.size());
    if (head.size() < kByteOrderMark.size() && kByteOrderMark.starts_with(head) && !at_end) return false;
    phase_ = Phase::begin;
    if (head == kByteOrderMark) at += head.size();
    return true;
  }

  // Skips a byte between two items; false: it is not allowed there. Phase::item: it begins an item.
  bool step(char c) {
    const bool item = c != ']' && c != ',';
    Phase next = Phase::item;
    bool good = false;
    switch (phase_) {
      case Phase::begin:
        good = c == '[';
        next = Phase::first;
        break;
      case Phase::first:
        good = c != ',';
        next = item ? Phase::item : Phase::end;
        break;
      case Phase::behind_item:
        good = !item;
        next = c == ']' ? Phase::end : Phase::next;
        break;
      case Phase::next:
        good = item;
        break;
      case Phase::mark:
      case Phase::item:
      case Phase::end:
        break;
    }
    if (good) phase_ = next;
    return good;
  }

  std::string expected() const {
    switch (phase_) {
      case Phase::begin:
        return "expected '[' of a JSON array";
      case Phase::behind_item:
        return "expected ',' or ']' after an item of the array";
      case Phase::end:
        return "unexpected data after the array";
      default:
        return "expected an item of the array";
    }
  }

  // Moves `at` from inside an item to its end; false: the item continues past the data.
  bool find_end(std::string_view data, std::size_t& at) {
    for (; at < data.size(); ++at) {
      const char c = data[at];
      if (in_string_) {
        if (c == '\\') {
          if (at + 1 == data.size()) return false;
          ++at;
        } else if (c == '"') {
          in_string_ = false;
          if (depth_ == 0) return ++at, true;
        }
      } else if (c == '"') {
        in_string_ = true;
      } else if (c == '{' || c == '[') {
        ++depth_;
      } else if (c == '}' || c == ']') {
        if (depth_ == 0) return true;  // after a number or a word: the array's
        if (--depth_ == 0) return ++at, true;
      } else if (depth_ == 0 && (c == ',' || is_white(c))) {
        return true;
      }
    }
    return false;
  }

  Phase phase_ = Phase::mark;  // after the searched bytes
  std::size_t searched_ = 0;   // bytes searched after those taken
  std::size_t item_ = 0;       // where the item that is not whole yet begins, counted from there
  std::size_t depth_ = 0;
  bool in_string_ = false;
};

}  // namespace

void register_json_array_format(runtime::Registry& registry) {
  runtime::FormatSpec spec;
  spec.name = "json_array";
  spec.frame.emplace();
  spec.frame->doc = "a record is an item of one JSON array";
  spec.frame->whole = true;
  spec.frame->make = [](const runtime::Options&) -> runtime::Result<std::unique_ptr<Framing>> {
    return std::unique_ptr<Framing>(std::make_unique<JsonArrayFraming>());
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
