// Edits of any record: the first bytes choose the edits, the rest is the record. A valid record stays valid,
// whatever is set, deleted, renamed or kept, and members that no edit names keep their bytes.
#include "fuzz/support.h"
#include "runtime/record/record_view.h"
#include "unit/runtime/json_reference.h"

using namespace pipec::runtime;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  static const FieldSet fields{{"a", "b", "status", "c"}};
  static record::RecordView view(fields);
  static BufferPool pool;
  Arena arena;
  const std::string_view text(reinterpret_cast<const char*>(data) + 3, size - 3);
  const fuzz::Padded record(text);
  const bool valid = test::ReferenceParser(text).valid();
  const record::Shape shape = view.open(record.view(), false, arena);
  fuzz::require(!valid || shape != record::Shape::malformed);
  if (shape == record::Shape::malformed) return 0;
  std::vector<bool> touched(fields.keys.size(), false);
  bool all = false;
  const record::Step inner{true, "b", 0};
  for (std::size_t i = 0; i < 3; ++i) {
    const std::uint32_t slot = data[i] & 3;
    const std::uint32_t other = data[i] >> 2 & 3;
    touched[slot] = true;
    switch (data[i] >> 4 & 7) {
      case 0:
        if (!view.set_top(slot, Value::string("new \" value")))
          view.set(slot, {}, Value::string("new \" value"));
        break;
      case 1:
        if (!view.remove_top(slot)) view.remove(slot, {});
        break;
      case 2:
        touched[other] = true;
        if (!view.rename_top(slot, other)) view.rename(slot, {}, other, {});
        break;
      case 3:
        view.set(slot, {&inner, 1}, Value::integer(7));
        break;
      case 4:
        view.remove(slot, {&inner, 1});
        break;
      case 5:
        touched[other] = true;
        if (const Value value = view.get(other); !value.is_failed()) view.set(slot, {}, value);
        break;
      case 6: {
        const record::Kept kept[] = {{slot, {}}, {other, {}}};
        view.keep(kept);
        all = true;
        break;
      }
      default:
        view.set(slot, {}, Value::floating(static_cast<double>(data[i]) / 8));
    }
  }
  const BufferRef out = pool.get(64);
  view.write(*out);
  if (!valid) return 0;
  const std::string written(out->view());
  fuzz::require(test::ReferenceParser(written).valid());
  if (shape != record::Shape::object || all) return 0;
  // Members of other names, one by one.
  const auto others = [&](std::string_view from) {
    std::vector<std::pair<std::string, std::string>> found;
    for (const auto& [key, value] : test::ReferenceParser(from).members()) {
      if (std::find(fields.keys.begin(), fields.keys.end(), key) == fields.keys.end())
        found.emplace_back(key, std::string(value));
    }
    return found;
  };
  fuzz::require(others(text) == others(written));
  return 0;
}
