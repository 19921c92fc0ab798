#include "graph/lambda_stages.h"

#include <string>
#include <utility>
#include <vector>

#include "graph/emitted.h"

namespace pipec::graph {

using runtime::Batch;
using runtime::OnError;
using runtime::Record;
using runtime::Scratch;
using runtime::StageContext;
using runtime::Status;

namespace {

class Filter final : public runtime::Stage {
 public:
  explicit Filter(Builder::KeepRecord keep) : keep_(std::move(keep)) {}
  Status process(Batch& batch, Scratch*, StageContext& context) const override {
    const std::size_t before = batch.records.size();
    std::erase_if(batch.records, [&](const Record& record) { return !keep_(batch.payload(record)); });
    context.count_filtered(before - batch.records.size());
    return {};
  }

 private:
  Builder::KeepRecord keep_;
};

class Map final : public runtime::Stage {
 public:
  explicit Map(Builder::MapRecord map) : map_(std::move(map)) {}
  Status process(Batch& batch, Scratch*, StageContext& context) const override {
    Emitted out(batch, context);
    const std::size_t allowance = context.output_allowance();
    for (const Record& record : batch.records) {
      if (out.written() > allowance) {
        context.leave_rest({&record, batch.records.data() + batch.records.size()});
        break;
      }
      out.begin(record);
      map_(batch.payload(record), out);
    }
    out.finish();
    return {};
  }

 private:
  Builder::MapRecord map_;
};

// Keeps the lambda's last word on a record instead of passing it on.
class Verdict final : public Emitted {
 public:
  using Emitted::Emitted;
  void dead_letter(std::string_view reason) override {
    refused_ = true;
    reason_ = reason;
  }
  // Whether the current record was rejected; resets that.
  bool refused() { return std::exchange(refused_, false); }
  const std::string& reason() const { return reason_; }

 private:
  bool refused_ = false;
  std::string reason_;
};

class Parse final : public runtime::Stage {
 public:
  Parse(Builder::MapRecord parse, OnError on_error) : parse_(std::move(parse)), on_error_(on_error) {}
  Status process(Batch& batch, Scratch*, StageContext& context) const override {
    Verdict out(batch, context);
    for (const Record& record : batch.records) {
      out.begin(record);
      parse_(batch.payload(record), out);
      if (!out.refused()) continue;
      out.take_back();
      Status status = runtime::reject(on_error_, batch, record, "parse error: " + out.reason(), context);
      if (!status) return status;
    }
    out.finish();
    return {};
  }

 private:
  Builder::MapRecord parse_;
  OnError on_error_;
};

// One record at a time, in order, with the state that the lambda keeps.
class Ordered final : public runtime::OrderedStage {
 public:
  Ordered(std::unique_ptr<StageState> state, Builder::ApplyRecord apply)
      : state_(std::move(state)), apply_(std::move(apply)) {}
  Status open(const runtime::StateEntries& saved) override { return state_->open(saved); }
  Status apply(Batch& batch, runtime::Prepared*, StageContext& context) override {
    Emitted out(batch, context);
    for (const Record& record : batch.records) {
      out.begin(record);
      apply_(*state_, RecordView(batch, record), out);
    }
    out.finish();
    return {};
  }
  void snapshot(runtime::StateEntries& changes) override { state_->snapshot(changes); }

 private:
  std::unique_ptr<StageState> state_;
  Builder::ApplyRecord apply_;
};

class ArenaScratch final : public Scratch {
 public:
  runtime::Arena arena;
};

Status reject_json(const JsonRecord& json, OnError on_error, const Batch& batch, const Record& record,
                   StageContext& context) {
  const std::string reason =
      std::string("parse error: ") + json.problem() + " at byte " + std::to_string(json.problem_at());
  return runtime::reject(on_error, batch, record, reason, context);
}

class FilterJson final : public runtime::Stage {
 public:
  FilterJson(Builder::KeepJson keep, OnError on_error) : keep_(std::move(keep)), on_error_(on_error) {}
  std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<ArenaScratch>(); }
  Status process(Batch& batch, Scratch* scratch, StageContext& context) const override {
    runtime::Arena& arena = static_cast<ArenaScratch*>(scratch)->arena;
    std::size_t kept = 0;
    std::uint64_t filtered = 0;
    for (const Record& record : batch.records) {
      arena.reset();
      JsonRecord json(batch.payload(record), record.validated, arena);
      const bool keep = keep_(json);
      if (json.problem()) {
        if (Status status = reject_json(json, on_error_, batch, record, context); !status) return status;
      } else if (keep) {
        batch.records[kept++] = record;
      } else {
        ++filtered;
      }
    }
    batch.records.resize(kept);
    context.count_filtered(filtered);
    return {};
  }

