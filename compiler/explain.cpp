#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "pipec/compiler/compile.h"

namespace pipec::compiler {

namespace {

std::string place_text(const runtime::Place& place) {
  if (!place.known()) return {};
  const std::size_t slash = place.file.rfind('/');
  runtime::Place shown = place;
  if (slash != std::string::npos) shown.file = place.file.substr(slash + 1);
  return shown.to_string();
}

std::string number(std::size_t index) {
  return "#" + std::to_string(index + 1);
}

void fact(std::string& out, const std::string& text) {
  out += "      " + text + "\n";
}

// Only the settings in the text: the defaults are in the language reference.
std::string govern_text(const runtime::GovernSettings& settings) {
  if (!settings.on) return "govern: off\n";
  const runtime::GovernSettings usual;
  std::string said;
  const auto say = [&](const std::string& text) { said += (said.empty() ? "govern: " : ", ") + text; };
  const auto number = [&](const char* name, double value, double fallback) {
    if (value != fallback) say(fmt::format("{} {}", name, value));
  };
  if (settings.memory != 0) say(fmt::format("memory {} bytes", settings.memory));
  if (settings.profile != usual.profile)
    say("profile " + std::string(runtime::kProfileNames[static_cast<std::size_t>(settings.profile)]));
  number("pause_above", settings.pause_above, usual.pause_above);
  number("resume_below", settings.resume_below, usual.resume_below);
  number("target_rho", settings.target_rho, usual.target_rho);
  number("md_factor", settings.md_factor, usual.md_factor);
  return said.empty() ? said : said + "\n";
}

void edges(std::string& out, const graph::Node& node) {
  if (node.next.empty()) return;
  if (node.kind == graph::Node::Kind::route && node.arms.size() == node.next.size()) {
    for (std::size_t i = 0; i < node.next.size(); ++i)
      fact(out, node.arms[i] + " -> " + number(node.next[i]));
    return;
  }
  std::string line = node.next.size() > 1 ? "every record -> " : "-> ";
  for (std::size_t i = 0; i < node.next.size(); ++i) {
    if (i != 0) line += i + 1 == node.next.size() ? " and " : ", ";
    line += number(node.next[i]);
  }
  fact(out, line);
}

}  // namespace

std::string explain(const graph::Plan& plan) {
  std::string out = "pipeline " + plan.name + "\n\n";
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    const graph::Node& node = plan.nodes[i];
    std::string line = "  " + number(i);
    line.resize(std::max<std::size_t>(line.size() + 1, 6), ' ');
    line += node.name;
    if (!node.detail.empty()) line += "  " + node.detail;
    const std::string place = place_text(node.place);
    if (!place.empty()) line += "  [" + place + "]";
    out += line + "\n";
    for (const std::string& text : node.facts) fact(out, text);
    if (!node.state_key.empty()) fact(out, "state: " + node.state_key);
    edges(out, node);
    out += "\n";
  }
  out += "dead letters: ";
  switch (plan.dead_letters.kind) {
    case graph::DeadLetterPolicy::Kind::reject:
      out += "the first one stops the run (dlq reject)";
      break;
    case graph::DeadLetterPolicy::Kind::discard:
      out += "counted, then dropped (dlq discard)";
      break;
    case graph::DeadLetterPolicy::Kind::call:
    case graph::DeadLetterPolicy::Kind::sink:
      out += "written before the source is committed (" + plan.dead_letters.name;
      if (!plan.dead_letters.detail.empty()) out += " " + plan.dead_letters.detail;
      out += ")";
      if (!plan.dead_letters.state_key.empty()) out += "\n      state: " + plan.dead_letters.state_key;
      break;
  }
  out += plan.commit == graph::CommitMode::automatic
             ? "\ncommit: auto, after every sink took the whole batch\n"
             : "\ncommit: by the sink, when it has flushed\n";
  out += govern_text(plan.govern);
  return out;
}

}  // namespace pipec::compiler
