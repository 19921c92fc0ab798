#include "pipec/runtime/own_files.h"

#include <algorithm>

#include "pipec/runtime/paths.h"

namespace pipec::runtime {

namespace {

std::string with_slash(std::string path) {
  if (path.empty() || path.back() != '/') path += '/';
  return path;
}

// The directory part of a path, "." where it has none.
std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::string name_of(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// Any text may appear between two pieces.
bool matches(const PathPieces& pieces, std::string_view text) {
  const std::string& first = pieces.front();
  const std::string& last = pieces.back();
  if (text.size() < first.size() + last.size()) return false;
  if (!text.starts_with(first) || !text.ends_with(last)) return false;
  text.remove_prefix(first.size());
  text.remove_suffix(last.size());
  for (std::size_t i = 1; i + 1 < pieces.size(); ++i) {
    const std::size_t found = text.find(pieces[i]);
    if (found == std::string_view::npos) return false;
    text.remove_prefix(found + pieces[i].size());
  }
  return true;
}

const char* refusal(OwnFile::Role role) {
  switch (role) {
    case OwnFile::Role::source:
      return "the path names a file that this pipeline reads";
    case OwnFile::Role::sink:
      return "the path names the file of another sink";
    case OwnFile::Role::dead_letters:
      return "the path names the file of the dead letters";
    case OwnFile::Role::text:
      return "the path names the text of this pipeline";
    case OwnFile::Role::state:
      break;
  }
  return "the path names a file of the pipeline's state";
}

}  // namespace

bool same_file(const std::string& a, const std::string& b) {
  struct stat first;
  struct stat second;
  const bool there = ::stat(a.c_str(), &first) == 0;
  if (there != (::stat(b.c_str(), &second) == 0)) return false;
  if (!there) return canonical_path(a) == canonical_path(b);
  return S_ISREG(first.st_mode) && first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

OwnFileIndex::OwnFileIndex(const OwnFiles& files) {
  for (const OwnFile& file : files.files) {
    if (file.pieces.size() > 1) {
      const bool written = file.role == OwnFile::Role::sink || file.role == OwnFile::Role::dead_letters;
      if (!written) continue;
      PathPieces pieces = file.pieces;
      pieces.front() = with_slash(canonical_path(directory_of(pieces.front()))) + name_of(pieces.front());
      templates_.push_back(std::move(pieces));
      continue;
    }
    const std::string& path = file.pieces.front();
    constants_.push_back({file.role, path, canonical_path(path)});
    struct stat info;
    if (file.role != OwnFile::Role::source && ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode)) {
      written_.emplace_back(info.st_dev, info.st_ino);
    }
  }
  for (const std::string& directory : files.state_directories) {
    state_directories_.push_back(with_slash(canonical_path(directory)));
  }
}

bool OwnFileIndex::holds_state(std::string_view path) const {
  return std::any_of(state_directories_.begin(), state_directories_.end(),
                     [&](const std::string& directory) { return path.starts_with(directory); });
}

// A glob names many files of few directories: each directory is resolved once.
std::string OwnFileIndex::canonical(const std::string& path, bool is_link) {
  if (is_link) return canonical_path(path);
  const std::string directory = directory_of(path);
  if (last_canonical_.empty() || directory != last_directory_) {
    last_directory_ = directory;
    last_canonical_ = with_slash(canonical_path(directory));
  }
  return last_canonical_ + name_of(path);
}

bool OwnFileIndex::leaves_out(const std::string& path) {
  if (constants_.empty() && templates_.empty() && state_directories_.empty()) return false;
  struct stat info;
  if (::lstat(path.c_str(), &info) != 0) return false;
  const bool is_link = S_ISLNK(info.st_mode);
  if (is_link && ::stat(path.c_str(), &info) != 0) return false;
  const std::pair identity(info.st_dev, info.st_ino);
  if (std::find(written_.begin(), written_.end(), identity) != written_.end()) return true;
  const std::string name = canonical(path, is_link);
  const auto names_it = [&](const Constant& file) {
    return file.role != OwnFile::Role::source && file.canonical == name;
  };
  if (std::any_of(constants_.begin(), constants_.end(), names_it) || holds_state(name)) return true;
  return std::any_of(templates_.begin(), templates_.end(),
                     [&](const PathPieces& pieces) { return matches(pieces, name); });
}

std::vector<std::string> OwnFileIndex::take_out(std::vector<std::string>& paths) {
  std::vector<std::string> taken;
  std::erase_if(paths, [&](const std::string& path) {
    if (!leaves_out(path)) return false;
    taken.push_back(path);
    return true;
  });
  return taken;
}

const char* OwnFileIndex::refuse(std::string_view path, const struct stat* there) const {
  if (holds_state(path)) return "the path leads into the pipeline's state directory";
  for (const Constant& file : constants_) {
    if (file.canonical == path) return refusal(file.role);
    // A directory at the path of a file that the pipeline will create or read would block it.
    if (file.canonical.size() < path.size() && path.starts_with(file.canonical) &&
        path[file.canonical.size()] == '/') {
      return "the path leads through something that is not a directory";
    }
    // Links: only a file with a second name can be one of them in spite of its path.
    struct stat info;
    if (there != nullptr && there->st_nlink > 1 && ::stat(file.written.c_str(), &info) == 0 &&
        info.st_dev == there->st_dev && info.st_ino == there->st_ino) {
      return refusal(file.role);
    }
  }
  return nullptr;
}

}  // namespace pipec::runtime
