#include "pipec/runtime/paths.h"

#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <memory>
#include <optional>

namespace pipec::runtime {

namespace {

constexpr int kMostLinks = 40;  // as the kernel

struct Freed {
  void operator()(char* text) const { std::free(text); }
};

std::optional<std::string> real_path(const std::string& path) {
  const std::unique_ptr<char, Freed> real(::realpath(path.c_str(), nullptr));
  if (!real) return std::nullopt;
  return std::string(real.get());
}

std::optional<std::string> link_target(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t size = ::readlink(path.c_str(), target, sizeof target);
  if (size <= 0) return std::nullopt;
  return std::string(target, static_cast<std::size_t>(size));
}

std::string below(const std::string& directory, const std::string& name) {
  return directory == "/" ? "/" + name : directory + "/" + name;
}

// `path` is absolute.
std::string resolve(std::string path, int links) {
  if (auto real = real_path(path)) return *std::move(real);
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const std::size_t slash = path.rfind('/');
  const std::string name = path.substr(slash + 1);
  if (name.empty()) return "/";
  std::string parent = resolve(slash == 0 ? "/" : path.substr(0, slash), links);
  if (name == ".") return parent;
  if (name == "..") {
    const std::size_t above = parent.rfind('/');
    return above == 0 ? "/" : parent.substr(0, above);
  }
  std::string resolved = below(parent, name);
  if (links >= kMostLinks) return resolved;
  const auto target = link_target(resolved);
  if (!target) return resolved;
  return resolve(target->front() == '/' ? *target : below(parent, *target), links + 1);
}

std::string working_directory() {
  return real_path(".").value_or("/");
}

}  // namespace

std::string canonical_path(const std::string& path) {
  if (!path.empty() && path.front() == '/') return resolve(path, 0);
  return resolve(below(working_directory(), path.empty() ? "." : path), 0);
}

std::string state_path(const std::string& path) {
  const std::string canonical = canonical_path(path);
  const std::string directory = below(working_directory(), "");
  return canonical.starts_with(directory) && canonical.size() > directory.size()
             ? canonical.substr(directory.size())
             : canonical;
}

}  // namespace pipec::runtime
