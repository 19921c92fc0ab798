#include "stdlib/stages/summarize/result_writer.h"

#include <algorithm>

#include "pipec/runtime/json.h"

namespace pipec::stdlib {

using runtime::Options;
using runtime::Status;
using runtime::Type;
using runtime::Value;

ResultWriter::ResultWriter(const Summary& summary) : summary_(summary), text_(pool_.get(256)) {
  for (const Options::Item& field : summary.fields) {
    fields_.emplace_back(field.program, summary.clock);
    locals_.emplace_back(field.program->locals);
  }
}

void ResultWriter::append(std::string_view name, const Value& value) {
  text_->append(text_->size() == 0 ? '{' : ',');
  runtime::append_json_string(name, *text_);
  text_->append(':');
  runtime::append_json(value, *text_);
}

Status ResultWriter::add(const Window& window, const Group& group, Released& out,
                         runtime::StageContext& context) {
  text_->clear();
  arena_.reset();
  known_.clear();
  for (std::size_t i = 0; i < summary_.keys.size(); ++i) {
    known_.push_back(group.by[i].value(arena_));
    append(summary_.keys[i], known_.back());
  }
  if (summary_.windowed()) {
    known_.push_back(Value::timestamp(window.start));
    append("window_start", known_.back());
    known_.push_back(Value::timestamp(window.end));
    append("window_end", known_.back());
  }
  std::string why;
  const runtime::Place* place = nullptr;
  const std::size_t named = text_->size();
  if (!fields(group, why, place)) {
    if (named > 0) why += ", in the group " + std::string(text_->view().substr(0, named)) + "}";
    context.dead_letter({}, why, place);
    return {};
  }
  text_->append(text_->size() == 0 ? "{}" : "}");
  return out.add(text_->view(), runtime::Format::json, true);
}

bool ResultWriter::fields(const Group& group, std::string& why, const runtime::Place*& place) {
  std::size_t aggregate = 0;
  for (std::size_t i = 0; i < fields_.size(); ++i) {
    std::vector<Value>& locals = locals_[i];
    std::copy(known_.begin(), known_.end(), locals.begin());
    for (const Options::Call& call : summary_.fields[i].calls) {
      const void* const state = summary_.aggregates.state(static_cast<const char*>(group.states), aggregate);
      locals[call.local] = summary_.aggregates[aggregate++].result(state, arena_);
      if (!locals[call.local].is_failed()) continue;
      why = "summarize: the result of " + call.function->name + " is out of range";
      place = &call.place;
      return false;
    }
    Value value = fields_[i].evaluate_with(locals);
    if (value.is_failed()) {
      why = fields_[i].failure().reason;
      place = fields_[i].failure().place;
      return false;
    }
    if (value.type() == Type::duration) {
      why = "summarize: a record cannot hold a duration; seconds() makes a number of it";
      place = &summary_.fields[i].place;
      return false;
    }
    known_.push_back(value);
    append(summary_.fields[i].name, value);
  }
  return true;
}

Status ResultWriter::add_empty(Released& out, runtime::StageContext& context) {
  Groups none(summary_.aggregates);
  bool is_new = false;
  return add(Window(), none.of({}, 0, is_new), out, context);
}

}  // namespace pipec::stdlib
