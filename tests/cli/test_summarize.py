"""summarize against a slow and simple reference, on random streams."""

import json
import math
import os
import random
from datetime import datetime, timezone
from fractions import Fraction

from support import Case, main

FIELDS = """{
  n = count()  big = count(.v > 10)  s = sum(.v)  a = avg(.v)  d = stddev(.v)  lo = min(.v)  hi = max(.v)
  f = first(.v)  l = last(.v)  u = distinct(.v)  q = quantile(.v, 0.37)  m = median(.v)
  c = collect(.v, limit: 4)  e = collect_distinct(.v, limit: 4)  t = top(.v, 3)
}"""
SEED = int(os.environ.get("PIPEC_SEED", "20261201"))
ROUNDS = int(os.environ.get("PIPEC_ROUNDS", "12"))


def rank(values, q):
    values = sorted(map(float, values))
    place = q * (len(values) - 1)
    low, part = int(place), place - int(place)
    if part == 0 or values[low] == values[low + 1]:
        return values[low]
    return values[low] * (1 - part) + values[low + 1] * part


def deviation(values):
    exact = [Fraction(v) for v in values]
    mean = sum(exact) / len(exact)
    return math.sqrt(sum((v - mean) ** 2 for v in exact) / (len(exact) - 1))


def fields(records):
    values = [r["v"] for r in records if r["v"] is not None]
    exact = sum(map(Fraction, values))
    floats = any(isinstance(v, float) for v in values)
    different = list(dict.fromkeys(values))  # 1 and 1.0 are one key here, too
    ranked = sorted(different, key=lambda v: -values.count(v))
    return {
        "n": len(records),
        "big": sum(v > 10 for v in values),
        "s": float(exact) if floats else int(exact),
        "a": float(exact / len(values)) if values else None,
        "d": deviation(values) if len(values) > 1 else None,
        "lo": min(values, default=None),
        "hi": max(values, default=None),
        "f": values[0] if values else None,
        "l": values[-1] if values else None,
        "u": len(different),
        "q": rank(values, 0.37) if values else None,
        "m": rank(values, 0.5) if values else None,
        "c": values[:4],
        "e": different[:4],
        "t": [{"value": v, "count": values.count(v)} for v in ranked[:3]],
    }


def stamp(second):
    return datetime.fromtimestamp(second, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def windows(records, every, over, late):
    """The records in the order in which windows leave, and the late ones."""
    watermark, opened, dead = -math.inf, {}, []
    for record in records:
        start = record["t"] // every * every
        starts = range(start, record["t"] - over, -every)
        if start + over <= watermark:
            dead.append(record)
            continue
        for first in starts:
            if first + over > watermark:
                opened.setdefault((first + over, first), {}).setdefault(record["k"], []).append(record)
        watermark = max(watermark, record["t"] - late)
    out = []
    for (end, first), groups in sorted(opened.items()):
        for key, group in groups.items():
            out.append({"k": key, "window_start": stamp(first), "window_end": stamp(end), **fields(group)})
    return out, dead


class Summarize(Case):
    def stream(self, rng):
        pick = [
            lambda: rng.randrange(-50, 50),
            lambda: rng.choice([1, 1.0, 2.5, 0.1, 0.2, -0.3, 1e15, 3]),
            lambda: rng.uniform(-1e6, 1e6) * 10 ** rng.randrange(-20, 20),
            lambda: None,
        ]
        kinds = rng.sample(pick, rng.randrange(1, 5))
        now, records = 1_700_000_000, []
        for _ in range(rng.randrange(1, 1500)):
            now += rng.choice([0, 0, 0, 1, 1, 5, 40])
            key = rng.choice(["a", "b", "c\u00e4\"", 1, 2.5, None, True])
            records.append({"t": now - rng.choice([0, 0, 0, 1, 3, 30, 200]), "k": key, "v": rng.choice(kinds)()})
        return records

    def evaluate(self, stages, records, rng):
        ascii_only = rng.random() < 0.5
        stdin = "".join(json.dumps(r, ensure_ascii=ascii_only) + "\n" for r in records).encode()
        done = self.run_pipec("eval", "--threads", str(rng.choice([1, 2, 8])), stages, stdin=stdin)
        return done, [json.loads(line) for line in done.stdout.splitlines()]

    def assert_same(self, got, expected, round_):
        for have, want in zip(got, expected):
            self.assertEqual(list(have), list(want), round_)
            if want["d"] is not None:  # which the reference rounds twice
                self.assertTrue(math.isclose(have["d"], want["d"], rel_tol=1e-14), (round_, have["d"], want["d"]))
                want["d"] = have["d"]
        self.assertEqual(got, expected, round_)

    def test_S2_groups_agree_with_a_simple_reference(self):
        for round_ in range(ROUNDS):
            rng = random.Random(SEED + round_)
            records = self.stream(rng)
            done, got = self.evaluate(f"summarize(by: .k) {FIELDS}", records, rng)
            self.assert_status(done, 0)
            groups = {}
            for record in records:
                groups.setdefault((type(record["k"]) is bool, record["k"]), []).append(record)
            self.assert_same(got, [{"k": key, **fields(group)} for (_, key), group in groups.items()], round_)

    def test_S5_windows_agree_with_a_simple_reference(self):
        for round_ in range(ROUNDS):
            rng = random.Random(SEED - 1 - round_)
            records = [r for r in self.stream(rng) if r["k"] is not True]
            every = rng.choice([1, 7, 60])
            over = every * rng.choice([1, 1, 2, 5])
            late = rng.choice([0, 2, 50, 300])
            stages = f"summarize(by: .k, every: {every}s, over: {over}s, at: from_unix(.t), late: {late}s) {FIELDS}"
            done, got = self.evaluate(stages, records, rng)
            expected, dead = windows(records, every, over, late)
            self.assert_status(done, 1 if dead else 0)
            self.assert_same(got, expected, round_)
            self.assertEqual(done.stderr.count(b"late by"), len(dead), round_)


if __name__ == "__main__":
    main()
