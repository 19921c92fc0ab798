#include "stdlib/connectors/unread_lines.h"

#include <fmt/format.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "stdlib/connectors/file_identity.h"
#include "stdlib/connectors/lines.h"

namespace pipec::stdlib {

namespace {

using runtime::Error;
using runtime::Status;

// Lines that are shorter on average make smaller blocks, which only a look at all of them can cut.
constexpr std::ptrdiff_t kShortLine = 32;
constexpr std::ptrdiff_t kSample = 1024;

}  // namespace

static_assert(UnreadLines::kTail > kFingerprintBytes && UnreadLines::kShortest > UnreadLines::kTail);

std::size_t UnreadLines::find_end(std::uint64_t begin, std::size_t most, std::size_t max_records,
                                  std::string& tail) const {
  if (max_records != 0 && max_records < most / std::size_t{kShortLine}) return 0;
  if (most < kShortest || dense_.load(std::memory_order_relaxed)) return 0;
  tail.resize(kTail);
  iovec into{tail.data(), kTail};
  const auto at = static_cast<off_t>(begin + most - kTail);
  if (::preadv2(fd_.get(), &into, 1, at, RWF_NOWAIT) != static_cast<ssize_t>(kTail)) return 0;
  const std::size_t newline = tail.rfind('\n');
  if (newline == std::string::npos || newline < kFingerprintBytes) return 0;
  if (std::count(tail.end() - kSample, tail.end(), '\n') > kSample / kShortLine) return 0;
  tail.resize(newline + 1);
  return most - kTail + tail.size();
}

Status UnreadLines::read(runtime::Block& block) const {
  runtime::Buffer& data = *block.data;
  const std::size_t size = block.unread_bytes;
  const std::uint64_t begin = block.ranges.front().first;
  data.reserve(size);
  for (std::size_t have = 0; have < size;) {
    const ssize_t got = ::pread(fd_.get(), data.data() + have, size - have, static_cast<off_t>(begin + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return runtime::system_error("io", "cannot read", path_, errno);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
    data.set_size(have);
  }
  if (data.size() != size || data.data()[size - 1] != '\n') {
    return Error{
        "io", fmt::format("{} was changed while it was read (before byte {})", path_, begin + size), {}, {}};
  }
  find_lines(data.data(), size, 0, block.origins);
  if (block.origins.size() > size / std::size_t{kShortLine}) dense_.store(true, std::memory_order_relaxed);
  return {};
}

}  // namespace pipec::stdlib
