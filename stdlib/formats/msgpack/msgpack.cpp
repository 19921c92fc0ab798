// msgpack: parse checks every record completely, encode writes values one after another, framing finds them.
#include "pipec/runtime/msgpack.h"

#include <memory>
#include <utility>

#include "stdlib/formats/formats.h"
#include "stdlib/formats/framing.h"
#include "stdlib/formats/on_error.h"
#include "stdlib/formats/record_encoder.h"
#include "stdlib/formats/validating_parser.h"

namespace pipec::stdlib {

namespace {

using runtime::Framing;
using runtime::MsgpackFramer;
using runtime::Slice;

// Consecutive MsgPack values with nothing between them. After malformed bytes, the next value cannot be
// found, so malformed bytes are an error of the stream.
class MsgpackFraming final : public Framing {
 public:
  void restart(std::uint64_t, bool) override {
    framer_.reset();
    searched_ = 0;
  }

  Cut cut(std::string_view data, std::size_t from, std::size_t stop, std::size_t max_records, bool at_end,
          std::vector<Slice>& origins) override {
    Cut cut;
    while (from < stop && from < data.size() && room_for_more(origins, max_records)) {
      std::size_t bytes = 0;
      const MsgpackFramer::Found found = framer_.next(data.substr(from + searched_), bytes);
      searched_ += bytes;
      if (found == MsgpackFramer::Found::whole) {
        origins.push_back(slice(from, from + searched_));
        from += searched_;
        searched_ = 0;
        continue;
      }
      if (found == MsgpackFramer::Found::malformed) {
        cut.error = framer_.reason();
        cut.error_at = from + searched_;
      } else if (at_end) {
        cut.error = "the record that begins here is cut off";
        cut.error_at = from;
      } else {
        cut.needs = searched_ + framer_.least();
      }
      if (!cut.error.empty()) restart(0, false);
      break;
    }
    cut.taken = from;
    return cut;
  }

  runtime::Format format() const override { return runtime::Format::msgpack; }

 private:
  MsgpackFramer framer_;
  std::size_t searched_ = 0;  // bytes of the record that is not whole yet
};

const char* from_json(const runtime::Record&, std::string_view payload, runtime::Buffer& out,
                      std::size_t* place) {
  return runtime::json_to_msgpack(payload, out, place);
}

}  // namespace

void register_msgpack_format(runtime::Registry& registry) {
  using runtime::Format;
  runtime::FormatSpec spec;
  spec.name = "msgpack";
  spec.parse.emplace();
  spec.parse->doc = "Checks that each record is one MsgPack value, completely";
  spec.parse->options = {on_error_option()};
  spec.parse->make = [](const runtime::Options& options) -> runtime::Result<std::unique_ptr<runtime::Stage>> {
    return make_validating_parser(on_error_of(options), Format::msgpack);
  };
  spec.encode.emplace();
  spec.encode->doc = "the record as MsgPack, without separators";
  spec.encode->refuses = "a number beyond 64 bits";
  spec.encode->make = [](const runtime::Options&) -> runtime::Result<std::unique_ptr<runtime::Encoder>> {
    return std::unique_ptr<runtime::Encoder>(
        std::make_unique<RecordEncoder>(RecordEncoder::Target{"msgpack", Format::msgpack, false, from_json}));
  };
  spec.frame.emplace();
  spec.frame->doc = "a record is a MsgPack value, without separators";
  spec.frame->make = [](const runtime::Options&) -> runtime::Result<std::unique_ptr<Framing>> {
    return std::unique_ptr<Framing>(std::make_unique<MsgpackFraming>());
  };
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
