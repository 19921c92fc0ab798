#include "stdlib/stages/summarize/summary.h"

#include <utility>

#include "pipec/runtime/json.h"
#include "stdlib/stages/record_values.h"

namespace pipec::stdlib {

using runtime::Options;
using runtime::Record;
using runtime::Result;
using runtime::Type;
using runtime::Value;

Summary::Summary(const Options& options, const runtime::StageSetup& setup)
    : fields(options.assignments),
      on_malformed(setup.on_malformed),
      clock(setup.clock ? *setup.clock : runtime::Clock::system()) {
  std::vector<std::shared_ptr<const runtime::Program>> programs;
  if (const Options::Item* by = options.find("by")) {
    for (const Options::Item& part : by->parts) {
      keys.push_back(part.name);
      programs.push_back(part.program);
    }
  }
  if (auto at = options.program("at")) {
    time = programs.size();
    programs.push_back(std::move(at));
  }
  for (const Options::Item& field : fields) {
    for (const Options::Call& call : field.calls) {
      calls.push_back(&call);
      arguments.emplace_back();
      if (call.argument) {
        arguments.back() = programs.size();
        programs.push_back(call.argument);
      }
      aggregates.add(make_aggregate(call, {&secret}));
    }
  }
  row = runtime::array_of(std::move(programs));
  shape.every = options.integer("every", 0);
  shape.over = options.integer("over", shape.every);
  late = options.integer("late", 0);
  idle = options.integer("idle", 0);
}

Result<bool> Row::read(const runtime::Batch& batch, const Record& record, runtime::StageContext& context) {
  const auto out = [&](const runtime::Failure& failure) -> Result<bool> {
    auto status = take_out(summary_.on_malformed, batch, record, failure, context);
    if (!status) return std::move(status.error());
    return false;
  };
  const Value row = evaluator_.evaluate(batch, record);
  if (row.is_failed()) return out(evaluator_.failure());
  values_ = row.items();
  if (!is_well_formed(record)) return out({kMalformedValue, nullptr, true});
  if (summary_.time) {
    std::string why;
    const auto time = time_of(values_[*summary_.time], "summarize", evaluator_.arena(), why);
    if (!time) return out({why, &summary_.row->root.children[*summary_.time].place, false});
    time_ = *time;
  }
  key_.clear();
  for (std::size_t i = 0; i < summary_.keys.size(); ++i) {
    if (!append_canonical(values_[i], evaluator_.arena(), key_)) return out({kMalformedValue, nullptr, true});
  }
  hash_ = Groups::hash_of(key_);
  return true;
}

// Arrays and objects are kept, so all of their text has to be right.
bool Row::is_well_formed(const Record& record) {
  if (record.validated) return true;
  for (const auto& argument : summary_.arguments) {
    if (!argument) continue;
    const Value& value = values_[*argument];
    if (value.type() != Type::array && value.type() != Type::object) continue;
    if (value.form() == Value::Form::json && runtime::validate_json(value.text())) return false;
  }
  return true;
}

Value Row::argument(std::size_t aggregate) const {
  const auto& place = summary_.arguments[aggregate];
  return place ? values_[*place] : Value::boolean(true);
}

const void* Row::state(const Group* group, std::size_t aggregate) const {
  if (!group) {
    bool is_new = false;
    group = &none_.of({}, 0, is_new);
  }
  return summary_.aggregates.state(group->states, aggregate);
}

std::optional<std::size_t> Row::refused(const Group* group) const {
  for (std::size_t i = 0; i < summary_.aggregates.size(); ++i) {
    const Value value = argument(i);
    if (!value.is_null() && !summary_.aggregates[i].takes(state(group, i), value)) return i;
  }
  return std::nullopt;
}

std::string Row::refusal(const Group* group, std::size_t aggregate) const {
  return "summarize: " + summary_.aggregates[aggregate].refusal(state(group, aggregate), argument(aggregate));
}

void Row::add_to(Group& group, bool is_new) {
  if (is_new) {
    for (std::size_t i = 0; i < summary_.keys.size(); ++i)
      group.by.emplace_back(values_[i], evaluator_.arena());
  }
  for (std::size_t i = 0; i < summary_.aggregates.size(); ++i) {
    const Value value = argument(i);
    if (value.is_null()) continue;
    summary_.aggregates[i].add(summary_.aggregates.state(group.states, i), value, evaluator_.arena());
  }
}

}  // namespace pipec::stdlib
