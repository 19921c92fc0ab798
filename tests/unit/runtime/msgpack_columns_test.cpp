// MsgPack records on the fast path, many at once: the index of their members, which records qualify, and that
// conditions and transforms give the same results as record by record.
#include "runtime/eval/condition_columns.h"
#include "runtime/eval/interpreter.h"
#include "runtime/eval/raw_filter.h"
#include "runtime/msgpack/index.h"
#include "runtime/msgpack/layouts.h"
#include "runtime/msgpack/token.h"
#include "runtime/record/block_index.h"
#include "support/catch.h"
#include "unit/runtime/eval_random.h"
#include "unit/runtime/msgpack_support.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

// Whether anything is known of each record: "+" or "-".
std::string known(const Lines& records, const FieldSet& fields) {
  BufferPool pool;
  const Batch batch(msgpack_block(records, pool), pool);
  record::BlockIndex index(fields);
  std::string result;
  for (std::size_t first = 0; first < batch.records.size();) {
    const std::size_t taken = index.scan(batch, first);
    for (std::size_t row = 0; row < taken; ++row) result += index.layout(row) ? '+' : '-';
    first += taken;
  }
  return result;
}

// Writes sound MsgPack again in other encodings: heads and numbers wider than they need, and now and then a
// value or key of a type that JSON has not. `percent` of what there is a choice for.
class Loosener {
 public:
  Loosener(Random& random, std::size_t percent) : random_(random), percent_(percent) {}

  std::string operator()(std::string_view bytes) {
    at_ = bytes.data();
    end_ = at_ + bytes.size();
    out_.clear();
    value(false);
    return out_;
  }

 private:
  void value(bool key) {
    msgpack::Token token;
    const char* const begin = at_;
    at_ = msgpack::read_token(at_, end_, token);
    const bool container = token.kind == msgpack::Kind::map || token.kind == msgpack::Kind::array;
    const bool loose = random_.chance(percent_);
    if (!loose) {
      out_.append(begin, at_);
    } else if (container) {
      wide_size(token.kind == msgpack::Kind::map ? 0xde : 0xdc, token.size, 2);
    } else if (token.kind == msgpack::Kind::str && random_.chance(70)) {
      wide_size(0xd9, token.size, 1);
      out_.append(token.text());
    } else if (token.kind == msgpack::Kind::signed_integer && random_.chance(70)) {
      number(0xd3, token.bits, 8);
    } else {
      odd(key);
    }
    if (!container) return;
    const bool map = token.kind == msgpack::Kind::map;
    for (std::uint32_t i = 0; i < token.size; ++i) {
      if (map) value(true);
      value(false);
    }
  }

  // A scalar of another type.
  void odd(bool key) {
    static const std::vector<std::string> keys = {bytes_of({5}),
                                                  bytes_of({0xc0}),
                                                  bytes_of({0xc4, 1, 'a'}),
                                                  bytes_of({0xc4, 1, 0xff}),
                                                  bytes_of({0xca, 0x3f, 0x80, 0, 0}),
                                                  bytes_of({0xa0}),
                                                  bytes_of({0xa1, 0xff})};
    static const std::vector<std::string> values = {
        bytes_of({0xca, 0x3f, 0x80, 0, 0}),
        bytes_of({0xca, 0x7f, 0xc0, 0, 0}),
        bytes_of({0xc4, 2, 0xff, 0}),
        bytes_of({0xd4, 5, 1}),
        bytes_of({0xd6, 0xff, 0, 0, 0, 1}),
        bytes_of({0xc7, 0, 0xff}),
        bytes_of({0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}),
        bytes_of({0xa2, 0xc3, 0x28}),
        bytes_of({0xc7, 12, 0xff, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 5})};
    out_ += random_.of(key ? keys : values);
  }
  // One of the heads followed by a length: `first` has `bytes`, the next ones twice as many each.
  void wide_size(unsigned first, std::uint32_t size, unsigned bytes) {
    while (bytes < 4 && (random_.chance(50) || size >> (8 * bytes) != 0)) {
      bytes *= 2;
      ++first;
    }
    number(first, size, bytes);
  }
  void number(unsigned lead, std::uint64_t bits, unsigned bytes) {
    out_ += static_cast<char>(lead);
    while (bytes-- > 0) out_ += static_cast<char>(bits >> (8 * bytes));
  }

