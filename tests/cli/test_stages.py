"""Registered stages as users see them: their state between runs, with any number of threads."""

import os
import subprocess

from support import HANG_SECONDS, Case, main

DEDUPE = """dlq discard
recv file("in.ndjson") | parse json | dedupe(.k) | sink file("out.ndjson")
"""


class TestStages(Case):
    def run_ok(self, *arguments, name="a.pipe"):
        done = self.run_pipec("run", "-q", name, *arguments)
        self.assert_status(done, 0)
        return done.stderr

    def write_keys(self, keys, mode="wb"):
        with open(self.path("in.ndjson"), mode) as out:
            out.writelines(b'{"k":%d,"n":%d}\n' % (key, n) for n, key in enumerate(keys))

    def test_S1_a_second_run_knows_the_keys_of_the_first(self):
        self.write("a.pipe", DEDUPE)
        self.write_keys([1, 2, 1, 3])
        self.run_ok()
        self.write_keys([3, 4, 2, 4, 5], "ab")
        self.run_ok()
        self.assertEqual(
            self.lines("out.ndjson"), [b'{"k":1,"n":0}', b'{"k":2,"n":1}', b'{"k":3,"n":3}', b'{"k":4,"n":1}', b'{"k":5,"n":4}']
        )

    def test_from_start_forgets_the_keys(self):
        self.write("a.pipe", DEDUPE)
        self.write_keys([1, 2, 1])
        self.run_ok()
        self.run_ok("--from-start", "--truncate")
        self.assertEqual(self.lines("out.ndjson"), [b'{"k":1,"n":0}', b'{"k":2,"n":1}'])

    def test_S2_threads_and_batch_sizes_do_not_change_the_output(self):
        self.write_keys([n * 7919 % 30011 % 9001 for n in range(120_000)])
        wanted = set()
        expected = []
        for line in self.lines("in.ndjson"):
            key = line.split(b",")[0]
            if key not in wanted:
                wanted.add(key)
                expected.append(line)
        for threads, budget in (("1", "1MiB"), ("2", "64KiB"), ("8", "4MiB"), ("8", "64KiB")):
            self.write("t.pipe", DEDUPE)
            self.run_ok("--threads", threads, "--budget", budget, "--state-dir", f"s-{threads}-{budget}", "--from-start",
                        "--truncate", name="t.pipe")
            self.assertEqual(self.lines("out.ndjson"), expected, (threads, budget))

    def test_S7_a_changed_key_is_refused_and_nothing_is_lost(self):
        self.write("a.pipe", DEDUPE)
        self.write_keys([1, 2, 1])
        self.run_ok()
        before = self.read("out.ndjson")
        self.write("a.pipe", DEDUPE.replace(".k", ".n"))
        done = self.run_pipec("run", "-q", "a.pipe")
        self.assert_status(done, 1)
        self.assertIn(b"dedupe(.k)", done.stderr)
        self.assertIn(b"dedupe(.n)", done.stderr)
        self.assertEqual(self.read("out.ndjson"), before)
        # Spelt differently, and after other stages, it is the same.
        self.write("a.pipe", DEDUPE.replace("dedupe(.k)", 'unroll(.none, keep_empty: true) | dedupe( key:.["k"] )'))
        self.write_keys([2, 6], "ab")
        self.run_ok()
        self.assertEqual(self.lines("out.ndjson")[-1], b'{"k":6,"n":1,"none":null}')

    def test_S7_state_follows_its_name(self):
        two = """dlq discard
let all = recv file("in.ndjson")
all | dedupe(.k) | sink file("out.ndjson")
all | dedupe(.k % 2, state: "parity") | sink file("parity.ndjson")
"""
        self.write("a.pipe", two)
        self.write_keys([1, 2, 3])
        self.run_ok()
        lines = two.splitlines(keepends=True)
        self.write("a.pipe", "".join([*lines[:2], lines[3], lines[2]]))
        self.write_keys([3, 4, 4], "ab")
        self.run_ok()
        self.assertEqual(len(self.lines("out.ndjson")), 4)
        self.assertEqual(len(self.lines("parity.ndjson")), 2)

    def test_eval_keeps_no_state_and_takes_several(self):
        for _ in range(2):
            done = self.run_pipec("eval", "dedupe(.a) | dedupe(.b)", stdin=b'{"a":1,"b":1}\n{"a":1,"b":2}\n{"a":2,"b":1}\n')
            self.assert_status(done, 0)
            self.assertEqual(done.stdout, b'{"a":1,"b":1}\n')

    def test_test_blocks_run_stages_without_state(self):
        self.write("a.pipe", """let once = unroll(.i) | dedupe(.i)
test "items" {
    stage  once
    given  {"i": [1, 2, 1]}
    expect {"i": 1}
    expect {"i": 2}
    given  {"i": [1]}
    expect {"i": 1}
    given  {"i": "x"}
    expect dlq "unroll takes an array, got string"
}
""")
        self.assert_status(self.run_pipec("test", "a.pipe"), 0)

    def test_eval_stops_reading_when_head_has_enough(self):
        # The pipe stays open: only a reader that needs no more comes to an end.
        reader, writer = os.pipe()
        self.addCleanup(os.close, writer)
        os.write(writer, b'{"n":1}\n{"n":2}\n{"n":3}\n')
        for stages, expected in (("head(2)", b'{"n":1}\n{"n":2}\n'),):
            process = self.start_pipec("eval", stages, stdin=reader, stdout=subprocess.PIPE)
            os.close(reader)
            self.assertEqual(process.communicate(timeout=HANG_SECONDS)[0], expected)
            self.assertEqual(process.returncode, 0)

    def test_S2_threads_and_batch_sizes_do_not_change_what_stages_hold_back(self):
        text = """dlq file("dead.ndjson")
let all = recv file("in.ndjson")
all | summarize(by: {k: .k % 100}) { n = count() mean = avg(.n / 7) sum = sum(.n / 3) last = last(.n) d = stddev(.n)
      top = top(.n % 10, 3) q = quantile(.n, 0.3) some = collect(.k, limit: 5) } | sink file("groups.ndjson")
all | summarize(by: {k: .k % 10}, every: 1s, at: from_unix(.k), late: 9000s, state: "w") { n = count() } | sink file("windows.ndjson")
all | throttle(3, per: 10s, at: from_unix(.k), else: drop) | sink file("some.ndjson")
all | sample(0.3, key: .k) | tail(1000) | sink file("last.ndjson")
all | head(5000) | sink file("first.ndjson")
all | sort(.k, order: desc, limit: 500) | sink file("sorted.ndjson")
"""
        self.write("t.pipe", text)
        self.write_keys([n * 7919 % 30011 % 9001 for n in range(60_000)])
        names = ("groups", "windows", "some", "last", "first", "sorted")
        results = []
        for threads, budget in (("1", "4MiB"), ("2", "64KiB"), ("8", "4MiB"), ("8", "64KiB")):
            self.run_ok("--threads", threads, "--budget", budget, "--state-dir", f"s-{threads}-{budget}", "--from-start",
                        "--truncate", name="t.pipe")
            results.append([self.read(f"{name}.ndjson") for name in names])
            self.assertEqual(results[-1], results[0], (threads, budget))
        self.assertTrue(all(results[0]))

    def test_S1_groups_and_tail_begin_anew_and_head_continues(self):
        self.write("a.pipe", """dlq discard
let all = recv file("in.ndjson")
all | summarize { n = count() } | sink file("n.ndjson")
all | tail(2) | sink file("tail.ndjson")
all | head(3) | sink file("head.ndjson")
""")
        self.write_keys([1, 2])
        self.run_ok()
        self.run_ok()  # nothing new: nothing more
        self.assertEqual(self.lines("n.ndjson"), [b'{"n":2}'])
        self.write_keys([3, 4, 5], "ab")
        self.run_ok()
        self.assertEqual(self.lines("n.ndjson"), [b'{"n":2}', b'{"n":3}'])
        self.assertEqual([line[:6] for line in self.lines("tail.ndjson")], [b'{"k":1', b'{"k":2', b'{"k":4', b'{"k":5'])
        self.assertEqual([line[:6] for line in self.lines("head.ndjson")], [b'{"k":1', b'{"k":2', b'{"k":3'])

    def test_functions_shows_stages(self):
        done = self.run_pipec("functions", "unroll")
        self.assert_status(done, 0)
        self.assertTrue(done.stdout.startswith(b"unroll(array, into:, keep_empty:)\n"), done.stdout)
        self.assertIn(b"'dedup' as a stage: write 'dedupe(.id)'", self.run_pipec("functions", "dedup").stdout)


if __name__ == "__main__":
    main()
