#include "stdlib/connectors/packed_output.h"

#include <algorithm>
#include <string>
#include <utility>

#include "stdlib/connectors/output_file.h"

namespace pipec::stdlib {

namespace {

using runtime::Status;

// Of text in one frame. Larger ones are hardly smaller in the end, and a restart unpacks at most one for
// nothing.
constexpr std::size_t kFrameBytes = std::size_t{512} << 10;
constexpr std::size_t kGatheredBytes = std::size_t{4} << 20;  // over all files

}  // namespace

PackedOutput::PackedOutput(const Packing& packing)
    : packer_(packing), frame_bytes_(kFrameBytes), most_gathered_(kGatheredBytes) {}

// One third for collected text; text being packed exists twice.
void PackedOutput::keep_limit(std::size_t bytes) {
  constexpr std::size_t kLeastFrame = std::size_t{32} << 10;
  const std::size_t third = bytes / 3;
  frame_bytes_ = std::clamp(third / 2, kLeastFrame, kFrameBytes);
  most_gathered_ = std::clamp(third, frame_bytes_, kGatheredBytes);
  packer_.keep_jobs(std::clamp<std::size_t>(third / frame_bytes_, 1, packer_.most_jobs() + 1) - 1);
}

Status PackedOutput::append(OutputFiles::Writer& writer, OutputFile& file, std::string_view text, bool line) {
  if (!file.gathers) begin(file);
  file.unpacked.append(text);
  if (line) file.unpacked.push_back('\n');
  gathered_bytes_.fetch_add(text.size() + (line ? 1 : 0), std::memory_order_relaxed);
  if (file.unpacked.size() >= frame_bytes_) return submit(writer, file, true);
  if (gathered_bytes_.load(std::memory_order_relaxed) >= most_gathered_) return submit_all(writer, true);
  return {};
}

void PackedOutput::begin(OutputFile& file) {
  file.gathers = true;
  gathered_.push_back(&file);
}

Status PackedOutput::submit(OutputFiles::Writer& writer, OutputFile& file, bool writing) {
  for (;;) {
    auto frame = packer_.take(packer_.full());
    if (!frame) return writer.fail(frame.error());
    if (!*frame) break;
    if (Status handed = hand_on(writer, std::move(**frame), writing); !handed) return handed;
  }
  gathered_bytes_.fetch_sub(file.unpacked.size(), std::memory_order_relaxed);
  file.gathers = false;
  std::erase(gathered_, &file);
  // Room is passed on where it is used up, not to every one of many small files.
  std::string next = file.unpacked.size() >= frame_bytes_ ? packer_.room() : std::string();
  packer_.put(&file, std::exchange(file.unpacked, std::move(next)));
  return {};
}

Status PackedOutput::submit_all(OutputFiles::Writer& writer, bool writing) {
  while (!gathered_.empty()) {
    if (Status done = submit(writer, *gathered_.back(), writing); !done) return done;
  }
  return {};
}

Status PackedOutput::hand_on(OutputFiles::Writer& writer, Packer::Frame&& frame, bool writing) {
  Status appended = writer.append_frame(*frame.file, frame.bytes, writing);
  packer_.reuse(std::move(frame.bytes));
  return appended;
}

Status PackedOutput::flush(OutputFiles::Writer& writer, bool writing) {
  if (Status done = submit_all(writer, writing); !done) return done;
  for (;;) {
    auto frame = packer_.take(true);
    if (!frame) return writer.fail(frame.error());
    if (!*frame) return {};
    if (Status handed = hand_on(writer, std::move(**frame), writing); !handed) return handed;
  }
}

}  // namespace pipec::stdlib