  Random& random_;
  std::size_t percent_;
  const char* at_ = nullptr;
  const char* end_ = nullptr;
  std::string out_;
};

// The records of random_block() as MsgPack, some of them damaged; now and then some are left as JSON.
std::shared_ptr<Block> random_msgpack(Random& random, BufferPool& pool) {
  const auto json = random_block(random, pool);
  const std::size_t percent = random.chance(50) ? 0 : random.chance(50) ? 3 : 100;
  const std::size_t damage = random.chance(50) ? 0 : 10;
  const std::size_t left = random.chance(85) ? 0 : 30;
  Loosener loosened(random, percent);
  Lines records;
  for (std::uint32_t i = 0; i < json->origins.size(); ++i) {
    const auto bytes = try_packed(json->original(i));
    if (!bytes) continue;
    records.push_back(percent == 0 ? *bytes : loosened(*bytes));
    if (random.chance(left)) records.back() = json->original(i);
    if (random.chance(damage)) records.back() = damaged_msgpack(random, records.back());
  }
  return msgpack_block(records, pool);
}

// Some records gone, and some or all of the sound ones checked.
Batch random_batch(Random& random, BufferPool& pool) {
  Batch batch(random_msgpack(random, pool), pool);
  for (Record& each : batch.records) {
    const std::string_view bytes = batch.payload(each);
    if (bytes.starts_with('{')) each.format = Format::json;
  }
  const bool validated = random.chance(20);
  std::erase_if(batch.records, [&](const Record& each) {
    const auto reason = each.format == Format::json ? validate_json(batch.payload(each), nullptr)
                                                    : validate_msgpack(batch.payload(each));
    return random.chance(10) || (validated && reason);
  });
  for (Record& each : batch.records) each.validated = validated;
  return batch;
}

struct Count {
  std::uint64_t judged = 0;
  std::uint64_t by_columns = 0;
};

void one_index(std::uint64_t seed, Count& count) {
  INFO("replay with PIPEC_SEED=" << seed);
  Random random(static_cast<unsigned>(seed));
  const FieldSet fields{kKeys};
  record::BlockIndex block_index(fields);
  msgpack::Index index(fields.keys);
  BufferPool pool;
  const Batch batch = random_batch(random, pool);
  for (std::size_t first = 0; first < batch.records.size();) {
    const std::size_t taken = block_index.scan(batch, first);
    for (std::size_t row = 0; row < taken; ++row) {
      const std::string_view record = batch.payload(batch.records[first + row]);
      INFO("record: " << unpacked(record));
      const record::Layout* const layout = block_index.layout(row);
      if (!layout || block_index.format() == Format::json) continue;
      ++count.by_columns;
      REQUIRE(index.scan(record) == record::Shape::object);
      REQUIRE_FALSE(index.repeated());
      REQUIRE(index.members() == layout->leads.size());
      for (std::uint32_t slot = 0; slot < fields.keys.size(); ++slot) {
        const record::FieldSlot& place = index.slot(slot);
        const std::string_view value = block_index.value(row, slot);
        REQUIRE(value == record.substr(place.value_begin, place.value_end - place.value_begin));
        if (!place.found()) continue;
        REQUIRE(value.data() == record.data() + place.value_begin);
        const record::Layout::Lead& lead = layout->leads[layout->member_of[slot]];
        const std::uint32_t begin = block_index.members(row)[std::size_t{2} * layout->member_of[slot]];
        REQUIRE(block_index.text() + begin + lead.key == record.data() + place.key_begin);
      }
    }
    first += taken;
  }
  count.judged += batch.records.size();
}

