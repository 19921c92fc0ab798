// Pushing, taking and releasing records.
#include <tuple>

#include "compiler/c/handle.h"

namespace pipec::c {

PipelineHandle::Channel* PipelineHandle::find(std::string_view name, bool read) {
  const auto found = channels_.find(name);
  return found != channels_.end() && found->second.read == read ? &found->second : nullptr;
}

Fault PipelineHandle::unknown(std::string_view name, bool read) const {
  return misuse("the text has no " + std::string(read ? "recv" : "sink") + " memory(\"" + std::string(name) +
                "\")");
}

Answer PipelineHandle::on_record(std::string_view name, Callback<pipec_record_fn> callback) {
  Channel* channel = find(name, false);
  if (!channel) return unknown(name, false);
  const std::lock_guard lock(mutex_);
  if (state_ != State::ready) return misuse("callbacks must be set before the run");
  channel->called = static_cast<bool>(callback);
  if (!callback) {
    channel->records->hand_to({});
    return PIPEC_OK;
  }
  channel->records->hand_to([callback, callbacks = callbacks_, name = std::string(name)](
                                std::uint64_t number, const stdlib::MemoryRecord& record) -> runtime::Status {
    const Lent lent(number, record);
    const Inside inside(*callbacks);
    const int result = callback.function(callback.user, &lent.record);
    if (result == 0) return {};
    return runtime::Error::make(runtime::ErrorCode::sink,
                                "the callback of '" + name + "' returned " + std::to_string(result));
  });
  return PIPEC_OK;
}

Answer PipelineHandle::push(std::string_view name, stdlib::MemoryRecord record, Wait limit,
                            std::uint64_t* position) {
  Channel* channel = find(name, true);
  if (!channel) return unknown(name, true);
  const auto number = channel->records->push_numbered(std::move(record), limit);
  if (number) {
    if (position) *position = *number;
    return PIPEC_OK;
  }
  if (channel->ended) return misuse("'" + std::string(name) + "' has ended: cannot push more records");
  return channel->records->closed() ? PIPEC_END : PIPEC_TIMEOUT;
}

Answer PipelineHandle::end(std::string_view name) {
  Channel* channel = find(name, true);
  if (!channel) return unknown(name, true);
  channel->ended = true;
  channel->records->close();
  return PIPEC_OK;
}

Answer PipelineHandle::committed(std::string_view name, std::uint64_t& end) {
  Channel* channel = find(name, true);
  if (!channel) channel = find(name, false);
  if (!channel) return misuse("the text has no channel '" + std::string(name) + "'");
  end = channel->records->committed();
  return PIPEC_OK;
}

Answer PipelineHandle::take(std::string_view name, Wait limit, const pipec_record*& record) {
  Channel* channel = find(name, false);
  if (!channel) return unknown(name, false);
  if (channel->called) return misuse("a callback receives the records of '" + std::string(name) + "'");
  using What = stdlib::MemoryChannel::Next::What;
  const stdlib::MemoryChannel::Next next = channel->records->next(limit);
  if (next.what != What::record) return next.what == What::end ? PIPEC_END : PIPEC_TIMEOUT;
  if (closing_) return PIPEC_END;
  const std::lock_guard lock(lent_mutex_);
  const auto [lent, is_new] =
      lent_.emplace(std::piecewise_construct, std::forward_as_tuple(channel, next.number),
                    std::forward_as_tuple(next.number, *next.record));
  record = &lent->second.record;
  return PIPEC_OK;
}

Answer PipelineHandle::release(std::string_view name, std::uint64_t number) {
  Channel* channel = find(name, false);
  if (!channel) return unknown(name, false);
  {
    const std::lock_guard lock(lent_mutex_);
    if (lent_.erase({channel, number}) == 0) {
      return misuse("record " + std::to_string(number) + " of '" + std::string(name) +
                    "' was not taken, or was already released");
    }
  }
  channel->records->acknowledge(number);
  return PIPEC_OK;
}

}  // namespace pipec::c
