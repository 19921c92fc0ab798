// Makes the records that leave a summarize: one for each group.
#pragma once

#include <deque>
#include <vector>

#include "stdlib/stages/held_record.h"
#include "stdlib/stages/summarize/summary.h"

namespace pipec::stdlib {

class ResultWriter {
 public:
  explicit ResultWriter(const Summary& summary);

  // Adds the group's record; a field that fails makes it a dead letter.
  runtime::Status add(const Window& window, const Group& group, Released& out,
                      runtime::StageContext& context);
  // The record of a stage without keys and windows that saw no record.
  runtime::Status add_empty(Released& out, runtime::StageContext& context);

 private:
  bool fields(const Group& group, std::string& why, const runtime::Place*& place);
  void append(std::string_view name, const runtime::Value& value);

  const Summary& summary_;
  std::deque<runtime::Evaluator> fields_;
  std::vector<std::vector<runtime::Value>> locals_;  // of each field
  std::vector<runtime::Value> known_;                // keys, window, fields so far
  runtime::Arena arena_;
  runtime::BufferPool pool_{1};
  runtime::BufferRef text_;
};

}  // namespace pipec::stdlib