// Each record's by the interpreter alone: nullopt where it fails or is malformed.
std::vector<std::optional<bool>> one_by_one(const Program& program, const Batch& batch) {
  const eval::RawFilter raw(program);
  eval::Interpreter interpreter(program.fields, program.locals, Clock::system());
  std::vector<std::optional<bool>> outcomes;
  for (const Record& record : batch.records) {
    eval::Truth truth = eval::Truth::failed;
    if (interpreter.begin(batch, record, eval::reads_record(program.root)))
      truth = interpreter.test(program.root);
    // A filter need not look into a line that lacks its keys.
    const bool lacks = record.format == Format::json && !raw.may_hold(batch.payload(record));
    if (interpreter.malformed() && lacks) truth = eval::Truth::no;
    outcomes.push_back(truth == eval::Truth::failed ? std::nullopt
                                                    : std::optional(truth == eval::Truth::yes));
  }
  return outcomes;
}

void one_condition(std::uint64_t seed, Count& count) {
  INFO("replay with PIPEC_SEED=" << seed);
  Random random(static_cast<unsigned>(seed));
  Build build;
  const auto program = build.program(Expressions(build, random).condition(3));
  BufferPool pool;
  const Batch batch = random_batch(random, pool);
  count.judged += batch.records.size();
  const auto outcomes = one_by_one(*program, batch);

  std::vector<std::uint32_t> slots(program->fields.keys.size());
  for (std::uint32_t i = 0; i < slots.size(); ++i) slots[i] = i;
  const eval::ConditionPlan plan(program->fields, {&program, 1}, {&slots, 1});
  if (plan.usable() && eval::reads_record(program->root)) {
    eval::ConditionColumns columns(plan);
    judge_by_columns(columns, batch, [&](std::size_t record, bool holds) {
      ++count.by_columns;
      INFO("record: " << unpacked(batch.payload(batch.records[record])));
      REQUIRE(outcomes[record] == holds);
    });
  }

  // The whole stages, which fall back to the interpreter.
  Lines kept;
  Lines others;
  Lines dead;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    Lines& list = outcomes[i] ? *outcomes[i] ? kept : others : dead;
    list.emplace_back(batch.payload(batch.records[i]));
  }
  const auto dead_of = [&](const Seen& seen) {
    Lines lines;
    for (const DeadRecord& record : seen.dead) lines.emplace_back(batch.block().original(record.origin));
    return lines;
  };
  FilterOptions options;
  options.condition = program;
  const auto filter = make_filter(std::move(options));
  Batch filtered = batch;
  Seen seen;
  REQUIRE(filter->process(filtered, filter->make_scratch().get(), seen).ok());
  REQUIRE(lines_of(filtered) == kept);
  REQUIRE(dead_of(seen) == dead);
  REQUIRE(seen.filtered == others.size());
  RouteOptions arms;
  arms.conditions = {program};
  const auto route = make_route(std::move(arms));
  Batch routed = batch;
  Batch empty = batch;
  empty.records.clear();
  std::vector<Batch> outputs(2, empty);
  Seen seen_by_route;
  REQUIRE(route->route(routed, outputs, route->make_scratch().get(), seen_by_route).ok());
  REQUIRE(lines_of(outputs[0]) == kept);
  if (std::ranges::all_of(batch.records, [](const Record& r) { return r.format == Format::msgpack; })) {
    REQUIRE(lines_of(outputs[1]) == others);
    REQUIRE(dead_of(seen_by_route) == dead);
  }
}

void one_transform(std::uint64_t seed, Count& count) {
  INFO("replay with PIPEC_SEED=" << seed);
  Random random(static_cast<unsigned>(seed));
  Build build;
  const auto program = build.transform(Expressions(build, random).block(1));
  BufferPool pool;
  const Batch batch = random_batch(random, pool);
  count.by_columns += same_both_ways(*program, batch);
  count.judged += batch.records.size();
}

}  // namespace

