#include "compiler/names.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "compiler/references.h"
#include "pipec/dsl/parser.h"
#include "pipec/dsl/suggest.h"

namespace pipec::compiler {

using dsl::as;
using dsl::Code;
using dsl::ItemKind;

const char* describe(Symbol::Kind kind) {
  switch (kind) {
    case Symbol::Kind::stream:
      return "a stream";
    case Symbol::Kind::chain:
      return "a stage chain";
    case Symbol::Kind::function:
      return "a function";
  }
  return "";
}

std::string did_you_mean(const Module& module, Symbol::Kind kind, std::string_view word) {
  std::vector<std::string_view> candidates;
  for (const auto& [name, symbol] : module.names) {
    if (symbol->kind == kind) candidates.push_back(name);
  }
  return dsl::did_you_mean(word, candidates);
}

namespace {

// The most files that a file may use, not counting itself.
constexpr std::size_t kMaxModules = 256;

// `path` as seen from the directory of `file`, with "." and ".." taken out where the text allows it.
std::string relative_to(const std::string& file, const std::string& path) {
  std::string joined = path;
  if (path.empty() || path[0] != '/') {
    const std::size_t slash = file.rfind('/');
    if (slash != std::string::npos) joined = file.substr(0, slash + 1) + path;
  }
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= joined.size();) {
    const std::size_t end = std::min(joined.find('/', at), joined.size());
    std::string part = joined.substr(at, end - at);
    at = end + 1;
    if (part.empty() || part == ".") continue;
    if (part == ".." && !parts.empty() && parts.back() != "..") {
      parts.pop_back();
    } else {
      parts.push_back(std::move(part));
    }
  }
  std::string result = !joined.empty() && joined[0] == '/' ? "/" : "";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i != 0) result += '/';
    result += parts[i];
  }
  return result;
}

class Resolver {
 public:
  Resolver(const runtime::Registry& registry, const CompileOptions& options, Report& report,
           dsl::DiagnosticSink& sink, Names& names)
      : registry_(registry), options_(options), report_(report), sink_(sink), names_(names) {}

  void run(const dsl::SourceFile& source) {
    add_module(source, relative_to("", source.name()), true);
    // Modules are appended while files are loaded.
    for (std::size_t i = 0; i < names_.modules.size(); ++i) load_used(i);
    for (const auto& [from, to, span] : uses_) import(names_.modules[from], names_.modules[to], span);
    find_used_circles();
    for (Symbol& symbol : names_.symbols) find_kind(symbol);
    find_circles();
    count_uses();
  }

 private:
  struct Use {
    std::size_t from;
    std::size_t to;
    dsl::Span span;
  };

  void add_module(const dsl::SourceFile& source, const std::string& path, bool main) {
    report_.add_file(source);
    Module& module = names_.modules.emplace_back();
    by_path_[path] = names_.modules.size() - 1;
    module.file = &source;
    module.main = main;
    dsl::ParseResult parsed = dsl::parse(source, sink_);
    module.ast = std::move(parsed.file);
    module.complete = parsed.ok;
    for (const auto& item : module.ast.items) {
      if (item->kind == ItemKind::kLet) {
        Symbol& symbol = bind(module, as<dsl::LetItem>(*item).name);
        symbol.let = &as<dsl::LetItem>(*item);
        symbol.kind = Symbol::Kind::chain;
      } else if (item->kind == ItemKind::kFn) {
        Symbol& symbol = bind(module, as<dsl::FnItem>(*item).name);
        symbol.fn = &as<dsl::FnItem>(*item);
        symbol.kind = Symbol::Kind::function;
      }
    }
  }

  Symbol& bind(Module& module, const dsl::Name& name) {
    Symbol& symbol = names_.symbols.emplace_back();
    symbol.name = name;
    symbol.module = &module;
    const auto [found, is_new] = module.names.emplace(name.text, &symbol);
    if (!is_new && !name.text.empty()) {
      report_.add(Code::bound_twice, name.span, "'" + name.text + "' is already bound")
          .label("bound again here")
          .also(found->second->name.span, "first bound here")
          .hint("choose another name for one of them");
      symbol.uses = 1;
    }
    return symbol;
  }

