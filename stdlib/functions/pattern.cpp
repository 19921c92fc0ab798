#include "stdlib/functions/pattern.h"

#include <re2/re2.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

#include "stdlib/functions/compiled_cache.h"
#include "stdlib/functions/define.h"

namespace pipec::stdlib {

namespace {

constexpr std::size_t kMaxPattern = std::size_t{64} << 10;  // bytes
constexpr std::int64_t kMaxMemory = std::int64_t{8} << 20;  // of one compiled pattern
constexpr std::int64_t kSmallMemory = std::int64_t{512} << 10;
constexpr int kMaxGroups = 1000;

// Older libraries know `(?P<name>` only. Escapes, `\Q...\E` and character classes are left as they are.
std::string with_portable_names(std::string_view pattern) {
  std::string result;
  result.reserve(pattern.size() + 8);
  bool in_class = false;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (c == '\\' && i + 1 < pattern.size()) {
      std::size_t end = i + 2;
      if (pattern[i + 1] == 'Q' && !in_class) {
        const std::size_t close = pattern.find("\\E", i + 2);
        end = close == std::string_view::npos ? pattern.size() : close + 2;
      }
      result += pattern.substr(i, end - i);
      i = end - 1;
      continue;
    }
    if (in_class) {
      in_class = c != ']';
    } else if (c == '[') {
      in_class = true;
      // A bracket in the first position (also after ^) stands for itself.
      std::size_t first = i + 1;
      if (first < pattern.size() && pattern[first] == '^') ++first;
      if (first < pattern.size() && pattern[first] == ']') {
        result += pattern.substr(i, first - i + 1);
        i = first;
        continue;
      }
    } else if (c == '(' && pattern.substr(i).starts_with("(?<")) {
      const char next = i + 3 < pattern.size() ? pattern[i + 3] : '\0';
      result += next == '=' || next == '!' ? "(?<" : "(?P<";
      i += 2;
      continue;
    }
    result += c;
  }
  return result;
}

// While it is compiled a large pattern takes many times the memory that it takes then.
std::mutex& one_at_a_time() {
  static std::mutex mutex;
  return mutex;
}

// Returns freed memory to the system: the next thread allocates from another arena and would need it all
// again.
void return_memory() {
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
}

class Re2Pattern final : public Pattern {
 public:
  // `large`: the caller holds one_at_a_time().
  Re2Pattern(const std::string& pattern, std::int64_t most_memory, bool large = false)
      : expression_(pattern, options(most_memory)), is_ready_(!large) {
    if (!expression_.ok()) return;
    names_.resize(static_cast<std::size_t>(expression_.NumberOfCapturingGroups()) + 1);
    for (const auto& [number, name] : expression_.CapturingGroupNames()) {
      names_[static_cast<std::size_t>(number)] = name;
    }
  }

  const re2::RE2& expression() const { return expression_; }

  // Compiles the backward program, which finds the start of a match. Otherwise the first match would compile
  // it, possibly on several threads. The caller holds one_at_a_time().
  void make_ready() const {
    if (is_ready_.load(std::memory_order_relaxed)) return;
    expression_.ReverseProgramSize();
    return_memory();
    is_ready_.store(true, std::memory_order_release);
  }

  bool search(std::string_view text) const override {
    return expression_.Match(re2::StringPiece(text.data(), text.size()), 0, text.size(), re2::RE2::UNANCHORED,
                             nullptr, 0);
  }

  bool match(std::string_view text, std::size_t from, std::vector<std::string_view>& groups) const override {
    thread_local std::vector<re2::StringPiece> found;
    if (text.data() == nullptr) text = "";
    if (!is_ready_.load(std::memory_order_acquire)) {
      // The absence of a match is detected without the backward program.
      if (!expression_.Match(re2::StringPiece(text.data(), text.size()), from, text.size(),
                             re2::RE2::UNANCHORED, nullptr, 0)) {
        return false;
      }
      const std::lock_guard lock(one_at_a_time());
      make_ready();
    }
    found.assign(names_.size(), re2::StringPiece());
    if (!expression_.Match(re2::StringPiece(text.data(), text.size()), from, text.size(),
                           re2::RE2::UNANCHORED, found.data(), static_cast<int>(found.size()))) {
      return false;
    }
    groups.clear();
    for (const re2::StringPiece& group : found) groups.emplace_back(group.data(), group.size());
    return true;
  }

  const std::vector<std::string>& group_names() const override { return names_; }

  // The forward and the backward program, plus an allowance for the automata built from them.
  std::size_t bytes() const override {
    constexpr std::size_t kOfInstruction = 16;
    constexpr std::size_t kBesides = std::size_t{16} << 10;
    return kBesides + kOfInstruction * static_cast<std::size_t>(std::max(0, expression_.ProgramSize()));
  }

 private:
  static re2::RE2::Options options(std::int64_t most_memory) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(most_memory);
    return options;
  }

  re2::RE2 expression_;
  mutable std::atomic<bool> is_ready_;
  std::vector<std::string> names_;
};

Result<std::shared_ptr<const Pattern>> checked(std::string_view pattern,
                                               std::shared_ptr<Re2Pattern> compiled) {
  const re2::RE2& expression = compiled->expression();
  if (!expression.ok()) {
    std::string message = "bad pattern: " + expression.error();
    if (pattern.find("(?=") != std::string_view::npos || pattern.find("(?!") != std::string_view::npos ||
        pattern.find("(?<=") != std::string_view::npos || pattern.find("(?<!") != std::string_view::npos) {
      message += " (patterns have no lookahead and no lookbehind)";
    }
    return bad_argument(std::move(message));
  }
  if (expression.NumberOfCapturingGroups() > kMaxGroups) {
    return bad_argument("bad pattern: more than 1000 groups");
  }
  return std::shared_ptr<const Pattern>(std::move(compiled));
}

}  // namespace

Result<std::shared_ptr<const Pattern>> Pattern::compile(std::string_view pattern) {
  if (pattern.size() > kMaxPattern) return bad_argument("the pattern is longer than 64 KiB");
  return checked(pattern, std::make_shared<Re2Pattern>(with_portable_names(pattern), kMaxMemory));
}

Result<std::shared_ptr<const Pattern>> Pattern::compile_computed(std::string_view pattern) {
  if (pattern.size() > kMaxPattern) return bad_argument("the pattern is longer than 64 KiB");
  const std::string portable = with_portable_names(pattern);
  auto small = std::make_shared<Re2Pattern>(portable, kSmallMemory);
  if (small->expression().error_code() != re2::RE2::ErrorPatternTooLarge) {
    return checked(pattern, std::move(small));
  }
  small.reset();
  const std::lock_guard lock(one_at_a_time());
  auto large = std::make_shared<Re2Pattern>(portable, kMaxMemory, true);
  // Patterns anchored at the end use the backward program immediately.
  const bool may_end = portable.find('$') != std::string::npos || portable.find("\\z") != std::string::npos;
  if (large->expression().ok() && may_end) {
    large->make_ready();
  } else {
    return_memory();
  }
  return checked(pattern, std::move(large));
}

std::shared_ptr<const Pattern> pattern_of(CallContext& context, const Value& pattern) {
  thread_local CompiledCache<Pattern> cache;
  const auto compiled =
      cache.get(pattern.text(), Pattern::compile_computed, [](const Pattern& each) { return each.bytes(); });
  if (compiled.ok()) return *compiled;
  context.fail(compiled.error().message);
  return nullptr;
}

}  // namespace pipec::stdlib
