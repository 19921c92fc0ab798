// Framings other than lines, alone and in recv file and stdin; the output of sinks for both formats.
#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "connectors_support.h"
#include "pipec/runtime/fd.h"
#include "pipec/runtime/msgpack.h"
#include "pipec/stdlib/memory.h"
#include "stdlib/connectors/format_options.h"
#include "stdlib/connectors/stdin_receiver.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace pipec::test;
using namespace pipec::runtime;
using namespace pipec::stdlib;

namespace {

using Lines = std::vector<std::string>;

StdinOptions of_thousand() {
  StdinOptions options;
  options.max_record = 1000;
  return options;
}

std::string packed(std::string_view json) {
  BufferPool pool;
  const BufferRef out = pool.get(64);
  const BufferRef padded = pool.get(json.size());
  padded->append(json);
  REQUIRE(json_to_msgpack(padded->view(), *out) == nullptr);
  return std::string(out->view());
}

std::unique_ptr<Framing> framing(std::string_view name) {
  OptionsBuilder options;
  auto made = make_framing(options.text("framing", name));
  REQUIRE(made);
  (*made)->restart(0, false);
  return std::move(*made);
}

// The records of a stream that comes `step` bytes at a time, then "!error @offset" where there is one.
Lines cut(Framing& frames, const std::string& stream, std::size_t step) {
  Lines result;
  std::size_t begin = 0;
  for (std::size_t end = std::min(step, stream.size());; end = std::min(end + step, stream.size())) {
    const bool at_end = end == stream.size();
    const std::string data = stream.substr(begin, end - begin);  // its own memory
    std::vector<Slice> origins;
    const Framing::Cut cut = frames.cut(data, 0, data.size(), 0, at_end, origins);
    for (const Slice& slice : origins) result.push_back(data.substr(slice.begin, slice.size));
    if (!cut.error.empty()) {
      result.push_back("!" + cut.error + " @" + std::to_string(begin + cut.error_at));
      return result;
    }
    begin += cut.taken;
    if (at_end) break;
  }
  if (begin != stream.size()) result.emplace_back("!left over");
  return result;
}

Lines cut(std::string_view name, const std::string& stream, std::size_t step = 1 << 20) {
  return cut(*framing(name), stream, step);
}

struct Gathered {
  Lines records;
  std::vector<std::uint64_t> positions;
  std::vector<std::uint64_t> ends;
  Format format = Format::json;
  std::string error;
};

// Everything, `limits` at a time.
Gathered receive_all(Receiver& receiver, ReceiveLimits limits = {}) {
  Gathered result;
  BufferPool pool;
  for (;;) {
    Block block;
    block.data = pool.get(64);
    const auto received = receiver.receive(limits, block);
    if (!received) {
      result.error = received.error().message;
      return result;
    }
    if (*received == Received::end) return result;
    for (std::uint32_t i = 0; i < block.origins.size(); ++i) {
      result.records.emplace_back(block.original(i));
      result.positions.push_back(block.position(i));
    }
    if (!block.ranges.empty()) result.ends.push_back(block.ranges.back().end);
    result.format = block.format;
  }
}

const std::string kHint = "; on_bad_file: skip continues without it";

Gathered from_file(const std::string& path, std::string_view framing, ReceiveLimits limits = {},
                   std::int64_t max_record = 1 << 20) {
  OptionsBuilder options;
  const auto receiver = make_receiver(
      "file", options.text("path", path).text("framing", framing).number("max_record", max_record));
  REQUIRE(receiver->open({}).ok());
  return receive_all(*receiver, limits);
}

}  // namespace

TEST_CASE("framing msgpack: values one after another, in any pieces") {
  const Lines records = {packed(R"({"a":1})"), packed("[]"), packed(R"({"b":{"c":["text",1.5]}})"),
                         packed("7")};
  std::string stream;
  for (const std::string& record : records) stream += record;
  for (const std::size_t step : {1, 2, 5, 1000}) CHECK(cut("msgpack", stream, step) == records);
  Lines bad = records;
  bad.push_back("!the byte 0xc1 is not MsgPack @" + std::to_string(stream.size() + 1));
  CHECK(cut("msgpack", stream + "\x91\xc1", 3) == bad);
  bad.back() = "!the record that begins here is cut off @" + std::to_string(stream.size());
  CHECK(cut("msgpack", stream + "\x92\x01", 3) == bad);
}

