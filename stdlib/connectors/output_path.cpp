#include "stdlib/connectors/output_path.h"

#include "pipec/runtime/arena.h"
#include "pipec/runtime/json.h"

namespace pipec::stdlib {

namespace {

using runtime::Expression;
using runtime::Op;

constexpr std::size_t kLongestName = 255;
constexpr std::size_t kLongestPath = 4096;

// Appends the constant's text. False where the expression is no constant string.
bool append_constant(const Expression& expression, std::string& text) {
  if (expression.op != Op::constant || expression.constant.type() != runtime::Type::string) return false;
  runtime::Arena arena;
  text += runtime::decode_string(expression.constant, arena);
  return true;
}

}  // namespace

OutputTemplate analyse_output(const runtime::Program& program) {
  OutputTemplate result;
  std::string prefix;
  const Expression* first = &program.root;
  // "out/" + .name: what stands leftmost decides.
  while (first->op == Op::add) first = &first->children[0];
  if (first->op == Op::interpolate) {
    bool all = true;
    for (std::size_t i = 0; all && i < first->children.size(); ++i)
      all = append_constant(first->children[i], prefix);
    result.constant = all && first == &program.root;
  } else {
    result.constant = append_constant(*first, prefix) && first == &program.root;
  }
  const std::size_t slash = prefix.rfind('/');
  if (slash != std::string::npos) result.base = prefix.substr(0, slash + 1);
  if (result.constant) result.name = prefix.substr(result.base.size());
  return result;
}

const char* refuse_output(std::string_view relative) {
  if (relative.empty()) return "the path is empty";
  if (relative.front() == '/') return "the path is absolute";
  if (relative.size() > kLongestPath) return "the path is longer than 4096 bytes";
  if (relative.find('\0') != std::string_view::npos) return "the path holds a NUL character";
  for (std::size_t begin = 0; begin <= relative.size();) {
    const std::size_t slash = relative.find('/', begin);
    const std::size_t end = slash == std::string_view::npos ? relative.size() : slash;
    const std::string_view part = relative.substr(begin, end - begin);
    if (part.empty()) return "the path has an empty part";
    if (part == "." || part == "..") return "the path has a part that is '.' or '..'";
    if (part.size() > kLongestName) return "a part of the path is longer than 255 bytes";
    begin = end + 1;
  }
  return nullptr;
}

std::string plain_path(std::string_view path) {
  std::string result(path.starts_with('/') ? "/" : "");
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t slash = path.find('/', begin);
    const std::size_t end = slash == std::string_view::npos ? path.size() : slash;
    const std::string_view part = path.substr(begin, end - begin);
    if (!part.empty() && part != ".") {
      if (!result.empty() && result.back() != '/') result += '/';
      result += part;
    }
    begin = end + 1;
  }
  return result;
}

}  // namespace pipec::stdlib
