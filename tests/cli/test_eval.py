"""Messages of one-liners: the compiler's warnings, and the reason if there is no output."""

import re
import unittest

from support import Case, main

OBJECTS = b'{"status":500,"a":{"bc":1}}\n{"status":200,"level":"x"}\n'
TEXT = b"hello world\nfoo\n"
PRETTY = b'{\n  "a": 1,\n  "b": [\n    "x",\n    {"c": 2}\n  ]\n}\n'


class TestAdvice(Case):
    def eval(self, stages, content, *options, status=0, piped=False):
        self.write("in", content)
        done = self.run_pipec("eval", *options, stages, *([] if piped else ["in"]), stdin=content if piped else b"")
        self.assert_status(done, status)
        return done.stdout, done.stderr.decode()

    def nothing(self, stages, content, *options):
        """The only line of output on stderr, the same for a file and a pipe."""
        said = []
        for piped in (False, True):
            out, err = self.eval(stages, content, *options, piped=piped)
            self.assertEqual(out, b"")
            said.append(err)
        self.assertEqual(said[0], said[1])
        self.assertLessEqual(said[0].count("\n"), 1)
        return said[0].removeprefix("pipec: no output: ").rstrip("\n")

    def test_the_compilers_warnings_are_shown(self):
        out, err = self.eval("transform { let x = 1 }", OBJECTS)
        self.assertEqual(out, OBJECTS)
        self.assertIn("warning[W0502]", err)

    def test_a_misspelt_field_is_named_with_the_likely_one(self):
        for stages, field, meant in (
            ("filter .staus > 1", ".staus", ".status"),
            ("parse json | filter .staus > 1 | transform { .x = 1 }", ".staus", ".status"),
            ("filter .staus == 500 or .staus == 404", ".staus", ".status"),
            ("filter .status > 1 and .a.bd == 1", ".a.bd", ".a.bc"),
        ):
            with self.subTest(stages):
                self.assertEqual(self.nothing(stages, OBJECTS), f"no record has {field}; did you mean {meant}?")
        self.assertEqual(self.nothing("filter .foo == 3", OBJECTS), "no record has .foo")

    def test_no_message_where_no_output_is_a_likely_answer(self):
        for stages in ("filter .status > 1000", "filter has(.foo)", "filter .foo != null", "filter .foo == 3 or .status == 1",
                       "filter (.foo ?? 0) == 3", "filter false", "filter is_string(.foo)", "filter not (.status > 0)",
                       "filter .status > 0 | drop", "filter .level == \"y\"", "filter (int(.level) catch 0) > 7",
                       "transform { if .status > 0 { drop } }", "transform { .foo = 1 } | filter .foo == 2",
                       "filter if .a == null { false } else { .foo == 3 }"):
            with self.subTest(stages):
                self.assertEqual(self.nothing(stages, OBJECTS), "")
        self.assertEqual(self.nothing("filter .a == 1", b""), "")
        self.assertEqual(self.nothing('parse text | filter .message == "x"', TEXT), "")
        self.assertEqual(self.nothing("filter false", TEXT), "")
        out, err = self.eval("filter .status > 0", OBJECTS)
        self.assertEqual((out, err), (OBJECTS, ""))

    def test_of_a_long_input_only_a_likely_slip_is_named(self):
        # The field may be in a record that was not looked at.
        long = b'{"status":1}\n' * 500_000 + b'{"rare":1}\n'
        for stages, said in (("filter .rare == 2", ""), ("filter .staus == 2", "did you mean .status?")):
            out, err = self.eval(stages, long)
            self.assertEqual(out, b"")
            self.assertIn(said, err)
            self.assertEqual(bool(said), bool(err))

    def test_text_that_is_not_json(self):
        self.assertIn("no record is JSON; `parse text`", self.nothing("filter .a > 1", TEXT))

    def test_utf16(self):
        for charset in ("utf-16", "utf-16-le", "utf-16-be"):
            content = '{"a":1}\n{"a":2}\n'.encode(charset)
            with self.subTest(charset):
                # With a byte order mark it is an error; without one, it is a hint if there is no output.
                status = 1 if charset == "utf-16" else 0
                out, err = self.eval("filter .a > 0", content, status=status)
                self.assertEqual(out, b"")
                self.assertIn("UTF-16", err)

    def test_a_value_over_several_lines_is_one_error_with_one_hint(self):
        for piped in (False, True):
            out, err = self.eval("parse json | filter .a == 1", PRETTY, status=1, piped=piped)
            self.assertEqual(len(re.findall("(?m)^error: ", err)), 1, err)
            self.assertIn("a value spans several lines", err)
            self.assertEqual(err.count("\n"), 2, err)
        self.assertIn("a value spans several lines", self.nothing("filter .zz > 1", PRETTY))
        framing = err.rsplit(" ", 2)[-2:]
        out, err = self.eval("filter .a == 1", PRETTY, *" ".join(framing).split())
        self.assertNotEqual(out, b"")
        self.assertEqual(err, "")
        array = b'[\n  {"a": 1},\n  {"a": 2}\n]\n'
        _, err = self.eval("parse json", array, status=1)
        out, err = self.eval("filter .a == 2", array, *err.split()[-2:])
        self.assertIn(b'"a": 2', out)

    def test_single_bad_records_are_each_reported(self):
        _, err = self.eval("parse json", b'{"a":1}\n{"a":\n{"b":[\n{"a":2}\n', status=1)
        self.assertEqual(len(re.findall("(?m)^error: ", err)), 2, err)
        self.assertNotIn("several lines", err)


if __name__ == "__main__":
    main()
