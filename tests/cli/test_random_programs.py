"""Random programs over random records: read on demand, after `parse json`, and as MsgPack they give the same.
(As MsgPack only records whose text has one form.)

PIPEC_PROGRAMS says how many (default 40), PIPEC_FIRST_SEED where the seeds begin; PIPEC_SEED replays one.
"""

import json
import os
import random

from support import Case, main

FIELDS = ["a", "b", "c", "d", "e"]
WORDS = ["", "x", "ab", "key", "4.5", "42", "a b c", "täglich", "2026-01-02T03:04:05Z"]
RECORDS = 25


class Records:
    """Only numbers and strings with a unique form in JSON, so that MsgPack can represent them fully."""

    def __init__(self, random):
        self.random = random

    def value(self, depth):
        kind = self.random.randrange(9 if depth > 0 else 6)
        if kind == 0:
            return self.random.choice([0, 1, -1, 7, 404, 2**40, -(2**53) - 1])
        if kind == 1:
            return self.random.choice([0.5, -2.25, 3.0, 1e-3])
        if kind == 2:
            return self.random.choice([None, True, False])
        if kind < 6:
            return self.random.choice(WORDS)
        if kind == 6:
            return {key: self.value(depth - 1) for key in self.random.sample(["k", "l", "7", "-1"], self.random.randrange(4))}
        return [self.value(depth - 1) for _ in range(self.random.randrange(4))]

    def record(self):
        if self.random.random() < 0.05:
            return self.value(2)
        keys = self.random.sample(FIELDS, self.random.randrange(len(FIELDS) + 1))
        return {key: self.value(2) for key in keys}


class OddText:
    """Unusual JSON: space anywhere, escapes, repeated keys, numbers of all forms."""

    def __init__(self, random):
        self.random = random

    def space(self):
        return self.random.choice(["", "", "", " ", "\t", "  "])

    def string(self, text):
        escaped = json.dumps(text, ensure_ascii=self.random.random() < 0.5)
        if self.random.random() < 0.3:
            escaped = "".join(f"\\u{ord(c):04x}" if c.isalpha() and c != "u" and ord(c) < 0x100 else c for c in text)
            return f'"{escaped}"'
        return escaped.replace("/", "\\/")

    def value(self, value):
        inner = self.inner(value)
        return self.space() + inner + self.space()

    def inner(self, value):
        if isinstance(value, str):
            return self.string(value)
        if isinstance(value, dict):
            members = [self.space() + self.string(key) + self.space() + ":" + self.value(part) for key, part in value.items()]
            if members and self.random.random() < 0.2:
                members.append(members[0].split(":")[0] + ":" + self.value(self.random.choice([1, "x", None, [2]])))
            return "{" + (",".join(members) or self.space()) + "}"
        if isinstance(value, list):
            return "[" + (",".join(self.value(part) for part in value) or self.space()) + "]"
        if value is None or isinstance(value, bool):
            return json.dumps(value)
        return self.random.choice([json.dumps(value), json.dumps(value), "1.10", "1e2", "-0", "12345678901234567890", "1e400"])


