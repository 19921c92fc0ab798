#include "graph/check_block.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string>

namespace pipec::graph {

using runtime::Batch;
using runtime::Block;
using runtime::Error;
using runtime::PositionRange;
using runtime::Received;
using runtime::Record;
using runtime::Result;
using runtime::Slice;
using runtime::Status;

namespace {

Error bad_block(std::string what) {
  return {"receiver", "receive() returned an invalid block: " + std::move(what), {}, {}, false};
}

Error bad_batch(std::string what) {
  return {"stage", "the stage left an invalid batch: " + std::move(what), {}, {}, false};
}

bool holds_something(const Block& block) {
  return !block.origins.empty() || !block.ranges.empty() || !block.rejected.empty() || block.reader;
}

Status check_ranges(const Block& block) {
  if (block.ranges.empty()) return bad_block("it has no positions to commit (Block::ranges)");
  for (const PositionRange& range : block.ranges) {
    if (range.end >= range.first) continue;
    return bad_block(fmt::format("the positions {} to {} of partition {} are reversed", range.first,
                                 range.end, range.partition));
  }
  return {};
}

Status check_count(std::size_t given, std::size_t records, const char* what) {
  if (given == 0 || given == records) return {};
  return bad_block(fmt::format("{} records, but {} {}", records, given, what));
}

Status check_record(const Record& record, const Batch& batch, const Block& block, std::size_t buffers) {
  if (record.buffer >= buffers || !batch.buffers[record.buffer]) {
    return bad_batch(fmt::format("a record is in buffer {} of {}", record.buffer, buffers));
  }
  const std::size_t size = batch.buffers[record.buffer]->size();
  if (std::size_t{record.begin} + record.size > size) {
    return bad_batch(fmt::format("a record ends at byte {} of a buffer of {}",
                                 std::size_t{record.begin} + record.size, size));
  }
  if (record.origin >= block.origins.size()) {
    return bad_batch(fmt::format("a record's origin is {} of {}", record.origin, block.origins.size()));
  }
  if (record.metadata > batch.metadata.size()) {
    return bad_batch(fmt::format("a record's metadata is {} of {}", record.metadata, batch.metadata.size()));
  }
  return {};
}

Status check_all(std::span<const Record> records, const Batch& batch, const Block& block,
                 std::size_t buffers) {
  for (const Record& record : records) {
    if (Status status = check_record(record, batch, block, buffers); !status) return status;
  }
  return {};
}

}  // namespace

Status check_records(const Block& block) {
  const std::size_t records = block.origins.size();
  const std::size_t bytes = block.data ? block.data->size() : 0;
  const auto beyond = [&](const Slice& slice) { return std::size_t{slice.begin} + slice.size > bytes; };
  const auto found = std::find_if(block.origins.begin(), block.origins.end(), beyond);
  if (found != block.origins.end()) {
    return bad_block(fmt::format("record {} ends at byte {} of {} (Block::origins)",
                                 found - block.origins.begin(), std::size_t{found->begin} + found->size,
                                 bytes));
  }
  if (Status status = check_count(block.metadata.size(), records, "metadata"); !status) return status;
  if (Status status = check_count(block.positions.size(), records, "positions"); !status) return status;
  for (const runtime::Rejected& rejected : block.rejected) {
    if (rejected.origin < records) continue;
    return bad_block(fmt::format("it rejects record {} of {}", rejected.origin, records));
  }
  return {};
}

Result<Received> checked(Result<Received> answer, const Block& block) {
  if (!answer) return answer;
  if (*answer == Received::records) {
    if (Status status = check_ranges(block); !status) return std::move(status.error());
    if (block.reader) return answer;
    if (Status status = check_records(block); !status) return std::move(status.error());
    return answer;
  }
  if (!holds_something(block)) return answer;
  return bad_block(
      fmt::format("it holds {} record{}, but receive() returned Received::{}; return "
                  "Received::records, and Received::{} the next time",
                  block.origins.size(), block.origins.size() == 1 ? "" : "s",
                  *answer == Received::end ? "end" : "idle", *answer == Received::end ? "end" : "idle"));
}

Status check_batch(const Batch& batch, const Block& block) {
  if (batch.records.empty()) return {};
  if (!batch.has_block() || &batch.block() != &block) {
    return bad_batch("its records do not belong to the batch that the stage was given");
  }
  return check_all(batch.records, batch, block, batch.buffers.size());
}

Status check_rest(std::span<const Record> rest, const Batch& batch, const Block& block, std::size_t buffers) {
  return check_all(rest, batch, block, std::min(buffers, batch.buffers.size()));
}

}  // namespace pipec::graph
