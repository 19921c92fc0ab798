// framing: bytes.
#include <algorithm>
#include <memory>
#include <utility>

#include "pipec/runtime/registry.h"
#include "stdlib/formats/formats.h"
#include "stdlib/formats/framing.h"

namespace pipec::stdlib {

namespace {

using runtime::Framing;
using runtime::Slice;

// All of it is one record, but for a byte order mark.
class BytesFraming final : public Framing {
 public:
  void restart(std::uint64_t offset, bool closed) override {
    offset_ = offset;
    closed_ = closed;
  }
  Cut cut(std::string_view data, std::size_t from, std::size_t, std::size_t, bool at_end,
          std::vector<Slice>& origins) override {
    Cut cut;
    cut.taken = from;
    if (!at_end || from == data.size()) return cut;
    if (closed_) {
      const auto more =
          std::find_if_not(data.begin() + static_cast<std::ptrdiff_t>(from), data.end(), is_white);
      if (more != data.end()) {
        cut.error = "unexpected data after what was one record when it was delivered";
        cut.error_at = static_cast<std::size_t>(more - data.begin());
        return cut;
      }
    } else {
      const bool marked = offset_ == 0 && from == 0 && data.starts_with(kByteOrderMark);
      const std::size_t begin = from + (marked ? kByteOrderMark.size() : 0);
      if (begin < data.size()) origins.push_back(slice(begin, data.size()));
      closed_ = true;
    }
    cut.taken = data.size();
    return cut;
  }
  bool closed() const override { return closed_; }

 private:
  std::uint64_t offset_ = 0;
  bool closed_ = false;
};

}  // namespace

void register_bytes_format(runtime::Registry& registry) {
  runtime::FormatSpec spec;
  spec.name = "bytes";
  spec.frame.emplace();
  spec.frame->doc = "the whole input is one record";
  spec.frame->whole = true;
  spec.frame->make = [](const runtime::Options&) -> runtime::Result<std::unique_ptr<Framing>> {
    return std::unique_ptr<Framing>(std::make_unique<BytesFraming>());
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
