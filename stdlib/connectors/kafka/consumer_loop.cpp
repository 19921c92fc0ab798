// The consumer's thread: polls continuously and serves the engine's requests in between.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "stdlib/connectors/kafka/consumer_parts.h"
#include "stdlib/connectors/kafka/topics.h"

namespace pipec::stdlib::kafka {

using runtime::Error;
using runtime::Received;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

namespace {

constexpr milliseconds kRound{50};  // at the latest

// The cooperative assignor of a librdkafka before that asserts when a client is destroyed that joined and
// never got an assignment. It has left the group; only memory and idle threads are leaked.
constexpr int kDestroysAnyMember = 0x020a00ff;

}  // namespace

void Consumer::keep_for_ever() {
  static std::mutex mutex;
  static auto* const kept = new std::vector<std::shared_ptr<Consumer>>;  // no destructor runs at exit
  const std::lock_guard lock(mutex);
  kept->push_back(shared_from_this());
  static_cast<void>(client_.release());
}

void Consumer::run() {
  for (;;) {
    bool busy = poll_group();
    serve_commit();
    {
      const std::lock_guard lock(mutex_);
      if (closing_) break;
    }
    const Time now = Clock::now();
    serve_gate(now);
    serve_rewind();
    serve_handover(now);
    measure(now);
    report_idle(now);
    busy = serve_request(now) || busy;
    if (busy) continue;
    Time until = now + kRound;
    if (const auto pause = pause_policy_.next()) until = std::min(until, std::max(*pause, now));
    {
      const std::lock_guard lock(mutex_);
      if (request_ && !request_->done) {
        until = std::min(until, request_->until);
        if (request_->begun) until = std::min(until, *request_->begun + Request::kLinger);
      }
    }
    wait(until);
  }
  shut();
}

void Consumer::wait(Time until) {
  const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
  struct pollfd waited = {event_.get(), POLLIN, 0};
  if (left > 0) ::poll(&waited, 1, static_cast<int>(left));
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t read = ::read(event_.get(), &count, sizeof count);
}

// Also what counts as polling for max.poll.interval.ms.
bool Consumer::poll_group() {
  bool any = false;
  for (int i = 0; i < 64; ++i) {
    rd_kafka_message_t* message = rd_kafka_consumer_poll(client_.get(), 0);
    if (!message) break;
    any = true;
    if (message->err) {
      take_event(message);
      rd_kafka_message_destroy(message);
    } else {
      // Only in the moment before a partition's queue is its own.
      const std::uint32_t id = [&] {
        const std::lock_guard lock(mutex_);
        return tracker_.id(rd_kafka_topic_name(message->rkt), message->partition);
      }();
      if (id < feeds_.size() && feeds_[id]) {
        feeds_[id]->take(message);
      } else {
        rd_kafka_message_destroy(message);
      }
    }
  }
  return any;
}

// An error or the end of a partition.
void Consumer::take_event(rd_kafka_message_t* message) {
  const char* topic = message->rkt ? rd_kafka_topic_name(message->rkt) : "";
  // A pattern without matches is reported as a missing topic.
  if (is_pattern(topic)) {
    log_.note(rd_kafka_message_errstr(message));
    return;
  }
  switch (message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF: {
      const std::lock_guard lock(mutex_);
      const std::uint32_t id = tracker_.id(topic, message->partition);
      if (id < feeds_.size() && feeds_[id]) feeds_[id]->end_at = static_cast<std::uint64_t>(message->offset);
      return;
    }
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      fail(error(gap(topic, message->partition)));
      return;
    case RD_KAFKA_RESP_ERR__FATAL: {
      char text[512];
      const auto code = rd_kafka_fatal_error(client_.get(), text, sizeof text);
      const char* meaning = code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID
                                ? "another process joined the group with the same 'instance': "
                                : "";
      fail(error(fmt::format("{}{}", meaning, log_.redacted(text))));
      return;
    }
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
      fail(error(
          fmt::format("{}{}{}", topic, *topic ? ": " : "", log_.redacted(rd_kafka_message_errstr(message)))));
      return;
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
      say("kafka: the group took the partitions away, since this process did not poll in time");
      return;
    default:
      log_.note(rd_kafka_message_errstr(message));  // transient, or the cause of the next failure
      return;
  }
}

// G7. Never a partition resumed that was not paused (before 2.4 that rewinds it).
void Consumer::serve_gate(Time now) {
  {
    const std::lock_guard lock(mutex_);
    pause_policy_.hold(paused_, now);
  }
  const bool wanted = pause_policy_.paused(now);
  if (wanted == gate_applied_) return;
  gate_applied_ = wanted;
  const PartitionList list = make_list();
  for (const auto& feed : feeds_) {
    if (!feed || feed->paused == wanted) continue;
    feed->paused = wanted;
    rd_kafka_topic_partition_list_add(list.get(), feed->topic.c_str(), feed->number);
  }
  apply_gate(wanted, list.get());
  if (!wanted) return;
  // The fetched records are out of date now; their memory is released on the next request.
  for (const auto& feed : feeds_) {
    ssize_t count = 0;
    while (feed &&
           (count = rd_kafka_consume_batch_queue(feed->queue.get(), 0, popped_.data(), popped_.size())) > 0) {
      std::for_each(popped_.begin(), popped_.begin() + count, [&](auto* message) { feed->take(message); });
    }
  }
}

void Consumer::apply_gate(bool paused, const rd_kafka_topic_partition_list_t* list) {
  if (list->cnt == 0) return;
  auto* partitions = const_cast<rd_kafka_topic_partition_list_t*>(list);
  if (paused) {
    rd_kafka_pause_partitions(client_.get(), partitions);
  } else {
    rd_kafka_resume_partitions(client_.get(), partitions);
  }
}

void Consumer::fail(Error failure) {
  const std::lock_guard lock(mutex_);
  if (!error_) error_ = std::move(failure);
}

// Leaves the group. All that will be committed is.
void Consumer::shut() {
  closing_down_ = true;
  flush_request();
  {
    const std::lock_guard lock(mutex_);
    if (request_ && !request_->done) {
      request_->received = Received::idle;
      request_->done = true;
    }
    changed_.notify_all();
  }
  // A half finished hand-over first: nothing else may be in its way.
  if (handover_) finish_handover();
  rd_kafka_consumer_close(client_.get());
  feeds_.clear();
  if (options_.settings.cooperative && !assigned_once_ && rd_kafka_version() < kDestroysAnyMember) {
    keep_for_ever();
  }
  commit_queue_.reset();
  group_queue_.reset();
  client_.reset();
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

}  // namespace pipec::stdlib::kafka
