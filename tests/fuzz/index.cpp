// The index on any bytes: all kernels agree on shape and places, records that pass a complete check are never
// malformed, and the check of flat lines accepts only records that the index accepts.
#include "fuzz/support.h"
#include "runtime/json/field_index.h"
#include "unit/runtime/json_reference.h"

using namespace pipec::runtime;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const FieldSet fields{{"a", "b", "status", "longer_key", "", "a\"b", "more than sixteen bytes"}};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const fuzz::Padded record(text);
  const bool valid = test::ReferenceParser(text).valid();
  bool first = true;
  record::Shape shape = record::Shape::malformed;
  std::vector<record::FieldSlot> slots;
  for (const json::Kernel* kernel : json::usable_kernels()) {
    static thread_local std::map<const json::Kernel*, std::unique_ptr<json::FieldIndex>> kept;
    auto& index = kept[kernel];
    if (!index) index = std::make_unique<json::FieldIndex>(fields, *kernel);
    const record::Shape found = index->scan(record.view());
    fuzz::require(!valid || found != record::Shape::malformed);
    fuzz::require(first || found == shape);
    for (std::uint32_t i = 0; i < fields.keys.size() && found == record::Shape::object; ++i) {
      const record::FieldSlot& slot = index->slot(i);
      if (first) {
        slots.push_back(slot);
      } else {
        fuzz::require(slot.found() == slots[i].found());
        fuzz::require(!slot.found() ||
                      (slot.value_begin == slots[i].value_begin && slot.value_end == slots[i].value_end));
      }
      fuzz::require(slot.value_end <= size);
    }
    shape = found;
    first = false;
    // Alone in its block: nothing before it, only its end after it.
    const bool one_line = text.find('\n') == std::string_view::npos;
    if (one_line && !text.empty() && kernel->flat(record.view().data(), 0, size) == size &&
        text.front() == '{' && text.back() == '}') {
      fuzz::require(found == record::Shape::object);
    }
  }
  return 0;
}