TEST_CASE("framing json_array: the items of one array, in any pieces") {
  const std::string stream = " [ {\"a\":[1,2]} ,\n\"x,\\\"]\",3 , [], true,{}\n] \n";
  const Lines items = {R"({"a":[1,2]})", R"("x,\"]")", "3", "[]", "true", "{}"};
  for (const std::size_t step : {1, 2, 3, 7, 1000}) CHECK(cut("json_array", stream, step) == items);
  CHECK(cut("json_array", "[]").empty());
  CHECK(cut("json_array", " \n").empty());
  for (const std::size_t step : {1, 100}) {
    CHECK(cut("json_array", "{}", step) == Lines{"!expected '[' of a JSON array @0"});
    CHECK(cut("json_array", "[1 2]", step) ==
          Lines{"1", "!expected ',' or ']' after an item of the array @3"});
    CHECK(cut("json_array", "[1,]", step) == Lines{"1", "!expected an item of the array @3"});
    CHECK(cut("json_array", "[,1]", step) == Lines{"!expected an item of the array @1"});
    CHECK(cut("json_array", "[1] x", step) == Lines{"1", "!unexpected data after the array @4"});
    CHECK(cut("json_array", "[1,{\"a\":", step) == Lines{"1", "!the array is cut off @8"});
    CHECK(cut("json_array", "[1,23", step) == Lines{"1", "!the array is cut off @5"});
  }
}

TEST_CASE("framing bytes: the whole input is one record") {
  CHECK(cut("bytes", "a\nb\n", 1) == Lines{"a\nb\n"});
}

TEST_CASE("recv file reads MsgPack in blocks that end at a record's end, and resumes there") {
  const TempDir temp;
  Lines records;
  std::string stream;
  for (int i = 0; i < 3000; ++i) {
    records.push_back(
        packed("{\"n\":" + std::to_string(i * 37) + ",\"s\":\"" + std::string(i % 50, 'x') + "\"}"));
    stream += records.back();
  }
  write_file(temp / "in.mp", stream);
  for (const std::size_t bytes : {100, 5000, 1 << 20}) {
    ReceiveLimits limits;
    limits.max_bytes = bytes;
    limits.max_records = bytes == 5000 ? 7 : 0;
    const Gathered all = from_file(temp / "in.mp", "msgpack", limits);
    CHECK(all.error.empty());
    CHECK(all.records == records);
    CHECK(all.format == Format::msgpack);
    CHECK(all.positions.back() == stream.size() - records.back().size());
    CHECK(all.ends.back() == stream.size());
  }
  // From the middle.
  OptionsBuilder options;
  const auto path = temp / "in.mp";
  const auto first = make_receiver("file", options.text("path", path).text("framing", "msgpack"));
  REQUIRE(first->open({}).ok());
  BufferPool pool;
  Block block;
  block.data = pool.get(64);
  ReceiveLimits few;
  few.max_records = 10;
  REQUIRE(first->receive(few, block).ok());
  REQUIRE(block.origins.size() == 10);
  StateEntries state;
  first->describe(block.ranges, state);
  const auto second = make_receiver("file", options);
  REQUIRE(second->open(state).ok());
  const Gathered rest = receive_all(*second);
  CHECK(rest.records == Lines(records.begin() + 10, records.end()));
}

