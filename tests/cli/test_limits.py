"""Little of what a process needs: descriptors, stack."""

import os
import resource
import unittest

from support import Case, main, sanitized

SPIN_SECONDS = 30  # of CPU time: far more than these inputs take, far less than a run that spins

TEMPLATED = '''dlq file("dead.ndjson")
recv file("in-*.ndjson") | parse json | filter .n % 7 != 3 else dlq "three" | sink file("out/${.n % 100}.ndjson")
'''


def limits(**given):
    def set_them():
        for name, value in given.items():
            resource.setrlimit(getattr(resource, "RLIMIT_" + name), (value, value))
    return set_them


class TestDescriptors(Case):
    RECORDS = 6000

    def setUp(self):
        super().setUp()
        self.write("a.pipe", TEMPLATED)
        for part in range(3):
            self.write_records(f"in-{part}.ndjson", self.RECORDS // 3, start=part * self.RECORDS // 3)

    def numbers(self, name):
        return [int(line[5:-1]) for line in self.lines(name)]

    def test_fault_L6_few_descriptors_are_an_error_and_no_spin(self):
        """However few there are: the run does its work, or ends with an error that says what is missing; the next run does the rest."""
        refused = 0
        for descriptors in (*range(4, 20, 2), 20, 28, 40):
            with self.subTest(descriptors=descriptors):
                done = self.run_pipec("run", "-q", "--commit-interval", "10ms", "a.pipe",
                                      preexec_fn=limits(NOFILE=descriptors, CPU=SPIN_SECONDS))
                if done.returncode != 0:
                    self.assert_status(done, 1)
                    self.assertRegex(done.stderr, rb"error: .*(Too many open files|few (file )?descriptors)")
                    refused += 1
        self.assertGreater(refused, 0)
        self.assert_status(self.run_pipec("run", "-q", "a.pipe"), 0)
        for rest in range(100):
            wanted = [n for n in range(rest, self.RECORDS, 100) if n % 7 != 3]
            self.assertEqual(self.numbers(f"out/{rest}.ndjson"), wanted, rest)
        self.assertEqual(len(self.lines("dead.ndjson")), len(range(3, self.RECORDS, 7)))


class TestStack(Case):
    @unittest.skipIf(sanitized(), "the address sanitizer's frames are larger")
    def test_fault_D1_a_small_stack_takes_every_nesting_that_is_allowed(self):
        """Parsed, edited, compared, printed and dropped at the limit and far beyond it, with 256 KiB of stack for every thread."""
        deep = b"[" * 1021 + b"]" * 1021
        best = b'{"a":%s,"b":%s}' % (deep, deep)
        abyss = [b"[" * 3_000_000, b'{"a":' * 1_000_000, b'{"a":%s}' % (b"[" * 1_000_000 + b"]" * 1_000_000)]
        self.write("in.ndjson", b"\n".join([best, *abyss, b'{"a":1,"b":2}']))
        self.write("a.pipe", 'dlq file("dead.ndjson")\nrecv file("in.ndjson") | parse json\n'
                   '| transform { .same = .a == .b ; .text = "${.a}" ; .copy = .a ; del(.b) } | sink file("out.ndjson")\n')
        done = self.run_pipec("run", "-q", "a.pipe", preexec_fn=limits(STACK=256 << 10))
        self.assert_status(done, 0)
        self.assertEqual(self.lines("out.ndjson"), [b'{"a":%s,"same":true,"text":"%s","copy":%s}' % (deep, deep, deep),
                                                    b'{"a":1,"same":false,"text":"1","copy":1}'])
        self.assertEqual(len(self.lines("dead.ndjson")), len(abyss))

    @unittest.skipIf(sanitized(), "the address sanitizer's frames are larger")
    def test_fault_D11_a_mebibyte_of_stack_takes_every_program(self):
        for bracket in ("(", "[", "{", "if true {", '"${'):
            self.write("a.pipe", f"recv stdin() | filter {bracket * 100_000}\n| sink null()\n")
            self.assert_status(self.run_pipec("check", "a.pipe", preexec_fn=limits(STACK=1 << 20)), 3)


if __name__ == "__main__":
    main()
