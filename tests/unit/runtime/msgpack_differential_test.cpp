// Random transform blocks over random records: the same record as JSON and as MsgPack leaves as the same
// record, or with the same reason. PIPEC_SEED replays one round.
#include <cstdlib>

#include "support/catch.h"
#include "unit/runtime/msgpack_support.h"
#include "unit/runtime/support/build.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

using Lines = std::vector<std::string>;

class Blocks {
 public:
  Blocks(Build& build, Random& random) : b_(build), random_(random) {}

  std::vector<Statement> block(int depth) {
    std::vector<Statement> statements;
    for (std::size_t n = 1 + random_.below(4); n > 0; --n) statements.push_back(statement(depth));
    return statements;
  }

 private:
  std::string target() {
    static const Lines targets = {".a",      ".b",     ".c",     ".d",       ".longer_key",
                                  ".new",    ".a.b",   ".a.b.c", ".a[0]",    ".b[-1]",
                                  ".b[1].a", ".c.new", ".d.a",   ".new.x.y", ".a[0][1]"};
    return random_.of(targets);
  }

  Expression value(int depth) {
    switch (random_.below(depth > 0 ? 9 : 6)) {
      case 0:
        return b_.integer(static_cast<std::int64_t>(random_.below(600)) - 300);
      case 1:
        return b_.floating(0.25 * static_cast<double>(random_.below(20)));
      case 2:
        return b_.string(random_.chance(50) ? "t\xc3\xa9xt \"quoted\"" : "");
      case 3:
        return random_.chance(50) ? b_.null() : b_.boolean(true);
      case 4:
        return b_.field(".");
      case 5:
        return b_.field(target());
      case 6:
        return b_.array({value(depth - 1), value(depth - 1)});
      case 7:
        return b_.object({"a", "new"}, {value(depth - 1), value(depth - 1)});
      default:
        return b_.op(Op::add, value(depth - 1), value(depth - 1));
    }
  }

  Statement statement(int depth) {
    switch (random_.below(depth > 0 ? 11 : 8)) {
      case 0:
      case 1:
      case 2:
        return b_.set(target(), value(2));
      case 3:
        return b_.del({target(), target()});
      case 4:
        return b_.rename(target(), target());
      case 5:
        return random_.chance(40) ? b_.keep({target(), target(), ".a", ".b"}) : b_.rename(".a.b", ".a.x");
      case 6:
        return random_.chance(30) ? b_.set_record(value(2)) : b_.set(target(), b_.field(target()));
      case 7:
        return b_.emit(value(1));
      case 8:
        return b_.when(b_.has(target()), block(depth - 1), block(depth - 1));
      case 9: {
        const std::uint32_t item = b_.new_local();
        return b_.loop(item, b_.op(Op::coalesce, b_.field(target()), b_.array({})),
                       {b_.set(target(), b_.local(item)), b_.emit(b_.local(item))});
      }
      default:
        return b_.when(b_.op(Op::equal, b_.field(target()), value(0)), block(depth - 1));
    }
  }

  Build& b_;
  Random& random_;
};

// The kinds and targets, for the message of a failure.
std::string described(const std::vector<Statement>& block) {
  static const Lines kinds = {"set",    "set_record", "set_metadata", "let",         "del",  "keep",
                              "rename", "if",         "drop",         "dead_letter", "emit", "for"};
  std::string text = "{";
  for (const Statement& statement : block) {
    text += " " + kinds[static_cast<std::size_t>(statement.kind)];
    for (const Path& path : statement.targets) text += " " + path.text;
    for (const Expression& e : statement.expressions)
      text += " =" + (e.path.text.empty() ? "?" : e.path.text);
    if (!statement.body.empty()) text += described(statement.body);
    if (!statement.otherwise.empty()) text += " else " + described(statement.otherwise);
    text += ";";
  }
  return text + " }";
}

void one_round(std::uint64_t seed, std::size_t& compared) {
  INFO("replay with PIPEC_SEED=" << seed);
  Random random(static_cast<unsigned>(seed));
  Build build;
  Blocks blocks(build, random);
  TransformOptions options;
  options.program = build.transform(blocks.block(2));
  INFO(described(options.program->body));
  const auto stage = make_transform(std::move(options));
  for (int i = 0; i < 20; ++i) {
    const std::string json = random.chance(90) ? random_object(random, 2) : random_json(random, 2);
    const auto bytes = try_packed(json);
    if (!bytes) continue;
    INFO("record: " << json);
    const Run as_json(*stage, Lines{json});
    BufferPool pool;
    const Run as_bytes(*stage, msgpack_block({*bytes}, pool));
    REQUIRE(as_json.status.ok());
    REQUIRE(as_bytes.status.ok());
    REQUIRE(as_bytes.seen.dead == as_json.seen.dead);
    const Lines wanted = as_json.lines();
    const Lines got = as_bytes.lines();
    REQUIRE(got.size() == wanted.size());
    for (std::size_t k = 0; k < got.size(); ++k) {
      INFO("as JSON: " << wanted[k]);
      INFO("as MsgPack: " << unpacked(got[k]));
      REQUIRE(validated(got[k]) == "valid");
      REQUIRE(got[k] == packed(wanted[k]));
      ++compared;
    }
  }
}

}  // namespace

TEST_CASE("P3 a transform gives the same results for MsgPack as for JSON", "[msgpack][differential]") {
  std::size_t compared = 0;
  if (const char* seed = std::getenv("PIPEC_SEED"))
    return one_round(std::strtoull(seed, nullptr, 10), compared);
  const char* wanted = std::getenv("PIPEC_RECORDS");
  const std::size_t records = wanted ? std::strtoull(wanted, nullptr, 10) : 30'000;
  const char* first = std::getenv("PIPEC_FIRST_SEED");
  for (std::uint64_t seed = first ? std::strtoull(first, nullptr, 10) : 1; compared < records; ++seed)
    one_round(seed, compared);
}
