#include "pipec/graph/builder.h"

#include <utility>

#include "graph/lambda_stages.h"
#include "pipec/runtime/evaluate.h"

namespace pipec::graph {

using runtime::Result;

namespace {

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
  return stage(std::move(name), filter_stage(std::move(keep)));
}

Builder::Stream Builder::Stream::map(std::string name, MapRecord map) const {
  return stage(std::move(name), map_stage(std::move(map)));
}

Builder::Stream Builder::Stream::parse(std::string name, MapRecord parse, OnError on_error) const {
  return stage(std::move(name), parse_stage(std::move(parse), on_error));
}

Builder::Stream Builder::Stream::parse_json(OnError on_error) const {
  return stage("parse json", runtime::make_json_parser(on_error));
}

Builder::Stream Builder::Stream::filter_json(std::string name, KeepJson keep, OnError on_error) const {
  return stage(std::move(name), filter_json_stage(std::move(keep), on_error));
}

Builder::Stream Builder::Stream::map_json(std::string name, MapJson map, OnError on_error) const {
  return stage(std::move(name), map_json_stage(std::move(map), on_error));
}

Builder::Stream Builder::Stream::batches(std::string name, MapBatch map) const {
  return stage(std::move(name), batch_stage(std::move(map)));
}

std::vector<Builder::Stream> Builder::Stream::route(std::string name, std::size_t arms,
                                                    ChooseArm choose) const {
  Node node = named(Node::Kind::route, std::move(name));
  node.router = choose_router(std::move(choose));
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
