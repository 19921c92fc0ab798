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

// Empty if there is nothing to call, which Pipeline::make() reports.
template <typename Connector>
Factory<Connector> factory(std::function<std::unique_ptr<Connector>()> make) {
  if (!make) return nullptr;
  return
      [make = std::move(make)](const RunServices&) -> Result<std::unique_ptr<Connector>> { return make(); };
}

}  // namespace

// Pipeline::make() returns the first mistake.
void Builder::report(const std::string& node, std::string message) {
  if (!plan_.problem) plan_.problem = runtime::Error{"plan", std::move(message), node, {}, false};
}

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
  node.make_receiver = factory<runtime::Receiver>(std::move(make));
  return Stream(*this, add(std::move(node)));
}

Builder::Stream Builder::merge(const std::vector<Stream>& streams) {
  const std::uint32_t to = add(named(Node::Kind::merge, "merge"));
  for (const Stream& stream : streams) {
    if (stream.builder_ == this) {
      plan_.nodes[stream.node_].next.push_back(to);
    } else {
      report("merge", "a stream of another Builder cannot be merged here");
    }
  }
  return Stream(*this, to);
}

void Builder::dead_letters_to(std::string name, MakeSink make) {
  plan_.dead_letters.kind = DeadLetterPolicy::Kind::sink;
  plan_.dead_letters.state_key = name;
  plan_.dead_letters.name = std::move(name);
  plan_.dead_letters.make_sink = factory<runtime::Sink>(std::move(make));
}

void Builder::on_dead_letter(TakeDeadLetter take) {
  if (!take) report("dead letters", "on_dead_letter() was given no function to call");
  plan_.dead_letters.kind = DeadLetterPolicy::Kind::call;
  plan_.dead_letters.name = "on_dead_letter";
  plan_.dead_letters.call = std::move(take);
}

Builder::Stream Builder::Stream::stage(std::string name, std::shared_ptr<const runtime::Stage> stage) const {
  return add_stage(std::move(name), std::move(stage), false);
}

Builder::Stream Builder::Stream::add_stage(std::string name, std::shared_ptr<const runtime::Stage> stage,
                                           bool trusted) const {
  Node node = named(Node::Kind::stage, std::move(name));
  node.stage = std::move(stage);
  node.trusted = trusted;
  node.can_dead_letter = true;
  return builder_->follow(*this, std::move(node));
}

template <typename Function>
void Builder::Stream::need(const std::string& name, const Function& function) const {
  if (!function) builder_->report(name, "the stage was given no function to call");
}

Builder::Stream Builder::Stream::filter(std::string name, KeepRecord keep) const {
  need(name, keep);
  return add_stage(std::move(name), filter_stage(std::move(keep)), true);
}

Builder::Stream Builder::Stream::map(std::string name, MapRecord map) const {
  need(name, map);
  return add_stage(std::move(name), map_stage(std::move(map)), true);
}

Builder::Stream Builder::Stream::parse(std::string name, MapRecord parse, OnError on_error) const {
  need(name, parse);
  return add_stage(std::move(name), parse_stage(std::move(parse), on_error), true);
}

Builder::Stream Builder::Stream::parse_json(OnError on_error) const {
  return add_stage("parse json", runtime::make_json_parser(on_error), true);
}

Builder::Stream Builder::Stream::filter_json(std::string name, KeepJson keep, OnError on_error) const {
  need(name, keep);
  return add_stage(std::move(name), filter_json_stage(std::move(keep), on_error), true);
}

Builder::Stream Builder::Stream::map_json(std::string name, MapJson map, OnError on_error) const {
  need(name, map);
  return add_stage(std::move(name), map_json_stage(std::move(map), on_error), true);
}

Builder::Stream Builder::Stream::batches(std::string name, MapBatch map) const {
  need(name, map);
  return stage(std::move(name), batch_stage(std::move(map)));
}

Builder::Stream Builder::Stream::ordered(std::string name, MakeState make_state, ApplyRecord apply) const {
  need(name, apply);
  need(name, make_state);
  Node node = named(Node::Kind::ordered, std::move(name));
  node.state_key = node.name;
  node.trusted = true;
  node.can_dead_letter = true;
  node.make_ordered = [make_state = std::move(make_state), apply = std::move(apply)](
                          const RunServices&) -> Result<std::unique_ptr<runtime::OrderedStage>> {
    std::unique_ptr<StageState> state = make_state();
    if (!state) return std::unique_ptr<runtime::OrderedStage>();
    return ordered_stage(std::move(state), apply);
  };
  return builder_->follow(*this, std::move(node));
}

std::vector<Builder::Stream> Builder::Stream::route(std::string name, std::size_t arms,
                                                    ChooseArm choose) const {
  need(name, choose);
  Node node = named(Node::Kind::route, std::move(name));
  node.router = choose_router(std::move(choose));
  node.trusted = true;
  const Stream route = builder_->follow(*this, std::move(node));
  std::vector<Stream> out;
  for (std::size_t i = 0; i < arms; ++i) {
    // A separate node, so that fan-out is possible after it.
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
  node.make_sink = factory<runtime::Sink>(std::move(make));
  builder_->follow(*this, std::move(node));
}

void Builder::Stream::drop() const {
  builder_->follow(*this, named(Node::Kind::drop, "drop"));
}

}  // namespace pipec::graph