TEST_CASE("sound MsgPack maps have a layout, whatever their keys and heads", "[msgpack]") {
  const FieldSet fields{{"a", "1", "null"}};
  const std::string a = bytes_of({0xa1, 'a'});
  CHECK(known({"\x81" + a + "\x01",
               "\x82" + a +
                   "\xa1x\xa1"
                   "b" +
                   bytes_of({0x92, 0xc0, 0xc3}),
               bytes_of({0xde, 0, 1}) + a + "\x01", bytes_of({0xdf, 0, 0, 0, 1}) + a + "\x01",
               "\x81" + bytes_of({0xd9, 1, 'a', 1}), bytes_of({0x81, 1, 2}), bytes_of({0x81, 0xc0, 2}),
               bytes_of({0x81, 0xc4, 1, 'a', 2}), bytes_of({0x82, 0xc2, 2, 0xc2, 3}),
               bytes_of({0x81, 0xd9, 0, 0xa0}), "\x81\xa1\xff\x01", "\x81" + a + "\xa1\xff"},
              fields) == "++++++++++++");
}

TEST_CASE("other MsgPack records are left to the slow path", "[msgpack]") {
  const FieldSet fields{{"a", "1", "null"}};
  const std::string a = bytes_of({0xa1, 'a'});
  const auto nested = [&](std::size_t depth) { return "\x81" + a + std::string(depth, '\x91') + "\x01"; };
  CHECK(known({"\x80",
               "\x91\x01",
               "\x01",
               "\xc1",
               "\x81",
               "\x81" + a,
               "\x81" + a + "\x01\x02",
               "\x81" + a + "\xc1",
               "\x82" + a + "\x01",
               "\x82" + a + "\x01" + a + "\x01",
               "\x82" + a + "\x01" + bytes_of({0xd9, 1, 'a', 1}),
               "\x82" + a + "\x01" + bytes_of({0xc4, 1, 'a', 1}),
               bytes_of({0x82, 1, 1, 0xa1, '1', 1}),
               bytes_of({0x82, 0xc0, 1, 0xa4, 'n', 'u', 'l', 'l', 1}),
               bytes_of({0x81, 0x90, 1}),
               bytes_of({0x81, 0x80, 1}),
               bytes_of({0x81, 0xd4, 1, 1, 1}),
               bytes_of({0x81, 0xc1, 1}),
               bytes_of({0xdf, 0xff, 0xff, 0xff, 0xff}),
               bytes_of({0x81, 0xdb, 0xff, 0xff, 0xff, 0xff, 'a'}),
               "\x81" + a + bytes_of({0xdd, 0xff, 0xff, 0xff, 0xff, 1}),
               "\x81" + a + bytes_of({0xc6, 0xff, 0xff, 0xff, 0xff, 1}),
               nested(kMaxDepth)},
              fields) == std::string(23, '-'));
  CHECK(known({nested(kMaxDepth - 1)}, fields) == "+");
}

TEST_CASE("a MsgPack record is compared with the layout of the one before to its last byte", "[msgpack]") {
  const FieldSet fields{{"key_of_more_than_sixteen_bytes", "b"}};
  const std::string good = packed(R"({"key_of_more_than_sixteen_bytes":1,"b":[2,{"c":"d"}]})");
  Lines records(2, good);
  for (std::size_t i = 0; i < good.size(); ++i) {
    records.push_back(good.substr(0, i));
    records.push_back(good);
  }
  std::string expected = "++";
  for (std::size_t i = 0; i < good.size(); ++i) expected += "-+";
  CHECK(known(records, fields) == expected);
  // Another byte in a key is another layout.
  std::string other = good;
  other[20] ^= 1;
  CHECK(known({good, other, good, other}, fields) == "++++");
  BufferPool pool;
  const Batch batch(msgpack_block({good, other}, pool), pool);
  record::BlockIndex index(fields);
  REQUIRE(index.scan(batch, 0) == 2);
  CHECK(index.value(0, 0) == "\x01");
  CHECK(index.value(1, 0).data() == nullptr);
  CHECK(index.value(1, 1) == good.substr(good.size() - 7));
}

