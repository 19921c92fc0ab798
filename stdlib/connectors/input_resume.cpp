#include "stdlib/connectors/input_resume.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "stdlib/connectors/connectors.h"
#include "stdlib/connectors/rotation.h"

namespace pipec::stdlib {

using runtime::Fd;
using runtime::Result;
using runtime::StateEntries;
using runtime::StateEntry;
using runtime::Status;

namespace {

constexpr std::string_view kBadKey = "bad:";
// A copy that was not written for this many seconds counts as a separate file, even if its original still
// exists.
constexpr std::uint64_t kCopySettles = 60;

std::string bad_value(const InputFile& file) {
  return fmt::format("size={} modified={} path={}", file.size, file.modified, file.path);
}

std::uint64_t read_before(const FileMark& mark) {
  return mark.packed ? mark.packed->end : mark.offset;
}

}  // namespace

StateEntry bad_file_entry(const InputFile& file) {
  return {std::string(kBadKey) + file.key, bad_value(file)};
}

// A file that may hold a known text. Its first bytes are read once for all marks that it is compared with.
class InputResume::Candidate {
 public:
  Candidate(const InputFile& file, int fd) : file_(file), fd_(fd) {}

  // `prefix`: set if the file is packed and had to be unpacked for this.
  Result<bool> holds(const FileMark& mark, std::optional<UnpackedPrefix>& prefix) {
    prefix.reset();
    const bool packed = file_.compression != Compression::none;
    if (packed && mark.packed && mark.packed->end != 0 && file_.size >= mark.packed->end &&
        tail_hash_of(fd_, mark.packed->end) == mark.packed->tail) {
      return true;
    }
    if (!mark.text) return false;
    if (packed) {
      auto unpacked = unpack_prefix(fd_, file_.path, file_.compression, mark.offset, *mark.text);
      if (!unpacked) return unpacked.error();
      prefix = *unpacked;
      return prefix.has_value();
    }
    if (file_.size < mark.offset || other_head(mark)) return false;
    const bool head_is_all = mark.text->head && mark.offset <= kFingerprintBytes;
    return head_is_all || tail_hash_of(fd_, mark.offset) == mark.text->tail;
  }

  // For a quick no: true only where it cannot hold the text.
  bool other_head(const FileMark& mark) {
    if (file_.compression != Compression::none || !mark.text || !mark.text->head) return false;
    if (!head_read_) {
      head_.resize(kFingerprintBytes);
      const ssize_t got = ::pread(fd_, head_.data(), head_.size(), 0);
      head_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
      head_read_ = true;
    }
    const std::size_t size = std::min<std::uint64_t>(mark.offset, kFingerprintBytes);
    if (size > head_.size()) return true;
    if (size == kFingerprintBytes && !full_head_) full_head_ = hash_of(head_);
    const std::uint64_t found =
        size == kFingerprintBytes ? *full_head_ : hash_of(std::string_view(head_).substr(0, size));
    return found != *mark.text->head;
  }

