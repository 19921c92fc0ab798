#include "runtime/msgpack/structure.h"

#include "pipec/runtime/utf8.h"

namespace pipec::runtime::msgpack {

namespace {

constexpr const char* kNever = "the byte 0xc1 is not MsgPack";
constexpr const char* kKey = "a key that is not a scalar";
constexpr const char* kDeep = "nested deeper than 1024";

constexpr std::array<std::uint8_t, 256> make_fixed_bytes() {
  std::array<std::uint8_t, 256> bytes{};
  for (unsigned i = 0; i < 256; ++i) {
    if (kLeads[i].kind == Lead::Class::fixed) bytes[i] = kLeads[i].bytes;
  }
  return bytes;
}
// The size of a value if its first byte determines it; else 0.
constexpr std::array<std::uint8_t, 256> kFixedBytes = make_fixed_bytes();

// Checks the whole value in one pass, with its levels on the stack; kTexts: str is checked too. nullptr:
// malformed; the caller finds the reason.
template <bool kTexts>
const char* walk(const char* at, const char* end, std::size_t depth) {
  std::uint64_t open[kMaxDepth];  // values to come, twice, plus one for a map
  std::size_t opened = 0;
  std::uint64_t left = 1;
  bool map = false;
  const std::size_t deepest = kMaxDepth - depth;
  for (;;) {
    if (at >= end) return nullptr;
    const auto byte = static_cast<unsigned char>(*at);
    if (const std::uint8_t bytes = kFixedBytes[byte]; bytes != 0) [[likely]] {
      if (end - at < bytes) return nullptr;
      if (kTexts && byte >= 0xa0 && byte < 0xc0 && !is_utf8({at + 1, bytes - std::size_t{1}})) return nullptr;
      at += bytes;
    } else {
      const Lead& first = kLeads[byte];
      const auto room = static_cast<std::uint64_t>(end - at);
      if (room < first.bytes) return nullptr;
      const std::uint32_t length = first.length == 0 ? 0 : load_length(at + 1, first.length);
      switch (first.kind) {
        case Lead::Class::array:
        case Lead::Class::map: {
          if (opened == deepest || (map && (left & 1) == 0)) return nullptr;
          const std::uint64_t count = first.length == 0 ? byte & 15U : length;
          at += first.bytes;
          open[opened++] = left * 2 + (map ? 1 : 0);
          map = first.kind == Lead::Class::map;
          left = map ? count * 2 + 1 : count + 1;
          break;
        }
        case Lead::Class::ext:
          if (map && (left & 1) == 0) return nullptr;
          [[fallthrough]];
        case Lead::Class::sized: {
          if (room - first.bytes < length) return nullptr;
          if (kTexts && byte >= 0xd9 && !is_utf8({at + first.bytes, length})) return nullptr;
          at += first.bytes + length;
          break;
        }
        default:
          return nullptr;
      }
    }
    while (--left == 0) {
      if (opened == 0) return at;
      left = open[--opened] >> 1;
      map = open[opened] & 1;
    }
  }
}

}  // namespace

Structure::Found Structure::next(const char*& at, const char* end) {
  for (;;) {
    if (at >= end) {
      least_ = left_;
      return Found::more;
    }
    const Lead& first = lead(at);
    const auto room = static_cast<std::uint64_t>(end - at);
    std::uint64_t bytes = first.bytes;
    if (first.kind != Lead::Class::fixed) {
      if (first.kind == Lead::Class::never) return refuse(kNever);
      const bool key = map_ && (left_ & 1) == 0;
      if (key && first.kind != Lead::Class::sized && !any_key_) return refuse(kKey);
      if (room < bytes) {
        least_ = bytes;
        return Found::more;
      }
      const std::uint64_t length = first.length == 0 ? 0 : load_length(at + 1, first.length);
      if (first.kind == Lead::Class::array || first.kind == Lead::Class::map) {
        if (open_.size() == deepest_) return refuse(kDeep);
        const bool map = first.kind == Lead::Class::map;
        const std::uint64_t count = first.length == 0 ? static_cast<unsigned char>(*at) & 15U : length;
        at += bytes;
        open_.push_back({left_, map_});
        left_ = map ? count * 2 + 1 : count + 1;
        map_ = map;
        bytes = 0;
      } else {
        bytes += length;
      }
    }
    if (room < bytes) {
      least_ = bytes;
      return Found::more;
    }
    at += bytes;
    while (--left_ == 0) {
      if (open_.empty()) {
        left_ = 1;
        return Found::whole;
      }
      left_ = open_.back().left;
      map_ = open_.back().map;
      open_.pop_back();
    }
  }
}

const char* skip_any(const char* at, const char* end, std::size_t depth) {
  return walk<false>(at, end, depth);
}

const char* skip_checked(const char* at, const char* end) {
  return walk<true>(at, end, 0);
}

}  // namespace pipec::runtime::msgpack
