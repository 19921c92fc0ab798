#include "stdlib/connectors/output_path.h"

#include "pipec/runtime/arena.h"
#include "pipec/runtime/json.h"

namespace pipec::stdlib {

namespace {

using runtime::Expression;
using runtime::Op;

constexpr std::size_t kLongestName = 255;
constexpr std::size_t kLongestPath = 4096;

// Appends the constant's text. False if the expression is not a constant string.
bool append_constant(const Expression& expression, std::string& text) {
  if (expression.op != Op::constant || expression.constant.type() != runtime::Type::string) return false;
  runtime::Arena arena;
  text += runtime::decode_string(expression.constant, arena);
  return true;
}

// The text pieces of a template, in order; a record's value comes between two of them.
void append_pieces(const Expression& expression, std::vector<std::string>& pieces) {
  if (append_constant(expression, pieces.back())) return;
  if (expression.op == Op::interpolate || expression.op == Op::add) {
    for (const Expression& child : expression.children) append_pieces(child, pieces);
  } else {
    pieces.emplace_back();
  }
}

}  // namespace

OutputTemplate analyse_output(const runtime::Program& program) {
  OutputTemplate result;
  result.pieces.emplace_back();
  append_pieces(program.root, result.pieces);
  std::string& prefix = result.pieces.front();
  result.constant = result.pieces.size() == 1;
  const std::size_t slash = prefix.rfind('/');
  if (slash != std::string::npos) {
    result.base = prefix.substr(0, slash + 1);
    prefix.erase(0, slash + 1);
  }
  if (result.constant) result.name = prefix;
  return result;
}

bool OutputTemplate::matches(std::string_view relative) const {
  if (constant) return relative == name;
  if (!relative.starts_with(pieces.front())) return false;
  relative.remove_prefix(pieces.front().size());
  for (std::size_t i = 1; i + 1 < pieces.size(); ++i) {
    const std::size_t at = relative.find(pieces[i]);
    if (at == std::string_view::npos) return false;
    relative.remove_prefix(at + pieces[i].size());
  }
  return relative.ends_with(pieces.back());
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
