"""fault D11: every kind of wrong .pipe text gets a diagnostic with its place; none crashes or hangs the compiler."""

import os
import random
import re
import unittest

from support import Case, main

HEAD = 'dlq discard\nrecv file("in.ndjson")\n'
TAIL = '\n| sink file("out.ndjson")\n'


class TestHostile(Case):
    def wrong(self, text, command="check"):
        self.write("bad.pipe", text)
        done = self.run_pipec(command, "bad.pipe")
        self.assert_status(done, 3)
        self.assertRegex(done.stderr, rb"(?m)^error\[E\d{4}\]: ")
        self.assertRegex(done.stderr, rb"(?m)^ *--> bad\.pipe:\d+:\d+$")
        self.assertLess(len(done.stderr), 100_000)
        return done.stderr

    def filtered(self, expression):
        return HEAD + "| filter " + expression + TAIL

    def test_a_line_of_10_MB(self):
        self.wrong("x" * 10_000_000)
        self.wrong(self.filtered("." + "x" * 10_000_000 + " >"))
        self.wrong(self.filtered('"' + "x" * 10_000_000))
        self.wrong(self.filtered(". ?" * 3_000_000))

    def test_a_long_line_that_is_right(self):
        self.write("good.pipe", self.filtered('.a == "' + "x" * 10_000_000 + '"'))
        self.assert_status(self.run_pipec("check", "good.pipe"), 0)

    def test_100_000_brackets(self):
        for bracket in ("(", "[", "{", "[{a:", "f(", "if true {", 'a -> (', ".a[", '"${'):
            self.wrong(self.filtered(bracket * 100_000))
        for opening, closing in ("()", "[]"):
            self.wrong(self.filtered(opening * 100_000 + "1" + closing * 100_000))
        self.wrong(HEAD + "| transform {" + "if true {" * 100_000 + "}" * 100_000 + "}" + TAIL)
        self.wrong(HEAD + "| route { else -> " * 100_000)

    def test_long_chains_of_operators(self):
        # Right or wrong, the answer comes, and comes soon.
        for text in ("not " * 100_000 + "true", "-" * 100_000 + "1 == 1", "1" + " + 1" * 100_000 + " > 0",
                     ".a" * 100_000 + " == 1", "true" + " and true" * 100_000, "if true { true } else " * 100_000 + "{ true }",
                     ".a ?? " * 100_000 + "true", ".a" + "[0]" * 100_000 + " == 1"):
            self.write("long.pipe", self.filtered(text))
            self.assertIn(self.run_pipec("check", "long.pipe").returncode, (0, 3), text[:20])
        self.write("long.pipe", HEAD + "| filter .a == 1\n" * 20_000 + TAIL)
        self.assertIn(self.run_pipec("check", "long.pipe").returncode, (0, 3))

    def test_NUL_bytes(self):
        self.wrong("\0")
        self.wrong(HEAD + "\0" + TAIL)
        self.wrong(self.filtered(".a == \0"))

    def test_unterminated(self):
        for text in ('"', '"abc', '"abc\n"', 'r"abc', '"${', '"${.a', '"${.a}', '"\\', '"\\u', '"\\ud800"'):
            self.wrong(self.filtered(".a == " + text))
        self.wrong('recv file("in.ndjson')

    def test_not_UTF8(self):
        self.write("bad.pipe", b'recv file("in\xff") | sink null()\n')
        done = self.run_pipec("check", "bad.pipe")
        self.assert_status(done, 3)
        self.assertIn(b"--> bad.pipe:1:14", done.stderr)
        self.write("bad.pipe", os.urandom(1000))
        self.assert_status(self.run_pipec("check", "bad.pipe"), 3)

    def test_numbers_that_fit_nowhere(self):
        for number in ("9223372036854775808", "1" * 100_000, "1e999", "0x" + "f" * 1000, "99999999999999d", "9" * 30 + "GiB"):
            self.wrong(self.filtered(".a == " + number))

    def test_circles(self):
        self.wrong("let a = b\nlet b = a\na | sink null()\n")
        self.wrong("fn f(x) = g(x)\nfn g(x) = f(x)\n" + self.filtered("f(1) == 1"))
        self.write("bad.pipe", 'use "bad.pipe"\n' + self.filtered("true"))
        self.assert_status(self.run_pipec("check", "bad.pipe"), 3)

    def test_fmt_survives_as_well(self):
        for text in ("| " * 1_000_000, self.filtered("(" * 100_000), "\0", 'recv file("'):
            self.wrong(text, "fmt")
        self.write("name.pipe", "x" * 10_000_000 + " | drop\n")
        self.assert_status(self.run_pipec("fmt", "name.pipe"), 0)


class TestMutants(Case):
    """Programs with a few bytes changed: the result is always a status and a message, never a signal."""

    SEED = (HEAD + "let clean = parse json | transform { .t = parse_time(.time) catch null; del(.time, .a[0].\"b c\") }\n"
            "fn double(x) = x * 2\nlet events = recv stdin() | clean\n"
            "events | route { .a == 1 and not has(.b) -> drop\n .c matches r\"^x+$\" -> sink file(\"o-${.c}.ndjson\")\n"
            "else -> transform { for k, v in .o { if v > 2 { emit {k: v, \"n\": double(v)} } else { drop } } } | sink null() }\n"
            "events | filter .n in [1, -2.5e3, 0xff, \"\\u00e4\"] else dlq \"no\" | sink file(\"p.ndjson\")\n")

    def test_mutants(self):
        choice = random.Random(7)
        pieces = re.findall(r"\w+|\s+|.", self.SEED)
        names = []
        for number in range(400):
            tokens = list(pieces)
            for _ in range(choice.randint(1, 4)):
                at = choice.randrange(len(tokens))
                what = choice.randrange(4)
                if what == 0:
                    del tokens[at]
                elif what == 1:
                    tokens.insert(at, choice.choice(tokens))
                elif what == 2:
                    tokens[at] = choice.choice(["(", "}", "\"", "|", "${", "\u00e9", "\0", "->", "9" * 20, "#", "else"])
                else:
                    del tokens[at:]
                    tokens.append("x")
            names.append(f"m{number}.pipe")
            self.write(names[-1], "".join(tokens))
        for command in ("check", "explain", "fmt"):
            if command == "explain":
                for name in names[::10]:
                    self.assertIn(self.run_pipec(command, name).returncode, (0, 3), name)
            else:
                self.assertIn(self.run_pipec(command, *names).returncode, (0, 3), command)


if __name__ == "__main__":
    main()
