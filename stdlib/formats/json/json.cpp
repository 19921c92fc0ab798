// json: parse checks every record completely, encode writes lines, framing finds values.
#include <memory>
#include <utility>

#include "pipec/runtime/evaluate.h"
#include "pipec/runtime/msgpack.h"
#include "stdlib/formats/formats.h"
#include "stdlib/formats/json/values.h"
#include "stdlib/formats/on_error.h"
#include "stdlib/formats/record_encoder.h"

namespace pipec::stdlib {

namespace {

const char* from_msgpack(const runtime::Record& record, std::string_view payload, runtime::Buffer& out,
                         std::size_t* place) {
  return runtime::msgpack_to_json(payload, record.validated, out, place);
}

}  // namespace

void register_json_format(runtime::Registry& registry) {
  runtime::FormatSpec spec;
  spec.name = "json";
  spec.parse.emplace();
  spec.parse->doc = "Checks that each record is one JSON value, completely";
  spec.parse->options = {on_error_option()};
  spec.parse->make = [](const runtime::Options& options) -> runtime::Result<std::unique_ptr<runtime::Stage>> {
    return runtime::make_json_parser(on_error_of(options));
  };
  spec.encode.emplace();
  spec.encode->doc = "the record as one line of JSON";
  spec.encode->make = [](const runtime::Options&) -> runtime::Result<std::unique_ptr<runtime::Encoder>> {
    return std::unique_ptr<runtime::Encoder>(std::make_unique<RecordEncoder>(
        RecordEncoder::Target{"json", runtime::Format::json, true, from_msgpack}));
  };
  spec.frame = json_frame_role();
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
