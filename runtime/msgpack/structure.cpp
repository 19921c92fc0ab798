#include "runtime/msgpack/structure.h"

namespace pipec::runtime::msgpack {

namespace {

constexpr const char* kNever = "the byte 0xc1 is no MsgPack";
constexpr const char* kKey = "a key that is no scalar";
constexpr const char* kDeep = "nested deeper than 1024";

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
      if (key && first.kind != Lead::Class::sized) return refuse(kKey);
      if (room < bytes) {
        least_ = bytes;
        return Found::more;
      }
      const std::uint64_t length = first.length == 0 ? 0 : load_length(at + 1, first.length);
      if (first.kind == Lead::Class::array || first.kind == Lead::Class::map) {
        if (open_.size() == kMaxDepth) return refuse(kDeep);
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
  // As above, without a way to go on, and with the levels on the stack.
  std::uint64_t open[kMaxDepth];  // values to come, twice, plus one for a map
  std::size_t opened = 0;
  std::uint64_t left = 1;
  bool map = false;
  const std::size_t deepest = kMaxDepth - depth;
  for (;;) {
    if (at >= end) return nullptr;
    const Lead& first = lead(at);
    const auto room = static_cast<std::uint64_t>(end - at);
    if (room < first.bytes) return nullptr;
    switch (first.kind) {
      case Lead::Class::fixed:
        at += first.bytes;
        break;
      case Lead::Class::array:
      case Lead::Class::map: {
        if (opened == deepest || (map && (left & 1) == 0)) return nullptr;
        const std::uint64_t count =
            first.length == 0 ? static_cast<unsigned char>(*at) & 15U : load_length(at + 1, first.length);
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
        const std::uint64_t bytes =
            first.bytes + (first.length == 0 ? 0 : std::uint64_t{load_length(at + 1, first.length)});
        if (room < bytes) return nullptr;
        at += bytes;
        break;
      }
      case Lead::Class::never:
        return nullptr;
    }
    while (--left == 0) {
      if (opened == 0) return at;
      left = open[--opened] >> 1;
      map = open[opened] & 1;
    }
  }
}

}  // namespace pipec::runtime::msgpack
