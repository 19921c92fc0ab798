#include "stdlib/connectors/input_paths.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <iterator>
#include <optional>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "pipec/runtime/json.h"
#include "stdlib/connectors/glob.h"

namespace pipec::stdlib {

namespace {

using runtime::Error;
using runtime::Result;
using runtime::Status;
using runtime::Type;
using runtime::Value;

// One text or a list of texts; nullopt where an item of the list is none.
std::optional<std::vector<std::string>> texts_of(const runtime::Options& options, std::string_view name) {
  std::vector<std::string> texts;
  const runtime::Options::Item* item = options.find(name);
  if (!item) return texts;
  runtime::Arena arena;
  if (item->value.type() == Type::string) {
    texts.emplace_back(runtime::decode_string(item->value, arena));
    return texts;
  }
  const Value array = runtime::expand(item->value, arena);
  if (array.type() != Type::array) return std::nullopt;
  for (std::uint32_t i = 0; i < array.size(); ++i) {
    if (array.items()[i].type() != Type::string) return std::nullopt;
    texts.emplace_back(runtime::decode_string(array.items()[i], arena));
  }
  return texts;
}

// A path that looks like a glob but exists is taken literally.
bool is_constant(const std::string& path) {
  struct stat info;
  return !is_glob(path) || ::lstat(path.c_str(), &info) == 0;
}

bool is_excluded(const std::vector<std::string>& globs, const std::string& path) {
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
    const bool by_name = glob.find('/') == std::string::npos;
    return glob_matches(glob, by_name ? std::string_view(path).substr(path.rfind('/') + 1) : path);
  });
}

}  // namespace

InputPaths input_paths_of(const runtime::Options& options) {
  InputPaths paths;
  paths.wanted = texts_of(options, "path").value_or(std::vector<std::string>());
  paths.excluded = texts_of(options, "exclude").value_or(std::vector<std::string>());
  return paths;
}

Status check_input_paths(const runtime::Options& options) {
  for (const std::string_view name : {"path", "exclude"}) {
    if (const auto* item = options.find(name); !item || item->value.is_null()) continue;
    const auto texts = texts_of(options, name);
    if (!texts) return Error{"option", fmt::format("'{}' is a text or a list of texts", name), {}, {}};
    if (texts->empty()) return Error{"option", fmt::format("'{}' is an empty list", name), {}, {}};
    for (const std::string& text : *texts) {
      if (text.empty()) return Error{"option", fmt::format("the {} is empty", name), {}, {}};
      if (text.find('\0') != std::string::npos)
        return Error{"option", fmt::format("the {} holds a NUL character", name), {}, {}};
    }
  }
  return {};
}

std::vector<std::string> constant_paths_of(const InputPaths& paths) {
  std::vector<std::string> constant;
  std::copy_if(paths.wanted.begin(), paths.wanted.end(), std::back_inserter(constant), is_constant);
  return constant;
}

Result<std::vector<std::string>> expand_input_paths(const InputPaths& paths) {
  std::vector<std::string> result;
  std::unordered_set<std::string> known;
  for (const std::string& wanted : paths.wanted) {
    std::vector<std::string> found{wanted};
    if (!is_constant(wanted)) {
      auto files = glob_files(wanted);
      if (!files) return files.error();
      if (files->empty()) return Error{"io", fmt::format("no file matches {}", wanted), {}, {}};
      found = std::move(*files);
      if (paths.leave_out) paths.leave_out(found);
      if (found.empty()) {
        return Error{
            "io",
            fmt::format(
                "{} matches only files that this pipeline writes or depends on; write the output to a "
                "separate directory, such as \"out/\"",
                wanted),
            {},
            {}};
      }
    }
    std::erase_if(found, [&](const std::string& path) { return is_excluded(paths.excluded, path); });
    if (found.empty()) {
      return Error{"io", fmt::format("{} matches only files that 'exclude' leaves out", wanted), {}, {}};
    }
    if (paths.wanted.size() == 1) return found;
    for (std::string& path : found) {
      if (known.insert(path).second) result.push_back(std::move(path));
    }
  }
  return result;
}

}  // namespace pipec::stdlib