 private:
  const InputFile& file_;
  const int fd_;
  bool head_read_ = false;
  std::string head_;
  std::optional<std::uint64_t> full_head_;
};

InputResume::InputResume(const StateEntries& saved, const InputRequest& request) : request_(request) {
  for (const StateEntry& entry : saved) {
    keys_.insert(entry.key);
    if (request.from_start) continue;
    if (entry.key.starts_with(kBadKey)) {
      bad_.emplace(entry.key.substr(kBadKey.size()), entry.value);
      continue;
    }
    auto mark = FileMark::parse(entry);
    if (!mark) continue;
    by_inode_.emplace(mark->inode, known_.size());
    by_path_.emplace(mark->path, known_.size());
    known_.push_back({std::move(*mark)});
  }
}

void InputResume::say(const std::string& what) {
  if (!note_.empty()) note_ += "; ";
  note_ += what;
}

bool InputResume::free(std::size_t at) const {
  return !known_[at].taken && !request_.claims->is_claimed(request_.state, known_[at].mark.key);
}

Status InputResume::place(InputFile& file, int fd) {
  if (known_.empty() || file.size_unknown) return {};
  Candidate candidate(file, fd);
  std::optional<std::size_t> best;
  std::optional<UnpackedPrefix> best_prefix;
  const auto consider = [&](std::size_t at) -> Status {
    const FileMark& mark = known_[at].mark;
    if (!free(at) || (best && known_[*best].mark.offset >= mark.offset)) return {};
    std::optional<UnpackedPrefix> prefix;
    auto holds = candidate.holds(mark, prefix);
    if (!holds) return holds.error();
    if (*holds) {
      best = at;
      best_prefix = prefix;
    }
    return {};
  };
  const auto [first_inode, last_inode] = by_inode_.equal_range(file.inode);
  for (auto it = first_inode; it != last_inode; ++it) {
    if (Status considered = consider(it->second); !considered) return considered;
  }
  const auto [first_path, last_path] = by_path_.equal_range(file.path);
  for (auto it = first_path; it != last_path; ++it) {
    if (Status considered = consider(it->second); !considered) return considered;
  }
  if (best) take(*best, file, fd, best_prefix);
  return {};
}

// Needed only to find the possible origin of a new file, so the index is built when there is one.
void InputResume::index_names() {
  if (std::exchange(names_indexed_, true)) return;
  for (std::size_t i = 0; i < known_.size(); ++i) {
    by_name_.emplace(unpacked_name(known_[i].mark.path), i);
    if (known_[i].taken) continue;
    for (const RotationNumber& number : rotation_numbers(known_[i].mark.path))
      by_numbered_name_.emplace(number.name, i);
  }
}

Result<bool> InputResume::place_rotated(InputFile& file) {
  if (known_.empty() || file.known || file.size == 0 || file.size_unknown) return false;
  index_names();
  std::vector<std::size_t> origins;
  for (const std::string& origin : rotation_origins(file.path)) {
    const auto [first, last] = by_name_.equal_range(origin);
    for (auto it = first; it != last; ++it) origins.push_back(it->second);
  }
  for (const RotationNumber& number : rotation_numbers(file.path)) {
    const auto [first, last] = by_numbered_name_.equal_range(number.name);
    for (auto it = first; it != last; ++it) origins.push_back(it->second);
  }
  if (origins.empty()) return false;
  const Fd fd(::open(file.path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) return runtime::system_error(kBadFile, "cannot open", file.path, errno);
  Candidate candidate(file, fd.get());
  std::erase_if(origins, [&](std::size_t at) {
    const FileMark& mark = known_[at].mark;
    return candidate.other_head(mark) || !rotation_makes(mark.path, file.path);
  });
  // The longest text that is known counts.
  std::sort(origins.begin(), origins.end(), [&](std::size_t a, std::size_t b) {
    return std::pair(known_[b].mark.offset, b) < std::pair(known_[a].mark.offset, a);
  });
  origins.erase(std::unique(origins.begin(), origins.end()), origins.end());
  for (const std::size_t at : origins) {
    const FileMark& mark = known_[at].mark;
    std::optional<UnpackedPrefix> prefix;
    auto holds = candidate.holds(mark, prefix);
    if (!holds) return holds.error();
    if (!*holds) continue;
    if (free(at) && !stands(known_[at])) {
      take(at, file, fd.get(), prefix);
      return false;
    }
    const bool packed_form = unpacked_name(mark.path) == unpacked_name(file.path);
    const auto modified =
        static_cast<std::uint64_t>(std::max<std::int64_t>(file.modified, 0)) / 1'000'000'000;
    if (packed_form || request_.now < modified + kCopySettles) {
      say(fmt::format("{} is a copy of {} and is left alone", file.path, mark.path));
      return true;
    }
  }
  return false;
}

// Does the file that was read still exist under its name?
bool InputResume::stands(Known& known) {
  if (known.original == Known::Original::unasked) {
    known.original = Known::Original::gone;
    InputFile file;
    const auto fd = open_input(known.mark.path, request_.packing, file);
    if (fd) {
      std::optional<UnpackedPrefix> prefix;
      const auto holds = Candidate(file, fd->get()).holds(known.mark, prefix);
      if (holds && *holds) known.original = Known::Original::stands;
    }
  }
  return known.original == Known::Original::stands;
}

void InputResume::take(std::size_t at, InputFile& file, int fd, const std::optional<UnpackedPrefix>& prefix) {
  Known& known = known_[at];
  known.taken = true;
  request_.claims->claim_entry(request_.state, known.mark.key);
  FileMark& mark = known.mark;
  const bool changed = mark.path != file.path || mark.inode != file.inode || mark.device != file.device ||
                       mark.missing_since != 0 || prefix.has_value();
  if (mark.path != file.path && names_indexed_) by_name_.emplace(unpacked_name(file.path), at);
  mark.path = file.path;
  mark.inode = file.inode;
  mark.device = file.device;
  mark.missing_since = 0;
  if (file.compression == Compression::none) {
    mark.packed.reset();
  } else if (prefix) {
    FileMark::Packed packed;
    packed.end = prefix->packed_end;
    packed.whole = prefix->whole;
    packed.tail = tail_hash_of(fd, packed.end).value_or(0);
    mark.packed = packed;
  }
  if (changed) to_save_.push_back(mark.entry());
  file.known = true;
  file.key = mark.key;
  file.still_bad = still_bad(file);
  if (!file.still_bad) go_on(file, fd, mark);
}

void InputResume::go_on(InputFile& file, int fd, const FileMark& mark) {
  file.start = mark.offset;
  file.closed = mark.closed && request_.whole;
  if (mark.text) file.head = mark.text->head;
  if (file.compression != Compression::none) {
    go_on_unpacking(file, mark);
    return;
  }
  if (file.size == mark.offset) {
    done(file, mark);
    return;
  }
  if (mark.open_line != mark.offset) pass_open_line(file, fd, mark);
  if (file.start == mark.offset || file.start > mark.open_line) {
    say(fmt::format("resuming at byte {} of {}", file.start, file.path));
  }
}

void InputResume::done(InputFile& file, const FileMark& mark) {
  file.done = true;
  ++done_;
  done_path_ = file.path;
  done_offset_ = mark.offset;
}

void InputResume::go_on_unpacking(InputFile& file, const FileMark& mark) {
  file.packed_start = mark.packed->frame;
  if (mark.packed->whole && file.size == mark.packed->end) {
    // Nothing is left to unpack.
    file.packed_start = {mark.packed->end, mark.offset};
    done(file, mark);
    return;
  }
  if (mark.open_line != mark.offset) {
    file.start = mark.open_line;
    file.head.reset();
    file.open_end = mark.offset;
  } else if (mark.packed->whole) {
    file.packed_start = {mark.packed->end, mark.offset};
  }
  say(fmt::format("resuming at byte {} of what {} unpacks to", mark.offset, file.path));
}

// The last line had no newline and was delivered all the same. If it got one since, it was whole; if it was
// continued, it is delivered again from its beginning: better twice than torn.
void InputResume::pass_open_line(InputFile& file, int fd, const FileMark& mark) {
  char next[2] = {};
  const ssize_t got = ::pread(fd, next, sizeof next, static_cast<off_t>(mark.offset));
  const std::string_view text(next, got > 0 ? static_cast<std::size_t>(got) : 0);
  if (text.starts_with('\n')) {
    file.start = mark.offset + 1;
  } else if (text == "\r\n") {
    file.start = mark.offset + 2;
  } else {
    file.start = mark.open_line;
    say(fmt::format(
        "the last line of {} had no newline and was continued since: it is delivered again, whole, "
        "from byte {}; with partial: wait it would have waited for its newline",
        file.path, file.start));
  }
}

void InputResume::say_why_new(const InputFile& file) {
  if (const auto same = by_inode_.find(file.inode); same != by_inode_.end()) {
    const FileMark& mark = known_[same->second].mark;
    const std::uint64_t read = read_before(mark);
    if (!known_[same->second].taken && mark.path == file.path) {
      say(file.size < read
              ? fmt::format(
                    "{} was truncated to {} bytes since it was read to byte {}: it is read from its start",
                    file.path, file.size, read)
              : fmt::format("{} was rewritten since it was read to byte {}: it is read from its start",
                            file.path, read));
      return;
    }
  }
  if (by_path_.contains(file.path)) {
    say(fmt::format("{} is not the file that was read before: it is read from its start", file.path));
  }
}

bool InputResume::assign_key(InputFile& file) {
  if (!file.known) {
    say_why_new(file);
    const std::string first = file_key(file.device, file.inode);
    file.key = first;
    if (request_.from_start) {
      // Until the first commit of this file nothing may count that was before.
      request_.claims->claim_entry(request_.state, file.key);
      for (const std::string& old : {file.key, std::string(kBadKey) + file.key}) {
        if (keys_.contains(old)) to_save_.push_back({old, {}});
      }
    } else {
      for (int n = 2; keys_.contains(file.key) || !request_.claims->claim_entry(request_.state, file.key);
           ++n)
        file.key = fmt::format("{}#{}", first, n);
    }
  }
  if (!file.known) file.still_bad = still_bad(file);
  return file.still_bad;
}

bool InputResume::still_bad(const InputFile& file) {
  const auto bad = bad_.find(file.key);
  if (bad == bad_.end()) return false;
  if (request_.skip_bad && bad->second == bad_value(file)) {
    say(fmt::format("{} has not changed since it was found to be damaged: the rest of it is skipped",
                    file.path));
    return true;
  }
  to_save_.push_back({std::string(kBadKey) + file.key, {}});
  return false;
}

std::string InputResume::note(std::size_t files) const {
  if (done_ == 0) return note_;
  std::string done;
  if (files == 1) {
    done = fmt::format("{}: nothing new since the last run (read to byte {}); --from-start reads it again",
                       done_path_, done_offset_);
  } else if (done_ == files) {
    done = fmt::format("nothing new in {} files since the last run; --from-start reads them again", files);
  } else {
    done = fmt::format("{} of {} files contain nothing new", done_, files);
  }
  return note_.empty() ? done : done + "; " + note_;
}

StateEntries InputResume::look_after_rest() {
  StateEntries changes;
  if (request_.from_start) {
    for (const std::string& key : keys_) {
      const std::string own = key.starts_with(kBadKey) ? key.substr(kBadKey.size()) : key;
      if (!request_.claims->is_claimed(request_.state, own)) changes.push_back({key, {}});
    }
    return changes;
  }
  for (std::size_t i = 0; i < known_.size(); ++i) {
    if (!free(i)) continue;
    FileMark& mark = known_[i].mark;
    struct stat info;
    const bool there = ::stat(mark.path.c_str(), &info) == 0 && info.st_ino == mark.inode &&
                       !request_.claims->is_read(info.st_dev, info.st_ino);
    if (there && mark.missing_since == 0) continue;
    if (!there && mark.missing_since != 0) {
      if (request_.now < mark.missing_since + request_.forget_after) continue;
      changes.push_back({mark.key, {}});
      if (bad_.contains(mark.key)) changes.push_back({std::string(kBadKey) + mark.key, {}});
      continue;
    }
    mark.missing_since = there ? 0 : request_.now;
    changes.push_back(mark.entry());
  }
  for (const auto& [key, value] : bad_) {
    if (keys_.contains(key) || request_.claims->is_claimed(request_.state, key)) continue;
    struct stat info;
    const std::size_t path = value.find("path=");
    if (path == std::string::npos || ::stat(value.c_str() + path + 5, &info) != 0)
      changes.push_back({std::string(kBadKey) + key, {}});
  }
  return changes;
}

}  // namespace pipec::stdlib
