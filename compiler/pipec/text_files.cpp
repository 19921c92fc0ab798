#include "compiler/pipec/text_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "compiler/pipec/console.h"
#include "pipec/dsl/source.h"

namespace pipec::cli {

std::optional<std::string> read_text(const std::string& path, std::string& reason) {
  const bool standard_input = path == "-";
  const int file = standard_input ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    reason = std::strerror(errno);
    return std::nullopt;
  }
  std::string text;
  std::optional<std::string> result;
  for (;;) {
    constexpr std::size_t kChunk = std::size_t{64} << 10;
    const std::size_t size = text.size();
    text.resize(size + kChunk);
    const ssize_t count = ::read(file, text.data() + size, kChunk);
    text.resize(size + static_cast<std::size_t>(count > 0 ? count : 0));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      reason = std::strerror(errno);
      break;
    }
    // One byte too many is enough to detect the limit; a device may be endless.
    if (count == 0 || text.size() > dsl::SourceFile::kMaxBytes) {
      result = std::move(text);
      break;
    }
  }
  if (!standard_input) ::close(file);
  return result;
}

bool replace_text(const std::string& path, const std::string& text, std::string& reason) {
  char* real = ::realpath(path.c_str(), nullptr);
  const std::string target = real != nullptr ? real : path;
  std::free(real);

  struct stat state {};
  std::string temporary = target + ".XXXXXX";
  const int file = ::stat(target.c_str(), &state) == 0 ? ::mkostemp(temporary.data(), O_CLOEXEC) : -1;
  if (file < 0) {
    reason = std::strerror(errno);
    return false;
  }
  bool written = write_all(file, text, reason);
  if (written &&
      (::fchmod(file, state.st_mode & 07777) != 0 || ::rename(temporary.c_str(), target.c_str()) != 0)) {
    reason = std::strerror(errno);
    written = false;
  }
  if (!written) ::unlink(temporary.c_str());
  ::close(file);
  return written;
}

}  // namespace pipec::cli
