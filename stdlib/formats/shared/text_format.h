// What the parsers of text formats share: `on_error`, `from`, `into`, the buffers. A format only turns a text
// into an object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/registry.h"
#include "pipec/runtime/stage.h"

namespace pipec::stdlib {

inline constexpr std::size_t kNowhere = SIZE_MAX;

// Immutable: all threads use one, each with a scratch of its own.
class TextFormat {
 public:
  virtual ~TextFormat() = default;
  virtual std::unique_ptr<runtime::Scratch> make_scratch() const { return nullptr; }
  // Called before the records of each batch. An error ends the run.
  virtual runtime::Status begin(const runtime::Batch& batch, runtime::Scratch* scratch) const {
    (void)batch, (void)scratch;
    return {};
  }
  // The record holds no data of its own (a header): it is dropped.
  virtual bool is_header(const runtime::Batch& batch, const runtime::Record& record) const {
    (void)batch, (void)record;
    return false;
  }
  // Appends the JSON object that the text stands for. Returns "", or the reason why there is none, with its
  // position in the text; what was appended by then is discarded. The reason lives until the next call.
  // `text` is UTF-8 and followed by Buffer::kPadding readable bytes.
  virtual std::string_view parse(std::string_view text, runtime::Buffer& out, runtime::Scratch* scratch,
                                 std::size_t& at) const = 0;
};

// The format's own options, then `from`, `into` and `on_error`.
std::vector<runtime::OptionSpec> text_format_options(std::vector<runtime::OptionSpec> own);

// `name`: of the format. The stage that parses each record, or the field `from` of it.
runtime::Result<std::unique_ptr<runtime::Stage>> make_text_stage(std::string_view name,
                                                                 const runtime::Options& options,
                                                                 std::unique_ptr<const TextFormat> format);

}  // namespace pipec::stdlib
