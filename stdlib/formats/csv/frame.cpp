// framing: csv. A row ends at a line break that is not inside quotes.
#include <algorithm>
#include <cstring>
#include <memory>

#include "stdlib/formats/csv/dialect.h"
#include "stdlib/formats/csv/roles.h"
#include "stdlib/formats/framing.h"

namespace pipec::stdlib::csv {

namespace {

using runtime::Framing;
using runtime::Slice;

class RowFraming final : public Framing {
 public:
  explicit RowFraming(Dialect dialect) : dialect_(dialect) {}

  void restart(std::uint64_t offset, bool) override {
    at_start_ = offset == 0;
    begin_row();
  }

  Cut cut(std::string_view data, std::size_t from, std::size_t stop, std::size_t max_records, bool at_end,
          std::vector<Slice>& origins) override {
    Cut cut;
    cut.taken = from;
    const std::size_t mark = at_start_ ? mark_of(data.substr(from), at_end) : 0;
    if (mark == std::string_view::npos) return cut;
    next_quote_ = 0;
    while (from < stop && from < data.size() && room_for_more(origins, max_records)) {
      const std::size_t begin = from + (at_start_ ? mark : 0);
      std::size_t at = std::max(from + searched_, begin);
      const bool whole = find_end(data, begin, at);
      if (!whole && !at_end) {
        searched_ = at - from;
        break;
      }
      add(data, begin, whole ? at : data.size(), origins);
      from = whole ? at + 1 : data.size();
      at_start_ = false;
      begin_row();
    }
    cut.taken = from;
    return cut;
  }

  bool is_text() const override { return true; }

 private:
  enum class In { field_start, plain, quoted };

  void begin_row() {
    searched_ = 0;
    in_ = In::field_start;
  }

  // The length of the byte order mark; npos: too few bytes to tell.
  static std::size_t mark_of(std::string_view data, bool at_end) {
    if (data.starts_with(kByteOrderMark)) return kByteOrderMark.size();
    return !at_end && kByteOrderMark.starts_with(data) ? std::string_view::npos : 0;
  }

  // Moves `at` to the line break that ends the row, or to where a later search has to go on.
  bool find_end(std::string_view data, std::size_t begin, std::size_t& at) {
    if (at == begin && in_ == In::field_start) {
      // Most rows hold no quote.
      const std::size_t end = data.find('\n', at);
      if (next_quote_ < begin || next_quote_ == 0)
        next_quote_ = std::min(data.find(dialect_.quote, at), data.size());
      if (end != std::string_view::npos && end < next_quote_) {
        at = end;
        return true;
      }
    }
    while (at < data.size()) {
      const char c = data[at];
      if (in_ == In::quoted) {
        const std::size_t quote = data.find(dialect_.quote, at);
        if (quote == std::string_view::npos) {
          at = data.size();
          return false;
        }
        at = quote;
        if (quote + 1 == data.size()) return false;  // the next byte says whether it is doubled
        const bool doubled = data[quote + 1] == dialect_.quote;
        if (!doubled) in_ = In::plain;
        at = quote + (doubled ? 2 : 1);
        continue;
      }
      if (c == '\n') return true;
      if (in_ == In::field_start && c == dialect_.quote) {
        in_ = In::quoted;
      } else {
        in_ = c == dialect_.delimiter ? In::field_start : In::plain;
      }
      ++at;
    }
    return false;
  }

  // White rows are no records. A row of delimiters is one, tabs too.
  void add(std::string_view data, std::size_t begin, std::size_t end, std::vector<Slice>& origins) const {
    if (end > begin && data[end - 1] == '\r') --end;
    const std::string_view row = data.substr(begin, end - begin);
    const bool white = std::all_of(row.begin(), row.end(),
                                   [this](char c) { return is_white(c) && c != dialect_.delimiter; });
    if (!white) origins.push_back(slice(begin, end));
  }

  const Dialect dialect_;
  bool at_start_ = true;  // a byte order mark may come
  In in_ = In::field_start;
  std::size_t searched_ = 0;    // bytes searched of the row that is not whole yet
  std::size_t next_quote_ = 0;  // at or after the row's begin, once searched for; of this cut
};

}  // namespace

runtime::FormatFrame frame_role() {
  runtime::FormatFrame frame;
  frame.doc = "a record is a row of CSV; quoted fields may hold line breaks";
  frame.options = dialect_options();
  frame.make = [](const runtime::Options& options) -> runtime::Result<std::unique_ptr<Framing>> {
    const auto dialect = dialect_of(options);
    if (!dialect) return dialect.error();
    return std::unique_ptr<Framing>(std::make_unique<RowFraming>(*dialect));
  };
  return frame;
}

}  // namespace pipec::stdlib::csv
