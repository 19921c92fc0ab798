#include "stdlib/connectors/format_options.h"

#include "stdlib/formats/record_encoder.h"

namespace pipec::stdlib {

namespace {

using runtime::Result;

const runtime::FormatSpec::Frame* frame_of(const runtime::Options& options) {
  const runtime::FormatSpec* format = options.format("framing");
  return format && format->frame ? &*format->frame : nullptr;
}

}  // namespace

runtime::OptionSpec encode_option() {
  runtime::OptionSpec option;
  option.name = "encode";
  option.kind = runtime::OptionSpec::Kind::choice;
  option.formats = runtime::OptionSpec::Formats::encode;
  option.doc = "the output format (default: each record's own)";
  return option;
}

Result<std::unique_ptr<runtime::Encoder>> make_encoder(const runtime::Options& options) {
  const runtime::FormatSpec* format = options.format("encode");
  if (format && format->encode) return format->encode->make(options.arguments("encode"));
  return std::unique_ptr<runtime::Encoder>(std::make_unique<RecordEncoder>());
}

runtime::OptionSpec framing_option() {
  runtime::OptionSpec option;
  option.name = "framing";
  option.kind = runtime::OptionSpec::Kind::choice;
  option.formats = runtime::OptionSpec::Formats::frame;
  option.fallback = runtime::Value::string("lines");
  option.doc = "where a record ends";
  return option;
}

Result<std::unique_ptr<runtime::Framing>> make_framing(const runtime::Options& options) {
  if (by_lines(options)) return std::unique_ptr<runtime::Framing>();
  return frame_of(options)->make(options.arguments("framing"));
}

bool by_lines(const runtime::Options& options) {
  const auto* frame = frame_of(options);
  return !frame || !frame->make;
}

bool reads_whole_inputs(const runtime::Options& options) {
  const auto* frame = frame_of(options);
  return frame && frame->whole;
}

}  // namespace pipec::stdlib
