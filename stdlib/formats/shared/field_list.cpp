#include "stdlib/formats/shared/field_list.h"

#include <algorithm>
#include <functional>

#include "pipec/runtime/json.h"
#include "stdlib/formats/shared/typed_text.h"

namespace pipec::stdlib {

void FieldList::set(std::string_view key, std::string_view value, Kind kind) {
  if (Field* const field = find(key)) {
    field->value = value;
    field->kind = kind;
    return;
  }
  fields_.push_back({key, value, kind});
  if (fields_.size() < kSearched) return;
  if (fields_.size() == kSearched || fields_.size() * 2 > table_.size()) {
    grow_table();
  } else {
    index(fields_.size() - 1);
  }
}

FieldList::Field* FieldList::find(std::string_view key) {
  if (fields_.size() < kSearched) {
    const auto found =
        std::find_if(fields_.begin(), fields_.end(), [key](const Field& field) { return field.key == key; });
    return found == fields_.end() ? nullptr : &*found;
  }
  const std::size_t mask = table_.size() - 1;
  for (std::size_t i = std::hash<std::string_view>()(key) & mask; table_[i] != 0; i = (i + 1) & mask) {
    Field& field = fields_[table_[i] - 1];
    if (field.key == key) return &field;
  }
  return nullptr;
}

void FieldList::index(std::size_t field) {
  const std::size_t mask = table_.size() - 1;
  std::size_t i = std::hash<std::string_view>()(fields_[field].key) & mask;
  while (table_[i] != 0) i = (i + 1) & mask;
  table_[i] = static_cast<std::uint32_t>(field) + 1;
}

void FieldList::grow_table() {
  std::size_t size = 4 * kSearched;
  while (size < fields_.size() * 4) size *= 2;
  table_.assign(size, 0);
  for (std::size_t i = 0; i < fields_.size(); ++i) index(i);
}

void FieldList::append_to(runtime::Buffer& out, bool typed) const {
  out.append('{');
  for (const Field& field : fields_) {
    if (&field != fields_.data()) out.append(',');
    runtime::append_json_string(field.key, out);
    out.append(':');
    if (field.kind == Kind::json) {
      out.append(field.value);
    } else if (typed && field.kind == Kind::text) {
      append_typed(field.value, out);
    } else {
      runtime::append_json_string(field.value, out);
    }
  }
  out.append('}');
}

}  // namespace pipec::stdlib
