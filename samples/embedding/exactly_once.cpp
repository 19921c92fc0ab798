// `commit sink`: results and positions go into one transaction of the program's own store, so that every
// payment counts exactly once whatever happens. The store here is a struct; a database table works the same
// way.
#include <cstdio>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "pipec/graph/builder.h"
#include "pipec/graph/pipeline.h"

using namespace pipec;

namespace {

// What survives a crash. A transaction replaces both at once.
struct Store {
  std::map<std::string, long, std::less<>> balances;
  std::uint64_t position = 0;  // payments below it are in the balances
};

const std::vector<std::string> kPayments = {"ann 10", "bob 5", "ann 7", "eve 1", "bob 5", "ann -3"};

// Resumes where the sink's last transaction ended. Two payments a batch, to show several batches.
class Payments final : public runtime::Receiver {
 public:
  runtime::Status open(const runtime::StateEntries& saved) override {
    for (const runtime::StateEntry& entry : saved) next_ = std::stoull(entry.value);
    return {};
  }

  runtime::Result<runtime::Received> receive(const runtime::ReceiveLimits&, runtime::Block& block) override {
    if (next_ == kPayments.size()) return runtime::Received::end;
    for (int i = 0; i < 2 && next_ < kPayments.size(); ++i, ++next_)
      block.add_record(kPayments[next_], next_);
    return runtime::Received::records;
  }

  // Not called: the sink commits.
  runtime::Status commit(std::span<const runtime::PositionRange>) override { return {}; }

 private:
  std::uint64_t next_ = 0;
};

// Batches come one at a time and in order, even those with no records left: their positions count.
class Balances final : public runtime::Sink {
 public:
  Balances(Store& store, int fails_at) : store_(store), fails_at_(fails_at) {}

  // For the receiver's open().
  runtime::Status saved_positions(std::string_view, runtime::StateEntries& out) override {
    out.push_back({"next", std::to_string(store_.position)});
    return {};
  }

  runtime::Status write(const runtime::Batch& batch, runtime::StageContext& context) override {
    Store next = store_;  // begin
    for (const runtime::Record& record : batch.records) {
      const std::string_view payment = batch.payload(record);
      const std::size_t space = payment.find(' ');
      if (space == std::string_view::npos) {
        context.dead_letter(record, "a payment is NAME AMOUNT");
        continue;
      }
      next.balances[std::string(payment.substr(0, space))] += std::stol(std::string(payment.substr(space)));
    }
    next.position = batch.block().ranges.back().end;
    if (--fails_at_ == 0) {
      return runtime::Error::make("store", "the store went away");
    }
    store_ = std::move(next);  // commit
    return {};
  }

 private:
  Store& store_;
  int fails_at_;
};

graph::Outcome run(Store& store, int fails_at) {
  graph::Builder b("payments");
  b.commit_by_sink();
  b.receive("payments", [] { return std::make_unique<Payments>(); })
      .filter("paid", [](std::string_view payment) { return payment.find('-') == std::string_view::npos; })
      .sink("balances", [&, fails_at] { return std::make_unique<Balances>(store, fails_at); });
  auto pipeline = graph::Pipeline::make(b.plan(), {});
  if (!pipeline) return {.error = pipeline.error()};
  return (*pipeline)->run();
}

void show(const Store& store) {
  std::printf("up to payment %llu:", static_cast<unsigned long long>(store.position));
  for (const auto& [name, balance] : store.balances) std::printf(" %s %ld", name.c_str(), balance);
  std::printf("\n");
}

}  // namespace

int main() {
  Store store;
  const graph::Outcome first = run(store, 2);  // the second batch's transaction fails
  if (!first.error) return 1;
  std::printf("%s: %s\n", first.error->node.c_str(), first.error->message.c_str());
  show(store);
  const graph::Outcome second = run(store, 0);
  if (second.error) return 1;
  show(store);
  return 0;
}
