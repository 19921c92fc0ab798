#include "unit/compiler/stage_run.h"

#include <mutex>
#include <thread>

#include "pipec/dsl/render.h"
#include "pipec/stdlib/register.h"

namespace pipec::compiler::test {

using namespace runtime;

const Registry& standard_library() {
  static const Registry* const kAll = [] {
    auto* all = new Registry;
    stdlib::register_all(*all);
    return all;
  }();
  return *kAll;
}

struct StageRun::Context final : StageContext {
  Context(StageRun& run, const Batch& batch) : run_(run), batch_(batch) {}
  void dead_letter(const Record& record, std::string_view reason, const Place*) override {
    const std::lock_guard lock(mutex);
    run_.dead.emplace_back(batch_.block().original(record.origin), reason);
  }
  void count_filtered(std::uint64_t records) override {
    const std::lock_guard lock(mutex);
    run_.filtered += records;
  }
  void count_errors(std::uint64_t) override {}

  static inline std::mutex mutex;
  StageRun& run_;
  const Batch& batch_;
};

StageRun::StageRun(const std::string& text, const Registry& registry)
    : pool_(std::make_unique<BufferPool>()) {
  dsl::SourceMap sources;
  dsl::DiagnosticSink sink;
  CompileOptions options;
  StageEnds ends;
  ends.source.name = "given";
  ends.sink.name = "result";
  auto made = compile_stages(sources.add("stages", text), registry, options, std::move(ends), sink);
  if (!made) {
    problem = dsl::render_text(sink.all(), sources);
    return;
  }
  plan = std::move(*made);
  make_nodes();
  open({});
}

void StageRun::make_nodes() {
  for (const graph::Node& node : plan.nodes) {
    if (node.kind == graph::Node::Kind::stage) {
      nodes_.push_back({node.stage, nullptr, {}});
    } else if (node.kind == graph::Node::Kind::ordered) {
      auto made = node.make_ordered({});
      if (!made.ok()) {
        problem = made.error().message;
        return;
      }
      nodes_.push_back({nullptr, std::move(*made), {}});
    } else {
      continue;
    }
    names_.push_back(node.state_key);
  }
}

void StageRun::open(const std::map<std::string, StateEntries>& saved) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!nodes_[i].ordered) continue;
    const auto found = saved.find(names_[i]);
    const StateEntries entries = found == saved.end() ? StateEntries{} : found->second;
    for (const StateEntry& entry : entries) nodes_[i].saved[entry.key] = entry.value;
    if (const Status status = nodes_[i].ordered->open(entries); !status) error = status.error().message;
  }
}

std::map<std::string, StateEntries> StageRun::save() {
  std::map<std::string, StateEntries> result;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = nodes_[i];
    if (!node.ordered) continue;
    StateEntries changes;
    node.ordered->snapshot(changes);
    for (const StateEntry& change : changes) {
      if (change.value.empty()) {
        node.saved.erase(change.key);
      } else {
        node.saved[change.key] = change.value;
      }
    }
    for (const auto& [key, value] : node.saved) result[names_[i]].push_back({key, value});
  }
  return result;
}

Lines StageRun::lines(const Batch& batch) const {
  Lines result;
  for (const Record& record : batch.records) result.emplace_back(batch.payload(record));
  return result;
}

namespace {

Batch batch_of(const Lines& records, BufferPool& pool, Format format) {
  auto block = std::make_shared<Block>();
  block->data = pool.get(256);
  block->format = format;
  for (const std::string& record : records) {
    block->origins.push_back(
        {static_cast<std::uint32_t>(block->data->size()), static_cast<std::uint32_t>(record.size())});
    block->data->append(record);
    if (format == Format::json) block->data->append('\n');
  }
  block->single_lines = true;
  return {std::move(block), pool};
}

}  // namespace

// Through the nodes from `from` on.
void StageRun::apply(std::size_t from, Batch& batch, std::unique_ptr<Prepared> prepared, bool is_prepared) {
  for (std::size_t i = from; i < nodes_.size() && error.empty(); ++i) {
    Context context(*this, batch);
    Node& node = nodes_[i];
    if (!node.ordered) {
      const auto scratch = node.stage->make_scratch();
      if (const Status status = node.stage->process(batch, scratch.get(), context); !status)
        error = status.error().message;
      continue;
    }
    if (!(is_prepared && i == from)) {
      const auto scratch = node.ordered->make_scratch();
      auto made = node.ordered->prepare(batch, scratch.get(), context);
      if (!made.ok()) {
        error = made.error().message;
        return;
      }
      prepared = std::move(*made);
    }
    if (const Status status = node.ordered->apply(batch, prepared.get(), context); !status)
      error = status.error().message;
  }
}

Lines StageRun::batch(const Lines& records, Format format) {
  Batch batch = batch_of(records, *pool_, format);
  apply(0, batch, nullptr, false);
  return lines(batch);
}

// What each ordered stage adds of its own goes through the stages after it.
template <class Call>
Lines StageRun::released(Call&& call) {
  Lines result;
  for (std::size_t i = 0; i < nodes_.size() && error.empty(); ++i) {
    if (!nodes_[i].ordered) continue;
    Batch batch = batch_of({""}, *pool_, Format::json);
    batch.records.clear();
    Context context(*this, batch);
    if (const Status status = call(*nodes_[i].ordered, batch, context); !status) {
      error = status.error().message;
      break;
    }
    apply(i + 1, batch, nullptr, false);
    for (std::string& line : lines(batch)) result.push_back(std::move(line));
  }
  return result;
}

Lines StageRun::finish() {
  return released(
      [](OrderedStage& stage, Batch& out, StageContext& context) { return stage.finish(out, context); });
}

Lines StageRun::on_time(std::int64_t now) {
  return released([now](OrderedStage& stage, Batch& out, StageContext& context) {
    return stage.wants_time() ? stage.on_time(now, out, context) : Status();
  });
}

Lines StageRun::batches(const std::vector<Lines>& given) {
  std::vector<Batch> all;
  for (const Lines& records : given) all.push_back(batch_of(records, *pool_, Format::json));
  std::vector<std::unique_ptr<Prepared>> prepared(all.size());
  const auto prepare = [&](std::size_t first) {
    const auto scratch = nodes_[0].ordered->make_scratch();
    for (std::size_t i = all.size(); i-- > 0;) {
      if (i % 2 != first) continue;
      Context context(*this, all[i]);
      auto made = nodes_[0].ordered->prepare(all[i], scratch.get(), context);
      if (made.ok()) prepared[i] = std::move(*made);
    }
  };
  std::thread other(prepare, 0);
  prepare(1);
  other.join();
  Lines result;
  for (std::size_t i = 0; i < all.size(); ++i) {
    apply(0, all[i], std::move(prepared[i]), true);
    for (std::string& line : lines(all[i])) result.push_back(std::move(line));
  }
  return result;
}

}  // namespace pipec::compiler::test
