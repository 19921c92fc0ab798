#include <fcntl.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "connectors_packed.h"
#include "connectors_support.h"
#include "pipec/runtime/fd.h"
#include "pipec/stdlib/memory.h"
#include "stdlib/connectors/format_options.h"
#include "stdlib/connectors/stdin_receiver.h"
#include "stdlib/connectors/stream_sink.h"
#include "support/catch.h"
#include "support/temp_dir.h"

using namespace pipec::test;
using namespace pipec::runtime;
using pipec::stdlib::Compression;
using pipec::stdlib::make_stdin_receiver;
using pipec::stdlib::make_stream_sink;

namespace {

using Lines = std::vector<std::string>;

std::unique_ptr<Encoder> json_encoder() {
  OptionsBuilder options;
  return std::move(*pipec::stdlib::make_encoder(options.text("encode", "json")));
}

struct Pipe {
  Pipe() {
    int ends[2] = {-1, -1};
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    read = Fd(ends[0]);
    write = Fd(ends[1]);
  }
  void put(std::string_view text) const { REQUIRE(write_fully(write.get(), text) == 0); }
  Fd read;
  Fd write;
};

// Receives once; the records are appended to `lines`.
Received receive(Receiver& receiver, Lines& lines, ReceiveLimits limits = {}) {
  BufferPool pool;
  Block block;
  block.data = pool.get(64);
  auto received = receiver.receive(limits, block);
  REQUIRE(received.ok());
  for (std::uint32_t i = 0; i < block.origins.size(); ++i) lines.emplace_back(block.original(i));
  if (*received == Received::records) {
    REQUIRE_FALSE(block.ranges.empty());
    REQUIRE(receiver.commit(block.ranges).ok());
  }
  return *received;
}

Lines receive_all(Receiver& receiver, ReceiveLimits limits = {}) {
  Lines lines;
  while (receive(receiver, lines, limits) != Received::end) {
  }
  return lines;
}

pipec::stdlib::StdinOptions short_records() {
  pipec::stdlib::StdinOptions options;
  options.max_record = 100;
  return options;
}

ReceiveLimits no_wait() {
  ReceiveLimits limits;
  limits.wait = std::chrono::milliseconds(0);
  return limits;
}

}  // namespace

TEST_CASE("recv stdin returns whole lines and keeps the rest") {
  Pipe pipe;
  const auto receiver = make_stdin_receiver(pipe.read.get(), {});
  REQUIRE(receiver->open({}).ok());
  Lines lines;
  CHECK(receive(*receiver, lines, no_wait()) == Received::idle);
  pipe.put("\xef\xbb\xbf{\"a\":1}\r\n\n[2");
  CHECK(receive(*receiver, lines) == Received::records);
  CHECK(lines == Lines{"{\"a\":1}"});
  CHECK(receive(*receiver, lines, no_wait()) == Received::idle);
  pipe.put("]\nlast");
  CHECK(receive(*receiver, lines) == Received::records);
  pipe.write = Fd();
  CHECK(receive(*receiver, lines) == Received::records);
  CHECK(receive(*receiver, lines) == Received::end);
  CHECK(lines == Lines{"{\"a\":1}", "[2]", "last"});
}

TEST_CASE("recv stdin keeps to its limits") {
  Pipe pipe;
  const auto receiver = make_stdin_receiver(pipe.read.get(), short_records());
  REQUIRE(receiver->open({}).ok());
  pipe.put("1\n2\n3\n4\n5");
  pipe.write = Fd();
  ReceiveLimits limits;
  limits.max_records = 2;
  Lines lines;
  CHECK(receive(*receiver, lines, limits) == Received::records);
  CHECK(lines == Lines{"1", "2"});
  limits = {};
  limits.max_bytes = 2;
  CHECK(receive(*receiver, lines, limits) == Received::records);
  CHECK(lines == Lines{"1", "2", "3"});
  CHECK(receive_all(*receiver) == Lines{"4", "5"});
}

TEST_CASE("fault F8 recv stdin continues after a line beyond max_record") {
  for (const bool ends : {true, false}) {
    Pipe pipe;
    const auto receiver = make_stdin_receiver(pipe.read.get(), short_records());
    REQUIRE(receiver->open({}).ok());
    pipe.put("ok\n" + std::string(500, 'x'));
    Lines lines;
    CHECK(receive(*receiver, lines) == Received::records);
    CHECK(receive(*receiver, lines, no_wait()) == Received::idle);
    pipe.put("xyz");
    CHECK(receive(*receiver, lines, no_wait()) == Received::idle);
    if (ends) pipe.put("\nnext\n");
    pipe.write = Fd();
    BufferPool pool;
    Block block;
    block.data = pool.get(64);
    auto received = receiver->receive({}, block);
    REQUIRE(received.ok());
    REQUIRE(block.rejected.size() == 1);
    CHECK(block.rejected[0].reason.find("the record has 503 bytes, more than max_record (100)") == 0);
    CHECK(block.original(0).size() == 503);
    REQUIRE(block.ranges.size() == 1);
    CHECK(block.ranges[0].end == (ends ? 507 : 506));
    CHECK(receive_all(*receiver) == (ends ? Lines{"next"} : Lines{}));
  }
}

