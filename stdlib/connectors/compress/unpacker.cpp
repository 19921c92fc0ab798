#include "stdlib/connectors/compress/unpacker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "stdlib/connectors/compress/decompressor.h"

namespace pipec::stdlib {

namespace {

using runtime::Error;
using runtime::Result;
using runtime::Status;

constexpr std::size_t kPieces = 4;
constexpr std::size_t kPackedBytes = std::size_t{128} << 10;  // of one read

}  // namespace

Unpacker::Unpacker(Options options, Read read)
    : options_(std::move(options)), read_(std::move(read)), packed_end_(options_.start.packed) {
  frames_.push_back(options_.start);
  thread_ = std::thread([this] { run(); });
}

Unpacker::~Unpacker() {
  stop();
  thread_.join();
}

void Unpacker::stop() {
  stopping_.store(true);
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

std::size_t Unpacker::held_bytes() const {
  std::size_t pieces = 0;
  {
    const std::lock_guard lock(mutex_);
    pieces = pieces_.size() + free_.size();
  }
  // The one that is being read, the two that are being made, and those between or to be used again.
  return (pieces + 3) * options_.piece_bytes + kPackedBytes + decompressor_bytes_.load();
}

Error Unpacker::damaged(const std::string& what, std::uint64_t at) const {
  return {"io",
          fmt::format("{} ({}): {}, at byte {} of the packed data", options_.name,
                      compression_name(options_.compression), what, at),
          {},
          {}};
}

void Unpacker::run() noexcept {
  std::optional<Error> error;
  try {
    Status status = unpack();
    if (!status) error = std::move(status.error());
  } catch (const std::exception& exception) {
    error = Error{"io", fmt::format("{}: cannot unpack: {}", options_.name, exception.what()), {}, {}};
  }
  const std::lock_guard lock(mutex_);
  error_ = std::move(error);
  ended_ = true;
  changed_.notify_all();
}

// What was read before is used again: fresh memory costs more than unpacking into it.
std::unique_ptr<char[]> Unpacker::new_bytes() {
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      auto found = std::move(free_.back());
      free_.pop_back();
      return found;
    }
  }
  return std::unique_ptr<char[]>(new char[options_.piece_bytes]);
}

// False: nobody wants more.
bool Unpacker::push(Piece piece) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return pieces_.size() < kPieces || stopping_.load(); });
  if (stopping_.load()) return false;
  pieces_.push_back(std::move(piece));
  changed_.notify_all();
  return true;
}

