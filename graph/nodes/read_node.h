// The first node behind a source: a worker reads what the source has left to be read, and makes the records.
#pragma once

#include <cstdint>

#include "graph/shared.h"

namespace pipec::graph {

class ReadNode {
 public:
  ReadNode(const Shared& shared, Wiring& wiring, std::uint32_t node);
  Input<Parcel*> in;
  Way out;

 private:
  void take(Parcel* parcel);
  void read(Delivery& delivery);
  void make_records(Parcel& parcel);
  void take_rejected(Parcel& parcel);

  const Shared& shared_;
  const std::uint32_t node_;
};

}  // namespace pipec::graph
