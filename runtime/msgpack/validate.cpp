#include "pipec/runtime/msgpack.h"
#include "pipec/runtime/utf8.h"
#include "runtime/msgpack/structure.h"

namespace pipec::runtime {

namespace msgpack {

namespace {

// The first str that is not UTF-8, in a value with a valid structure; empty: none.
std::string_view first_bad_text(const char* at, const char* end) {
  while (at < end) {
    const Lead& first = lead(at);
    const auto byte = static_cast<unsigned char>(*at);
    if (byte >= 0xa0 && byte < 0xc0) {
      if (!is_utf8({at + 1, byte & 31U})) return {at + 1, byte & 31U};
      at += first.bytes;
    } else if (first.kind == Lead::Class::sized || (first.kind == Lead::Class::ext && first.length != 0)) {
      const std::uint32_t size = load_length(at + 1, first.length);
      at += first.bytes;
      if (byte >= 0xd9 && !is_utf8({at, size})) return {at, size};
      at += size;
    } else {
      at += first.bytes;  // of a container the head: its items are next
    }
  }
  return {};
}

}  // namespace

}  // namespace msgpack

const char* validate_msgpack(std::string_view bytes, std::size_t* offset) {
  std::size_t unused = 0;
  std::size_t& where = offset ? *offset : unused;
  where = 0;
  if (bytes.empty()) return "no value";
  const char* const begin = bytes.data();
  const char* const end = begin + bytes.size();
  const char* behind = msgpack::skip_checked(begin, end);
  if (behind == end) return nullptr;
  // A second, slower pass to find the defect and its position.
  msgpack::Structure structure;
  const char* at = begin;
  const auto found = structure.next(at, end);
  if (found == msgpack::Structure::Found::more) {
    where = bytes.size();
    return "unexpected end";
  }
  where = static_cast<std::size_t>(at - begin);
  if (found == msgpack::Structure::Found::malformed) return structure.reason();
  if (behind || at != end) return "unexpected data after the value";
  const std::string_view text = msgpack::first_bad_text(begin, end);
  where = static_cast<std::size_t>(text.data() - begin) + valid_utf8_prefix(text);
  return "invalid UTF-8";
}

// The end is also known for values that cannot be records: those become dead letters, and the next value is
// found.
struct MsgpackFramer::State {
  static constexpr std::size_t kDeepest = std::size_t{1} << 20;  // what bounds the memory: 16 MiB
  msgpack::Structure structure{kDeepest, true};
};

MsgpackFramer::MsgpackFramer() : state_(std::make_unique<State>()) {}
MsgpackFramer::~MsgpackFramer() = default;

MsgpackFramer::Found MsgpackFramer::next(std::string_view bytes, std::size_t& taken) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  // Usually the whole value is available, and no state is needed.
  if (state_->structure.fresh() && at < end) {
    if (const char* const behind = msgpack::skip(at, end, 0)) {
      taken = static_cast<std::size_t>(behind - at);
      return Found::whole;
    }
  }
  const auto found = state_->structure.next(at, end);
  taken = static_cast<std::size_t>(at - bytes.data());
  switch (found) {
    case msgpack::Structure::Found::whole:
      return Found::whole;
    case msgpack::Structure::Found::more:
      return Found::more;
    case msgpack::Structure::Found::malformed:
      break;
  }
  return Found::malformed;
}

const char* MsgpackFramer::reason() const {
  return state_->structure.reason();
}
std::uint64_t MsgpackFramer::least() const {
  return state_->structure.least();
}
void MsgpackFramer::reset() {
  state_->structure.reset();
}

}  // namespace pipec::runtime
