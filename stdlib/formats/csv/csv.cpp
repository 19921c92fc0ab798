// csv: rows of values with delimiters between them, RFC 4180.
#include <utility>

#include "stdlib/formats/csv/roles.h"
#include "stdlib/formats/formats.h"

namespace pipec::stdlib {

void register_csv_format(runtime::Registry& registry) {
  runtime::FormatSpec spec;
  spec.name = "csv";
  spec.parse = csv::parse_role();
  spec.encode = csv::encode_role();
  spec.frame = csv::frame_role();
  static_cast<void>(registry.add(std::move(spec)));
}

}  // namespace pipec::stdlib