 private:
  Builder::KeepJson keep_;
  OnError on_error_;
};

class MapJson final : public runtime::Stage {
 public:
  MapJson(Builder::MapJson map, OnError on_error) : map_(std::move(map)), on_error_(on_error) {}
  std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<ArenaScratch>(); }
  Status process(Batch& batch, Scratch* scratch, StageContext& context) const override {
    runtime::Arena& arena = static_cast<ArenaScratch*>(scratch)->arena;
    Verdict out(batch, context);
    for (const Record& record : batch.records) {
      arena.reset();
      out.begin(record);
      JsonRecord json(batch.payload(record), record.validated, arena);
      map_(json, out);
      const bool refused = out.refused();
      if (json.problem()) {
        out.take_back();
        if (Status status = reject_json(json, on_error_, batch, record, context); !status) return status;
      } else if (refused) {
        context.dead_letter(record, out.reason());
      }
    }
    out.finish();
    return {};
  }

 private:
  Builder::MapJson map_;
  OnError on_error_;
};

class Batches final : public runtime::Stage {
 public:
  explicit Batches(Builder::MapBatch map) : map_(std::move(map)) {}
  Status process(Batch& batch, Scratch*, StageContext& context) const override {
    return map_(batch, context);
  }

 private:
  Builder::MapBatch map_;
};

class Choose final : public runtime::Router {
 public:
  explicit Choose(Builder::ChooseArm choose) : choose_(std::move(choose)) {}
  Status route(Batch& batch, std::span<Batch> arms, Scratch*, StageContext& context) const override {
    std::uint64_t nowhere = 0;
    for (const Record& record : batch.records) {
      const std::size_t arm = choose_(batch.payload(record));
      if (arm < arms.size()) {
        arms[arm].records.push_back(record);
      } else {
        ++nowhere;
      }
    }
    context.count_filtered(nowhere);
    return {};
  }

 private:
  Builder::ChooseArm choose_;
};

}  // namespace

std::shared_ptr<const runtime::Stage> filter_stage(Builder::KeepRecord keep) {
  return std::make_shared<Filter>(std::move(keep));
}

std::shared_ptr<const runtime::Stage> map_stage(Builder::MapRecord map) {
  return std::make_shared<Map>(std::move(map));
}

std::shared_ptr<const runtime::Stage> parse_stage(Builder::MapRecord parse, OnError on_error) {
  return std::make_shared<Parse>(std::move(parse), on_error);
}

std::shared_ptr<const runtime::Stage> filter_json_stage(Builder::KeepJson keep, OnError on_error) {
  return std::make_shared<FilterJson>(std::move(keep), on_error);
}

std::shared_ptr<const runtime::Stage> map_json_stage(Builder::MapJson map, OnError on_error) {
  return std::make_shared<MapJson>(std::move(map), on_error);
}

std::shared_ptr<const runtime::Stage> batch_stage(Builder::MapBatch map) {
  return std::make_shared<Batches>(std::move(map));
}

std::shared_ptr<const runtime::Router> choose_router(Builder::ChooseArm choose) {
  return std::make_shared<Choose>(std::move(choose));
}

std::unique_ptr<runtime::OrderedStage> ordered_stage(std::unique_ptr<StageState> state,
                                                     Builder::ApplyRecord apply) {
  return std::make_unique<Ordered>(std::move(state), std::move(apply));
}

}  // namespace pipec::graph
