#include "pipec/stdlib/memory.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "stdlib/connectors/encode.h"

namespace pipec::stdlib {

using runtime::Block;
using runtime::Received;
using runtime::ReceiveLimits;
using runtime::Result;
using runtime::Status;

void MemoryChannel::push(MemoryRecord record) {
  {
    const std::lock_guard guard(mutex_);
    records_.push_back(std::move(record));
  }
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
  return result;
}

std::vector<MemoryRecord> MemoryChannel::take() {
  const std::lock_guard guard(mutex_);
  return take_locked();
}

std::vector<MemoryRecord> MemoryChannel::wait_and_take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return closed_ || next_ - committed_ < records_.size(); });
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

  Status open(const runtime::StateEntries&) override {
    const std::lock_guard guard(channel_->mutex_);
    channel_->next_ = channel_->committed_;
    return {};
  }

  Result<Received> receive(const ReceiveLimits& limits, Block& block) override {
    MemoryChannel& channel = *channel_;
    std::unique_lock lock(channel.mutex_);
    const auto unread = [&] { return channel.committed_ + channel.records_.size() - channel.next_; };
    channel.changed_.wait_for(lock, limits.wait,
                              [&] { return interrupted_ || channel.closed_ || unread() != 0; });
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
      for (; channel_->committed_ < range.end && !channel_->records_.empty(); ++channel_->committed_) {
        channel_->records_.pop_front();
      }
    }
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
  bool interrupted_ = false;  // under the channel's mutex
};

namespace {

class MemorySink final : public runtime::Sink {
 public:
  MemorySink(std::shared_ptr<MemoryChannel> channel, Encoding encoding)
      : channel_(std::move(channel)), encoder_(encoding) {}

  Status write(const runtime::Batch& batch, runtime::StageContext& context) override {
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const RecordEncoder::Piece piece = encoder_.payload(batch, i);
      if (piece.failed) {
        context.dead_letter(batch.records[i], piece.failed);
        continue;
      }
      const runtime::Metadata* metadata = batch.metadata_of(batch.records[i]);
      channel_->push({std::string(piece.text), metadata ? *metadata : runtime::Metadata{}, piece.format});
    }
    return {};
  }

 private:
  std::shared_ptr<MemoryChannel> channel_;
  RecordEncoder encoder_;
};

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
    return std::unique_ptr<runtime::Sink>(
        std::make_unique<MemorySink>(channels->channel(options.string("name")), encoding_of(options)));
  };
  static_cast<void>(registry.add(std::move(sink)));
}

}  // namespace pipec::stdlib
