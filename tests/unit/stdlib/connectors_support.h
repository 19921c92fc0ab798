// Connectors out of the registry, driven as the engine drives them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipec/runtime/program.h"
#include "pipec/runtime/registry.h"
#include "pipec/stdlib/register.h"

namespace pipec::test {

inline const runtime::Registry& connectors() {
  static const runtime::Registry* const registry = [] {
    auto* made = new runtime::Registry;
    stdlib::register_connectors(*made);
    stdlib::register_formats(*made);
    return made;
  }();
  return *registry;
}

class OptionsBuilder {
 public:
  OptionsBuilder& text(std::string name, std::string_view value) {
    if (name == "encode" || name == "framing") {
      options_.choose(std::move(name), *connectors().format(value));
      return *this;
    }
    return add(std::move(name), runtime::Value::string(options_.storage->copy(value)));
  }
  OptionsBuilder& number(std::string name, std::int64_t value) {
    return add(std::move(name), runtime::Value::integer(value));
  }
  OptionsBuilder& program(std::string name, std::shared_ptr<const runtime::Program> program) {
    options_.items.push_back({std::move(name), {}, std::move(program), {}});
    return *this;
  }
  operator const runtime::Options&() const { return options_; }

 private:
  OptionsBuilder& add(std::string name, runtime::Value value) {
    options_.items.push_back({std::move(name), value, nullptr, {}});
    return *this;
  }
  runtime::Options options_;
};

inline runtime::Expression constant_string(runtime::Program& program, std::string_view text) {
  runtime::Expression expression;
  expression.op = runtime::Op::constant;
  expression.types = runtime::Type::string;
  expression.constant = runtime::Value::string(program.constants->copy(text));
  return expression;
}

inline runtime::Expression field(runtime::Program& program, std::string_view key) {
  runtime::Expression expression;
  expression.op = runtime::Op::field;
  expression.path.slot = program.fields.slot_of(key);
  expression.path.text = "." + std::string(key);
  return expression;
}

inline std::shared_ptr<const runtime::Program> constant_path(std::string_view path) {
  auto program = std::make_shared<runtime::Program>();
  program->root = constant_string(*program, path);
  return program;
}

// "<before>${.<key>}<after>"
inline std::shared_ptr<const runtime::Program> path_template(std::string_view before, std::string_view key,
                                                             std::string_view after) {
  auto program = std::make_shared<runtime::Program>();
  program->root.op = runtime::Op::interpolate;
  program->root.types = runtime::Type::string;
  program->root.children.push_back(constant_string(*program, before));
  program->root.children.push_back(field(*program, key));
  program->root.children.push_back(constant_string(*program, after));
  return program;
}

inline std::unique_ptr<runtime::Receiver> make_receiver(std::string_view name,
                                                        const runtime::Options& options,
                                                        const runtime::ConnectorContext& context = {}) {
  auto made = connectors().receiver(name)->make(options, context);
  return made ? std::move(*made) : nullptr;
}

inline std::unique_ptr<runtime::Sink> make_sink(std::string_view name, const runtime::Options& options,
                                                const runtime::ConnectorContext& context = {}) {
  auto made = connectors().sink(name)->make(options, context);
  return made ? std::move(*made) : nullptr;
}

struct FakeContext final : runtime::StageContext {
  std::vector<std::pair<std::uint32_t, std::string>> dead;  // origin and reason
  std::uint64_t errors = 0;
  void dead_letter(const runtime::Record& record, std::string_view reason, const runtime::Place*) override {
    dead.emplace_back(record.origin, reason);
  }
  void count_filtered(std::uint64_t) override {}
  void count_errors(std::uint64_t records) override { errors += records; }
};

// A batch whose records lie in the block one after another, each with a newline.
inline runtime::Batch batch_of(const std::vector<std::string>& records, runtime::BufferPool& pool,
                               bool single_lines = true) {
  auto block = std::make_shared<runtime::Block>();
  block->data = pool.get(256);
  for (const std::string& record : records) {
    block->origins.push_back(
        {static_cast<std::uint32_t>(block->data->size()), static_cast<std::uint32_t>(record.size())});
    block->data->append(record);
    block->data->append('\n');
  }
  block->single_lines = single_lines;
  return {std::move(block), pool};
}

// The contents of the engine's checkpoint: later entries replace earlier ones.
class SavedState {
 public:
  void merge(const runtime::StateEntries& changes) {
    for (const runtime::StateEntry& change : changes) {
      if (change.value.empty()) {
        entries_.erase(change.key);
      } else {
        entries_[change.key] = change.value;
      }
    }
  }
  runtime::StateEntries entries() const {
    runtime::StateEntries result;
    for (const auto& [key, value] : entries_) result.push_back({key, value});
    return result;
  }

 private:
  std::map<std::string, std::string> entries_;
};

// As the engine opens a sink.
inline runtime::Status begin(runtime::Sink& sink, SavedState& state,
                             const runtime::Beginning& beginning = {}) {
  sink.keep_beginning(beginning);
  if (runtime::Status opened = sink.open(state.entries()); !opened) return opened;
  runtime::StateEntries changes;
  runtime::Status begun = sink.begin(changes);
  state.merge(changes);
  return begun;
}

}  // namespace pipec::test