TEST_CASE("shapes beyond the maximum, large records and maps of many members are left to the slow path",
          "[msgpack]") {
  const FieldSet fields{{"n"}};
  Lines records;
  for (int i = 0; i < 33; ++i) records.push_back(packed("{\"k" + std::to_string(i) + "\":1}"));
  records.push_back(records.front());
  CHECK(known(records, fields) == std::string(32, '+') + "-+");
  CHECK(known({packed(R"({"n":")" + std::string(65'000, 'x') + "\"}"),
               packed(R"({"n":")" + std::string(66'000, 'x') + "\"}")},
              fields) == "+-");
  const auto members = [](int count) {
    std::string json = "{";
    for (int i = 0; i < count; ++i) json += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":0";
    return packed(json + "}");
  };
  CHECK(known({members(255), members(256)}, fields) == "+-");
}

TEST_CASE("if most MsgPack records have no shape, they take the slow path for a while", "[msgpack]") {
  const FieldSet fields{{"n"}};
  const std::string good = packed(R"({"n":1})");
  Lines records(64, "\x80");
  records.resize(129, good);
  CHECK(known(records, fields) == std::string(64, '-') + std::string(65, '+'));  // not most
  records.assign(65, "\x80");
  records.resize(128 + 31 * 128 + 1, good);
  const std::string seen = known(records, fields);
  CHECK(seen.substr(0, 128) == std::string(65, '-') + std::string(63, '+'));
  CHECK(seen.substr(128) == std::string(std::size_t{31} * 128, '-') + "+");
}

TEST_CASE("no byte after a record is compared with the key of a shape", "[msgpack]") {
  msgpack::Layouts layouts(FieldSet{{"b"}});
  const auto found = [&](const std::string& record) {
    // A separate allocation, so that a sanitizer detects reads past the padding.
    const std::unique_ptr<char[]> own(new char[record.size() + Buffer::kPadding]());
    std::copy(record.begin(), record.end(), own.get());
    record::Offsets members;
    std::size_t count = 0;
    return layouts.find(own.get(), 0, static_cast<std::uint32_t>(record.size()), members, count);
  };
  const std::string head = bytes_of({0xdf, 0, 0, 0, 1, 0xdb, 0, 0});
  const std::string key(600, 'k');
  const record::Layout* const first = found(head + "\x02\x58" + key + "\x01");
  REQUIRE(first);
  CHECK(found(head + "\x02\x58" + key + "\x02") == first);
  CHECK(found(head + "\x02\x58" + key.substr(0, 20)) == nullptr);
  const record::Layout* const second =
      found(head + std::string(1, '\0') + "\x05" + key.substr(0, 5) + "\x01");
  CHECK(second);
  CHECK(second != first);
}

TEST_CASE("a chunk has one format", "[msgpack]") {
  BufferPool pool;
  Batch batch(msgpack_block({packed(R"({"n":1})"), R"({"n":2})", R"({"n":3})", packed(R"({"n":4})")}, pool),
              pool);
  batch.records[1].format = batch.records[2].format = Format::json;
  record::BlockIndex index(FieldSet{{"n"}});
  const auto value = [&](std::size_t row) { return std::string(index.value(row, 0)); };
  REQUIRE(index.scan(batch, 0) == 1);
  CHECK(index.format() == Format::msgpack);
  CHECK(value(0) == "\x01");
  REQUIRE(index.scan(batch, 1) == 2);
  CHECK(index.format() == Format::json);
  CHECK(value(0) + value(1) == "23");
  REQUIRE(index.scan(batch, 3) == 1);
  CHECK(value(0) == "\x04");
}

