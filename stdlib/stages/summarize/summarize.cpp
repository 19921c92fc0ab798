// The stage: workers aggregate the groups of a batch (prepare), one at a time they are merged (apply). The
// result is that of adding one record after another: where a merge could differ from it, because a record may
// have to be refused, the batch is added record by record.
#include "stdlib/stages/summarize/summarize.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <limits>
#include <utility>

#include "stdlib/functions/time_format.h"
#include "stdlib/stages/seen_keys.h"
#include "stdlib/stages/summarize/open_windows.h"
#include "stdlib/stages/summarize/partial.h"
#include "stdlib/stages/summarize/result_writer.h"

namespace pipec::stdlib {

namespace {

using runtime::Batch;
using runtime::Record;
using runtime::Result;
using runtime::StageContext;
using runtime::StateEntries;
using runtime::Status;

constexpr const char* kWatermarkKey = "watermark";
constexpr const char* kDoneKey = "done";

class Summarize final : public runtime::OrderedStage {
 public:
  Summarize(const runtime::Options& options, const runtime::StageSetup& setup)
      : summary_(options, setup), open_(summary_), writer_(summary_), row_(summary_) {}

  Status open(const StateEntries& saved) override {
    summary_.secret = random_secret();
    for (const runtime::StateEntry& entry : saved) {
      if (OpenWindows::is_own(entry.key)) continue;
      std::string_view bytes = entry.value;
      if (entry.key == kSecretKey) {
        const auto secret = HashIndex::read(bytes);
        if (!secret || !bytes.empty()) return damaged();
        summary_.secret = {secret->low, secret->high};
        secret_saved_ = true;
      } else if (entry.key == kWatermarkKey) {
        const char* const end = bytes.data() + bytes.size();
        const auto read = std::from_chars(bytes.data(), end, watermark_);
        if (read.ec != std::errc{} || read.ptr != end) return damaged();
        saved_watermark_ = watermark_;
      } else if (entry.key == kDoneKey) {
        done_ = done_saved_ = true;
      } else {
        return damaged();
      }
    }
    if ((!saved.empty() && !secret_saved_) || !open_.restore(saved)) return damaged();
    held_ = open_.bytes();
    return {};
  }

  std::unique_ptr<runtime::Scratch> make_scratch() const override { return std::make_unique<Row>(summary_); }

  Result<std::unique_ptr<runtime::Prepared>> prepare(Batch& batch, runtime::Scratch* scratch,
                                                     StageContext& context) const override {
    auto& row = *static_cast<Row*>(scratch);
    auto partial = std::make_unique<Partial>(summary_);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      const Record record = batch.records[i];
      const auto read = row.read(batch, record, context);
      if (!read) return read.error();
      if (!*read) continue;
      batch.records[kept++] = record;
      partial->add(row);
    }
    batch.records.resize(kept);
    batch.outline = {};
    return std::unique_ptr<runtime::Prepared>(std::move(partial));
  }

  Status apply(Batch& batch, runtime::Prepared* prepared, StageContext& context) override {
    if (!prepared) return {};
    const auto& partial = *static_cast<const Partial*>(prepared);
    now_ = summary_.windowed() ? summary_.clock.unix_nanoseconds() : 0;
    std::size_t late = 0;
    if (partial.one_by_one || !merges(partial)) {
      if (Status added = add_one_by_one(batch, late, context); !added) return added;
    } else {
      merge(partial);
      if (summary_.windowed() && summary_.time) {
        for (std::size_t i = 0; i < batch.records.size(); ++i) {
          if (is_late(batch.records[i], partial.times[i], context)) ++late;
        }
      }
    }
    context.count_filtered(batch.records.size() - late);
    batch.records.clear();
    batch.outline = {};
    held_.store(open_.bytes(), std::memory_order_relaxed);
    return {};
  }

  void snapshot(StateEntries& changes) override {
    const std::size_t before = changes.size();
    open_.snapshot(changes);
    if (std::exchange(saved_watermark_, watermark_) != watermark_) {
      changes.push_back({kWatermarkKey, std::to_string(watermark_)});
    }
    if (std::exchange(done_saved_, done_) != done_) changes.push_back({kDoneKey, "1"});
    if (secret_saved_ || changes.size() == before) return;
    std::string secret;
    HashIndex::write({summary_.secret[0], summary_.secret[1]}, secret);
    changes.push_back({kSecretKey, std::move(secret)});
    secret_saved_ = true;
  }

