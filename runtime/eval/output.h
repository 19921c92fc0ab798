// The output of a transform: buffers of the batch with the changed records in order, JSON records each
// followed by a newline, MsgPack records by nothing, so that a sink can copy runs of adjacent records.
#pragma once

#include <cstdint>
#include <vector>

#include "pipec/runtime/batch.h"

namespace pipec::runtime::eval {

class Output {
 public:
  // Begins with a batch; its records will be replaced by finish().
  void open(Batch& batch);

  // Bytes in the buffer that is being written.
  std::size_t written() const { return buffer_ ? buffer_->size() : 0; }

  // Everything written from here on can be taken back.
  struct Mark {
    std::size_t records;
    std::size_t bytes;
    std::size_t metadata;
    std::uint16_t buffer;
  };
  Mark mark() const;
  void take_back(const Mark& mark);

  // A record that stays unchanged.
  void keep(const Record& record) { records_.push_back(record); }
  // Write one record into buffer(), then end() it; false: it is larger than a record can be, and taken back.
  Buffer& begin();
  bool end(Record record);

  Batch& batch() { return *batch_; }
  void finish();

 private:
  Batch* batch_ = nullptr;
  std::vector<Record> records_;
  Buffer* buffer_ = nullptr;  // of the batch
  std::uint16_t number_ = 0;
  std::size_t began_ = 0;
};

}  // namespace pipec::runtime::eval