TEST_CASE("standard input has one reader at a time") {
  const auto first = make_stdin_receiver(STDIN_FILENO, {});
  const auto second = make_stdin_receiver(STDIN_FILENO, {});
  REQUIRE(first->open({}).ok());
  const Status refused = second->open({});
  REQUIRE(!refused.ok());
  CHECK(refused.error().message == "another pipeline of this process already reads standard input");
  CHECK(second->close().ok());
  const auto third = make_stdin_receiver(STDIN_FILENO, {});
  CHECK(!third->open({}).ok());  // the rejected one did not release what it never held
  REQUIRE(first->close().ok());
  CHECK(third->open({}).ok());
}

TEST_CASE("recv stdin that waits is interrupted") {
  Pipe pipe;
  const auto receiver = make_stdin_receiver(pipe.read.get(), short_records());
  REQUIRE(receiver->open({}).ok());
  ReceiveLimits limits;
  limits.wait = std::chrono::hours(1);
  Lines lines;
  std::thread stopper([&] { receiver->interrupt(); });
  CHECK(receive(*receiver, lines, limits) == Received::idle);
  stopper.join();
}

TEST_CASE("recv stdin reads a redirected file") {
  const TempDir temp;
  std::string text;
  Lines expected;
  for (int i = 0; i < 50'000; ++i) {
    expected.push_back(std::to_string(i));
    text += expected.back() + "\n";
  }
  write_file(temp / "in", text);
  const Fd file(::open((temp / "in").c_str(), O_RDONLY | O_CLOEXEC));
  const auto receiver = make_stdin_receiver(file.get(), {});
  REQUIRE(receiver->open({}).ok());
  CHECK(receive_all(*receiver) == expected);
}

TEST_CASE("fault F10 recv stdin unpacks input that begins like a packed file, as it arrives") {
  for (const Compression packing : {Compression::gzip, Compression::zstd}) {
    Pipe pipe;
    pipec::stdlib::StdinOptions options;
    options.packing = std::nullopt;
    const auto receiver = make_stdin_receiver(pipe.read.get(), options);
    REQUIRE(receiver->open({}).ok());
    Lines lines;
    ReceiveLimits patient;
    patient.wait = std::chrono::hours(1);
    const std::string first = packed(packing, "1\n2\n3");
    pipe.put(first.substr(0, 1));
    CHECK(receive(*receiver, lines, no_wait()) == Received::idle);
    pipe.put(first.substr(1));
    while (lines.size() < 2) receive(*receiver, lines, patient);
    CHECK(lines == Lines{"1", "2"});
    pipe.put(packed(packing, "3\n4"));
    while (lines.size() < 3) receive(*receiver, lines, patient);
    CHECK(lines == Lines{"1", "2", "33"});
    pipe.put("no frame");
    pipe.write = Fd();
    BufferPool pool;
    Block block;
    block.data = pool.get(64);
    auto received = receiver->receive(patient, block);
    while (received.ok() && *received == Received::idle) received = receiver->receive(patient, block);
    REQUIRE_FALSE(received.ok());
    CHECK(received.error().message.find("what follows the end") != std::string::npos);
  }
  // Text that begins with a byte that a packed file may begin with.
  Pipe pipe;
  pipec::stdlib::StdinOptions options;
  options.packing = std::nullopt;
  const auto receiver = make_stdin_receiver(pipe.read.get(), options);
  REQUIRE(receiver->open({}).ok());
  pipe.put("(a\nb\n");
  pipe.write = Fd();
  CHECK(receive_all(*receiver) == Lines{"(a", "b"});
}

TEST_CASE("recv stdin that waits for packed input is interrupted") {
  Pipe pipe;
  pipec::stdlib::StdinOptions options;
  options.packing = Compression::gzip;
  const auto receiver = make_stdin_receiver(pipe.read.get(), options);
  REQUIRE(receiver->open({}).ok());
  const std::string text = packed(Compression::gzip, "1\n2\n");
  pipe.put(text.substr(0, text.size() - 8));
  Lines lines;
  ReceiveLimits patient;
  patient.wait = std::chrono::hours(1);
  while (lines.size() < 2) receive(*receiver, lines, patient);
  std::thread stopper([&] { receiver->interrupt(); });
  CHECK(receive(*receiver, lines, patient) == Received::idle);
  stopper.join();
  CHECK(receive(*receiver, lines, patient) == Received::idle);
}