  Status finish(Batch& out, StageContext& context) override {
    Released released(out, open_.bytes());
    if (open_.empty() && summary_.keys.empty() && !summary_.windowed() && !done_) {
      if (Status added = writer_.add_empty(released, context); !added) return added;
    }
    done_ = true;
    if (summary_.windowed() && !open_.empty()) watermark_ = std::max(watermark_, open_.last().end);
    return let_out(released, std::numeric_limits<std::int64_t>::max(), context);
  }

  bool wants_time() const override { return summary_.windowed(); }
  Status on_time(std::int64_t now, Batch& out, StageContext& context) override {
    if (!summary_.time) watermark_ = std::max(watermark_, now);
    if (summary_.idle != 0 && now_ != 0 && now - now_ >= summary_.idle && !open_.empty()) {
      watermark_ = std::max(watermark_, open_.last().end);
    }
    if (open_.empty() || open_.first().end > watermark_) return {};
    Released released(out, 4096);
    return let_out(released, watermark_, context);
  }

  std::size_t held_bytes() const override { return held_.load(std::memory_order_relaxed); }

 private:
  static Status damaged() {
    return runtime::Error::make(runtime::ErrorCode::checkpoint, "summarize: its saved state is damaged");
  }

  // The windows that the batch's groups of `window` belong to: by arrival, those of now.
  template <class Use>
  void each_target(const Window& window, Use&& use) const {
    if (summary_.windowed() && !summary_.time) {
      summary_.shape.each(now_, use);
    } else if (window.end > watermark_) {
      use(window);
    }
  }

  bool merges(const Partial& partial) {
    bool all = true;
    for (const auto& each : partial.windows) {
      each_target(each.first, [&](const Window& target) { all = all && open_.merges(target, each.second); });
    }
    return all;
  }

  void merge(const Partial& partial) {
    for (const auto& each : partial.windows) {
      each_target(each.first, [&](const Window& target) { open_.merge(target, each.second); });
    }
  }

  Status add_one_by_one(const Batch& batch, std::size_t& out, StageContext& context) {
    for (const Record& record : batch.records) {
      const auto read = row_.read(batch, record, context);
      if (!read) return read.error();
      const std::int64_t time = summary_.time ? row_.time() : now_;
      std::vector<Window> windows;
      summary_.shape.each(time, [&](const Window& window) {
        if (window.end > watermark_) windows.push_back(window);
      });
      std::optional<std::size_t> refused;
      for (const Window& window : windows) {
        const Group* group = open_.find(window, row_.key(), row_.hash());
        refused = row_.refused(group);
        if (!refused) continue;
        context.dead_letter(record, row_.refusal(group, *refused), &summary_.calls[*refused]->place);
        ++out;
        break;
      }
      if (refused) continue;
      if (summary_.windowed() && summary_.time && is_late(record, time, context)) ++out;
      for (const Window& window : windows) {
        bool is_new = false;
        Group& group = open_.change(window, row_.key(), row_.hash(), is_new);
        row_.add_to(group, is_new);
      }
    }
    return {};
  }

  // A late record becomes a dead letter; any other may move the watermark.
  bool is_late(const Record& record, std::int64_t time, StageContext& context) {
    std::int64_t last = kNever;
    summary_.shape.each(time, [&](const Window& window) { last = std::max(last, window.end); });
    if (last > watermark_) {
      watermark_ = std::max(watermark_, watermark_of(time, summary_.late));
      return false;
    }
    const double seconds = (static_cast<double>(watermark_) - static_cast<double>(last)) / kSecond;
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, seconds, std::chars_format::fixed, 3).ptr;
    context.dead_letter(record, "summarize: late by " + std::string(text, end) + " s: its windows have left");
    return true;
  }

  Status let_out(Released& released, std::int64_t until, StageContext& context) {
    while (!open_.empty() && open_.first().end <= until) {
      for (const Group& group : open_.first_groups().all()) {
        if (Status added = writer_.add(open_.first(), group, released, context); !added) return added;
      }
      open_.remove_first();
    }
    held_.store(open_.bytes(), std::memory_order_relaxed);
    return {};
  }

  Summary summary_;
  OpenWindows open_;
  ResultWriter writer_;
  Row row_;
  std::int64_t watermark_ = kNever;
  std::int64_t saved_watermark_ = kNever;
  std::int64_t now_ = 0;  // when the last batch came
  bool secret_saved_ = false;
  bool done_ = false;  // a run has come to the end of its input
  bool done_saved_ = false;
  std::atomic<std::size_t> held_{0};
};

}  // namespace

Result<std::unique_ptr<runtime::OrderedStage>> make_summarize(const runtime::Options& options,
                                                              const runtime::StageSetup& setup) {
  return std::unique_ptr<runtime::OrderedStage>(std::make_unique<Summarize>(options, setup));
}

}  // namespace pipec::stdlib