Status Unpacker::unpack() {
  auto made = make_decompressor(options_.compression, options_.largest_window);
  if (!made) return made.error();
  Decompressor& decompressor = **made;
  const std::unique_ptr<char[]> packed(new char[kPackedBytes]);
  std::size_t have = 0;
  std::size_t used = 0;
  std::uint64_t at = options_.start.packed;  // of packed[used]
  std::uint64_t offset = options_.start.offset;
  bool in_frame = false;
  bool any_frame = false;
  bool maybe_more = false;  // the decompressor filled its room: it may hold more without new bytes
  Piece piece;
  const auto fresh = [&] {
    if (!piece.bytes) piece.bytes = new_bytes();
  };
  // A full piece waits until it is known whether another one follows: the last one says that it is.
  Piece full;
  const auto hand_on = [&] {
    if (full.size != 0 && !push(std::exchange(full, Piece{}))) return false;
    piece.packed_end = at;
    full = std::exchange(piece, Piece{});
    return true;
  };
  while (!stopping_.load()) {
    if (used == have && !maybe_more) {
      auto got = read_(packed.get(), kPackedBytes);
      if (stopping_.load()) return {};
      if (!got) return got.error();
      if (*got == 0) break;
      have = *got;
      used = 0;
    }
    fresh();
    if (!in_frame && used < have && (!piece.frame || offset <= options_.skip_to)) {
      piece.frame = FrameStart{at, offset};
    }
    auto step = decompressor.step({packed.get() + used, have - used}, piece.bytes.get() + piece.size,
                                  options_.piece_bytes - piece.size);
    decompressor_bytes_.store(decompressor.bytes(), std::memory_order_relaxed);
    if (!step) {
      // What was unpacked before it is whole.
      if (piece.size != 0 && !hand_on()) return {};
      if (full.size != 0 && !push(std::move(full))) return {};
      return damaged(!in_frame && any_frame ? "what follows the end is nothing that can be unpacked"
                                            : step.error().message,
                     at);
    }
    used += step->used;
    at += step->used;
    if (step->used != 0) in_frame = true;
    if (step->frame_ends) {
      in_frame = false;
      any_frame = true;
    }
    // Before skip_to: thrown away.
    std::size_t made_bytes = step->made;
    if (offset < options_.skip_to) {
      const std::size_t skipped =
          static_cast<std::size_t>(std::min<std::uint64_t>(options_.skip_to - offset, made_bytes));
      std::memmove(piece.bytes.get(), piece.bytes.get() + skipped, made_bytes - skipped);
      offset += skipped;
      made_bytes -= skipped;
    }
    piece.size += made_bytes;
    offset += made_bytes;
    maybe_more = step->made != 0 && !step->frame_ends && used == have;
    if (piece.size == options_.piece_bytes && !hand_on()) return {};
    const bool waits = options_.at_once && used == have && !maybe_more;
    if (waits && piece.size != 0 && !hand_on()) return {};
    if (waits && full.size != 0 && !push(std::exchange(full, Piece{}))) return {};
  }
  if (stopping_.load()) return {};
  if (piece.size != 0 && !hand_on()) return {};
  const bool cut = in_frame;
  full.last = !cut;
  full.packed_end = at;
  if (full.size != 0 && !push(std::move(full))) return {};
  if (cut) return damaged("it ends in the middle: it was cut off", at);
  if (offset < options_.skip_to) {
    return Error{"io",
                 fmt::format("{} unpacks to {} bytes, but was read to byte {} before; --from-start reads it "
                             "again",
                             options_.name, offset, options_.skip_to),
                 {},
                 {}};
  }
  return {};
}

Result<Unpacker::Took> Unpacker::take(runtime::Buffer& data, std::size_t wanted,
                                      std::optional<std::chrono::milliseconds> wait) {
  data.reserve(wanted);
  bool any = false;
  while (data.size() < wanted) {
    if (taken_ == current_.size) {
      if (current_.last) return Took::end;
      std::unique_lock lock(mutex_);
      const auto ready = [&] { return !pieces_.empty() || ended_ || stopping_.load(); };
      if (options_.at_once && any && pieces_.empty()) return Took::bytes;
      if (!wait) {
        changed_.wait(lock, ready);
      } else if (!changed_.wait_for(lock, *wait, ready)) {
        return Took::nothing;
      }
      if (stopping_.load()) return Took::nothing;
      if (pieces_.empty()) {
        if (error_ && any) return Took::bytes;
        if (error_) return *error_;
        return Took::end;
      }
      if (current_.bytes) free_.push_back(std::move(current_.bytes));
      current_ = std::move(pieces_.front());
      pieces_.pop_front();
      changed_.notify_all();
      lock.unlock();
      taken_ = 0;
      packed_end_ = current_.packed_end;
      if (current_.frame) frames_.push_back(*current_.frame);
    }
    const std::size_t size = std::min(current_.size - taken_, wanted - data.size());
    data.append({current_.bytes.get() + taken_, size});
    taken_ += size;
    any = true;
  }
  // The end is known as soon as there is nothing behind.
  return taken_ == current_.size && current_.last ? Took::end : Took::bytes;
}

FrameStart Unpacker::frame_before(std::uint64_t offset) {
  while (frames_.size() > 1 && frames_[1].offset <= offset) frames_.pop_front();
  return frames_.front();
}

}  // namespace pipec::stdlib