TEST_CASE(
    "recv file: bytes that are not MsgPack end the run after the last good record, and their place is "
    "reported") {
  const TempDir temp;
  const std::string good = packed(R"({"a":1})");
  const std::string path = temp / "in.mp";
  write_file(temp / "in.mp", good + good + "\xc1" + good);
  Gathered all = from_file(path, "msgpack");
  CHECK(all.records == Lines{good, good});
  CHECK(all.ends == std::vector<std::uint64_t>{2 * good.size()});
  CHECK(all.error == path + ": byte 8: the byte 0xc1 is not MsgPack" + kHint);
  write_file(temp / "in.mp", good + "\x92\x01");
  all = from_file(path, "msgpack");
  CHECK(all.records == Lines{good});
  CHECK(all.error == path + ": byte 4: the record that begins here is cut off" + kHint);
  // A claimed size costs nothing, however large.
  write_file(temp / "in.mp", good + "\xdb\xff\xff\xff\xff" + std::string(100, 'x'));
  all = from_file(path, "msgpack", {}, 1000);
  CHECK(all.records == Lines{good});
  CHECK(all.error == path + ": byte 4: the record that begins here is cut off" + kHint);
  write_file(temp / "in.mp", good + "\xdb\x7f\xff\xff\xff" + std::string(600'000, 'x'));
  CHECK(from_file(path, "msgpack", {}, 1000).error ==
        path + ": the record at byte 4 is longer than max_record (1000 bytes)" + kHint);
}

TEST_CASE("recv file reads the items of a JSON array, and resumes between two") {
  const TempDir temp;
  write_file(temp / "in.json", "[{\"a\":\n1},\n 2, \"three\"]\n");
  const std::string path = temp / "in.json";
  ReceiveLimits one;
  one.max_records = 1;
  const Gathered all = from_file(path, "json_array", one);
  CHECK(all.error.empty());
  CHECK(all.records == Lines{"{\"a\":\n1}", "2", "\"three\""});
  CHECK(all.positions == std::vector<std::uint64_t>{1, 12, 15});
  CHECK(all.ends.back() == 24);
  CHECK(from_file(path, "bytes").records == Lines{"[{\"a\":\n1},\n 2, \"three\"]\n"});
}

TEST_CASE("recv stdin keeps a MsgPack record that is incomplete at the end of a read") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const Fd read(ends[0]);
  Fd write(ends[1]);
  OptionsBuilder options;
  const auto receiver = make_stdin_receiver(read.get(), of_thousand(), framing("msgpack"));
  REQUIRE(receiver->open({}).ok());
  const std::string record = packed(R"({"a":"text","b":[1,2,3]})");
  BufferPool pool;
  const auto receive = [&](Lines& lines) {
    Block block;
    block.data = pool.get(64);
    ReceiveLimits limits;
    limits.wait = std::chrono::milliseconds(0);
    const auto received = receiver->receive(limits, block);
    REQUIRE(received.ok());
    for (std::uint32_t i = 0; i < block.origins.size(); ++i) lines.emplace_back(block.original(i));
    return *received;
  };
  Lines lines;
  const auto put = [&](std::string_view bytes) {
    REQUIRE(::write(write.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  };
  for (const char c : record) {
    CHECK(receive(lines) == Received::idle);
    put({&c, 1});
  }
  CHECK(receive(lines) == Received::records);
  put(record + record.substr(0, 5));
  CHECK(receive(lines) == Received::records);
  put(record.substr(5));
  write = Fd();
  CHECK(receive(lines) == Received::records);
  CHECK(receive(lines) == Received::end);
  CHECK(lines == Lines{record, record, record});
}

TEST_CASE("recv stdin reports where MsgPack is truncated or malformed") {
  for (const auto& [tail, error] :
       {std::pair<const char*, const char*>{"\x92\x01", "the record that begins here is cut off"},
        {"\xc1", "the byte 0xc1 is not MsgPack"}}) {
    const TempDir temp;
    write_file(temp / "in", packed("[1]") + tail);
    const Fd file(::open((temp / "in").c_str(), O_RDONLY | O_CLOEXEC));
    OptionsBuilder options;
    const auto receiver = make_stdin_receiver(file.get(), of_thousand(), framing("msgpack"));
    REQUIRE(receiver->open({}).ok());
    const Gathered all = receive_all(*receiver);
    CHECK(all.records == Lines{packed("[1]")});
    CHECK(all.error == std::string("standard input: byte 2: ") + error);
  }
}

namespace {

// The output of a sink, and the reasons for the records that it cannot write.
struct Encoded {
  std::string text;
  Lines failed;
};

// `encode` as the option; empty: left out.
Encoded encoded(std::string_view encode, const Batch& batch) {
  OptionsBuilder options;
  if (!encode.empty()) options.text("encode", encode);
  const auto made = make_encoder(options);
  REQUIRE(made);
  Encoder& encoder = **made;
  Encoded result;
  for (std::size_t i = 0; i < batch.records.size();) {
    const Encoder::Piece piece = encoder.next(batch, i);
    if (piece.failed) {
      result.failed.emplace_back(piece.failed);
    } else {
      result.text.append(piece.text);
      if (piece.line) result.text += '\n';
    }
    i += piece.records;
  }
  return result;
}

Batch mixed(BufferPool& pool) {
  Batch batch =
      batch_of({R"({"a": 1})", packed(R"({"b":2.5})"), packed("[null]"), R"({"c":"\u00e9"})"}, pool);
  batch.records[1].format = batch.records[2].format = Format::msgpack;
  return batch;
}

}  // namespace

TEST_CASE("without encode each record leaves in its own format") {
  BufferPool pool;
  CHECK(encoded("", mixed(pool)).text ==
        "{\"a\": 1}\n" + packed(R"({"b":2.5})") + packed("[null]") + "{\"c\":\"\\u00e9\"}\n");
}

TEST_CASE("encode: json and encode: msgpack convert both formats to one") {
  BufferPool pool;
  CHECK(encoded("json", mixed(pool)).text == "{\"a\": 1}\n{\"b\":2.5}\n[null]\n{\"c\":\"\\u00e9\"}\n");
  CHECK(encoded("msgpack", mixed(pool)).text ==
        packed(R"({"a":1})") + packed(R"({"b":2.5})") + packed("[null]") + packed(R"({"c":"\u00e9"})"));
}

TEST_CASE("P7 a record that has no form in the sink's format is a dead letter, the others go on") {
  BufferPool pool;
  const Batch json = batch_of({"[1]", "[1e400]", "{", "[2]", R"({"a":"\ud800"})"}, pool);
  const Encoded all = encoded("msgpack", json);
  CHECK(all.text == packed("[1]") + packed("[2]"));
  CHECK(all.failed == Lines{"encode: msgpack: a number beyond 64 bits at byte 1",
                            "encode: msgpack: unexpected end at byte 1",
                            "encode: msgpack: malformed string at byte 5"});
  Batch bytes = batch_of({packed("[1]"), "\x91", "\xa1\xff"}, pool);
  for (Record& record : bytes.records) record.format = Format::msgpack;
  const Encoded text = encoded("json", bytes);
  CHECK(text.text == "[1]\n");
  CHECK(text.failed ==
        Lines{"encode: json: unexpected end at byte 1", "encode: json: invalid UTF-8 at byte 1"});
}

TEST_CASE("encode: text writes .message of a MsgPack record too") {
  BufferPool pool;
  Batch batch = batch_of({packed(R"({"message":"two\nlines"})"), packed("{}")}, pool);
  for (Record& record : batch.records) record.format = Format::msgpack;
  const Encoded all = encoded("text", batch);
  CHECK(all.text == "two\\nlines\n");
  CHECK(all.failed == Lines{"encode: text: the record has no .message"});
}

TEST_CASE("MsgPack neighbours leave in one piece") {
  BufferPool pool;
  auto block = std::make_shared<Block>();
  block->data = pool.get(64);
  for (int i = 0; i < 10; ++i) {
    block->origins.push_back({static_cast<std::uint32_t>(block->data->size()), 2});
    block->data->append("\x91\x05");
  }
  block->format = Format::msgpack;
  Batch batch(block, pool);
  const auto encoder = make_encoder({});
  const Encoder::Piece piece = (*encoder)->next(batch, 0);
  CHECK(piece.records == 10);
  CHECK(piece.text.data() == block->data->data());
  CHECK_FALSE(piece.line);
}

TEST_CASE("memory channels carry the format of each record") {
  const auto channels = std::make_shared<MemoryChannels>();
  Registry registry;
  register_memory(registry, channels);
  const auto in = channels->channel("in");
  in->push({R"({"a":1})", {}, Format::json});
  in->push({packed(R"({"a":2})"), {}, Format::msgpack});
  in->close();
  OptionsBuilder name;
  auto receiver = registry.receiver("memory")->make(name.text("name", "in"), {});
  REQUIRE((*receiver)->open({}).ok());
  BufferPool pool;
  std::vector<Format> formats;
  for (;;) {
    auto block = std::make_shared<Block>();
    block->data = pool.get(64);
    const auto received = (*receiver)->receive({}, *block);
    REQUIRE(received.ok());
    if (*received == Received::end) break;
    CHECK(block->origins.size() == 1);
    formats.push_back(block->format);
    FakeContext context;
    OptionsBuilder own;
    OptionsBuilder json;
    Batch batch(block, pool);
    REQUIRE((*registry.sink("memory")->make(own.text("name", "own"), {}))->write(batch, context).ok());
    REQUIRE((*registry.sink("memory")->make(json.text("name", "json").text("encode", "json"), {}))
                ->write(batch, context)
                .ok());
  }
  CHECK(formats == std::vector<Format>{Format::json, Format::msgpack});
  const auto own = channels->channel("own")->take();
  REQUIRE(own.size() == 2);
  CHECK(own[1].payload == packed(R"({"a":2})"));
  CHECK(own[1].format == Format::msgpack);
  const auto json = channels->channel("json")->take();
  CHECK(json[1].payload == R"({"a":2})");
  CHECK(json[1].format == Format::json);
}
