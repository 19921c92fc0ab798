#include "stdlib/connectors/glob.h"

#include <dirent.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "pipec/runtime/fd.h"

namespace pipec::stdlib {

namespace {

using runtime::Result;
using runtime::Status;

// A pattern of this many alternatives is a mistake.
constexpr std::size_t kMostAlternatives = 10'000;

bool has_magic(std::string_view name) {
  return name.find_first_of("*?[\\") != std::string_view::npos;
}

// The brace that closes the one at `open`, and the commas between them; npos where there is none.
std::size_t closing_brace(std::string_view text, std::size_t open, std::vector<std::size_t>& commas) {
  std::size_t depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '{') {
      ++depth;
    } else if (text[i] == ',' && depth == 1) {
      commas.push_back(i);
    } else if (text[i] == '}' && --depth == 0) {
      return i;
    }
  }
  return std::string_view::npos;
}

// Appends `begin` with each spelling of `rest`.
void spell_out(const std::string& begin, std::string_view rest, std::vector<std::string>& out) {
  if (out.size() >= kMostAlternatives) return;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '\\') {
      ++i;
      continue;
    }
    if (rest[i] != '{') continue;
    std::vector<std::size_t> commas;
    const std::size_t close = closing_brace(rest, i, commas);
    if (close == std::string_view::npos || commas.empty()) continue;
    commas.push_back(close);
    std::size_t from = i + 1;
    for (const std::size_t comma : commas) {
      // The alternative may contain braces, and so may the text after it.
      std::string text(rest.substr(from, comma - from));
      text += rest.substr(close + 1);
      spell_out(begin + std::string(rest.substr(0, i)), text, out);
      from = comma + 1;
    }
    return;
  }
  out.push_back(begin + std::string(rest));
}

// "a/**/b" as its names; several ** in a row are one, and one at the end is followed by any name.
std::vector<std::string> names_of(std::string_view pattern) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin <= pattern.size();) {
    const std::size_t end = std::min(pattern.find('/', begin), pattern.size());
    const std::string_view name = pattern.substr(begin, end - begin);
    const bool repeated = name == "**" && !names.empty() && names.back() == "**";
    if (!name.empty() && name != "." && !repeated) names.emplace_back(name);
    begin = end + 1;
  }
  if (!names.empty() && names.back() == "**") names.emplace_back("*");
  return names;
}

std::string without_backslashes(const std::string& name) {
  std::string plain;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '\\' && i + 1 < name.size()) ++i;
    plain += name[i];
  }
  return plain;
}

bool is_plain(const std::string& name) {
  return name.find_first_of("*?[") == std::string::npos;
}

bool name_matches(const std::string& pattern, const std::string& name) {
  return ::fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD) == 0;
}

class Walk {
 public:
  Walk(std::vector<std::string> names, std::vector<std::string>& out) : names_(std::move(names)), out_(out) {}

  // `directory` ends with a slash, or is empty for the working directory.
  Status go(const std::string& directory, std::size_t at) {
    const std::string& name = names_[at];
    const bool last = at + 1 == names_.size();
    if (name == "**") return any_depth(directory, at);
    if (is_plain(name)) {
      const std::string path = directory + without_backslashes(name);
      if (!last) return go(path + "/", at + 1);
      struct stat info;
      if (::lstat(path.c_str(), &info) == 0 && !is_directory(path, DT_UNKNOWN)) out_.push_back(path);
      return {};
    }
    return each(directory, [&](const std::string& entry, unsigned char type) -> Status {
      if (!name_matches(name, entry)) return {};
      const std::string path = directory + entry;
      const bool inside = is_directory(path, type);
      if (last && !inside) out_.push_back(path);
      return !last && inside ? go(path + "/", at + 1) : Status();
    });
  }

 private:
  Status any_depth(const std::string& directory, std::size_t at) {
    if (Status here = go(directory, at + 1); !here) return here;
    return each(directory, [&](const std::string& entry, unsigned char type) -> Status {
      if (entry.front() == '.') return {};
      const std::string path = directory + entry;
      if (type == DT_UNKNOWN) {
        struct stat info;
        type = ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) ? DT_DIR : DT_REG;
      }
      return type == DT_DIR ? any_depth(path + "/", at) : Status();
    });
  }

  static bool is_directory(const std::string& path, unsigned char type) {
    if (type != DT_LNK && type != DT_UNKNOWN) return type == DT_DIR;
    struct stat info;
    return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
  }

  // A missing directory counts as empty.
  template <typename Visit>
  static Status each(const std::string& directory, Visit visit) {
    const std::string path = directory.empty() ? "." : directory;
    const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(path.c_str()), ::closedir);
    if (!open) {
      if (errno == ENOENT || errno == ENOTDIR) return {};
      return runtime::system_error("io", "cannot list the directory", path, errno);
    }
    // Visits may open further directories, so all names are collected first.
    std::vector<std::pair<std::string, unsigned char>> entries;
    errno = 0;
    while (const dirent* entry = ::readdir(open.get())) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") entries.emplace_back(name, entry->d_type);
      errno = 0;
    }
    if (errno != 0) return runtime::system_error("io", "cannot list the directory", path, errno);
    for (const auto& [name, type] : entries) {
      if (Status visited = visit(name, type); !visited) return visited;
    }
    return {};
  }

  const std::vector<std::string> names_;
  std::vector<std::string>& out_;
};

bool match_names(const std::vector<std::string>& pattern, std::size_t at,
                 const std::vector<std::string>& path, std::size_t name) {
  for (; at < pattern.size(); ++at, ++name) {
    if (pattern[at] == "**") {
      for (std::size_t skip = name; skip < path.size(); ++skip) {
        if (match_names(pattern, at + 1, path, skip)) return true;
        if (path[skip].front() == '.') return false;
      }
      return false;
    }
    if (name == path.size() || !name_matches(pattern[at], path[name])) return false;
  }
  return name == path.size();
}

}  // namespace

bool is_glob(std::string_view text) {
  if (has_magic(text)) return true;
  return expand_braces(text).size() > 1;
}

std::vector<std::string> expand_braces(std::string_view pattern) {
  std::vector<std::string> spelled;
  spell_out({}, pattern, spelled);
  return spelled;
}

Result<std::vector<std::string>> glob_files(std::string_view pattern) {
  std::vector<std::string> paths;
  for (const std::string& spelled : expand_braces(pattern)) {
    std::vector<std::string> names = names_of(spelled);
    if (names.empty()) continue;
    // "./x" keeps its dot, so that matches begin like the pattern.
    const std::string root = spelled.starts_with('/') ? "/" : spelled.starts_with("./") ? "./" : "";
    if (Status walked = Walk(std::move(names), paths).go(root, 0); !walked) return walked.error();
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

bool glob_matches(std::string_view pattern, std::string_view path) {
  const std::vector<std::string> names = names_of(path);
  for (const std::string& spelled : expand_braces(pattern)) {
    if (spelled.starts_with('/') == path.starts_with('/') && match_names(names_of(spelled), 0, names, 0)) {
      return true;
    }
  }
  return false;
}

}  // namespace pipec::stdlib
