#include "compiler/pipec/difference.h"

#include <fmt/format.h>

#include "compiler/pipec/trim.h"
#include "pipec/runtime/arena.h"
#include "pipec/runtime/buffer.h"
#include "pipec/runtime/json.h"

namespace pipec::cli {
namespace {

using runtime::Type;
using runtime::Value;

constexpr std::size_t kMostLines = 10;
constexpr unsigned kMostLevels = 32;  // further down two values are shown whole

class Comparison {
 public:
  std::vector<std::string> run(const Value& expected, const Value& got) {
    compare(expected, got, "", 0);
    return std::move(lines_);
  }

 private:
  std::string text(const Value& value) {
    const runtime::BufferRef out = pool_.get(256);
    runtime::append_json(value, *out);
    return std::string(out->view());
  }

  void say(const std::string& path, const std::string& expected, const std::string& got) {
    if (lines_.size() > kMostLines) return;
    if (lines_.size() == kMostLines) {
      lines_.emplace_back("...");
      return;
    }
    lines_.push_back(fmt::format("{}: expected {}, got {}", path.empty() ? "." : path, expected, got));
  }

  static std::string member(const std::string& path, std::string_view key) {
    bool plain = !key.empty();
    for (const char c : key) {
      plain =
          plain && (c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
    }
    return plain ? fmt::format("{}.{}", path, key) : fmt::format("{}.\"{}\"", path, key);
  }

  void compare(const Value& expected, const Value& got, const std::string& path, unsigned level) {
    if (runtime::equal(expected, got, arena_)) return;
    const Type type = expected.type();
    if (type == got.type() && type == Type::object && level < kMostLevels) {
      compare_objects(expected, got, path, level);
    } else if (type == got.type() && type == Type::array && level < kMostLevels) {
      compare_arrays(expected, got, path, level);
    } else {
      say(path, text(expected), text(got));
    }
  }

  void compare_objects(const Value& expected, const Value& got, const std::string& path, unsigned level) {
    std::string_view key;
    Value value;
    for (runtime::ObjectWalker walker(expected, arena_); walker.next(key, value);) {
      const runtime::Found other = runtime::find_member(got, key, arena_);
      if (other.found) {
        compare(value, other.value, member(path, key), level + 1);
      } else {
        say(member(path, key), text(value), "nothing");
      }
    }
    for (runtime::ObjectWalker walker(got, arena_); walker.next(key, value);) {
      if (!runtime::find_member(expected, key, arena_).found) say(member(path, key), "nothing", text(value));
    }
  }

  void compare_arrays(const Value& expected, const Value& got, const std::string& path, unsigned level) {
    runtime::ArrayWalker left(expected);
    runtime::ArrayWalker right(got);
    for (std::size_t i = 0;; ++i) {
      Value a;
      Value b;
      const bool more_left = left.next(a);
      const bool more_right = right.next(b);
      if (!more_left && !more_right) return;
      const std::string item = fmt::format("{}[{}]", path, i);
      if (more_left && more_right) {
        compare(a, b, item, level + 1);
      } else {
        say(item, more_left ? text(a) : "nothing", more_right ? text(b) : "nothing");
      }
    }
  }

  runtime::Arena arena_;
  runtime::BufferPool pool_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> json_differences(std::string_view expected, std::string_view got) {
  const auto left = runtime::read_json(trimmed(expected));
  const auto right = runtime::read_json(trimmed(got));
  if (!left || !right) {
    if (expected == got) return {};
    return {fmt::format(".: expected {}, got {}", expected, got)};
  }
  return Comparison().run(*left, *right);
}

}  // namespace pipec::cli
