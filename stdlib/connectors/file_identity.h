// The identity of an input file across runs, and the check whether its current text is still the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pipec/runtime/connector.h"
#include "stdlib/connectors/compress/frame_start.h"

namespace pipec::stdlib {

// How many bytes at each end go into a fingerprint.
inline constexpr std::size_t kFingerprintBytes = 4096;

std::uint64_t hash_of(std::string_view bytes);
// The hash of the file's last kFingerprintBytes before `offset`; nullopt if the file is shorter (errno is 0)
// or cannot be read (errno is set).
std::optional<std::uint64_t> tail_hash_of(int fd, std::uint64_t offset);

// Of the first and the last kFingerprintBytes of a text up to some offset.
struct Fingerprint {
  std::optional<std::uint64_t> head;  // nullopt: unknown (old entries, a run that resumed in the middle)
  std::uint64_t tail = 0;
};
bool same_text(const Fingerprint& a, const Fingerprint& b);

// The fingerprint of a text that passes by in pieces.
class RunningFingerprint {
 public:
  // The text passes by from `offset` on; `head`: the hash of its first kFingerprintBytes, if that is known.
  explicit RunningFingerprint(std::uint64_t offset = 0, std::optional<std::uint64_t> head = {})
      : from_(offset), offset_(offset), head_(head) {}
  void add(std::string_view bytes);
  // Continues at `offset` without having seen the text before it.
  void skip_to(std::uint64_t offset);
  std::uint64_t offset() const { return offset_; }
  // nullopt: too little was seen.
  std::optional<Fingerprint> get() const;

 private:
  std::uint64_t from_;  // all from here on was seen
  std::uint64_t offset_;
  std::optional<std::uint64_t> head_;
  std::string tail_;  // the last bytes before offset_, as far as they were seen
};

// One file's committed position, and the data that identifies the file. An entry's own key is unique among
// the entries of all file sources that share a state; it consists of the device and inode at which the file
// was first found.
struct FileMark {
  std::string key;
  std::uint64_t device = 0;  // a hint: it may change when the machine reboots
  std::uint64_t inode = 0;
  std::uint64_t offset = 0;  // everything before it is safely out; of a packed file: unpacked bytes
  // The record that ends at `offset` had no newline: where it begins. Else equal to offset.
  std::uint64_t open_line = 0;
  std::optional<Fingerprint> text;  // up to `offset`
  // It was delivered as a whole (one JSON array, one record): nothing but white space may follow.
  bool closed = false;
  std::uint64_t missing_since = 0;  // seconds since 1970; 0: it existed
  std::string path;                 // its name then
  struct Packed {
    std::uint64_t end = 0;   // bytes of the file that were read when the position was reached
    FrameStart frame;        // where unpacking begins in order to go on
    bool whole = false;      // the position was the end of the file
    std::uint64_t tail = 0;  // the hash of its last kFingerprintBytes before `end`, packed as they are
  };
  std::optional<Packed> packed;

  runtime::StateEntry entry() const;
  static std::optional<FileMark> parse(const runtime::StateEntry& entry);
};

std::string file_key(std::uint64_t device, std::uint64_t inode);

}  // namespace pipec::stdlib
