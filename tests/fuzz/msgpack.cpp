// Any bytes as MsgPack: the check, the framer and the transcoder agree on what is valid; a view of it, edited
// as the first bytes say, writes valid MsgPack whose other members keep their bytes. And any text as JSON:
// its MsgPack is valid and survives the round trip as an equal value. Indexing a record together with others
// gives the same result as indexing it alone.
#include "pipec/runtime/msgpack.h"
#include "fuzz/support.h"
#include "pipec/runtime/json.h"
#include "runtime/msgpack/index.h"
#include "runtime/msgpack/layouts.h"
#include "runtime/msgpack/read.h"
#include "runtime/record/record_view.h"

using namespace pipec::runtime;

namespace {

const FieldSet kFields{{"a", "b", "status", "c"}};
BufferPool pool;

// Exactly the bytes: the address sanitizer detects a read past them.
class Exact {
 public:
  explicit Exact(std::string_view text) : size_(text.size()), bytes_(new char[text.size()]) {
    if (!text.empty()) std::memcpy(bytes_.get(), text.data(), text.size());
  }
  std::string_view view() const { return {bytes_.get(), size_}; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> bytes_;
};

// Members of other names than kFields', byte for byte.
std::vector<std::string> others(std::string_view record) {
  std::vector<std::string> found;
  Arena arena;
  msgpack::Walk walk(record);
  for (msgpack::Entry entry; walk.next(entry);) {
    const std::string_view key = msgpack::key_text(entry.key, arena);
    if (std::find(kFields.keys.begin(), kFields.keys.end(), key) != kFields.keys.end()) continue;
    found.emplace_back(entry.key_begin, static_cast<std::size_t>(entry.value_end - entry.key_begin));
  }
  return found;
}

void reads(std::string_view bytes, bool valid) {
  MsgpackFramer framer;
  std::size_t taken = 0;
  const auto whole = framer.next(bytes, taken);
  fuzz::require(!valid || (whole == MsgpackFramer::Found::whole && taken == bytes.size()));
  // In two pieces.
  MsgpackFramer pieces;
  std::size_t first = 0;
  auto found = pieces.next(bytes.substr(0, bytes.size() / 2), first);
  std::size_t second = 0;
  if (found == MsgpackFramer::Found::more) found = pieces.next(bytes.substr(first), second);
  fuzz::require(found == whole);
  fuzz::require(whole != MsgpackFramer::Found::whole || first + second == taken);

  const BufferRef json = pool.get(64);
  json->clear();
  fuzz::require((msgpack_to_json(bytes, false, *json) == nullptr) == valid);
  if (!valid) return;
  const fuzz::Padded text(json->view());
  fuzz::require(validate_json(text.view()) == nullptr);
  const BufferRef again = pool.get(64);
  again->clear();
  fuzz::require(json_to_msgpack(text.view(), *again) == nullptr);
  fuzz::require(validate_msgpack(again->view()) == nullptr);
}

// A record and one that differs from it in one byte: the index of many records finds the same members as the
// index of one record.
void cuts(const std::uint8_t* orders, std::string_view bytes) {
  msgpack::Layouts layouts(kFields);
  msgpack::Index one(kFields.keys);
  msgpack::Index known(kFields.keys);
  record::Offsets members;
  std::string record(bytes);
  for (int round = 0; round < 2; ++round) {
    const fuzz::Padded padded(record);
    std::size_t count = 0;
    const record::Shape shape = one.scan(padded.view());
    const record::Layout* const layout =
        layouts.find(padded.view().data(), 0, static_cast<std::uint32_t>(record.size()), members, count);
    const bool plain = shape == record::Shape::object && !one.repeated() && one.members() > 0 &&
                       one.members() <= record::Layout::kMostMembers;
    fuzz::require(plain == (layout != nullptr));
    if (layout) {
      known.take({layout, members.data()});
      fuzz::require(known.members() == one.members() && known.body() == one.body());
      for (std::uint32_t slot = 0; slot < kFields.keys.size(); ++slot) {
        const record::FieldSlot& a = one.slot(slot);
        const record::FieldSlot& b = known.slot(slot);
        fuzz::require(a.key_begin == b.key_begin && a.value_begin == b.value_begin &&
                      a.value_end == b.value_end);
      }
    }
    if (!record.empty()) record[orders[0] % record.size()] = static_cast<char>(orders[1]);
  }
}

void edits(const std::uint8_t* orders, std::string_view bytes, bool valid) {
  static record::RecordView view(kFields);
  Arena arena;
  const record::Shape shape = view.open_msgpack(bytes, arena);
  fuzz::require(!valid || shape != record::Shape::malformed);
  if (shape == record::Shape::malformed) return;
  const record::Step inner{true, "b", 0};
  const record::Step item{false, "-1", -1};
  bool all = false;
  for (int i = 0; i < 3; ++i) {
    const std::uint32_t slot = orders[i] & 3;
    const std::uint32_t other = orders[i] >> 2 & 3;
    switch (orders[i] >> 4) {
      case 0:
        view.set(slot, {}, Value::string("new"));
        break;
      case 1:
        view.remove(slot, {});
        break;
      case 2:
        view.rename(slot, {}, other, {});
        break;
      case 3:
        view.set(slot, {&inner, 1}, Value::integer(-70000));
        break;
      case 4:
        view.remove(slot, {&inner, 1});
        break;
      case 5:
        if (const Value value = view.get(other); !value.is_failed()) view.set(slot, {}, value);
        break;
      case 6: {
        const record::Kept kept[] = {{slot, {}}, {other, {&inner, 1}}};
        view.keep(kept);
        all = true;
        break;
      }
      case 7:
        view.set(slot, {&item, 1}, Value::timestamp(orders[i]));
        break;
      case 8:
        view.rename(slot, {&inner, 1}, other, {});
        break;
      case 9:
        if (const Value value = view.whole(); !value.is_failed()) view.set(slot, {&inner, 1}, value);
        break;
      default:
        view.remove(slot, {&item, 1});
    }
  }
  const BufferRef out = pool.get(64);
  out->clear();
  view.write(*out);
  if (!valid) return;
  std::size_t offset = 0;
  const char* const reason = validate_msgpack(out->view(), &offset);
  // Values that were put into each other may have become too deep.
  if (reason && std::string_view(reason).starts_with("nested deeper")) return;
  fuzz::require(!reason);
  if (shape == record::Shape::object && !all) fuzz::require(others(bytes) == others(out->view()));
}

void transcodes(std::string_view text) {
  const fuzz::Padded padded(text);
  const BufferRef out = pool.get(64);
  out->clear();
  const bool taken = json_to_msgpack(padded.view(), *out) == nullptr;
  fuzz::require(!taken || validate_json(padded.view()) == nullptr);
  if (!taken) return;
  fuzz::require(validate_msgpack(out->view()) == nullptr);
  const BufferRef json = pool.get(64);
  json->clear();
  fuzz::require(msgpack_to_json(out->view(), true, *json) == nullptr);
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  const std::size_t end = text.find_last_not_of(" \t\r\n") + 1;
  Arena arena;
  const auto before = read_json(text.substr(begin, end - begin));
  const auto after = read_json(json->view());
  fuzz::require(before && after && equal(*before, *after, arena));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const Exact bytes({reinterpret_cast<const char*>(data) + 3, size - 3});
  const bool valid = validate_msgpack(bytes.view()) == nullptr;
  reads(bytes.view(), valid);
  cuts(data, bytes.view());
  edits(data, bytes.view(), valid);
  transcodes(bytes.view());
  return 0;
}
