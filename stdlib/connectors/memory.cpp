#include "pipec/stdlib/memory.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "stdlib/connectors/format_options.h"

namespace pipec::stdlib {

using runtime::Block;
using runtime::Received;
using runtime::ReceiveLimits;
using runtime::Result;
using runtime::Status;

std::size_t MemoryChannel::bytes_of(const MemoryRecord& record) {
  std::size_t bytes = sizeof(MemoryRecord) + record.payload.size();
  if (record.metadata.key) bytes += record.metadata.key->size();
  for (const auto& header : record.metadata.headers) {
    bytes += sizeof header + header.name.size() + (header.value ? header.value->size() : 0);
  }
  return bytes;
}

void MemoryChannel::add_locked(MemoryRecord&& record) {
  held_bytes_ += bytes_of(record);
  records_.push_back(std::move(record));
  changed_.notify_all();
}

void MemoryChannel::drop_first_locked() {
  held_bytes_ -= bytes_of(records_.front());
  records_.pop_front();
  ++committed_;
}

bool MemoryChannel::push(MemoryRecord record) {
  std::unique_lock lock(mutex_);
  const std::uint64_t before = interrupts_;
  if (!closed_ && !has_room()) {
    ++waiting_;
    changed_.notify_all();  // a reader that has read everything requests a commit
    changed_.wait(lock, [&] { return closed_ || interrupts_ != before || has_room(); });
    --waiting_;
  }
  if (closed_ || interrupts_ != before) return false;
  add_locked(std::move(record));
  return true;
}

bool MemoryChannel::try_push(MemoryRecord&& record) {
  const std::lock_guard guard(mutex_);
  if (closed_ || !has_room()) return false;
  add_locked(std::move(record));
  return true;
}

void MemoryChannel::interrupt() {
  const std::lock_guard guard(mutex_);
  ++interrupts_;
  changed_.notify_all();
}

void MemoryChannel::set_limit(std::size_t bytes) {
  const std::lock_guard guard(mutex_);
  limit_ = bytes;
  changed_.notify_all();
}

std::size_t MemoryChannel::limit() const {
  const std::lock_guard guard(mutex_);
  return limit_;
}

std::size_t MemoryChannel::held_bytes() const {
  const std::lock_guard guard(mutex_);
  return held_bytes_;
}

void MemoryChannel::writer_opens() {
  const std::lock_guard guard(mutex_);
  ++writers_;
  written_ = false;
}

void MemoryChannel::writer_closes() {
  const std::lock_guard guard(mutex_);
  if (--writers_ == 0) written_ = true;
  changed_.notify_all();
}

void MemoryChannel::close() {
  {
    const std::lock_guard guard(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

std::vector<MemoryRecord> MemoryChannel::take_locked() {
  std::vector<MemoryRecord> result;
  const auto first = records_.begin() + static_cast<std::ptrdiff_t>(next_ - committed_);
  std::move(first, records_.end(), std::back_inserter(result));
  committed_ += records_.size();
  next_ = committed_;
  records_.clear();
  held_bytes_ = 0;
  if (waiting_ != 0) changed_.notify_all();
  return result;
}

std::vector<MemoryRecord> MemoryChannel::take() {
  const std::lock_guard guard(mutex_);
  return take_locked();
}

std::vector<MemoryRecord> MemoryChannel::wait_and_take() {
  std::unique_lock lock(mutex_);
  changed_.wait(
      lock, [&] { return closed_ || next_ - committed_ < records_.size() || (written_ && writers_ == 0); });
  return take_locked();
}

std::uint64_t MemoryChannel::pushed() const {
  const std::lock_guard guard(mutex_);
  return committed_ + records_.size();
}

std::uint64_t MemoryChannel::committed() const {
  const std::lock_guard guard(mutex_);
  return committed_;
}

bool MemoryChannel::closed() const {
  const std::lock_guard guard(mutex_);
  return closed_;
}

std::shared_ptr<MemoryChannel> MemoryChannels::channel(std::string_view name) {
  const std::lock_guard guard(mutex_);
  auto found = channels_.find(name);
  if (found == channels_.end()) found = channels_.emplace(name, std::make_shared<MemoryChannel>()).first;
  return found->second;
}

class MemoryReceiver final : public runtime::Receiver {
 public:
  explicit MemoryReceiver(std::shared_ptr<MemoryChannel> channel) : channel_(std::move(channel)) {}

  void keep_commit_trigger(const std::function<void()>& trigger) override { trigger_ = trigger; }

  Status open(const runtime::StateEntries&) override {
    const std::lock_guard guard(channel_->mutex_);
    channel_->next_ = channel_->committed_;
    return {};
  }

  // Uncommitted records are kept, read or not.
  std::size_t queued_bytes() const override { return channel_->held_bytes(); }

  Result<Received> receive(const ReceiveLimits& limits, Block& block) override {
    MemoryChannel& channel = *channel_;
    std::unique_lock lock(channel.mutex_);
    const auto unread = [&] { return channel.committed_ + channel.records_.size() - channel.next_; };
    const auto ready = [&] { return interrupted_ || channel.closed_ || unread() != 0; };
    // A thread waits to push, and all kept records have been read: only a commit frees space.
    const auto full = [&] { return channel.waiting_ != 0 && !channel.has_room() && unread() == 0; };
    channel.changed_.wait_for(lock, limits.wait, [&] { return ready() || full(); });
    if (full() && trigger_) {
      lock.unlock();
      trigger_();
      lock.lock();
      channel.changed_.wait_for(lock, limits.wait, [&] { return ready() || channel.has_room(); });
    }
    if (unread() == 0) return channel.closed_ ? Received::end : Received::idle;

    const std::size_t records =
        limits.max_records != 0 ? limits.max_records : std::numeric_limits<std::size_t>::max();
    const std::size_t bytes = limits.max_bytes != 0 ? limits.max_bytes : std::size_t{256} << 10;
    runtime::Buffer& data = *block.data;
    block.first_position = channel.next_;
    while (unread() != 0 && block.origins.size() < records &&
           (data.size() < bytes || block.origins.empty())) {
      const MemoryRecord& record =
          channel.records_[static_cast<std::size_t>(channel.next_ - channel.committed_)];
      if (block.origins.empty()) block.format = record.format;
      if (record.format != block.format) break;  // a block has one
      add(record, block);
      ++channel.next_;
    }
    block.empty_is_record = true;
    block.ranges.push_back({0, 0, block.first_position, channel.next_});
    return Received::records;
  }

  Status commit(std::span<const runtime::PositionRange> ranges) override {
    const std::lock_guard guard(channel_->mutex_);
    for (const runtime::PositionRange& range : ranges) {
      while (channel_->committed_ < range.end && !channel_->records_.empty()) channel_->drop_first_locked();
    }
    if (channel_->waiting_ != 0) channel_->changed_.notify_all();
    return {};
  }

  void interrupt() override {
    {
      const std::lock_guard guard(channel_->mutex_);
      interrupted_ = true;
    }
    channel_->changed_.notify_all();
  }

 private:
  static void add(const MemoryRecord& record, Block& block) {
    runtime::Buffer& data = *block.data;
    block.origins.push_back(
        {static_cast<std::uint32_t>(data.size()), static_cast<std::uint32_t>(record.payload.size())});
    block.metadata.push_back(record.metadata);
    data.append(record.payload);
    data.append('\n');
  }

  std::shared_ptr<MemoryChannel> channel_;
  std::function<void()> trigger_;
  bool interrupted_ = false;  // under the channel's mutex
};

class MemorySink final : public runtime::Sink {
 public:
  MemorySink(std::shared_ptr<MemoryChannel> channel, std::unique_ptr<runtime::Encoder> encoder)
      : channel_(std::move(channel)), encoder_(std::move(encoder)) {}
  ~MemorySink() override {
    if (open_) channel_->writer_closes();
  }

  Status open(const runtime::StateEntries&) override {
    channel_->writer_opens();
    open_ = true;
    return {};
  }
  Status write(const runtime::Batch& batch, runtime::StageContext& context) override {
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const runtime::Encoder::Piece piece = encoder_->payload(batch, i);
      if (piece.failed) {
        context.dead_letter(batch.records[i], piece.failed);
        continue;
      }
      const runtime::Metadata* metadata = batch.metadata_of(batch.records[i]);
      MemoryRecord record{std::string(piece.text), metadata ? *metadata : runtime::Metadata{}, piece.format};
      if (channel_->push(std::move(record))) continue;
      return runtime::Error{
          "sink", channel_->closed() ? "the memory channel is closed" : "interrupted", {}, {}};
    }
    return {};
  }
  void interrupt() override { channel_->interrupt(); }
  Status close() override {
    if (std::exchange(open_, false)) channel_->writer_closes();
    return {};
  }

 private:
  std::shared_ptr<MemoryChannel> channel_;
  const std::unique_ptr<runtime::Encoder> encoder_;
  bool open_ = false;
};

namespace {

runtime::OptionSpec name_option() {
  runtime::OptionSpec option;
  option.name = "name";
  option.types = runtime::Type::string;
  option.required = true;
  option.doc = "the channel";
  return option;
}

}  // namespace

void register_memory(runtime::Registry& registry, const std::shared_ptr<MemoryChannels>& channels) {
  runtime::ReceiverSpec receiver;
  receiver.name = "memory";
  receiver.doc = "Reads a channel of the embedding program";
  receiver.options = {name_option()};
  receiver.positional = 1;
  receiver.make = [channels](const runtime::Options& options,
                             const runtime::ConnectorContext&) -> Result<std::unique_ptr<runtime::Receiver>> {
    return std::unique_ptr<runtime::Receiver>(
        std::make_unique<MemoryReceiver>(channels->channel(options.string("name"))));
  };
  static_cast<void>(registry.add(std::move(receiver)));

  runtime::SinkSpec sink;
  sink.name = "memory";
  sink.doc = "Writes to a channel of the embedding program";
  sink.options = {name_option(), encode_option()};
  sink.positional = 1;
  sink.make = [channels](const runtime::Options& options,
                         const runtime::ConnectorContext&) -> Result<std::unique_ptr<runtime::Sink>> {
    auto encoder = make_encoder(options);
    if (!encoder) return encoder.error();
    return std::unique_ptr<runtime::Sink>(
        std::make_unique<MemorySink>(channels->channel(options.string("name")), std::move(*encoder)));
  };
  static_cast<void>(registry.add(std::move(sink)));
}

}  // namespace pipec::stdlib
