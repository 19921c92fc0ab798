#include "pipec/graph/builder.h"

#include <utility>

namespace pipec::graph {

using runtime::Batch;
using runtime::Buffer;
using runtime::Record;
using runtime::Result;
using runtime::Scratch;
using runtime::StageContext;
using runtime::Status;

namespace {

class Filter final : public runtime::Stage {
 public:
  explicit Filter(Builder::KeepRecord keep) : keep_(std::move(keep)) {}
  Status process(Batch& batch, Scratch*, StageContext& context) const override {
    const std::size_t before = batch.records.size();
    std::erase_if(batch.records, [&](const Record& record) { return !keep_(batch.payload(record)); });
    context.count_filtered(before - batch.records.size());
    return {};
  }

 private:
  Builder::KeepRecord keep_;
};

class BatchEmit final : public Emit {
 public:
  BatchEmit(Batch& batch, StageContext& context, std::vector<Record>& out)
      : batch_(batch), context_(context), out_(out) {}
  void begin(const Record& record) { record_ = record; }
  void record(std::string_view payload) override {
    if (buffer_ == 0) buffer_ = batch_.add_buffer(batch_.block().bytes());
    Buffer& buffer = *batch_.buffers[buffer_];
    Record made = record_;
    made.buffer = buffer_;
    made.begin = static_cast<std::uint32_t>(buffer.size());
    made.size = static_cast<std::uint32_t>(payload.size());
    made.validated = false;
    buffer.append(payload);
    out_.push_back(made);
  }
  void dead_letter(std::string_view reason) override { context_.dead_letter(record_, reason); }

 private:
  Batch& batch_;
  StageContext& context_;
  std::vector<Record>& out_;
  Record record_;
  std::uint16_t buffer_ = 0;  // 0: none made yet
};

class Map final : public runtime::Stage {
 public:
  explicit Map(Builder::MapRecord map) : map_(std::move(map)) {}
  Status process(Batch& batch, Scratch*, StageContext& context) const override {
    std::vector<Record> out;
    out.reserve(batch.records.size());
    BatchEmit emit(batch, context, out);
    for (const Record& record : batch.records) {
      emit.begin(record);
      map_(batch.payload(record), emit);
    }
    batch.records = std::move(out);
    return {};
  }

 private:
  Builder::MapRecord map_;
};

class Batches final : public runtime::Stage {
 public:
  explicit Batches(Builder::MapBatch map) : map_(std::move(map)) {}
  Status process(Batch& batch, Scratch*, StageContext& context) const override {
    return map_(batch, context);
  }

 private:
  Builder::MapBatch map_;
};

class Choose final : public runtime::Router {
 public:
  explicit Choose(Builder::ChooseArm choose) : choose_(std::move(choose)) {}
  Status route(Batch& batch, std::span<Batch> arms, Scratch*, StageContext& context) const override {
    std::uint64_t nowhere = 0;
    for (const Record& record : batch.records) {
      const std::size_t arm = choose_(batch.payload(record));
      if (arm < arms.size()) {
        arms[arm].records.push_back(record);
      } else {
        ++nowhere;
      }
    }
    context.count_filtered(nowhere);
    return {};
  }

 private:
  Builder::ChooseArm choose_;
};

Node named(Node::Kind kind, std::string name) {
  Node node;
  node.kind = kind;
  node.name = std::move(name);
  return node;
}

std::function<Result<std::unique_ptr<runtime::Sink>>()> sink_factory(Builder::MakeSink make) {
  return [make = std::move(make)]() -> Result<std::unique_ptr<runtime::Sink>> { return make(); };
}

}  // namespace

std::uint32_t Builder::add(Node node) {
  plan_.nodes.push_back(std::move(node));
  return static_cast<std::uint32_t>(plan_.nodes.size() - 1);
}

Builder::Stream Builder::follow(const Stream& stream, Node node) {
  const std::uint32_t to = add(std::move(node));
  plan_.nodes[stream.node_].next.push_back(to);
  return Stream(*this, to);
}

Builder::Stream Builder::receive(std::string name, MakeReceiver make) {
  Node node = named(Node::Kind::receive, std::move(name));
  node.state_key = node.name;
  node.make_receiver = [make = std::move(make)]() -> Result<std::unique_ptr<runtime::Receiver>> {
    return make();
  };
  return Stream(*this, add(std::move(node)));
}

Builder::Stream Builder::merge(const std::vector<Stream>& streams) {
  const std::uint32_t to = add(named(Node::Kind::merge, "merge"));
  for (const Stream& stream : streams) plan_.nodes[stream.node_].next.push_back(to);
  return Stream(*this, to);
}

void Builder::dead_letters_to(std::string name, MakeSink make) {
  plan_.dead_letters.kind = DeadLetterPolicy::Kind::sink;
  plan_.dead_letters.state_key = name;
  plan_.dead_letters.name = std::move(name);
  plan_.dead_letters.make_sink = sink_factory(std::move(make));
}

Builder::Stream Builder::Stream::stage(std::string name, std::shared_ptr<const runtime::Stage> stage) const {
  Node node = named(Node::Kind::stage, std::move(name));
  node.stage = std::move(stage);
  node.can_dead_letter = true;
  return builder_->follow(*this, std::move(node));
}

Builder::Stream Builder::Stream::filter(std::string name, KeepRecord keep) const {
  return stage(std::move(name), std::make_shared<Filter>(std::move(keep)));
}

Builder::Stream Builder::Stream::map(std::string name, MapRecord map) const {
  return stage(std::move(name), std::make_shared<Map>(std::move(map)));
}

Builder::Stream Builder::Stream::batches(std::string name, MapBatch map) const {
  return stage(std::move(name), std::make_shared<Batches>(std::move(map)));
}

std::vector<Builder::Stream> Builder::Stream::route(std::string name, std::size_t arms,
                                                    ChooseArm choose) const {
  Node node = named(Node::Kind::route, std::move(name));
  node.router = std::make_shared<Choose>(std::move(choose));
  const Stream route = builder_->follow(*this, std::move(node));
  std::vector<Stream> out;
  for (std::size_t i = 0; i < arms; ++i) {
    // A node of its own, behind which fan-out is possible as anywhere.
    const std::uint32_t arm = builder_->add(named(Node::Kind::merge, "arm " + std::to_string(i)));
    builder_->plan_.nodes[route.node_].next.push_back(arm);
    out.push_back(Stream(*builder_, arm));
  }
  return out;
}

void Builder::Stream::sink(std::string name, MakeSink make, bool unordered) const {
  Node node = named(Node::Kind::sink, std::move(name));
  node.state_key = node.name;
  node.unordered = unordered;
  node.make_sink = sink_factory(std::move(make));
  builder_->follow(*this, std::move(node));
}

void Builder::Stream::drop() const {
  builder_->follow(*this, named(Node::Kind::drop, "drop"));
}

}  // namespace pipec::graph
