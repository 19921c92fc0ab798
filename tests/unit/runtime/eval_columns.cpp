// Which records take the fast path, many at once, and which are left to the interpreter. The differential
// test checks that both agree.
#include "runtime/eval/straight_line.h"
#include "support/catch.h"
#include "unit/runtime/support/build.h"
#include "unit/runtime/support/records.h"

using namespace pipec::runtime;
using namespace pipec::runtime::test;

namespace {

using Lines = std::vector<std::string>;
using Outcome = eval::StraightLineRun::Outcome;

// The result of a block of statements for each record without the interpreter; "?": left to the interpreter.
Lines quickly(const Build& build, std::vector<Statement> body, const Lines& lines) {
  const auto program = build.transform(std::move(body));
  const eval::StraightLine line(*program);
  REQUIRE(line.usable());
  Lines first;
  for (const json::Kernel* kernel : json::usable_kernels()) {
    INFO(kernel->name);
    BufferPool pool;
    Batch batch(block_of(lines, pool), pool);
    eval::StraightLineRun run(line, *kernel);
    const BufferRef out = pool.get(64);
    Lines result;
    for (std::size_t at = 0; at < batch.records.size();) {
      const std::size_t taken = run.take(batch, at);
      for (std::size_t row = 0; row < taken; ++row) {
        const Record& record = batch.records[at + row];
        switch (run.outcome(row)) {
          case Outcome::unknown:
            result.emplace_back("?");
            break;
          case Outcome::dropped:
            result.emplace_back("dropped");
            break;
          case Outcome::untouched:
            result.emplace_back(batch.payload(record));
            break;
          case Outcome::edited:
            out->clear();
            run.write(row, record.size, *out);
            result.emplace_back(out->view());
        }
      }
      at += taken;
    }
    if (first.empty()) first = result;
    REQUIRE(result == first);
  }
  return first;
}

template <typename... Statements>
std::vector<Statement> block(Statements... statements) {
  std::vector<Statement> body;
  (body.push_back(std::move(statements)), ...);
  return body;
}

}  // namespace

TEST_CASE("records with plain members are edited many at once, whatever their shape", "[eval]") {
  Build b;
  CHECK(quickly(b, block(b.set(".n", b.op(Op::add, b.field(".n"), b.integer(1))), b.del({".gone"})),
                {R"({"n":1,"gone":"x"})", R"({"gone": 1.10, "n": 41})", R"({"n":7})",
                 R"({"a":{"n":[1,{"gone":2}]},"n":8,"gone":[]})", R"({"gone":1,"n":2,"s":"}{,:\"[]"})"}) ==
        Lines{R"({"n":2})", R"({"n": 42})", R"({"n":8})", R"({"a":{"n":[1,{"gone":2}]},"n":9})",
              R"({"n":3,"s":"}{,:\"[]"})"});
}

TEST_CASE("records that may leave the fast path are left to the interpreter", "[eval]") {
  Build b;
  CHECK(quickly(b, block(b.set(".m", b.op(Op::add, b.field(".n"), b.integer(1)))),
                {R"({"n":1})",        // the plain one
                 R"({"n":"x"})",      // a wrong type
                 R"({"n":01})",       // malformed
                 R"({"n":1,"n":2})",  // repeated
                 R"({"\u006e":1})",   // an escape in a key
                 R"({"n" :1})",       // odd white space
                 R"({"n":1} )", R"({})", "[1]", R"({"n":1,})", R"({"n":1)", R"({"n":1}})", R"({"n":})",
                 R"({"n":9223372036854775807})",  // out of range
                 R"({"n":2})"}) == Lines{R"({"n":1,"m":2})", "?", "?", "?", "?", "?", "?", "?", "?", "?", "?",
                                         "?", "?", "?", R"({"n":2,"m":3})"});
}

TEST_CASE("conditions choose the edits, record by record", "[eval]") {
  Build b;
  const auto above = [&](std::int64_t n) { return b.op(Op::greater, b.field(".n"), b.integer(n)); };
  CHECK(quickly(
            b,
            block(b.when(above(10), block(b.set(".big", b.boolean(true)), b.when(above(20), block(b.drop()))),
                         block(b.rename(".n", ".small"))),
                  b.keep({".n", ".small", ".big"})),
            {R"({"n":5,"x":1})", R"({"x":1,"n":15})", R"({"n":25})", R"({"n":"15"})"}) ==
        Lines{R"({"small":5})", R"({"n":15,"big":true})", "dropped", R"({"small":"15"})"});
}

TEST_CASE("a large record, and shapes beyond the maximum, are left to the interpreter", "[eval]") {
  Build b;
  Lines lines;
  for (int i = 0; i < 40; ++i) lines.push_back("{\"k" + std::to_string(i) + "\":1}");
  lines.push_back("{\"n\":\"" + std::string(70'000, 'x') + "\"}");
  lines.emplace_back(R"({"k0":2})");
  const Lines result = quickly(b, block(b.set(".n", b.null())), lines);
  CHECK(result[0] == R"({"k0":1,"n":null})");
  CHECK(result[31] == R"({"k31":1,"n":null})");
  CHECK(result[39] == "?");
  CHECK(result[40] == "?");
  CHECK(result[41] == R"({"k0":2,"n":null})");
}

TEST_CASE("edits below the top level are evaluated in columns", "[eval]") {
  Build b;
  const Lines lines = {R"({"a":{"b":1,"c":"x"},"n":2})", R"({"n":2})", R"({"a":{ "c" : [1] },"n":2})",
                       R"({"a":5,"n":2})"};
  // "?": the interpreter says.
  CHECK(quickly(b, block(b.set(".a.b", b.op(Op::divide, b.field(".n"), b.integer(4)))), lines) ==
        Lines{R"({"a":{"b":0.5,"c":"x"},"n":2})", R"({"n":2,"a":{"b":0.5}})",
              R"({"a":{ "c" : [1],"b":0.5 },"n":2})", "?"});
  CHECK(quickly(b, block(b.del({".a.c"})), lines) ==
        Lines{R"({"a":{"b":1},"n":2})", "?", R"({"a":{  },"n":2})", R"({"a":5,"n":2})"});
  CHECK(quickly(b, block(b.rename(".a.c", ".a.d"), b.set(".a.c", b.field(".a.d"))), lines)[0] ==
        R"({"a":{"b":1,"d":"x","c":"x"},"n":2})");
  CHECK(quickly(b, block(b.rename(".a.c", ".a.d"), b.set(".z", b.field(".n"))), lines)[0] ==
        R"({"a":{"b":1,"d":"x"},"n":2,"z":2})");
  // Read again, a timestamp is still a timestamp, but its text is a string.
  CHECK_FALSE(
      eval::StraightLine(*b.transform(block(b.set(".a.b", b.timestamp(0)), b.set(".z", b.field(".a.b")))))
          .usable());
  CHECK(quickly(b, block(b.set(".a.b", b.timestamp(0))), lines)[1] ==
        R"({"n":2,"a":{"b":"1970-01-01T00:00:00Z"}})");
}

TEST_CASE("explain says why a transform is evaluated record by record", "[eval]") {
  Build b;
  CHECK(explain_transform(*b.transform(block(b.set(".a", b.field(".b"))))) ==
        "processes many records at once, with one splice plan per record shape");
  CHECK(explain_transform(*b.transform(block(b.rename(".a.b", ".b")))) ==
        "processes records one by one: it moves a value from one level to another");
  CHECK(explain_transform(*b.transform(block(b.set(".a", b.metadata(MetadataField::offset))))) ==
        "processes records one by one: an expression cannot be evaluated for many records at once");
}
