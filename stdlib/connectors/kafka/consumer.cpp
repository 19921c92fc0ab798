// The engine's requests: passed to the consumer's thread or answered immediately.
#include "stdlib/connectors/kafka/consumer.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>

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

constexpr std::size_t kPopped = 256;         // messages taken from a queue at a time
constexpr milliseconds kHeldCommit{10'000};  // a commit waits this long for a rebalance to end
constexpr milliseconds kCloseWait{15'000};

}  // namespace

Consumer::Consumer(ConsumerOptions options)
    : options_(std::move(options)),
      log_(options_.settings.properties, options_.settings.token_file, this),
      event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      pause_policy_(options_.pause_after) {
  popped_.resize(kPopped);
}

Consumer::~Consumer() = default;

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
  Status status = commit_now(lock, tracker_.due(ranges));
  // At the end of a run, nothing would reread the positions of lost partitions. They are committed when the
  // group returns the partitions: their records were delivered, and no other member can have committed less.
  const Time until = Clock::now() + options_.come_back;
  while (status && ended_ && tracker_.any_lost(ranges)) {
    if (!wait_for_return(lock, ranges, until)) {
      Error lost = error(
          "the group took partitions away before their last positions were committed; their records are "
          "delivered again");
      lost.code = "commit";
      return lost;
    }
    status = commit_now(lock, tracker_.due_after_return(ranges));
  }
  return status;
}

Status Consumer::commit_now(std::unique_lock<std::mutex>& lock, std::vector<Tracker::Position> due) {
  if (due.empty()) return {};
  commit_ = std::make_unique<CommitJob>();
  commit_->positions = std::move(due);
  commit_->until = Clock::now() + kHeldCommit;
  wake();
  changed_.wait(lock, [&] { return commit_->result || closed_; });
  Status status = commit_->result ? std::move(*commit_->result) : Status{};
  commit_.reset();
  return status;
}

bool Consumer::wait_for_return(std::unique_lock<std::mutex>& lock, std::span<const PositionRange> ranges,
                               Time until) {
  const auto gone = [&] { return closed_ || closing_ || interrupted_ || error_; };
  changed_.wait_until(lock, until, [&] { return gone() || tracker_.lost_are_back(ranges); });
  return !gone() && tracker_.lost_are_back(ranges);
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

bool Consumer::is_interrupted() const {
  const std::lock_guard lock(mutex_);
  return interrupted_;
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
    thread_.detach();  // it holds the consumer; committed positions are safe
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

}  // namespace pipec::stdlib::kafka
