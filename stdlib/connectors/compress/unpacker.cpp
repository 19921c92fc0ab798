#include "stdlib/connectors/compress/unpacker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <string_view>
#include <utility>

#include "stdlib/connectors/compress/decompressor.h"
#include "stdlib/connectors/connectors.h"

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
  return {kBadFile,
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

// Reuses pieces that were read: allocating fresh memory costs more than unpacking into it.
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

// Waits until there is space. After stop() the piece is discarded.
void Unpacker::push(Piece piece) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return pieces_.size() < kPieces || stopping_.load(); });
  if (stopping_.load()) return;
  pieces_.push_back(std::move(piece));
  changed_.notify_all();
}

// The unpacking thread's own: where it is in the packed bytes and in the text.
class Unpacker::Work {
 public:
  Work(Unpacker& unpacker, Decompressor& decompressor)
      : all_(unpacker),
        decompressor_(decompressor),
        packed_(new char[kPackedBytes]),
        at_(unpacker.options_.start.packed),
        offset_(unpacker.options_.start.offset),
        any_frame_(at_ != 0) {}

  Status run() {
    while (!all_.stopping_.load()) {
      if (used_ == have_ && !maybe_more_) {
        auto got = all_.read_(packed_.get(), kPackedBytes);
        if (all_.stopping_.load()) return {};
        if (!got) return got.error();
        if (*got == 0) return end();
        have_ = *got;
        used_ = 0;
      }
      if (Status stepped = step(); !stepped) return stepped;
    }
    return {};
  }

 private:
  // Zero bytes after a frame are padding, as on a tape or a block device.
  bool pass_padding() {
    if (in_frame_ || !any_frame_ || packed_[used_] != 0) return false;
    const std::string_view rest(packed_.get() + used_, have_ - used_);
    const std::size_t zeros = std::min(rest.find_first_not_of('\0'), rest.size());
    used_ += zeros;
    at_ += zeros;
    return true;
  }

  Status step() {
    if (used_ < have_ && pass_padding()) return {};
    if (!piece_.bytes) piece_.bytes = all_.new_bytes();
    // While text is discarded, remember the last frame before the wanted text; afterwards, the first one of
    // the piece.
    const bool wanted = !piece_.frame || offset_ <= all_.options_.skip_to;
    if (!in_frame_ && used_ < have_ && wanted) piece_.frame = FrameStart{at_, offset_};
    auto step = decompressor_.step({packed_.get() + used_, have_ - used_}, piece_.bytes.get() + piece_.size,
                                   all_.options_.piece_bytes - piece_.size);
    all_.decompressor_bytes_.store(decompressor_.bytes(), std::memory_order_relaxed);
    if (!step) return damaged(step.error().message);
    used_ += step->used;
    at_ += step->used;
    in_frame_ = (in_frame_ || step->used != 0) && !step->frame_ends;
    any_frame_ = any_frame_ || step->frame_ends;
    keep(step->made);
    // Without new input: the output space was too small.
    maybe_more_ = step->made != 0 && !step->frame_ends && used_ == have_;
    if (piece_.size == all_.options_.piece_bytes) hand_on();
    if (all_.options_.at_once && used_ == have_ && !maybe_more_) hand_on_all();
    return {};
  }

  // The bytes after the piece are text, except those before skip_to.
  void keep(std::size_t made) {
    if (offset_ < all_.options_.skip_to) {
      const auto skipped =
          static_cast<std::size_t>(std::min<std::uint64_t>(all_.options_.skip_to - offset_, made));
      std::memmove(piece_.bytes.get(), piece_.bytes.get() + skipped, made - skipped);
      offset_ += skipped;
      made -= skipped;
    }
    piece_.size += made;
    offset_ += made;
  }

  // A full piece waits until it is known whether another one follows, since the last piece is marked.
  void hand_on() {
    if (full_.size != 0) all_.push(std::exchange(full_, Piece{}));
    piece_.packed_end = at_;
    full_ = std::exchange(piece_, Piece{});
  }
  void hand_on_all() {
    if (piece_.size != 0) hand_on();
    if (full_.size != 0) all_.push(std::exchange(full_, Piece{}));
  }

  Status damaged(const std::string& what) {
    hand_on_all();  // the text unpacked before it is complete
    return all_.damaged(!in_frame_ && any_frame_ ? "the data after the end cannot be unpacked" : what, at_);
  }

  Status end() {
    if (piece_.size != 0) hand_on();
    full_.last = !in_frame_;
    full_.packed_end = at_;
    hand_on_all();
    if (in_frame_) return all_.damaged("it ends in the middle: it was cut off", at_);
    if (offset_ >= all_.options_.skip_to) return {};
    return Error{"io",
                 fmt::format("{} unpacks to {} bytes, but was read to byte {} before; --from-start reads it "
                             "again",
                             all_.options_.name, offset_, all_.options_.skip_to),
                 {},
                 {}};
  }

  Unpacker& all_;
  Decompressor& decompressor_;
  const std::unique_ptr<char[]> packed_;
  std::size_t have_ = 0;  // of packed_
  std::size_t used_ = 0;  // of those
  std::uint64_t at_;      // of packed_[used_] in the file
  std::uint64_t offset_;  // of the next byte of the text
  bool in_frame_ = false;
  bool any_frame_;  // at least one complete frame was read
  bool maybe_more_ = false;
  Piece piece_;
  Piece full_;
};

Status Unpacker::unpack() {
  auto decompressor = make_decompressor(options_.compression, options_.largest_window);
  if (!decompressor) return decompressor.error();
  return Work(*this, **decompressor).run();
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
  // The end is known as soon as no input follows.
  return taken_ == current_.size && current_.last ? Took::end : Took::bytes;
}

FrameStart Unpacker::frame_before(std::uint64_t offset) {
  while (frames_.size() > 1 && frames_[1].offset <= offset) frames_.pop_front();
  return frames_.front();
}

}  // namespace pipec::stdlib