  void load_used(std::size_t from) {
    for (const auto& item : names_.modules[from].ast.items) {
      if (item->kind != ItemKind::kUse) continue;
      const dsl::Name& written = as<dsl::UseItem>(*item).path;
      const std::string path = relative_to(names_.modules[from].file->name(), written.text);
      const auto fail = [&](std::string message) -> dsl::Diagnostic& {
        names_.modules[from].complete = false;
        return report_.add(Code::unusable_file, written.span, std::move(message));
      };
      if (written.text.empty() || written.text.find('\0') != std::string::npos) {
        fail("this is not a valid file name");
        continue;
      }
      if (const auto known = by_path_.find(path); known != by_path_.end()) {
        const bool again = std::any_of(uses_.begin(), uses_.end(), [&](const Use& use) {
          return use.from == from && use.to == known->second;
        });
        if (again) {
          fail("'" + written.text + "' is already used").hint("remove one of the two lines");
        } else {
          uses_.push_back({from, known->second, written.span});
        }
        continue;
      }
      if (names_.modules.size() > kMaxModules) {
        fail("more than " + std::to_string(kMaxModules) + " files are used");
        return;
      }
      if (!options_.use) {
        fail("'use' is relative to a file, and this text does not come from one");
        continue;
      }
      auto read = options_.use(path);
      if (!read.ok()) {
        fail("cannot use '" + written.text + "': " + read.error().message)
            .note("the path is relative to the file that contains it");
        continue;
      }
      uses_.push_back({from, names_.modules.size(), written.span});
      add_module(**read, path, false);
    }
  }

  void import(Module& module, const Module& used, dsl::Span span) {
    if (!used.complete) module.complete = false;
    for (const auto& [name, symbol] : used.names) {
      if (symbol->module != &used || name.empty()) continue;
      const auto [found, is_new] = module.names.emplace(name, symbol);
      if (is_new || found->second == symbol) continue;
      report_.add(Code::bound_twice, span, "this file binds '" + name + "', which is already bound")
          .also(found->second->name.span, "first bound here")
          .also(symbol->name.span, "bound again here")
          .hint("choose another name for one of them");
    }
  }

  // Depth first, without recursion: states are 0 (new), 1 (on the way), 2 (done).
  template <class Next, class Circle, class Done>
  static void visit(std::size_t count, Next next, Circle circle, Done done) {
    std::vector<std::uint8_t> state(count, 0);
    std::vector<std::pair<std::size_t, std::size_t>> path;
    for (std::size_t root = 0; root < count; ++root) {
      if (state[root] != 0) continue;
      state[root] = 1;
      path.emplace_back(root, 0);
      while (!path.empty()) {
        const std::size_t at = path.back().first;
        const auto [target, edge] = next(at, path.back().second++);
        if (edge == nullptr) {
          state[at] = 2;
          done(at);
          path.pop_back();
        } else if (state[target] == 0) {
          state[target] = 1;
          path.emplace_back(target, 0);
        } else if (state[target] == 1) {
          std::vector<std::size_t> members;
          for (auto step = path.rbegin(); step != path.rend(); ++step) {
            members.push_back(step->first);
            if (step->first == target) break;
          }
          std::reverse(members.begin(), members.end());
          circle(members, *edge);
        }
      }
    }
  }

  void find_used_circles() {
    const auto next = [&](std::size_t at, std::size_t n) -> std::pair<std::size_t, const dsl::Span*> {
      for (const Use& use : uses_) {
        if (use.from == at && n-- == 0) return {use.to, &use.span};
      }
      return {0, nullptr};
    };
    const auto circle = [&](const std::vector<std::size_t>& members, dsl::Span edge) {
      std::string way;
      for (const std::size_t member : members) way += names_.modules[member].file->name() + " -> ";
      way += names_.modules[members.front()].file->name();
      report_.add(Code::circular_definition, edge, "files use each other in a cycle")
          .note(way)
          .hint("move what both need to a third file");
    };
    visit(names_.modules.size(), next, circle, [](std::size_t) {});
  }

  // A let that begins with a name has the kind of that name.
  void find_kind(Symbol& symbol) {
    if (!symbol.let) return;
    std::vector<Symbol*> way;
    Symbol* at = &symbol;
    for (;;) {
      way.push_back(at);
      const auto& source = at->let->pipeline.source;
      if (!source) break;  // a chain
      if (source->kind != dsl::Source::Kind::kName) {
        at->kind = Symbol::Kind::stream;
        break;
      }
      Symbol* next = source->names.empty() ? nullptr : at->module->find(source->names[0].text);
      if ((!next || !next->let) && !source->names.empty() && registry_.stage(source->names[0].text)) break;
      // Unknown names and functions are reported where the let is compiled, circles by find_circles().
      if (!next || !next->let || std::find(way.begin(), way.end(), next) != way.end() ||
          way.size() > 2 * kLimit) {
        at->kind = Symbol::Kind::stream;
        at->kind_known = false;
        break;
      }
      if (known_.count(next) != 0) {
        at->kind = next->kind;
        at->kind_known = next->kind_known;
        break;
      }
      at = next;
    }
    for (Symbol* step : way) {
      step->kind = way.back()->kind;
      step->kind_known = way.back()->kind_known;
      known_.insert({step, true});
    }
  }