TEST_CASE("fault S9 a reader of stdout that exits is an error, not the end of the process") {
  Pipe pipe;
  const auto sink = make_stream_sink(pipe.write.get(), "stdout", json_encoder());
  REQUIRE(sink->open({}).ok());
  BufferPool pool;
  FakeContext context;
  REQUIRE(sink->write(batch_of({"1", "2"}, pool), context).ok());
  char got[16];
  CHECK(::read(pipe.read.get(), got, sizeof got) == 4);
  pipe.read = Fd();
  const Status status = sink->write(batch_of({"3"}, pool), context);
  REQUIRE_FALSE(status.ok());
  CHECK(status.error().message == "stdout was closed by its reader");
}

TEST_CASE("a write to a slow reader of stdout is complete, and can be interrupted") {
  Pipe pipe;
  const auto sink = make_stream_sink(pipe.write.get(), "stdout", json_encoder());
  REQUIRE(sink->open({}).ok());
  BufferPool pool;
  FakeContext context;
  const std::string big(1'000'000, 'x');
  std::string got;
  std::thread reader([&] {
    char chunk[4096];
    while (got.size() < big.size() + 3) {
      const ssize_t bytes = ::read(pipe.read.get(), chunk, sizeof chunk);
      if (bytes <= 0) break;
      got.append(chunk, static_cast<std::size_t>(bytes));
    }
  });
  CHECK(sink->write(batch_of({big, "1"}, pool), context).ok());
  reader.join();
  CHECK(got == big + "\n1\n");
  std::thread stopper([&] { sink->interrupt(); });
  CHECK_FALSE(sink->write(batch_of({big}, pool), context).ok());
  stopper.join();
}

TEST_CASE("stdout on a full device is an error") {
  const Fd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  const auto sink = make_stream_sink(full.get(), "stdout", json_encoder());
  REQUIRE(sink->open({}).ok());
  BufferPool pool;
  FakeContext context;
  CHECK_FALSE(sink->write(batch_of({"1"}, pool), context).ok());
}

TEST_CASE("memory channels keep uncommitted records, and connect two pipelines") {
  Registry registry;
  const auto channels = std::make_shared<pipec::stdlib::MemoryChannels>();
  pipec::stdlib::register_memory(registry, channels);
  pipec::stdlib::register_connectors(registry);
  const auto channel = channels->channel("c");
  channel->push({"1"});
  Metadata metadata;
  metadata.key = "k";
  channel->push({"2", metadata});
  OptionsBuilder options;
  options.text("name", "c");
  const auto open = [&] {
    auto made = registry.receiver("memory")->make(options, {});
    REQUIRE(made.ok());
    REQUIRE((*made)->open({}).ok());
    return std::move(*made);
  };
  BufferPool pool;
  {
    const auto failed = open();
    Block block;
    block.data = pool.get(64);
    REQUIRE(failed->receive({}, block).ok());
    CHECK(block.origins.size() == 2);
    CHECK(block.metadata[1].key == "k");
    CHECK(channel->committed() == 0);
  }
  const auto receiver = open();
  Lines lines;
  CHECK(receive(*receiver, lines, no_wait()) == Received::records);
  CHECK(lines == Lines{"1", "2"});
  CHECK(channel->committed() == 2);
  CHECK(receive(*receiver, lines, no_wait()) == Received::idle);

  auto sink = registry.sink("memory")->make(options, {});
  REQUIRE(sink.ok());
  FakeContext context;
  REQUIRE((*sink)->write(batch_of({"3", ""}, pool), context).ok());
  channel->close();
  CHECK(receive_all(*receiver) == Lines{"3", ""});

  const auto other = channels->channel("d");
  other->push({"x"});
  CHECK(other->take().size() == 1);
  CHECK(other->committed() == 1);
  CHECK(other->take().empty());
}

