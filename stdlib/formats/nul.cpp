// framing: nul.
#include <algorithm>
#include <memory>
#include <utility>

#include "stdlib/formats/formats.h"
#include "stdlib/formats/framing.h"

namespace pipec::stdlib {

namespace {

using runtime::Framing;
using runtime::Slice;

// Records end with a NUL byte; the last one need not.
class NulFraming final : public Framing {
 public:
  void restart(std::uint64_t offset, bool) override {
    at_start_ = offset == 0;
    searched_ = 0;
  }

  Cut cut(std::string_view data, std::size_t from, std::size_t stop, std::size_t max_records, bool at_end,
          std::vector<Slice>& origins) override {
    while (from < stop && from < data.size() && room_for_more(origins, max_records)) {
      std::size_t end = data.find('\0', from + searched_);
      const bool whole = end != std::string_view::npos;
      if (!whole && !at_end) {
        searched_ = data.size() - from;
        break;
      }
      if (!whole) end = data.size();
      const bool marked = at_start_ && data.substr(from).starts_with(kByteOrderMark);
      const std::string_view record =
          data.substr(from, end - from).substr(marked ? kByteOrderMark.size() : 0);
      if (!std::all_of(record.begin(), record.end(), is_white))
        origins.push_back(slice(end - record.size(), end));
      from = whole ? end + 1 : end;
      searched_ = 0;
      at_start_ = false;
    }
    Cut cut;
    cut.taken = from;
    return cut;
  }

  bool is_text() const override { return true; }

 private:
  bool at_start_ = true;      // a byte order mark may come
  std::size_t searched_ = 0;  // bytes searched of the record that is not whole yet
};

}  // namespace

void register_nul_format(runtime::Registry& registry) {
  runtime::FormatSpec spec;
  spec.name = "nul";
  spec.frame.emplace();
  spec.frame->doc = "a record ends at a NUL byte, as in the output of find -print0";
  spec.frame->make = [](const runtime::Options&) -> runtime::Result<std::unique_ptr<Framing>> {
    return std::unique_ptr<Framing>(std::make_unique<NulFraming>());
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
