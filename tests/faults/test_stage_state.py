"""State of stages across kill -9: every record counts in it once."""

import os
import tempfile

from support import FaultTest, kill_at_state_call, main, needs_strace, outputs, pipec

PIPELINE = """
dlq discard
let events = recv file("in.ndjson") | parse json
events | dedupe(.n % 1000) | sink file("out/once.ndjson")
events
| unroll([.n % 40, .n % 41], into: .i)
| dedupe(.i, within: 90s, last: 30, at: from_unix(.n), state: "items")
| dedupe([.n, .i], exact: true, state: "pairs")
| sink file("out/items.ndjson")
events
| throttle(3, per: 1s, at: from_unix(.n), key: .n % 7, else: drop)
| head(2000)
| summarize(by: {k: .n % 50}, every: 100s, over: 200s, at: from_unix(.n), late: 1000s) {
    n = count() mean = avg(.n / 7) values = collect(.n, limit: 3) most = top(.n % 3, 1)
  }
| sink file("out/windows.ndjson")
events | summarize(by: {k: .n % 50}, state: "totals") { s = sum(.n / 7) u = distinct(.n) q = quantile(.n, 0.9) } | sink file("out/totals.ndjson")
events | sort(.n % 100, order: desc, limit: 40) | sink file("out/sorted.ndjson")
events | sample(0.5, key: .n) | tail(50) | sink file("out/last.ndjson")
"""


def write_job(directory):
    with open(os.path.join(directory, "in.ndjson"), "w", encoding="utf-8") as out:
        for n in range(6000):
            out.write('{"n":%d,"text":"%s"}\n' % (n * 7919 % 3001, "x" * 100))
    with open(os.path.join(directory, "job.pipe"), "w", encoding="utf-8") as out:
        out.write(PIPELINE)


class StageState(FaultTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with tempfile.TemporaryDirectory() as directory:
            write_job(directory)
            ran = pipec(directory)
            assert ran.returncode == 0, ran.stderr
            cls.undisturbed = outputs(directory)
            assert len(cls.undisturbed) == 6 and all(cls.undisturbed.values())

    def setUp(self):
        super().setUp()
        write_job(self.directory)

    @needs_strace
    def test_S1_killed_at_any_call_on_the_state_a_restart_completes_the_output(self):
        hits = 0
        for when in range(1, 200):
            ran = pipec(self.directory, under=kill_at_state_call(self.directory, when))
            if not self.killed(ran):
                break
            hits += 1
            if when % 2 == 0:  # and again before it has come far
                self.killed(pipec(self.directory, under=kill_at_state_call(self.directory, when // 2 + 4)))
            self.assert_completes()
            for folder in ("out", "state"):
                os.rename(os.path.join(self.directory, folder), os.path.join(self.directory, f"{folder}-{when}"))
        self.assertGreaterEqual(hits, 9)


if __name__ == "__main__":
    main()
