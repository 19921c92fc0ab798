// The consumer's thread: polling, filling blocks, committing. Rebalances are in consumer_rebalance.cpp.
#include "stdlib/connectors/kafka/consumer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <utility>

#include "stdlib/connectors/kafka/consumer_parts.h"

namespace pipec::stdlib::kafka {

using runtime::Block;
using runtime::Error;
using runtime::PositionRange;
using runtime::Received;
using runtime::ReceiveLimits;
using runtime::Result;
using runtime::Status;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t kPopped = 256;  // messages taken from a queue at a time
constexpr milliseconds kLinger{5};    // a partial block is handed on after that
constexpr milliseconds kLookUp{15'000};
constexpr milliseconds kHeldCommit{10'000};  // a commit waits this long for a rebalance to end
constexpr milliseconds kCloseWait{15'000};

}  // namespace

Consumer::Consumer(ConsumerOptions options)
    : options_(std::move(options)),
      log_(options_.settings.properties, this),
      event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  popped_.resize(kPopped);
}

Consumer::~Consumer() = default;

Status Consumer::open() {
  std::size_t partitions = 0;
  if (Status status = look_up(partitions); !status) return status;
  ConsumerSettings settings = options_.settings;
  settings.prefetch_per_partition = options_.prefetch / std::max<std::size_t>(partitions, 1);
  Result<Conf> conf = consumer_conf(settings);
  if (!conf) return conf.error();
  log_.attach(conf->get());
  rd_kafka_conf_set_rebalance_cb(
      conf->get(), [](rd_kafka_t* client, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list,
                      void* opaque) { on_rebalance(client, code, list, opaque); });
  char text[512];
  client_.reset(rd_kafka_new(RD_KAFKA_CONSUMER, conf->get(), text, sizeof text));
  if (!client_) return error(fmt::format("cannot make a consumer: {}", log_.redacted(text)));
  static_cast<void>(conf->release());
  rd_kafka_poll_set_consumer(client_.get());
  group_queue_.reset(rd_kafka_queue_get_consumer(client_.get()));
  commit_queue_.reset(rd_kafka_queue_new(client_.get()));
  static constexpr std::uint64_t kOne = 1;
  rd_kafka_queue_io_event_enable(group_queue_.get(), event_.get(), &kOne, sizeof kOne);
  rd_kafka_queue_io_event_enable(commit_queue_.get(), event_.get(), &kOne, sizeof kOne);
  if (Status status = subscribe(); !status) return status;
  if (options_.settings.cooperative && rd_kafka_version() < 0x020a00ff) {
    say(fmt::format(
        "kafka: librdkafka {} has known faults with cooperative assignment (fixed in 2.10); eager is safer",
        rd_kafka_version_str()));
  }
  thread_ = std::thread([self = shared_from_this()] { self->run(); });
  return {};
}

// A client of its own, since the prefetch per partition is fixed when the consumer is made.
Status Consumer::look_up(std::size_t& partitions) {
  ConsumerSettings settings = options_.settings;
  settings.instance.clear();
  Result<Conf> conf = consumer_conf(settings);
  if (!conf) return conf.error();
  log_.attach(conf->get());
  char text[512];
  const Handle client(rd_kafka_new(RD_KAFKA_CONSUMER, conf->get(), text, sizeof text));
  if (!client) return error(fmt::format("cannot make a consumer: {}", log_.redacted(text)));
  static_cast<void>(conf->release());
  rd_kafka_poll_set_consumer(client.get());

  const bool pattern = std::any_of(options_.topics.begin(), options_.topics.end(),
                                   [](const std::string& topic) { return topic.starts_with("^"); });
  const rd_kafka_metadata_t* metadata = nullptr;
  const Clock::time_point deadline = Clock::now() + kLookUp;
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
  do {
    {
      const std::lock_guard lock(mutex_);
      if (interrupted_) return error("stopped before the brokers were reached");
    }
    code = rd_kafka_metadata(client.get(), 1, nullptr, &metadata, 1000);
    while (Message message{rd_kafka_consumer_poll(client.get(), 0)}) {
      if (message->err) log_.note(rd_kafka_message_errstr(message.get()));
    }
  } while (code && passes(code) && Clock::now() < deadline);
  if (code) {
    return error(fmt::format("cannot reach {}: {}{}", settings.brokers, rd_kafka_err2str(code), log_.last()));
  }
  std::string missing;
  for (const std::string& topic : options_.topics) {
    bool found = topic.starts_with("^");
    for (int i = 0; i < metadata->topic_cnt; ++i) {
      if (topic != metadata->topics[i].topic || metadata->topics[i].err) continue;
      found = true;
      partitions += static_cast<std::size_t>(metadata->topics[i].partition_cnt);
    }
    if (!found) missing += (missing.empty() ? "" : ", ") + topic;
  }
  if (pattern) partitions = std::max<std::size_t>(partitions, 8);
  rd_kafka_metadata_destroy(metadata);
  if (!missing.empty()) {
    return error(fmt::format("no topic {} at {} (or no right to see it)", missing, settings.brokers));
  }
  return {};
}

Status Consumer::subscribe() {
  const PartitionList topics = make_list(static_cast<int>(options_.topics.size()));
  for (const std::string& topic : options_.topics) {
    rd_kafka_topic_partition_list_add(topics.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  if (const auto code = rd_kafka_subscribe(client_.get(), topics.get())) {
    return error(fmt::format("cannot subscribe: {}", rd_kafka_err2str(code)));
  }
  return {};
}

// ---- the engine's side
// -------------------------------------------------------------------------------------

Result<Received> Consumer::receive(const ReceiveLimits& limits, Block& block) {
  std::unique_lock lock(mutex_);
  if (error_) return *error_;
  if (interrupted_ || urgent_) {
    urgent_ = false;
    return Received::idle;
  }
  request_ = std::make_unique<Request>();
  request_->block = &block;
  request_->max_bytes = limits.max_bytes != 0 ? limits.max_bytes : std::size_t{256} << 10;
  request_->max_records = limits.max_records != 0 ? limits.max_records : ~std::size_t{0};
  request_->until = Clock::now() + limits.wait;
  wake();
  changed_.wait(lock, [&] { return !request_ || request_->done; });
  const Received received = request_->received;
  request_.reset();
  if (received != Received::records && error_) return *error_;
  return received;
}

Status Consumer::commit(std::span<const PositionRange> ranges) {
  std::unique_lock lock(mutex_);
  // Behind the end of a run nobody would read again what was lost, or notice.
  const auto outcome = [&](Status status) -> Status {
    if (!status || !ended_ || !tracker_.any_lost(ranges)) return status;
    Error lost = error(
        "the group took partitions away before their last positions were committed; what they hold is "
        "delivered again");
    lost.code = "commit";
    return lost;
  };
  std::vector<Tracker::Position> due = tracker_.due(ranges);
  if (due.empty()) return outcome({});
  commit_ = std::make_unique<CommitJob>();
  commit_->positions = std::move(due);
  commit_->until = Clock::now() + kHeldCommit;
  wake();
  changed_.wait(lock, [&] { return commit_->result || closed_; });
  Status status = commit_->result ? std::move(*commit_->result) : Status{};
  commit_.reset();
  return outcome(std::move(status));
}

void Consumer::pause(bool on) {
  const std::lock_guard lock(mutex_);
  paused_ = on;
  wake();
}

void Consumer::interrupt() {
  const std::lock_guard lock(mutex_);
  interrupted_ = true;
  wake();
}

Status Consumer::close() {
  std::unique_lock lock(mutex_);
  closing_ = true;
  if (!thread_.joinable()) return {};
  wake();
  const bool closed = changed_.wait_for(lock, kCloseWait, [&] { return closed_; });
  lock.unlock();
  if (closed) {
    thread_.join();
  } else {
    thread_.detach();  // it holds the consumer; what is committed is safe
    say("kafka: leaving the group takes too long and is not waited for");
  }
  return {};
}

Consumer::Offsets Consumer::offsets(std::span<const PositionRange> ranges) {
  const std::lock_guard lock(mutex_);
  Offsets result;
  result.dead = tracker_.any_dead(ranges);
  result.positions = tracker_.due(ranges);
  result.list = make_list(static_cast<int>(result.positions.size()));
  for (const Tracker::Position& position : result.positions) {
    const Tracker::Partition& partition = tracker_.at(position.id);
    rd_kafka_topic_partition_list_add(result.list.get(), partition.topic.c_str(), partition.number)->offset =
        static_cast<std::int64_t>(position.offset);
  }
  result.group.reset(rd_kafka_consumer_group_metadata(client_.get()));
  return result;
}

void Consumer::committed(const std::vector<Tracker::Position>& positions) {
  const std::lock_guard lock(mutex_);
  for (const Tracker::Position& position : positions) tracker_.committed(position);
  wake();
}

Status Consumer::rewind() {
  std::unique_lock lock(mutex_);
  rewind_wanted_ = true;
  rewound_.reset();
  wake();
  changed_.wait(lock, [&] { return rewound_ || closed_; });
  return rewound_ ? *rewound_ : Status{};
}

void Consumer::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_.get(), &one, sizeof one);
}

void Consumer::say(const std::string& line) const {
  if (options_.log) options_.log(line);
}

// ---- the thread
// --------------------------------------------------------------------------------------------

void Consumer::run() {
  for (;;) {
    bool busy = poll_group();
    serve_commit();
    {
      const std::lock_guard lock(mutex_);
      if (closing_) break;
    }
    serve_gate();
    serve_rewind();
    const Time now = Clock::now();
    serve_handover(now);
    report_idle(now);
    busy = serve_request(now) || busy;
    if (busy) continue;
    Time until = now + milliseconds(100);
    {
      const std::lock_guard lock(mutex_);
      if (request_ && !request_->done) {
        until = std::min(until, request_->until);
        if (request_->begun) until = std::min(until, *request_->begun + kLinger);
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
        feeds_[id]->waiting.push_back(message);
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
      log_.note(rd_kafka_message_errstr(message));  // passes, or stands behind what fails next
      return;
  }
}

void Consumer::serve_commit() {
  while (const Event event{rd_kafka_queue_poll(commit_queue_.get(), 0)}) {
    if (rd_kafka_event_type(event.get()) != RD_KAFKA_EVENT_OFFSET_COMMIT) continue;
    rd_kafka_resp_err_t code = rd_kafka_event_error(event.get());
    const rd_kafka_topic_partition_list_t* list = rd_kafka_event_topic_partition_list(event.get());
    for (int i = 0; list && !code && i < list->cnt; ++i) code = list->elems[i].err;
    if (code == RD_KAFKA_RESP_ERR__NO_OFFSET) code = RD_KAFKA_RESP_ERR_NO_ERROR;
    Status status;
    if (code) {
      status = error(fmt::format("the commit was refused: {}{}", rd_kafka_err2str(code), log_.last()),
                     passes(code));
      status.error().code = "commit";
    }
    finish_commit(std::move(status));
  }
  const std::lock_guard lock(mutex_);
  if (!commit_ || commit_->result || commit_->sent) return;
  std::erase_if(commit_->positions, [&](const auto& position) { return !tracker_.live(position); });
  // During a rebalance this librdkafka may lose the assignment over a commit. It is held until the end of it.
  if (rebalancing_ && !commit_->positions.empty() && Clock::now() < commit_->until) return;
  const PartitionList list = make_list(static_cast<int>(commit_->positions.size()));
  for (const Tracker::Position& position : commit_->positions) {
    const Tracker::Partition& partition = tracker_.at(position.id);
    rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.number)->offset =
        static_cast<std::int64_t>(position.offset);
  }
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  if (list->cnt != 0) {
    code = rd_kafka_commit_queue(client_.get(), list.get(), commit_queue_.get(), nullptr, nullptr);
    commit_->sent = true;
  }
  if (list->cnt == 0 || code) {
    commit_->result =
        code ? Status(error(fmt::format("cannot commit: {}", rd_kafka_err2str(code)), passes(code)))
             : Status();
    changed_.notify_all();
  }
}

void Consumer::finish_commit(Status status) {
  const std::lock_guard lock(mutex_);
  if (!commit_ || !commit_->sent || commit_->result) return;
  if (status) {
    for (const Tracker::Position& position : commit_->positions) tracker_.committed(position);
  }
  commit_->result = std::move(status);
  changed_.notify_all();
}

// G7: once per edge, and never a partition resumed that was not paused (before 2.4 that rewinds it).
void Consumer::serve_gate() {
  bool wanted = false;
  {
    const std::lock_guard lock(mutex_);
    wanted = paused_;
  }
  if (wanted == gate_applied_) return;
  gate_applied_ = wanted;
  const PartitionList list = make_list();
  for (const auto& feed : feeds_) {
    if (!feed || feed->paused == wanted) continue;
    feed->paused = wanted;
    rd_kafka_topic_partition_list_add(list.get(), feed->topic.c_str(), feed->number);
  }
  apply_gate(wanted, list.get());
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
    if (others || now >= *request->begun + kLinger || request->feed->end_at) {
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
  if (options_.stop_at_end && all_ended) {
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

// True: the block is full.
bool Consumer::fill_from(Feed& feed, Request& request) {
  for (;;) {
    while (!feed.waiting.empty()) {
      const Message message(feed.waiting.front());
      feed.waiting.pop_front();
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
    const ssize_t count = rd_kafka_consume_batch_queue(feed.queue.get(), 0, popped_.data(), popped_.size());
    if (count <= 0) return false;
    feed.waiting.insert(feed.waiting.end(), popped_.begin(), popped_.begin() + count);
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
  }
  if (request.feed) request.feed->end_at.reset();
  request.received = received;
  request.done = true;
  changed_.notify_all();
}

// A block that is half full is handed on as it is: its partition may go away.
void Consumer::flush_request() {
  bool filled = false;
  {
    const std::lock_guard lock(mutex_);
    filled = request_ && !request_->done && request_->records();
  }
  if (filled) finish_request(Received::records);
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
  commit_queue_.reset();
  group_queue_.reset();
  client_.reset();
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

}  // namespace pipec::stdlib::kafka