class Programs:
    def __init__(self, random):
        self.random = random
        self.locals = []

    def any(self, *choices):
        return self.random.choice(choices)

    def path(self):
        path = "." + self.random.choice(FIELDS)
        while self.random.random() < 0.25:
            path += self.any(".k", ".l", "[0]", "[-1]", "[7]", '."7"', "[." + self.random.choice(FIELDS) + "]")
        return path

    def expression(self, depth):
        if depth <= 0:
            return self.any(
                self.path(), self.path(), self.path(), "1", "2.5", '"ab"', '"7"', "null", "true", "[1, 2]", '{k: 1}', ".",
                *self.locals,
            )
        part = lambda: self.expression(depth - 1)
        return self.any(
            *(lambda name=name: f"{name}({part()})" for name in (
                "len", "upper", "string", "type", "to_json", "keys", "values", "abs", "round", "sort", "unique", "flatten",
                "first", "last", "int", "float", "is_string", "reverse", "sum", "sha256", "parse_time")),
            lambda: f"({part()} {self.any('+', '-', '*', '/', '%')} {part()})",
            lambda: f"({part()} {self.any('==', '!=', '<', '<=', '>', '>=', 'in')} {part()})",
            lambda: f"({self.condition(depth - 1)} {self.any('and', 'or')} {self.condition(depth - 1)})",
            lambda: f"({part()} ?? {part()})",
            lambda: f"({part()} catch {part()})",
            lambda: f"({part()} catch {part()})",
            lambda: f"if {self.condition(depth - 1)} {{ {part()} }} else {{ {part()} }}",
            lambda: f"[{part()}, {part()}]",
            lambda: f"{{k: {part()}, l: {part()}}}",
            lambda: f"\"<${{{part()} ?? 0}}>\"",
            lambda: f"map({part()}, x -> [x])",
            lambda: f"slice({part()}, 0, 2)",
            lambda: f"contains({part()}, \"a\")",
            lambda: f"({part()} matches r\"[a-k]+\")",
            lambda: f"merge({part()}, {part()})",
            lambda: f"redact({part()}, [\"email\", r\"a.\"])",
            lambda: f"({part()})[{part()}]",
            lambda: f"has({self.path()})",
        )()

    def condition(self, depth):
        return self.any(
            lambda: f"{self.path()} {self.any('==', '<', '>=')} {self.any('1', '2.5', chr(34) + 'ab' + chr(34))}",
            lambda: f"has({self.path()})",
            lambda: f"{self.path()} in {self.any('[1, 404, null]', chr(34) + 'a key' + chr(34), self.path())}",
            lambda: f"({self.expression(depth)} == {self.expression(depth)})",
        )()

    def block(self, depth):
        before = list(self.locals)
        text = "{ " + " ; ".join(self.statement(depth) for _ in range(1 + self.random.randrange(3))) + " }"
        self.locals = before
        return text

    def statement(self, depth):
        kind = self.random.randrange(14 if depth > 0 else 10)
        if kind < 4:
            return f"{self.path()} = {self.expression(self.random.randrange(3))}"
        if kind == 4:
            return f"del({self.path()}, {self.path()})"
        if kind == 5:
            return f"rename({self.path()}, {self.path()})"
        if kind == 6:
            return f"emit {self.expression(1)}"
        if kind == 7:
            name = f"v{len(self.locals)}"
            text = f"let {name} = {self.expression(1)}"
            self.locals.append(name)
            return text
        if kind == 8:
            return self.any("keep(.a, .b.k, .c)", "keep(.a, .e)", ". = " + self.expression(1))
        if kind == 9:
            return self.any("drop", "dlq " + self.expression(1)) if self.random.random() < 0.2 else ".e = .a"
        if kind < 12:
            text = f"if {self.condition(0)} {self.block(depth - 1)}"
            return text + (f" else {self.block(depth - 1)}" if self.random.random() < 0.5 else "")
        before = list(self.locals)
        self.locals += ["k0", "w0"]
        text = f"for k0, w0 in {self.path()} {self.block(0)}"
        self.locals = before
        return text if depth == 1 else ".d = 1"

    def program(self):
        stages = []
        if self.random.random() < 0.4:
            stages.append("filter " + self.condition(1))
        stages.append("transform " + self.block(1))
        if self.random.random() < 0.3:
            stages.append("filter " + self.condition(1))
        return " | ".join(stages)


def same(left, right):
    """As values: 1 and 1.0 are two."""
    return json.dumps(left, sort_keys=False) == json.dumps(right, sort_keys=False)


class TestRandomPrograms(Case):
    def evaluated(self, program, *options, file):
        done = self.run_pipec("eval", *options, program, file)
        self.assertIn(done.returncode, (0, 1, 3), done.stderr[-2000:])
        return done, [line for line in done.stderr.splitlines() if line.startswith(b"error: in.")]

    def one(self, seed):
        chance = random.Random(seed)
        records = Records(chance)
        program = Programs(chance).program()
        odd = OddText(chance) if chance.random() < 0.4 else None
        write = odd.value if odd else lambda record: json.dumps(record, separators=(",", ":"), ensure_ascii=False)
        lines = [write(records.record()) for _ in range(RECORDS)]
        self.write("in.ndjson", "".join(line + "\n" for line in lines))
        on_demand, dead = self.evaluated(program, file="in.ndjson")
        if on_demand.returncode == 3:
            return False
        parsed, also_dead = self.evaluated("parse json | " + program, file="in.ndjson")
        self.assertEqual(parsed.stdout, on_demand.stdout, program)
        self.assertEqual(also_dead, dead, program)
        if odd:
            return True

        packed = self.run_pipec("eval", "--encode", "msgpack", "filter true", "in.ndjson")
        self.assert_status(packed, 0)
        self.write("in.msgpack", packed.stdout)
        binary, also_dead = self.evaluated(program, "--framing", "msgpack", "--encode", "json", file="in.msgpack")
        wanted, got = on_demand.stdout.splitlines(), binary.stdout.splitlines()
        self.assertEqual(len(got), len(wanted), program)
        for left, right in zip(wanted, got):
            self.assertTrue(same(json.loads(left), json.loads(right)), f"{program}\n{left!r}\n{right!r}")
        self.assertEqual(len(also_dead), len(dead), program)
        return True

    def test_three_ways_to_read_the_records(self):
        if "PIPEC_SEED" in os.environ:
            self.one(int(os.environ["PIPEC_SEED"]))
            return
        first = int(os.environ.get("PIPEC_FIRST_SEED", 1))
        wanted = int(os.environ.get("PIPEC_PROGRAMS", 40))
        compared, seed = 0, first
        while compared < wanted:
            try:
                compared += self.one(seed)
            except AssertionError as failure:
                raise AssertionError(f"replay with PIPEC_SEED={seed}: {failure}") from failure
            seed += 1
            self.assertLess(seed - first, 20 * wanted + 100, "hardly a program compiles")


if __name__ == "__main__":
    main()