TEST_CASE("a MsgPack head is rewritten if members were added or removed, even temporarily",
          "[msgpack][eval]") {
  Build b;
  const std::string record = bytes_of({0xde, 0, 2, 0xa1, 'a', 1, 0xa1, 'b', 2});
  const auto transformed = [&](std::vector<Statement> body) {
    const auto program = b.transform(std::move(body));
    BufferPool pool;
    Batch batch(msgpack_block({record}, pool), pool);
    CHECK(same_both_ways(*program, batch) == 1);
    Seen seen;
    eval::TransformRun run(*program, true, nullptr);
    REQUIRE(run.process(batch, OnError::dead_letter, seen).ok());
    return lines_of(batch).at(0);
  };
  const auto block = [](auto... statements) {
    std::vector<Statement> body;
    (body.push_back(std::move(statements)), ...);
    return body;
  };
  CHECK(transformed(block(b.set(".a", b.integer(7)))) == bytes_of({0xde, 0, 2, 0xa1, 'a', 7, 0xa1, 'b', 2}));
  CHECK(transformed(block(b.del({".a"}), b.set(".c", b.null()))) ==
        bytes_of({0xde, 0, 2, 0xa1, 'b', 2, 0xa1, 'c', 0xc0}));
  CHECK(transformed(block(b.keep({".a"}), b.set(".c", b.null()))) ==
        bytes_of({0x82, 0xa1, 'a', 1, 0xa1, 'c', 0xc0}));
  CHECK(transformed(block(b.set(".c", b.null()), b.keep({".a", ".b"}))) ==
        bytes_of({0x82, 0xa1, 'a', 1, 0xa1, 'b', 2}));
  CHECK(transformed(block(b.del({".a"}), b.del({".b"}))) == "\x80");
  CHECK(transformed(block(b.rename(".a", ".b"))) == bytes_of({0x81, 0xa1, 'b', 1}));
}

TEST_CASE(
    "a value that does not survive the MsgPack round trip is left to the interpreter if it is read again",
    "[msgpack][eval]") {
  Build b;
  static const std::string text = "1.10" + std::string(Buffer::kPadding, ' ');
  const Value number = read_json({text.data(), 4}).value();
  // A slice in a new array may be read again unless it is then nested too deep.
  const std::string deep =
      "\x81\xa1"
      "a" +
      std::string(kMaxDepth - 4, '\x91') + "\x01";
  const auto by_columns = [&](std::vector<Statement> body) {
    const auto program = b.transform(std::move(body));
    BufferPool pool;
    return same_both_ways(*program, Batch(msgpack_block({deep}, pool), pool));
  };
  std::vector<Statement> written;
  written.push_back(b.set(".x", b.value(number)));
  CHECK(by_columns(written) == 1);
  written.push_back(b.set(".y", b.interpolate({b.field(".x")})));
  CHECK(by_columns(written) == 0);
  std::vector<Statement> array;
  array.push_back(b.set(".x", b.array({b.array({b.array({b.field(".a")})})})));
  CHECK(by_columns(array) == 1);
  array.push_back(b.set(".y", b.field(".x[0]")));
  CHECK(by_columns(array) == 0);
  // One level more, and the record could not be read again.
  std::vector<Statement> deeper;
  deeper.push_back(b.set(".x", b.array({b.array({b.array({b.array({b.field(".a")})})})})));
  CHECK(by_columns(deeper) == 0);
}

TEST_CASE("the block index of MsgPack members agrees with the index of one record",
          "[msgpack][differential]") {
  Count count;
  if (!rounds(one_index, count)) return;
  CHECK(count.by_columns * 2 > count.judged);  // else nothing was compared
}

TEST_CASE("P3 conditions on MsgPack by columns and record by record agree", "[msgpack][differential]") {
  Count count;
  if (!rounds(one_condition, count)) return;
  CHECK(count.by_columns * 5 > count.judged);
}

TEST_CASE("P3 transforms of MsgPack by columns and record by record agree", "[msgpack][differential]") {
  Count count;
  if (!rounds(one_transform, count)) return;
  CHECK(count.by_columns * 8 > count.judged);
}
