// Turns messages into blocks, each of one partition, copied out of librdkafka's buffers immediately.
#include <algorithm>
#include <utility>

#include "stdlib/connectors/kafka/consumer_parts.h"

namespace pipec::stdlib::kafka {

using runtime::Block;
using runtime::Received;

// True: something was done.
bool Consumer::serve_request(Time now) {
  Request* request = nullptr;
  {
    const std::lock_guard lock(mutex_);
    if (!request_ || request_->done) return false;
    request = request_.get();
    if (error_ || interrupted_ || urgent_) {
      urgent_ = false;
      request->interrupted = true;
    }
  }
  if (request->interrupted) {
    finish_request(request->records() ? Received::records : Received::idle);
    return true;
  }
  // A block is one partition's. While it is not full the others wait their turn.
  if (request->feed) {
    const std::size_t before = request->block->origins.size();
    if (fill_from(*request->feed, *request)) {
      finish_request(Received::records);
      return true;
    }
    const bool others = std::any_of(feeds_.begin(), feeds_.end(), [&](const auto& feed) {
      return feed && feed.get() != request->feed && feed->has_data();
    });
    if (others || now >= *request->begun + Request::kLinger || request->feed->end_at) {
      finish_request(Received::records);
      return true;
    }
    return request->block->origins.size() != before;
  }
  bool all_ended = assigned_once_ && !handover_ && !rebalancing_;
  for (std::size_t i = 0; i < feeds_.size(); ++i) {
    Feed* feed = feeds_[(next_feed_ + i) % feeds_.size()].get();
    if (!feed) continue;
    if (feed->stopped) {
      all_ended = false;
      continue;
    }
    const bool full = fill_from(*feed, *request);
    if (request->records()) {
      next_feed_ = (next_feed_ + i + 1) % feeds_.size();
      request->feed = feed;
      request->begun = now;
      if (full || feed->end_at) finish_request(Received::records);
      return true;
    }
    if (!feed->ended) all_ended = false;
  }
  if (options_.stop_at_end && all_ended && may_end()) {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    finish_request(Received::end);
    return true;
  }
  if (now >= request->until) {
    finish_request(Received::idle);
    return true;
  }
  return false;
}

// An aborted transaction has to be read again, so the end is reported only when the last one is committed.
bool Consumer::may_end() {
  if (!options_.transactional) return true;
  {
    const std::lock_guard lock(mutex_);
    if (tracker_.all_settled()) return true;
  }
  if (options_.want_commit) options_.want_commit();
  return false;
}

// About as many as fit into the block: messages taken from the queue and left over are memory that librdkafka
// does not count any more.
std::size_t Consumer::messages_for(const Feed& feed, const Request& request) const {
  const std::size_t filled = request.block->data->size();
  const double room = static_cast<double>(request.max_bytes - std::min(filled, request.max_bytes));
  const double messages = 1 + room / std::max(feed.expected_bytes(), 1.0);
  const std::size_t records =
      request.max_records - std::min(request.block->origins.size(), request.max_records);
  return std::clamp<std::size_t>(std::min(static_cast<std::size_t>(messages), records), 1, popped_.size());
}

// True: the block is full.
bool Consumer::fill_from(Feed& feed, Request& request) {
  for (;;) {
    while (!feed.waiting.empty()) {
      const Message message = feed.next();
      if (message->err) {
        take_event(message.get());
        continue;
      }
      feed.ended = false;
      feed.end_at.reset();
      if (append(feed, request, message.get())) return true;
    }
    if (feed.end_at) {
      // Up to here there is nothing more: transaction markers and compacted records are passed over too.
      if (*feed.end_at > feed.position) {
        feed.position = *feed.end_at;
        if (!request.records()) request.first = feed.position;
        request.id = feed.id;
        request.end = feed.position;
        request.has_range = true;
      }
      feed.ended = true;
      if (request.records()) return false;
      feed.end_at.reset();
      return false;
    }
    // Before 2.1, batches lose messages if another thread pauses or seeks concurrently; all of that is done
    // on this thread.
    const std::size_t wanted = messages_for(feed, request);
    const ssize_t count = rd_kafka_consume_batch_queue(feed.queue.get(), 0, popped_.data(), wanted);
    if (count <= 0) return false;
    std::for_each(popped_.begin(), popped_.begin() + count, [&](auto* message) { feed.take(message); });
  }
}

bool Consumer::append(Feed& feed, Request& request, rd_kafka_message_t* message) {
  Block& block = *request.block;
  const auto offset = static_cast<std::uint64_t>(message->offset);
  if (!request.records()) {
    block.topic = feed.topic;
    block.partition = static_cast<std::uint32_t>(feed.number);
    block.empty_is_record = true;
    block.format = options_.format;
    request.id = feed.id;
    request.first = offset;
    request.has_range = true;
  }
  runtime::Metadata& metadata = block.metadata.emplace_back();
  runtime::Buffer& data = *block.data;
  const std::size_t begin = data.size();
  if (message->payload) {
    data.append({static_cast<const char*>(message->payload), message->len});
  } else {
    data.append(options_.format == runtime::Format::json ? "null" : "\xc0");
    metadata.null_payload = true;
  }
  block.origins.push_back(
      {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(data.size() - begin)});
  data.append('\n');
  block.positions.push_back(offset);
  if (message->key) metadata.key.emplace(static_cast<const char*>(message->key), message->key_len);
  rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
  const std::int64_t time = rd_kafka_message_timestamp(message, &type);
  constexpr std::int64_t kLatest = INT64_MAX / 1'000'000;
  if (type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && time >= -kLatest && time <= kLatest && time != -1) {
    metadata.timestamp = time * 1'000'000;
  }
  rd_kafka_headers_t* headers = nullptr;
  if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    for (std::size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == 0; ++i) {
      runtime::Header& header = metadata.headers.emplace_back();
      header.name = name;
      if (value) header.value.emplace(static_cast<const char*>(value), size);
    }
  }
  request.end = feed.position = offset + 1;
  return data.size() >= request.max_bytes || block.origins.size() >= request.max_records;
}

void Consumer::finish_request(Received received) {
  const std::lock_guard lock(mutex_);
  Request& request = *request_;
  if (received == Received::records) {
    const Tracker::Partition& partition = tracker_.at(request.id);
    if (request.block->topic.empty()) {
      request.block->topic = partition.topic;
      request.block->partition = static_cast<std::uint32_t>(partition.number);
    }
    request.block->ranges.push_back({request.id, partition.epoch, request.first, request.end});
    tracker_.hand(request.id, request.end);
    pause_policy_.handed();
  }
  if (request.feed) request.feed->end_at.reset();
  request.received = received;
  request.done = true;
  changed_.notify_all();
}

// Passes on a half-full block as it is: its partition may be revoked.
void Consumer::flush_request() {
  bool filled = false;
  {
    const std::lock_guard lock(mutex_);
    filled = request_ && !request_->done && request_->records();
  }
  if (filled) finish_request(Received::records);
}

}  // namespace pipec::stdlib::kafka
