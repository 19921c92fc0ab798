// A dead letter as a program's function sees it (Builder::on_dead_letter).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/stage.h"

namespace pipec::graph {

// Lives during one call, and so does all that it gives.
class DeadLetterView {
 public:
  DeadLetterView(const runtime::Block& block, const runtime::DeadLetter& letter)
      : block_(block), letter_(letter) {}

  std::string_view original() const { return block_.original(letter_.origin); }  // as the source gave it
  std::string_view reason() const { return letter_.reason; }
  std::string_view stage() const { return letter_.stage; }                    // the node's name: "parse json"
  std::string place() const { return letter_.place.to_string(); }             // "flow.pipe:3:5"; may be empty
  std::uint64_t position() const { return block_.position(letter_.origin); }  // in the source's unit
  std::string_view source() const { return block_.source; }                   // the file's path; may be empty
  std::string_view topic() const { return block_.topic; }
  std::uint32_t partition() const { return block_.partition; }
  // What came with the record; null where its source gives no such things.
  const runtime::Metadata* metadata() const {
    return block_.metadata.empty() ? nullptr : &block_.metadata[letter_.origin];
  }

 private:
  const runtime::Block& block_;
  const runtime::DeadLetter& letter_;
};

}  // namespace pipec::graph
