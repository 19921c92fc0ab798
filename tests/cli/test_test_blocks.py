"""`pipec test`: the output for tests that pass, tests that fail, and files that do not compile."""

import unittest

from support import Case, main

CLEAN = """let clean = parse json | transform { .ts = parse_time(.time); del(.time) }
test "time is parsed" {
  stage clean
  given {"time": "2026-01-02T03:04:05Z", "status": 200}
  expect {"status": 200.0, "ts": "2026-01-02T03:04:05Z"}
  given {"time": "soon"}
  expect dlq "not a time"
}
"""


class TestTest(Case):
    def check(self, text, status):
        self.write("a.pipe", text)
        done = self.run_pipec("test", "a.pipe")
        self.assert_status(done, status)
        return done

    def test_values_compare_as_the_language_compares_them(self):
        done = self.check(CLEAN, 0)
        self.assertEqual(done.stdout, b"ok    time is parsed\n")
        self.assertEqual(done.stderr, b"1 test, 0 failed\n")

    def test_a_failure_shows_what_differs(self):
        done = self.check("""let tag = transform { .a = 1; .list[1] = "x" }
test "one field is wrong" {
  stage tag
  given {list: [0, 0, 0], same: true}
  expect {a: 2, list: [0, "x"], same: true, "odd key": null}
}
""", 1)
        self.assertEqual(done.stdout.decode(), """FAIL  one field is wrong
  a.pipe:4:9
    given     {"list":[0,0,0],"same":true}
    expected  {"a":2,"list":[0,"x"],"same":true,"odd key":null}
    got       {"list":[0,"x",0],"same":true,"a":1}
      .a: expected 2, got 1
      .list[2]: expected nothing, got 0
      ."odd key": expected null, got nothing
""")
        self.assertEqual(done.stderr, b"1 test, 1 failed\n")

    def test_every_kind_of_surprise_fails(self):
        for stage, expect, got in (
            ("drop", "{n: 1}", "nothing"),
            ("filter .n > 5", "dlq", "nothing"),
            ("filter true", "none", '{"n":1}'),
            ("filter true", "{n: 1} expect {n: 1}", '{"n":1}'),
            ("transform { emit {n: 0} }", "{n: 1} expect {n: 0}", '{"n":0}'),
            ('transform { dlq "bad n" }', 'dlq "other"', "a dead letter: bad n"),
            ("transform { .n = .n + \"x\" }", "{n: 1}", "a dead letter: "),
        ):
            done = self.check('let it = %s\ntest "t" { stage it given {n: 1} expect %s }\n' % (stage, expect), 1)
            self.assertIn("    got       " + got, done.stdout.decode(), stage)

    def test_one_to_many_and_branches_of_a_route(self):
        self.check("""let explode = transform { for x in .items { emit {x: x} } drop }
let split = route { .a > 1 -> sink file("big/${.a}.ndjson") else -> transform { .small = true } | sink stdout() }
test "in order" { stage explode given {items: [1, 2]} expect {x: 1} expect {x: 2} given {items: []} expect none }
test "sinks are not written" {
  stage split
  given {a: 2} expect {a: 2}
  given {a: 1} expect {a: 1, small: true}
}
recv file("in.ndjson") | explode | split
""", 0)
        with self.assertRaises(FileNotFoundError):
            self.read("big/2.ndjson")

    def test_a_file_that_does_not_compile_runs_nothing(self):
        done = self.check(CLEAN + 'test "other" { stage cleen given 1 expect 1 }\n', 3)
        self.assertEqual(done.stdout, b"")
        self.assertIn(b"did you mean 'clean'?", done.stderr)

    def test_several_files_and_one_that_is_not_there(self):
        self.write("a.pipe", CLEAN)
        self.write("b.pipe", 'use "a.pipe"\ntest "of another file" { stage clean given {time: "x"} expect dlq }\n')
        done = self.run_pipec("test", "a.pipe", "b.pipe")
        self.assert_status(done, 0)
        self.assertEqual(done.stdout, b"ok    time is parsed\nok    of another file\n")
        self.assert_status(self.run_pipec("test", "a.pipe", "c.pipe"), 2)

    def test_no_tests(self):
        self.assertEqual(self.check('recv file("in") | sink null()\n', 0).stderr, b"0 tests, 0 failed\n")


if __name__ == "__main__":
    main()
