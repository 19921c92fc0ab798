#include "support/catch.h"
#include "unit/runtime/support/build.h"
#include "unit/runtime/support/records.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

std::string of(const std::shared_ptr<Block>& block, BufferPool& pool, std::size_t record, MetadataField field,
               std::string_view header = {}) {
  Batch batch(block, pool);
  Build b;
  Evaluator evaluator(b.program(b.metadata(field, header)));
  const Value value = evaluator.evaluate(batch, batch.records[record]);
  return std::string(type_name(value.type())) + " " + to_json(value);
}

}  // namespace

TEST_CASE("metadata of a record, null if its source has none", "[eval]") {
  BufferPool pool;
  const auto block = block_of({"{}", "{}"}, pool);
  CHECK(of(block, pool, 1, MetadataField::topic) == "null null");
  CHECK(of(block, pool, 1, MetadataField::partition) == "int 0");
  CHECK(of(block, pool, 1, MetadataField::offset) == "int 3");
  CHECK(of(block, pool, 1, MetadataField::source) == R"(string "in.ndjson")");
  CHECK(of(block, pool, 1, MetadataField::key) == "null null");
  CHECK(of(block, pool, 1, MetadataField::timestamp) == "null null");
  CHECK(of(block, pool, 1, MetadataField::headers) == "null null");
  CHECK(of(block, pool, 1, MetadataField::header, "h") == "null null");

  block->topic = "t";
  block->partition = 4;
  block->positions = {100, 205};
  block->metadata.resize(2);
  block->metadata[0].key = "\xff\xfe";
  block->metadata[1].key = "kü";
  block->metadata[1].timestamp = 1'000'000'000;
  block->metadata[1].headers = {{"h", "1"}, {"n", std::nullopt}, {"h", "2"}, {"b", "\xc0"}};
  CHECK(of(block, pool, 1, MetadataField::topic) == R"(string "t")");
  CHECK(of(block, pool, 1, MetadataField::partition) == "int 4");
  CHECK(of(block, pool, 1, MetadataField::offset) == "int 205");
  CHECK(of(block, pool, 1, MetadataField::key) == R"(string "kü")");
  CHECK(of(block, pool, 0, MetadataField::key) == R"(bytes "//4=")");
  CHECK(of(block, pool, 1, MetadataField::timestamp) == R"(timestamp "1970-01-01T00:00:01Z")");
  CHECK(of(block, pool, 1, MetadataField::header, "h") == R"(string "2")");
  CHECK(of(block, pool, 1, MetadataField::header, "n") == "null null");
  CHECK(of(block, pool, 1, MetadataField::headers) == R"(object {"h":"2","n":null,"b":"wA=="})");
  CHECK(of(block, pool, 0, MetadataField::headers) == "object {}");
}

TEST_CASE("a hundred thousand headers are no trap", "[eval]") {
  BufferPool pool;
  const auto block = block_of({"{}"}, pool);
  block->metadata.resize(1);
  for (int i = 0; i < 100'000; ++i) {
    block->metadata[0].headers.push_back({"h" + std::to_string(i % 50'000), std::to_string(i)});
  }
  Batch batch(block, pool);
  Build b;
  Evaluator evaluator(b.program(b.metadata(MetadataField::headers)));
  const Value value = evaluator.evaluate(batch, batch.records[0]);
  REQUIRE(value.size() == 50'000);
  CHECK(value.members()[1].key == "h1");
  CHECK(value.members()[1].value.text() == "50001");
}

TEST_CASE("without a record fields and metadata read null, @offset is the sequence", "[eval]") {
  Build b;
  Evaluator evaluator(b.program(
      b.array({b.field(".a"), b.metadata(MetadataField::offset), b.metadata(MetadataField::partition),
               b.metadata(MetadataField::source), b.metadata(MetadataField::headers)})));
  CHECK(to_json(evaluator.evaluate_alone(42)) == "[null,42,null,null,null]");
  CHECK(to_json(evaluator.evaluate_alone(43)) == "[null,43,null,null,null]");
}
