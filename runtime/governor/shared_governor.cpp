#include "pipec/runtime/shared_governor.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <algorithm>
#include <chrono>

#include "pipec/runtime/cached_bytes.h"
#include "runtime/governor/memory_reader.h"

namespace pipec::runtime {

namespace {

using std::chrono::nanoseconds;

// Several pipelines check at about the same time, each about twenty times a second.
constexpr std::int64_t kReadingLasts = 20'000'000;
// The time between two returns of memory: at least this long, and this multiple of the last one's duration.
constexpr std::int64_t kLeastBetweenReturns = 50'000'000;
constexpr std::int64_t kReturnShare = 10;

std::int64_t steady_now() {
  return nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

SharedGovernor::SharedGovernor(std::size_t memory, const std::string& root)
    : memory_(memory),
      reader_(std::make_unique<governor::MemoryReader>(root)),
      reading_(std::make_unique<governor::MemoryReading>(reader_->read())) {}

SharedGovernor::~SharedGovernor() = default;

std::shared_ptr<SharedGovernor::Member> SharedGovernor::join(const Shape& shape) {
  auto member = std::make_shared<Member>(shape);
  const std::lock_guard lock(mutex_);
  members_.push_back(member);
  return member;
}

SharedGovernor::Sums SharedGovernor::sums() const {
  Sums sums;
  const std::lock_guard lock(mutex_);
  std::erase_if(members_, [](const std::weak_ptr<Member>& member) { return member.expired(); });
  for (const std::weak_ptr<Member>& each : members_) {
    const std::shared_ptr<Member> member = each.lock();
    if (!member) continue;
    ++sums.members;
    const std::size_t memory = member->shape.memory;
    if (memory != 0)
      sums.shape.memory = sums.shape.memory == 0 ? memory : std::min(sums.shape.memory, memory);
    sums.shape.threads += member->shape.threads;
    sums.shape.receivers += member->shape.receivers;
    sums.shape.sinks += member->shape.sinks;
    sums.tracked += member->tracked.load(std::memory_order_relaxed);
    sums.queued += member->queued.load(std::memory_order_relaxed);
    sums.in_flight += member->in_flight.load(std::memory_order_relaxed);
  }
  return sums;
}

std::size_t SharedGovernor::memory() const {
  const std::size_t asked = sums().shape.memory;
  if (memory_ != 0 && asked != 0) return std::min(memory_, asked);
  if (memory_ != 0 || asked != 0) return std::max(memory_, asked);
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(reading_->found_limit().value_or(0));
}

governor::MemoryReading SharedGovernor::read(bool fresh) {
  const std::lock_guard lock(mutex_);
  const std::int64_t now = steady_now();
  if (fresh || now - read_at_ >= kReadingLasts) {
    *reading_ = reader_->read();
    read_at_ = now;
  }
  return *reading_;
}

void SharedGovernor::return_memory() {
  CachedBytes::release_all();
  const std::unique_lock lock(returning_, std::try_to_lock);
  if (!lock) return;
  const std::int64_t begin = steady_now();
  if (begin < return_next_) return;
#if defined(__GLIBC__)
  ::malloc_trim(0);
#endif
  const std::int64_t end = steady_now();
  return_next_ = end + std::max(kLeastBetweenReturns, kReturnShare * (end - begin));
}

}  // namespace pipec::runtime
