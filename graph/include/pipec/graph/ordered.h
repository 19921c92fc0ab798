// Stages with state, for Builder::Stream::ordered(): their view of a record, and their state.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "pipec/runtime/batch.h"
#include "pipec/runtime/connector.h"
#include "pipec/runtime/error.h"

namespace pipec::graph {

// One record as a stage sees it. Lives during one call of the lambda.
class RecordView {
 public:
  RecordView(const runtime::Batch& batch, const runtime::Record& record) : batch_(batch), record_(record) {}

  std::string_view payload() const { return batch_.payload(record_); }
  // The record's metadata; null: its source provides none.
  const runtime::Metadata* metadata() const { return batch_.metadata_of(record_); }
  std::optional<std::string_view> key() const;
  // Its position in the source, in the source's unit; the source's name ("access.ndjson").
  std::uint64_t position() const { return batch_.block().position(record_.origin); }
  std::string_view source() const { return batch_.block().source; }
  std::uint32_t partition() const { return batch_.block().partition; }

 private:
  const runtime::Batch& batch_;
  const runtime::Record& record_;
};

// The state of a stage. It is saved together with the positions it reflects, so that after a crash each
// record is counted exactly once (S1). Calls are serialized.
class StageState {
 public:
  virtual ~StageState() = default;
  // Restores the snapshots of earlier runs; if empty, the state starts empty.
  virtual runtime::Status open(const runtime::StateEntries& saved) = 0;
  // The entries that changed since the last call; one with an empty value is removed.
  virtual void snapshot(runtime::StateEntries& changes) = 0;
};

// A ready-made state: values by key, in memory. A commit writes only the changes since the last one.
class KeyValueState final : public StageState {
 public:
  // Null: there is no such key.
  const std::string* find(const std::string& key) const;
  // An empty value is rejected: in a checkpoint it means "removed".
  void set(const std::string& key, std::string value);
  void erase(const std::string& key);
  std::size_t size() const { return values_.size(); }

  runtime::Status open(const runtime::StateEntries& saved) override;
  void snapshot(runtime::StateEntries& changes) override;

 private:
  std::map<std::string, std::string> values_;
  std::set<std::string> changed_;
};

}  // namespace pipec::graph