TEST_CASE("G10 a memory channel is bounded: push waits for a commit, and can be interrupted") {
  const auto channels = std::make_shared<pipec::stdlib::MemoryChannels>();
  const auto channel = channels->channel("c");
  channel->set_limit(1000);
  CHECK(channel->push({std::string(5000, 'x')}));  // one record goes in however long it is
  CHECK(channel->held_bytes() >= 5000);
  CHECK_FALSE(channel->try_push({"1"}));

  // Interrupted.
  std::atomic<int> pushed{-1};
  std::thread pusher([&] { pushed = channel->push({"1"}) ? 1 : 0; });
  while (pushed == -1) channel->interrupt();
  pusher.join();
  CHECK(pushed == 0);
  CHECK(channel->pushed() == 1);

  // What take() takes makes room.
  bool second_in = false, third_in = true;
  std::thread second([&] { second_in = channel->push({"2"}); });
  CHECK(channel->wait_and_take().size() == 1);
  second.join();
  CHECK(second_in);
  CHECK(channel->take().size() == 1);
  CHECK(channel->held_bytes() == 0);

  // Closed: nothing comes any more.
  CHECK(channel->push({std::string(5000, 'x')}));
  std::thread third([&] { third_in = channel->push({"3"}); });
  channel->close();
  third.join();
  CHECK_FALSE(third_in);
  CHECK_FALSE(channel->try_push({"4"}));
  CHECK(channel->pushed() == 3);
}

TEST_CASE("G10 a reader of a full memory channel asks for a commit when it has read all of it") {
  Registry registry;
  const auto channels = std::make_shared<pipec::stdlib::MemoryChannels>();
  pipec::stdlib::register_memory(registry, channels);
  const auto channel = channels->channel("c");
  channel->set_limit(1);
  OptionsBuilder options;
  options.text("name", "c");
  auto made = registry.receiver("memory")->make(options, {});
  REQUIRE(made.ok());
  Receiver& receiver = **made;
  std::vector<PositionRange> read;
  std::size_t asked = 0;
  receiver.keep_commit_trigger([&] {
    ++asked;
    REQUIRE(receiver.commit(read).ok());
  });
  REQUIRE(receiver.open({}).ok());
  std::thread pusher([&] {
    for (int i = 0; i < 20; ++i) channel->push({std::to_string(i)});
    channel->close();
  });
  BufferPool pool;
  ReceiveLimits limits;
  limits.wait = std::chrono::hours(1);
  std::size_t records = 0;
  for (;;) {
    Block block;
    block.data = pool.get(64);
    const auto received = receiver.receive(limits, block);
    REQUIRE(received.ok());
    if (*received == Received::end) break;
    records += block.origins.size();
    if (*received == Received::records) read = block.ranges;
    CHECK((receiver.queued_bytes() != 0 || *received == Received::idle));
  }
  pusher.join();
  CHECK(records == 20);
  CHECK(asked >= 19);
}

TEST_CASE("a program that waits for results continues when the pipelines that write them have ended") {
  Registry registry;
  const auto channels = std::make_shared<pipec::stdlib::MemoryChannels>();
  pipec::stdlib::register_memory(registry, channels);
  const auto channel = channels->channel("c");
  OptionsBuilder options;
  options.text("name", "c");
  BufferPool pool;
  FakeContext context;
  for (int run = 0; run < 2; ++run) {
    auto sink = registry.sink("memory")->make(options, {});
    REQUIRE(sink.ok());
    REQUIRE((*sink)->open({}).ok());
    bool written = false;
    std::thread writer([&] {
      written = (*sink)->write(batch_of({"1"}, pool), context).ok();
      written = (*sink)->close().ok() && written;
    });
    std::size_t records = 0;
    for (;;) {
      const auto taken = channel->wait_and_take();
      if (taken.empty()) break;
      records += taken.size();
    }
    writer.join();
    CHECK(written);
    CHECK(records == 1);
  }
}

TEST_CASE("recv memory that waits is interrupted") {
  const auto receiver = make_receiver("memory", OptionsBuilder().text("name", "never"));
  REQUIRE(receiver->open({}).ok());
  ReceiveLimits limits;
  limits.wait = std::chrono::hours(1);
  Lines lines;
  std::thread stopper([&] { receiver->interrupt(); });
  CHECK(receive(*receiver, lines, limits) == Received::idle);
  stopper.join();
}

TEST_CASE("recv generate gives the same records whether or not it was stopped in between") {
  auto program = std::make_shared<Program>();
  program->root.op = Op::metadata;
  program->root.metadata = MetadataField::offset;
  const auto make = [&] {
    return make_receiver("generate", OptionsBuilder().number("count", 5).program("template", program));
  };
  const auto whole = make();
  REQUIRE(whole->open({}).ok());
  CHECK(receive_all(*whole) == Lines{"0", "1", "2", "3", "4"});

  const auto first = make();
  REQUIRE(first->open({}).ok());
  ReceiveLimits limits;
  limits.max_records = 2;
  Lines lines;
  CHECK(receive(*first, lines, limits) == Received::records);
  StateEntries saved;
  const PositionRange range{0, 0, 0, 2};
  first->describe({&range, 1}, saved);
  const auto second = make();
  REQUIRE(second->open(saved).ok());
  CHECK(second->resume_note() == "resuming at record 2");
  CHECK(receive_all(*second) == Lines{"2", "3", "4"});
}