  void find_circles() {
    std::unordered_map<const Symbol*, std::size_t> index;
    for (std::size_t i = 0; i < names_.symbols.size(); ++i) index[&names_.symbols[i]] = i;
    edges_.resize(names_.symbols.size());
    for (std::size_t i = 0; i < names_.symbols.size(); ++i) {
      const Symbol& symbol = names_.symbols[i];
      std::vector<Reference> references;
      if (symbol.let) references_of(symbol.let->pipeline, references);
      if (symbol.fn && symbol.fn->body) references_of(*symbol.fn->body, references);
      for (const Reference& reference : references) {
        Symbol* target = symbol.module->find(*reference.name);
        if (!target || reference.call != (target->fn != nullptr)) continue;
        edges_[i].emplace_back(index[target], reference.span);
      }
    }
    const auto next = [&](std::size_t at, std::size_t n) -> std::pair<std::size_t, const dsl::Span*> {
      if (n >= edges_[at].size()) return {0, nullptr};
      return {edges_[at][n].first, &edges_[at][n].second};
    };
    const auto circle = [&](const std::vector<std::size_t>& members, dsl::Span edge) {
      const Symbol& first = names_.symbols[members.front()];
      const bool function = first.fn != nullptr;
      std::string way;
      for (const std::size_t member : members) way += names_.symbols[member].name.text + " -> ";
      way += first.name.text;
      std::string message = function ? "the function '" + first.name.text + "' calls itself"
                                     : "'" + first.name.text + "' is defined in terms of itself";
      auto& diagnostic = report_.add(Code::circular_definition, edge, std::move(message));
      if (members.size() > 1) diagnostic.note("the circle: " + way);
      if (function) diagnostic.note("functions cannot be recursive: so every program ends");
      for (const std::size_t member : members) names_.symbols[member].failed = true;
    };
    std::vector<unsigned> depth(names_.symbols.size(), 0);
    const auto done = [&](std::size_t at) {
      Symbol& symbol = names_.symbols[at];
      bool reported = symbol.failed;
      for (const auto& [target, span] : edges_[at]) {
        depth[at] = std::max(depth[at], depth[target] + 1);
        reported = reported || names_.symbols[target].failed;
      }
      if (depth[at] <= kMaxDefinitionDepth) return;
      symbol.failed = true;
      if (reported) return;
      report_.add(Code::program_too_large, symbol.name.span,
                  "'" + symbol.name.text + "' is defined by more than " +
                      std::to_string(kMaxDefinitionDepth) + " names, each by the next");
    };
    visit(names_.symbols.size(), next, circle, done);
  }

  // Counts the names that the main file's flows, tests and definitions refer to, directly or indirectly.
  void count_uses() {
    const Module& main = names_.modules.front();
    for (const auto& item : main.ast.items) {
      std::vector<Reference> references;
      if (item->kind == ItemKind::kFlow) references_of(as<dsl::FlowItem>(*item).pipeline, references);
      if (item->kind == ItemKind::kDlq) {
        for (const auto& arg : as<dsl::DlqItem>(*item).connector.args) {
          if (arg.value) references_of(*arg.value, references);
        }
      }
      if (item->kind == ItemKind::kTest) {
        const auto& test = as<dsl::TestItem>(*item);
        references.push_back({&test.stage.text, test.stage.span, false});
        for (const auto& each : test.cases) {
          for (const auto& given : each.given) references_of(*given, references);
          for (const auto& expected : each.expected) {
            if (expected.value) references_of(*expected.value, references);
          }
        }
      }
      for (const Reference& reference : references) {
        if (Symbol* symbol = main.find(*reference.name)) ++symbol->uses;
      }
    }
    for (std::size_t i = 0; i < edges_.size(); ++i) {
      for (const auto& [target, span] : edges_[i]) {
        if (target != i) ++names_.symbols[target].uses;
      }
    }
  }

  static constexpr std::size_t kLimit = 10'000;

  const runtime::Registry& registry_;
  const CompileOptions& options_;
  Report& report_;
  dsl::DiagnosticSink& sink_;
  Names& names_;
  std::vector<Use> uses_;
  std::map<std::string, std::size_t> by_path_;
  std::unordered_map<const Symbol*, bool> known_;
  std::vector<std::vector<std::pair<std::size_t, dsl::Span>>> edges_;  // per symbol
};

}  // namespace

void resolve(const dsl::SourceFile& source, const runtime::Registry& registry, const CompileOptions& options,
             Report& report, dsl::DiagnosticSink& sink, Names& names) {
  Resolver(registry, options, report, sink, names).run(source);
}

}  // namespace pipec::compiler
