#include "stdlib/connectors/plain_file.h"

#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "stdlib/connectors/connectors.h"
#include "stdlib/connectors/file_identity.h"
#include "stdlib/connectors/lines.h"

namespace pipec::stdlib {

namespace {

using runtime::Error;
using runtime::Result;
using runtime::Status;

// Bytes read to find the end of a range; enough for the fingerprint before it.
constexpr std::size_t kTail = std::size_t{8} << 10;
// A shorter range is read directly.
constexpr std::size_t kShortest = std::size_t{32} << 10;
static_assert(kTail > kFingerprintBytes && kShortest > kTail);
// If lines are shorter on average, blocks get smaller and can only be cut by reading every line.
constexpr std::size_t kShortLine = 32;
constexpr std::size_t kSample = 1024;

std::size_t newlines_in(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

Result<bool> PlainFile::fill(runtime::Buffer& data, std::size_t wanted, std::uint64_t offset) const {
  data.reserve(wanted);
  while (data.size() < wanted) {
    const ssize_t got =
        ::pread(fd_.get(), data.data() + data.size(), wanted - data.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return runtime::system_error(kBadFile, "cannot read", path_, errno);
    if (got == 0) return false;
    data.set_size(data.size() + static_cast<std::size_t>(got));
    offset += static_cast<std::uint64_t>(got);
  }
  return true;
}

std::size_t PlainFile::find_end(std::uint64_t begin, std::size_t most, std::size_t max_records,
                                std::string& tail) const {
  if (max_records != 0 && max_records < most / kShortLine) return 0;
  if (most < kShortest || dense_.load(std::memory_order_relaxed)) return 0;
  tail.resize(kTail);
  iovec into{tail.data(), kTail};
  const auto at = static_cast<off_t>(begin + most - kTail);
  if (::preadv2(fd_.get(), &into, 1, at, RWF_NOWAIT) != static_cast<ssize_t>(kTail)) return 0;
  const std::size_t newline = tail.rfind('\n');
  if (newline == std::string::npos || newline < kFingerprintBytes) return 0;
  if (newlines_in(std::string_view(tail).substr(kTail - kSample)) > kSample / kShortLine) return 0;
  tail.resize(newline + 1);
  return most - kTail + tail.size();
}

Status PlainFile::read(runtime::Block& block) const {
  runtime::Buffer& data = *block.data;
  const std::size_t size = block.unread_bytes;
  const std::uint64_t begin = block.ranges.front().first;
  const Result<bool> filled = fill(data, size, begin);
  if (!filled) return filled.error();
  if (!*filled || data.view().back() != '\n') {
    return Error{
        "io", fmt::format("{} was changed while it was read (before byte {})", path_, begin + size), {}, {}};
  }
  find_lines(data.data(), size, 0, block.origins);
  if (block.origins.size() > size / kShortLine) dense_.store(true, std::memory_order_relaxed);
  return {};
}

}  // namespace pipec::stdlib
